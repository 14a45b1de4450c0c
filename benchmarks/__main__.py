"""The gated gold standard: ``nox -s bench``, or ``python -m benchmarks`` on a proven build.

Exit codes: 0 pass; 1 regression against the record; 2 wrong usage; 3 inconclusive (no record, or
the machine is too noisy to say); 4 not allowed to run (the parity stamp is not green or not of this
build); 5 an answer was wrong, nothing is printed of it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from parity.suite import SUITE
from rich.console import Console

from covertreex.testing import check_stamp

from . import records
from .counts import instruction_counts
from .dot import dot
from .euclidean import euclidean
from .gate import Outcome, judge_run
from .gpboost import gpboost
from .memory import memory
from .plots import plot_all
from .progress import Progress
from .recall import WrongAnswerError
from .residual import Settings, factor, gold, kernels, predecessors, sizes, threads
from .row import Row
from .table import table

JOBS: dict[str, Callable[[Settings], Iterator[Row]]] = {
    "gold": gold,
    "kernels": kernels,
    "factor": factor,
    "predecessors": predecessors,
    "size": sizes,
    "threads": threads,
    "memory": memory,
    "euclidean": euclidean,
    "gpboost": gpboost,
    "dot": dot,
}
QUICK = ("gold", "factor", "predecessors", "dot")


def main() -> int:
    """Check the stamp, run the jobs, print, plot, write, judge."""
    options = _options()
    console = Console(width=None if sys.stdout.isatty() else 150)
    if reasons := check_stamp(options.stamp, SUITE):
        console.print("not allowed to run: this build is not proven. Run `nox -s parity` first.")
        for reason in reasons:
            console.print(f"  {reason}", highlight=False)
        return Outcome.NOT_ALLOWED.value
    turns = options.turns or (3 if options.quick else 7)
    settings = Settings(turns, options.quick, Progress(console))
    chosen = options.only or (QUICK if options.quick else tuple(JOBS))
    rows: list[Row] = []
    try:
        for name in chosen:
            for found in JOBS[name](settings):
                row = replace(found, aim=None) if options.quick else found  # aims are of full sizes
                rows.append(row)
                console.print(f"{row.name}: {_short(row)}", highlight=False)
    except WrongAnswerError as error:
        console.print(f"WRONG ANSWER: {error}", highlight=False)
        return Outcome.WRONG.value
    counts, counted = instruction_counts() if options.gate or options.record else ({}, "")
    console.print(table(rows))
    _write(options, console, rows, counts, chosen)
    if counted:
        console.print(counted)
    return _judge(options, console, rows, counts)


def _short(row: Row) -> str:
    ratio = "" if row.ratio is None else f"{row.ratio:.2f} x the rival "
    recalls = "" if row.contract is None else f"recall {row.contract:.3f} "
    return f"{ratio}{recalls}{row.verdict} {'' if row.ratio else row.note}".strip()


def _write(
    options: argparse.Namespace,
    console: Console,
    rows: list[Row],
    counts: dict[str, int],
    chosen: tuple[str, ...],
) -> None:
    content = {
        "machine": records.machine(),
        "jobs": list(chosen),
        "quick": options.quick,
        "rows": [row.as_json() for row in rows],
        "instructions": counts,
    }
    path = options.out / "bench.json"
    records.write_atomically(path, json.dumps(content, indent=1) + "\n")
    files = [path, *plot_all(rows, options.out)]
    console.print("raw samples and pictures: " + ", ".join(map(str, files)), highlight=False)
    machine = content["machine"]
    console.print(", ".join(f"{key}: {value}" for key, value in machine.items()), highlight=False)


def _judge(
    options: argparse.Namespace, console: Console, rows: list[Row], counts: dict[str, int]
) -> int:
    path = records.record_path()
    if options.record:
        records.write_record(path, rows, counts, options.record)
        console.print(f"record written: {path}", highlight=False)
    if not options.gate:
        return Outcome.PASS.value
    outcome, lines = judge_run(rows, counts, records.read_record(path))
    for line in [*lines, f"GATE: {outcome.name.lower()}"]:
        console.print(line, highlight=False)
    return outcome.value


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="nox -s bench --",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--stamp", type=Path, default=Path("reports/parity-stamp.json"))
    parser.add_argument("--only", action="append", choices=tuple(JOBS), metavar="JOB",
                        help=f"one job, may be repeated: {', '.join(JOBS)}")  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="small sizes, under a minute")
    parser.add_argument("--turns", type=int, help="paired timings of a contender (7; quick 3)")
    parser.add_argument("--gate", action="store_true", help="judge against this CPU's record")
    parser.add_argument("--record", metavar="REASON", help="make this run the record")
    parser.add_argument("--out", type=Path, default=Path("reports/bench"), metavar="DIR")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
