"""Our harness beside the rivals on the same arrays: seconds and memory of real pytest runs.

    nox -s bench -- harness [--quick] [--only thousand|large]

Each contestant is a mini project (`harness_projects`) that pytest verifies in a process of its own,
with no plugins but those it needs. A round runs all of them, in alternating order, and a run of the
same tests without goldens among them; ratios are taken within a round, printed is the median over
rounds: "wall" of whole runs, "net" of what is left when the run without goldens is taken off.
A run counts only if it passed as many tests as it has; before that each contestant is shown two
faults, and the table says which it saw. The net of the large golden is in units of the SHA-256 of
its file alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

import covertreex.testing
from covertreex.testing import compare

from .harness_projects import (
    AMBER_RUN,
    ARRAYDIFF_FITS,
    ARRAYDIFF_TEXT,
    DIGEST,
    EMPTY_RUN,
    NDARRAYS,
    OURS,
    PAIR,
    SYRUPY,
    Project,
)

FAULTS = ("one ULP", "one element by 0.1")
SMALL = 64 * 1024


def main() -> int:
    """Measure, print the tables, write the record."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer goldens and rounds, 64 MiB")
    parser.add_argument("--only", choices=("thousand", "large"))
    parser.add_argument("--json", type=Path, default=Path("reports/harness.json"))
    arguments = parser.parse_args()
    count, rounds, large = (100, 3, 64 << 20) if arguments.quick else (1_000, 7, 1 << 30)
    console = Console(width=None if sys.stdout.isatty() else 120)
    record: dict[str, Any] = {"numpy": np.__version__, "million_s": _million()}
    console.print(f"one difference in a million elements: {record['million_s']:.3f} s")
    with tempfile.TemporaryDirectory(prefix="harness-") as scratch:
        bench = Bench(Path(scratch))
        if arguments.only != "large":
            small = (OURS, PAIR, SYRUPY, NDARRAYS, ARRAYDIFF_FITS, ARRAYDIFF_TEXT)
            rows = bench.measure(small, count, SMALL, rounds)
            record["thousand"] = rows
            _print(console, rows, f"{count:,} goldens of 64 KiB, {rounds} rounds; ours = 1")
            # A tenth of them: an amber file of a thousand such arrays has 150 MB of text.
            record["amber"] = rows = bench.measure((OURS, AMBER_RUN), count // 10, SMALL, 1)
            _print(console, rows, f"as text, {count // 10:,} goldens, 1 round")
        if arguments.only != "thousand":
            big = (OURS, DIGEST, SYRUPY, NDARRAYS, ARRAYDIFF_FITS)
            rows = bench.measure(big, 1, large, min(rounds, 3))
            record["large"] = rows
            _print(console, rows, f"one golden of {large >> 20:,} MiB; SHA-256 of its file = 1")
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(record, indent=1) + "\n")
    console.print(f"raw samples: {arguments.json}")
    return 0


