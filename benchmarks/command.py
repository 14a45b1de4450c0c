"""The gated gold standard: ``nox -s bench``, or ``python -m benchmarks`` on a proven build.

Exit codes: 0 pass; 1 regression against the record; 2 wrong usage; 3 inconclusive (no record, a
recorded line is missing, or the machine is too noisy to say); 4 not allowed to run (the parity
stamp is not green or not of this build); 5 an answer was wrong, nothing is printed of it; 70 the
benchmark crashed, or could not be built or installed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
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
from .progress import Progress
from .recall import WrongAnswerError
from .report import Report
from .residual import Settings, factor, gold, kernels, predecessors, sizes, threads
from .row import Row

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


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the stamp, run the jobs, print, plot, write, judge."""
    options = _options(arguments)
    console = Console(width=None if sys.stdout.isatty() else 150)
    if reasons := check_stamp(options.stamp, SUITE):
        console.print("not allowed to run: this build is not proven. Run `nox -s parity` first.")
        for reason in reasons:
            console.print(f"  {reason}", highlight=False)
        return Outcome.NOT_ALLOWED.value
    report = Report(options.out, options.quick, console)
    try:
        return _run(options, report).value
    except WrongAnswerError as error:
        report.outcome = f"wrong answer: {error}"
        report.write()
        console.print(f"WRONG ANSWER: {error}", highlight=False)
        return Outcome.WRONG.value
    except records.RecordError as error:
        console.print(str(error), highlight=False)
        return Outcome.USAGE.value


def _run(options: argparse.Namespace, report: Report) -> Outcome:
    say = report.console.print
    path = records.record_path()
    before = records.read_record(path) if options.gate or options.record else None
    report.open()
    _measure(options, report)
    if options.gate or options.record:
        report.counts, counted = instruction_counts()
        say(counted, highlight=False)
    report.close()
    if options.record:
        records.write_record(path, report.ran, report.counts, options.record, before)
        say(f"record written: {path}", highlight=False)
    if not options.gate:
        return Outcome.PASS
    outcome, lines = judge_run(report.ran, report.counts, before)
    for line in [*lines, f"GATE: {outcome.name.lower()}"]:
        say(line, highlight=False)
    return outcome


def _measure(options: argparse.Namespace, report: Report) -> None:
    turns = options.turns or (3 if options.quick else 7)
    settings = Settings(turns, options.quick, Progress(report.console))
    for name in dict.fromkeys(options.only or (QUICK if options.quick else JOBS)):
        report.begin(name, (JOBS[name].__doc__ or "").splitlines()[0])
        for found in JOBS[name](settings):
            row = replace(found, aim=None) if options.quick else found  # aims are of full sizes
            report.add(name, row)
        report.finished(name)


def _turns(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} turns time nothing: give a number from 1 on")
    return int(text)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="nox -s bench --",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--stamp", type=Path, default=Path("reports/parity-stamp.json"))
    parser.add_argument("--only", action="append", choices=tuple(JOBS), metavar="JOB",
                        help=f"one job, may be repeated: {', '.join(JOBS)}")  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="small sizes, under a minute")
    parser.add_argument("--turns", type=_turns, help="paired timings of a contender (7; quick 3)")
    parser.add_argument("--gate", action="store_true", help="judge against this CPU's record")
    parser.add_argument("--record", metavar="REASON", help="record this run's jobs, keep others")
    parser.add_argument("--out", type=Path, default=Path("reports/bench"), metavar="DIR")
    options = parser.parse_args(arguments)
    if options.quick and (options.gate or options.record is not None):
        parser.error(
            "--quick cannot be recorded or judged: records are of full sizes. Leave it out"
        )
    if options.record is not None and not options.record.strip():
        parser.error("--record needs a reason: why is this run the measure of later ones?")
    return options
