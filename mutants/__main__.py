"""``python -m mutants``: make the mutants, run them, say what survived; exit code 1 if any did."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from .judges import numba_judges, rust_judges
from .mutant import Mutant, select
from .numba_source import PATH, numba_mutants
from .report import Report, read_equivalent
from .runner import run_mutants
from .rust_source import rust_mutants

ROOT = Path(__file__).parent.parent
EQUIVALENT = Path(__file__).with_name("equivalent.toml")
PREFIX = {"rust": "src/", "numba": "covertreex/"}


def main() -> int:
    """Run what the command line asks for."""
    options = _options()
    failures = []
    for engine in options.engine or ["rust", "numba"]:
        failures += _run(engine, options)
    return 1 if failures else 0


def _run(engine: str, options: argparse.Namespace) -> list[str]:
    everything = all_mutants(engine)
    chosen = select(everything, options.shard, options.only)
    if options.list:
        sys.stdout.writelines(f"{m.number:4} {m.path}:{m.line} {m.name}\n" for m in chosen)
        return []
    judges = rust_judges() if engine == "rust" else numba_judges()
    if options.quick:
        judges = judges[:1]
    report = Report(engine, everything, read_equivalent(EQUIVALENT))
    shard = "" if options.shard == "1/1" else "-" + options.shard.replace("/", "-of-")
    path = Path(options.reports) / f"mutants-{engine}{shard}.json"
    start = time.monotonic()
    with TemporaryDirectory(prefix="mutants-", dir=options.scratch) as scratch:
        for result in run_mutants(
            ROOT, Path(scratch), chosen, judges, jobs=options.jobs, limit=options.timeout
        ):
            report.add(result, len(chosen))
            report.write(path, time.monotonic() - start)
    failures = report.failures(PREFIX[engine])
    summary = report.summary(time.monotonic() - start)
    sys.stdout.write("\n".join(["", *failures, summary, ""]))
    return failures


def all_mutants(engine: str) -> list[Mutant]:
    """Return the mutants of an engine."""
    return rust_mutants(ROOT) if engine == "rust" else numba_mutants((ROOT / PATH).read_text())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("engine", nargs="*", choices=[[], "rust", "numba"], help="default: both")
    parser.add_argument("--shard", default="1/1", metavar="K/N", help="run every Nth, from the Kth")
    parser.add_argument("--jobs", type=int, default=1, help="mutants at a time, a copy each")
    parser.add_argument("--only", default="", metavar="REGEX", help="those whose name matches")
    parser.add_argument("--timeout", type=float, default=90.0, metavar="S", help="of CPU time")
    parser.add_argument("--quick", action="store_true", help="ask the first judge only")
    parser.add_argument("--list", action="store_true", help="list the mutants, run nothing")
    parser.add_argument("--scratch", metavar="DIR", help="where the scratch copies go")
    parser.add_argument("--reports", default="reports", metavar="DIR", help="where the JSON goes")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
