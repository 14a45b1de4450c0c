"""The gated gold standard: ``nox -s bench``, or ``python -m benchmarks`` on a proven build.

Exit codes: 0 pass; 1 regression against the record; 2 wrong usage; 3 inconclusive (no record, or
the machine is too noisy to say); 4 not allowed to run (the parity stamp is not green or not of this
build); 5 an answer was wrong, nothing is printed of it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from parity.suite import SUITE
from rich.console import Console

from covertreex._files import replacing
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
    report = Report(options.out, options.quick, console)
    try:
        record = records.read_record(records.record_path()) if options.gate else None
        for name in chosen:
            for found in JOBS[name](settings):
                row = replace(found, aim=None) if options.quick else found  # aims are of full sizes
                report.rows.append(row)
                console.print(f"{row.name}: {_short(row)}", highlight=False)
            report.jobs.append(name)
            report.write()  # what was measured is kept if a later job breaks off
        if options.gate or options.record:
            report.counts, counted = instruction_counts()
            console.print(counted, highlight=False)
        report.close()
        if options.record:
            path = records.record_path()
            records.write_record(path, report.rows, report.counts, options.record)
            console.print(f"record written: {path}", highlight=False)
    except WrongAnswerError as error:
        console.print(f"WRONG ANSWER: {error}", highlight=False)
        return Outcome.WRONG.value
    except records.RecordError as error:
        console.print(str(error), highlight=False)
        return 2
    if not options.gate:
        return Outcome.PASS.value
    outcome, lines = judge_run(report.rows, report.counts, record)
    for line in [*lines, f"GATE: {outcome.name.lower()}"]:
        console.print(line, highlight=False)
    return outcome.value


class Report:
    """What was measured so far, and where it is kept."""

    def __init__(self, directory: Path, quick: bool, console: Console) -> None:
        self.directory, self.quick, self.console = directory, quick, console
        self.jobs: list[str] = []
        self.rows: list[Row] = []
        self.counts: Mapping[str, int] = {}

    def write(self) -> Path:
        """Write everything so far, raw samples too."""
        content = {
            "machine": records.machine(),
            "jobs": self.jobs,
            "quick": self.quick,
            "rows": [row.as_json() for row in self.rows],
            "instructions": self.counts,
        }
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / "bench.json"
        with replacing(path, force=True) as file:
            file.write((json.dumps(content, indent=1) + "\n").encode())
        return path

    def close(self) -> None:
        """Print the table; write and draw."""
        self.console.print(table(self.rows))
        files: Sequence[Path] = [self.write(), *plot_all(self.rows, self.directory)]
        said = "raw samples and pictures: " + ", ".join(map(str, files))
        machine: dict[str, Any] = records.machine()
        self.console.print(said, highlight=False)
        self.console.print(", ".join(f"{k}: {v}" for k, v in machine.items()), highlight=False)


def _short(row: Row) -> str:
    ratio = "" if row.ratio is None else f"{row.ratio:.2f} x the rival "
    recalls = "" if row.contract is None else f"recall {row.contract:.3f} "
    return f"{ratio}{recalls}{row.verdict} {'' if row.ratio else row.note}".strip()


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