class Bench:
    """Mini projects in a scratch directory, and what running them takes."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        package = scratch / "path" / "covertreex"  # the harness without the engines
        package.mkdir(parents=True)
        real = Path(covertreex.testing.__file__).parent.parent
        (package / "__init__.py").write_text(f"__path__ = [{str(real)!r}]\n")
        kept = {key: value for key, value in os.environ.items() if key != "CI"}
        own = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(package.parent)}
        self.environment = {**kept, **own}

    def measure(
        self, projects: Sequence[Project], count: int, size: int, rounds: int
    ) -> list[dict[str, Any]]:
        """Return a row a contestant; the first is the run without goldens."""
        rows = [self._prepare(project, count, size) for project in (EMPTY_RUN, *projects)]
        quiet = not sys.stdout.isatty()
        for turn in track(range(rounds), "rounds", disable=quiet, transient=True):
            for row in rows if turn % 2 else reversed(rows):
                row["samples"].append(self._verify(row, count))
        for row in rows:
            shutil.rmtree(row["root"])
            for key in ("root", "project", "golden"):
                row.pop(key, None)
        return rows

    def _prepare(self, project: Project, count: int, size: int) -> dict[str, Any]:
        """Make the goldens, and see which faults a run notices."""
        root = self.scratch / project.name.replace(" ", "-")
        row: dict[str, Any] = {"name": project.name, "project": project, "root": root}
        row |= {"samples": [], "sees": []}
        project.write(root, count=count, size=size)
        if project is not EMPTY_RUN:
            self._run(project.command(*project.freeze), root)
            for fault in FAULTS:
                project.write(root, count=count, size=size, fault=fault)
                _, text = self._run(project.command(*project.verify), root)
                if f"{count * project.checks} failed" in text:
                    row["sees"].append(fault)
            project.write(root, count=count, size=size)
            if FAULTS[1] not in row["sees"]:
                raise SystemExit(f"{project.name} did not notice {FAULTS[1]}:\n{text[-2000:]}")
            if project is OURS:
                row["golden"] = root / "goldens" / "a" / "c0.npy"
        self._verify(row, count)  # once without being counted: caches of file and code
        return row

    def _verify(self, row: dict[str, Any], count: int) -> dict[str, float]:
        project = row["project"]
        sample, text = self._run(project.command(*project.verify), row["root"])
        wanted = count * project.checks + project.extra
        end = text.strip().rpartition("\n")[2]
        if f"{wanted} passed" not in end or "failed" in end:
            raise SystemExit(f"{project.name} did not pass {wanted} tests:\n{text[-2000:]}")
        if golden := row.get("golden"):
            started = time.perf_counter(), time.process_time()
            with golden.open("rb") as stream:
                hashlib.file_digest(stream, "sha256")
            sample["sha256_s"] = time.perf_counter() - started[0]
            sample["sha256_cpu_s"] = time.process_time() - started[1]
        return sample

    def _run(self, command: Sequence[str], root: Path) -> tuple[dict[str, float], str]:
        """Run one command; return seconds, CPU seconds, peak MiB, and what it printed."""
        with tempfile.TemporaryFile() as output:
            started = time.perf_counter()
            child = subprocess.Popen(
                command, cwd=root, env=self.environment, stdout=output, stderr=output
            )
            _, status, usage = os.wait4(child.pid, 0)
            seconds = time.perf_counter() - started
            child.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            text = output.read().decode(errors="replace")
        cpu = usage.ru_utime + usage.ru_stime
        return {"s": seconds, "cpu_s": cpu, "mib": usage.ru_maxrss / 1024}, text


def _million() -> float:
    """Return the seconds to find and describe one difference in a million elements."""
    expected = np.random.default_rng(0).random(1_000_000)
    actual = expected.copy()
    actual[765_432] = np.nextafter(actual[765_432], 2.0)
    started = time.perf_counter()
    lines = compare(expected, actual).lines()
    seconds = time.perf_counter() - started
    if "1 of 1,000,000 elements differ" not in lines[0]:
        raise SystemExit(f"the difference was not found: {lines[0]}")
    return seconds


def _ratio(
    row: dict[str, Any], rows: list[dict[str, Any]], key: str, *, net: bool, by_hash: bool
) -> float:
    """Return the median over rounds of a run's share of ours, or of the hash, in that round."""
    empty, ours = rows[0]["samples"], rows[1]["samples"]
    shares = []
    for sample, none, own in zip(row["samples"], empty, ours, strict=True):
        off = none[key] if net else 0.0
        unit = own[f"sha256_{key}"] if by_hash and net else own[key] - off
        shares.append((sample[key] - off) / unit)
    return float(statistics.median(shares))


def _print(console: Console, rows: list[dict[str, Any]], title: str) -> None:
    by_hash = "SHA-256" in title
    table = Table(title=title)
    table.add_column("who")
    for column in ("wall s", "CPU s", "wall", "wall net", "CPU net", "MiB above", "sees"):
        table.add_column(column, justify="right")
    for row in rows:
        memory = max(s["mib"] for s in row["samples"]) - min(e["mib"] for e in rows[0]["samples"])
        seconds = [statistics.median(s[key] for s in row["samples"]) for key in ("s", "cpu_s")]
        whole = _ratio(row, rows, "s", net=False, by_hash=by_hash)
        net = [_ratio(row, rows, key, net=True, by_hash=by_hash) for key in ("s", "cpu_s")]
        figures = (f"{value:.2f}" for value in (*seconds, whole, *net))
        table.add_row(row["name"], *figures, f"{memory:.0f}", ", ".join(row["sees"]))
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
