"""Throughput of the dot stage of both engines beside OpenBLAS: one thread, one run, ratios.

    nox -s bench

It refuses to run on a build whose parity stamp does not hold. Every round times the rival and an
engine side by side, in alternating order, and takes the ratio of the two; printed is the median
over the rounds. The A/A row is the rival against itself: an aim that lies within its band around a
ratio is neither met nor missed, but inconclusive. Before anything is timed, the two engines' blocks
are compared bit for bit, and some elements with the definition: one fma chain.

Exit codes: 0 measured, 4 not allowed to run.
"""

from __future__ import annotations

import os

# The rival must run the kernels that OpenBLAS picks by itself; read when NumPy is imported.
os.environ.pop("OPENBLAS_CORETYPE", None)

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from parity.inputs import normals
from parity.suite import SUITE
from rich.console import Console
from rich.progress import track
from rich.table import Table
from threadpoolctl import threadpool_info, threadpool_limits

from covertreex import _rust
from covertreex.metrics import _numba_loops, _residual_numba
from covertreex.testing import check_stamp

NOT_ALLOWED = 4
SHAPE = (1_024, 2_048, 512)
AIMS = {"rust": {"float32": 0.9, "float64": 0.9}, "numba": {"float32": 0.4, "float64": 0.4}}


def main() -> int:
    """Check the stamp, measure, print the table, write the record."""
    arguments = _arguments()
    console = Console(width=None if sys.stdout.isatty() else 110)
    reasons = check_stamp(arguments.stamp, SUITE)
    if reasons:
        console.print("not allowed to run: this build is not proven. Run `nox -s parity` first.")
        for reason in reasons:
            console.print(f"  {reason}", highlight=False)
        return NOT_ALLOWED
    with threadpool_limits(1):
        rows = [row for dtype in ("float64", "float32") for row in _measure(dtype, arguments)]
        machine = _machine()
    record = {"shape": SHAPE, "rounds": arguments.rounds, "machine": machine, "rows": rows}
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(record, indent=1) + "\n")
    _print(console, record, arguments.json)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--stamp", type=Path, required=True, help="stamp of a green parity run")
    parser.add_argument("--rounds", type=int, default=41, help="paired timings per row")
    parser.add_argument("--json", type=Path, default=Path("reports/dot_throughput.json"))
    return parser.parse_args()


def _measure(dtype: str, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    q, c, m = SHAPE
    a = normals(1, q * m).reshape(q, m).astype(dtype)
    b = normals(2, c * m).reshape(c, m).astype(dtype)
    runs: dict[str, Callable[[], Any]] = {
        "openblas": lambda: a @ b.T,
        "rust": lambda: _rust.dot_block(a, b, threads=1),
        "numba": lambda: _residual_numba.dot_block(a, b, threads=1),
    }
    _check_answer(runs["rust"](), runs["numba"](), a, b)
    rows: list[dict[str, Any]] = []
    for name, rival in (("openblas A/A", "openblas"), ("rust", "rust"), ("numba", "numba")):
        samples = _pairs(runs["openblas"], runs[rival], arguments.rounds, f"{dtype} {name}")
        ratios = [blas / other for blas, other in samples]
        seconds = statistics.median(other for _, other in samples)
        rows.append(
            {
                "dtype": dtype,
                "who": name,
                "gflops": 2e-9 * q * c * m / seconds,
                "ratio": statistics.median(ratios),
                "quartiles": statistics.quantiles(ratios, n=4),
                "aim": AIMS.get(name, {}).get(dtype),
                "seconds": samples,
            }
        )
    return rows


def _check_answer(block: Any, reference: Any, a: Any, b: Any) -> None:
    if block.tobytes() != reference.tobytes():
        raise SystemExit("the engines' dot blocks differ; nothing is timed")
    q, c, _ = SHAPE
    for i, j in ((0, 0), (q // 3, c // 5), (q - 1, c - 1)):
        if block[i, j] != _numba_loops.chain(a[i], b[j]):
            raise SystemExit(f"element ({i}, {j}) is not the chain of the definition")


def _pairs(
    blas: Callable[[], Any], other: Callable[[], Any], rounds: int, label: str
) -> list[tuple[float, float]]:
    blas(), other()
    samples = []
    for turn in track(range(rounds), label, disable=not sys.stdout.isatty(), transient=True):
        if turn % 2:
            second = _seconds(other)
            samples.append((_seconds(blas), second))
        else:
            first = _seconds(blas)
            samples.append((first, _seconds(other)))
    return samples


def _seconds(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _machine() -> dict[str, Any]:
    (blas,) = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    return {
        "openblas": f"{blas['version']} {blas['architecture']}, threads {blas['num_threads']}",
        "rust level": _rust.best_level(),
        "numpy": np.__version__,
    }


def _print(console: Console, record: dict[str, Any], path: Path) -> None:
    q, c, m = record["shape"]
    table = Table(title=f"dot stage, {q} x {c} x {m}, one thread; OpenBLAS = 1")
    for column in ("dtype", "who", "GFLOP/s", "ratio (median)", "quartiles", "aim"):
        table.add_column(column, justify="left" if column in ("dtype", "who") else "right")
    band: list[float] = []
    for row in record["rows"]:
        low, _, high = row["quartiles"]
        if row["aim"] is None:
            band = row["quartiles"]
        verdict = "" if row["aim"] is None else _verdict(row["ratio"], row["aim"], band)
        table.add_row(
            row["dtype"], row["who"], f"{row['gflops']:.1f}", f"{row['ratio']:.3f}",
            f"{low:.3f} - {high:.3f}", verdict,
        )  # fmt: skip
    console.print(table)
    console.print(", ".join(f"{key}: {value}" for key, value in record["machine"].items()))
    console.print(f"raw samples: {path}")


def _verdict(ratio: float, aim: float, band: list[float]) -> str:
    """Say whether an aim is met, given the quartiles of the rival against itself."""
    if band[0] <= aim / ratio <= band[2]:
        return f">= {aim} inconclusive"
    return f">= {aim} {'met' if ratio >= aim else 'MISSED'}"


if __name__ == "__main__":
    sys.exit(main())
