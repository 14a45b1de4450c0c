"""Where a benchmark is: a bar on a terminal; in a log the lines at a job's start and end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from .timing import Advance


class Progress:
    """Makes a bar for each job."""

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextmanager
    def __call__(self, label: str, total: int) -> Iterator[Advance]:
        """Show a bar of `total` steps; the function that is given makes one."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        shown = self.console.is_terminal
        with Bars(
            *columns, TimeElapsedColumn(), console=self.console, transient=True, disable=not shown
        ) as bars:
            task = bars.add_task(label, total=total)
            yield lambda: bars.advance(task)
