"""Where a long phase is: one line on a terminal, erased when it ends; in a log not one byte.

`progress` is for a phase that is a loop. `watch` is for the checks of a session: there the line
takes the place of pytest's dots for them (``-v``, ``-s``, ``--pdb`` and pytest-xdist keep what they
print). The line is drawn between tests only, when pytest captures nothing, and by no thread of its
own: a thread would draw into captured output, and a test that forks would be warned of it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager

import pytest
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress
from rich.table import Column
from rich.text import Text

from covertreex.testing.records import GOLDEN_SET, Check, Record

Status = tuple[str, str, object]

REDRAWN_AFTER = 0.1
"""Seconds from one drawing to the next; what may take long is drawn at once."""


_REST = Column(no_wrap=True, overflow="ellipsis", ratio=1)
"""What the other columns leave of a narrow terminal."""


class _Rate(ProgressColumn):
    """Things done a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "-/s")


class Line:
    """The line itself: drawn by `begin`, gone after `erase`, drawn again by the next `begin`."""

    def __init__(self, config: pytest.Config, title: str, total: int) -> None:
        self._writer = config.get_terminal_writer()
        console = Console(file=sys.stdout, force_terminal=True, legacy_windows=False)
        name = TextColumn("{task.description}", markup=False, table_column=_REST)
        self._bar = RichProgress(
            TextColumn(title),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(compact=True),
            name,
            console=console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            expand=True,
        )
        self._task = self._bar.add_task("", total=total)
        self._drawn = -REDRAWN_AFTER

    def begin(self, name: str, done: int, *, at_once: bool = False) -> None:
        """Say that `name` begins, and how many are done."""
        self._bar.update(self._task, completed=done, description=name)
        if not self._bar.live.is_started:
            if self._writer.width_of_current_line:
                self._writer.line()
            self._bar.start()
            at_once = True
        if at_once or time.monotonic() - self._drawn >= REDRAWN_AFTER:
            self._bar.refresh()
            self._drawn = time.monotonic()

    def erase(self) -> None:
        """Leave the terminal as if nothing had been drawn."""
        self._bar.stop()


def on_terminal(config: pytest.Config) -> bool:
    """Whether there is a terminal to draw on, and nobody asked for something else there."""
    return sys.stdout.isatty() and not Console().is_dumb_terminal and config.get_verbosity() <= 0


@contextmanager
def progress(
    config: pytest.Config, title: str, total: int
) -> Generator[Callable[[str], None], None, None]:
    """Show how far a loop is.

    Parameters
    ----------
    config
        The session's; with ``-v``, and without a terminal, nothing is shown.
    title
        What the phase is called.
    total
        How many things there are.

    Yields
    ------
    callable
        ``advance(name)``, to be called when work on the next thing begins.
    """
    if not on_terminal(config):
        yield lambda name: None  # noqa: ARG005
        return
    line = Line(config, title, total)
    counted = iter(range(total))
    try:
        yield lambda name: line.begin(name, next(counted, total))
    finally:
        line.erase()


def watch(config: pytest.Config, title: str, checks: Mapping[str, Check]) -> None:
    """Show how far the checks are, given by node id, if there is a terminal to show it on."""
    option = config.option
    distributed = getattr(option, "dist", "no") != "no" or hasattr(config, "workerinput")
    if on_terminal(config) and not (distributed or option.usepdb or option.capture == "no"):
        line = Line(config, title, len(checks))
        config.pluginmanager.register(CheckProgress(line, checks), "covertreex-parity-progress")


class CheckProgress:
    """The hooks that keep the line of the checks."""

    def __init__(self, line: Line, checks: Mapping[str, Check]) -> None:
        self._line = line
        self._checks = checks
        self._called: set[tuple[str, str]] = set()
        self._done = self._failed = 0

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Draw what begins; make room for a test that is no check."""
        check = self._checks.get(nodeid)
        if check is None:
            self._line.erase()
            return
        call = (check.engine, check.output)
        first = call not in self._called and check.role != GOLDEN_SET
        self._called.add(call)
        self._line.begin(self._name(check, first), self._done, at_once=first)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count; erase the line before pytest closes its own."""
        if report.nodeid in self._checks:
            self._failed += report.failed
            self._done += report.when == "teardown"
            if self._done == len(self._checks):
                self._line.erase()

    @pytest.hookimpl(wrapper=True)
    def pytest_report_teststatus(
        self, report: pytest.TestReport
    ) -> Generator[None, Status, Status]:
        """Take pytest's dot away: the line counts."""
        category, letter, word = yield
        return category, "" if report.nodeid in self._checks else letter, word

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Erase the line of a session that was stopped."""
        self._line.erase()

    def _name(self, check: Check, first: bool) -> str:
        failed = f"{self._failed} failed; " if self._failed else ""
        name = Record(check.case, check.output, check.role).subject()
        if not first:
            return failed + name
        return f"{failed}first call (where a JIT compiles): {name}"
