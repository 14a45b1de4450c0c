"""What a command shows: progress and notes on the standard error, its result on the other.

Progress is drawn on a terminal only. Notes go away with ``--quiet``; warnings and errors do not.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..errors import ResidualPrecisionWarning
from .standard import standard_output

if TYPE_CHECKING:
    from rich.progress import Progress, Task

__all__ = ["Report", "show_error"]

NAME = "covertreex"


def show_error(line: str) -> None:
    """Show an error as one line."""
    _line(Console(stderr=True), "red", "", line)


class Report:
    """What happens while a command runs, and how long its phases take.

    Attributes
    ----------
    seconds : dict of str to float
        Wall time of each phase, by its name.
    warnings : list of str
        Warnings that were shown.
    """

    def __init__(self, *, quiet: bool = False, as_json: bool = False) -> None:
        self.quiet, self.as_json = quiet, as_json
        self.seconds: dict[str, float] = {}
        self.warnings: list[str] = []
        self.console = Console(stderr=True, highlight=False)

    @contextmanager
    def phase(self, name: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """Time a phase; show how far it is where there is a terminal.

        Yields
        ------
        callable
            ``advance(count)``: so many of the total are done.
        """
        start = time.perf_counter()
        try:
            if self.quiet or not self.console.is_terminal or self.console.is_dumb_terminal:
                yield lambda count: None  # noqa: ARG005
            else:
                with _progress(self.console, bar=total is not None) as progress:
                    task = progress.add_task(name, total=total)
                    yield lambda count: progress.advance(task, count)
        finally:
            self.seconds[name] = time.perf_counter() - start

    @contextmanager
    def warnings_shown(self) -> Iterator[None]:
        """Show the warnings raised within, each as one line, and keep them."""

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,  # noqa: ARG001
            lineno: int,  # noqa: ARG001
            file: TextIO | None = None,  # noqa: ARG001
            line: str | None = None,  # noqa: ARG001
        ) -> None:
            self.warn(_by_option(" ".join(str(message).split()), category))

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a user cannot heed what is meant for developers
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = show
            yield

    def warn(self, text: str) -> None:
        """Show a warning as one line, and keep it."""
        self.warnings.append(text)
        _line(self.console, "yellow", "warning: ", text)

    def note(self, rows: Mapping[str, str]) -> None:
        """Show a summary: what, and what is to be said of it."""
        if self.quiet:
            return
        if not self.console.is_terminal:
            for name, text in rows.items():
                self.console.print(f"{name:<9}{text}", soft_wrap=True, markup=False)
            return
        grid = Table.grid(padding=(0, 2))
        for name, text in rows.items():
            grid.add_row(Text(name, style="bold cyan"), Text(text))
        self.console.print(grid)

    def result(self, value: Mapping[str, Any]) -> None:
        """Write the machine-readable result, one line of JSON, if it was asked for."""
        if self.as_json:
            with standard_output() as file:
                file.write(json.dumps({**value, "warnings": self.warnings}) + "\n")


def _by_option(text: str, category: type[Warning]) -> str:
    """Name the option that mends it, where the library names a call."""
    if not issubclass(category, ResidualPrecisionWarning):
        return text
    what, remedy, _ = text.partition("remedy: ")
    return f"{what}{remedy}leave --block-dtype out, or give float64" if remedy else text


def _line(console: Console, style: str, kind: str, text: str) -> None:
    line = Text.assemble((f"{NAME}: {kind}", f"bold {style}"), text)
    console.print(line, soft_wrap=True, highlight=False)


def _progress(console: Console, *, bar: bool) -> Progress:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        ProgressColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as RichProgress

    class Rate(ProgressColumn):
        """Queries a second."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f}/s" if task.speed else "-/s", style="cyan")

    name = TextColumn("{task.description}")
    counted = (
        name,
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
    )
    waiting = SpinnerColumn(), name, TimeElapsedColumn()
    return RichProgress(*(counted if bar else waiting), console=console, transient=True, expand=bar)
