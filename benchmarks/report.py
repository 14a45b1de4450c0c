"""What a run has measured so far, and where it is kept: ``bench.json``, the pictures, the table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from covertreex._files import replacing

from . import records
from .plots import clear, plot_all
from .recipe import GOLD, quick
from .row import Row
from .table import table


class Report:
    """A run in the making.

    Attributes
    ----------
    outcome
        ``"incomplete"`` until the last job is done, then ``"complete"``; or
        ``"wrong answer: ..."``. The file says it: a run that broke off is not taken for a whole.
    ran
        Rows by the job they are of; `jobs` names those that are finished.
    counts
        Instructions by workload.
    """

    def __init__(self, directory: Path, small: bool, console: Console) -> None:
        self.directory, self.small, self.console = directory, small, console
        self.outcome = "incomplete"
        self.jobs: list[str] = []
        self.ran: dict[str, list[Row]] = {}
        self.counts: Mapping[str, int] = {}

    @property
    def rows(self) -> list[Row]:
        """Every row, in the order of the run."""
        return [row for rows in self.ran.values() for row in rows]

    def open(self) -> None:
        """Put what an earlier run left out of the way."""
        clear(self.directory)
        self.write()

    def begin(self, job: str, what: str) -> None:
        """Say which job runs."""
        self.ran[job] = []
        self.console.print(f"{job}: {what}", highlight=False, style="bold")

    def add(self, job: str, row: Row) -> None:
        """Keep a row, and say it."""
        self.ran[job].append(row)
        self.console.print(f"{row.name}: {_short(row)}", highlight=False)

    def finished(self, job: str) -> None:
        """Keep what was measured, whatever a later job does."""
        self.jobs.append(job)
        self.write()

    def write(self) -> Path:
        """Write everything so far, raw samples too."""
        content = {
            "outcome": self.outcome,
            "machine": records.machine(),
            "jobs": self.jobs,
            "quick": self.small,
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
        self.outcome = "complete"
        self.console.print(table(self.rows))
        gold = quick(GOLD) if self.small else GOLD
        files = [self.write(), *plot_all(self.rows, self.directory, gold)]
        said = "raw samples and pictures: " + ", ".join(map(str, files))
        self.console.print(said, highlight=False)
        machine = ", ".join(f"{key}: {value}" for key, value in records.machine().items())
        self.console.print(machine, highlight=False)


def _short(row: Row) -> str:
    ratio = "" if row.ratio is None else f"{row.ratio:.2f} x the rival "
    recalls = "" if row.contract is None else f"recall {row.contract:.3f} "
    return f"{ratio}{recalls}{row.verdict} {'' if row.ratio else row.note}".strip()
