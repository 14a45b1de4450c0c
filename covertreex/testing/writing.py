"""What the sessions that write have in common: options, refusals, the question, the last words.

A session that writes takes the set when it begins and changes it at its end, as one, if somebody
agreed: at the terminal, or by ``--freeze-yes`` where there is none. Refused without a reason, under
CI, and under pytest-xdist, whose workers cannot write one set.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from covertreex.testing.collected import suite_of
from covertreex.testing.journal import interrupted
from covertreex.testing.options import LOG_WIDTH
from covertreex.testing.verdicts import HarnessError

if TYPE_CHECKING:
    from covertreex.testing.suite import Suite


class WriteSession:
    """A session that may change the set of goldens."""

    nothing = "nothing was written"

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.reason = " ".join((config.getoption("freeze_reason") or "").split())
        self.dry_run = bool(config.getoption("freeze_dry_run"))
        self.suite: Suite | None = None
        self.note = ""
        self.outcome = self.nothing
        self._refuse()

    def _refuse(self) -> None:
        """Refuse a session that must not write."""
        option = self.config.option
        # A dot or a blank is no reason; nor is what cannot be written down.
        said = any(map(str.isalnum, self.reason)) and self.reason.isprintable()
        if not said and not (self.dry_run and not self.reason):
            raise pytest.UsageError("--freeze-reason needs a text: why do the goldens change?")
        if option.parity_stamp or option.parity_json or option.parity_html:
            raise pytest.UsageError(
                "a run that reports and stamps does not freeze: run one of both"
            )
        if os.environ.get("CI", "").lower() not in ("", "0", "false"):
            raise pytest.UsageError("goldens are not frozen under CI (the variable CI is set)")
        distributed = getattr(option, "numprocesses", None) or getattr(option, "dist", "no") != "no"
        if distributed or hasattr(self.config, "workerinput"):
            raise pytest.UsageError("goldens are frozen by one process: run without -n")

    def begin(self) -> Suite:
        """Take the set for writing."""
        suite = suite_of(self.config)
        try:
            self.note = suite.store.begin(recover=not self.dry_run)
        except (HarnessError, OSError) as error:
            raise pytest.UsageError(str(error)) from error
        self.suite = suite
        return suite

    def finish(self, session: pytest.Session, work: Callable[[Suite], bool]) -> None:
        """Do the work of the session's end, and let the set go; whatever ends it is told."""
        if self.suite is None:
            return
        # Its summary would call "updated" what is only staged, in a dry run too.
        self.config.pluginmanager.unregister(name="syrupy")
        done, status = False, pytest.ExitCode.TESTS_FAILED
        try:
            done = work(self.suite)
        except KeyboardInterrupt:
            status = pytest.ExitCode.INTERRUPTED
            self.outcome = f"{self.nothing}: interrupted; the set is as it was"
        except HarnessError as error:
            self.outcome = f"{self.nothing}: {error}"
        finally:
            self.suite.store.abort()
        if not done and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = status

    def write(self, change: Callable[[], str]) -> bool:
        """Change the set; from here on only the disk decides."""
        try:
            self.outcome = change()
        except (HarnessError, OSError, KeyboardInterrupt) as error:
            decided = self.suite is not None and interrupted(self.suite.store.root)
            became = "the next one does" if decided else "the set is the old one"
            said = str(error) or "interrupted"
            self.outcome = f"the freeze did not finish, {became}: {said}"
            return False
        return True

    def agreed(self, question: str) -> bool:
        """Whether what was shown may be written."""
        if self.config.getoption("freeze_yes"):
            return True
        with self._terminal():
            if not (sys.stdin.isatty() and sys.stdout.isatty()):
                self.outcome = f"{self.nothing}: there is no terminal to ask at; pass --freeze-yes"
                return False
            print(f"\n{question} [y/N] ", end="", flush=True)  # noqa: T201
            if sys.stdin.readline().strip().lower() in ("y", "yes"):  # nothing at the input's end
                return True
        self.outcome = f"{self.nothing}: the answer was no; the set is as it was"
        return False

    def show(self, title: str, content: Callable[[Console], None]) -> None:
        """Print something for people, before the end of the session."""
        plugins = self.config.pluginmanager
        reporter: pytest.TerminalReporter = plugins.getplugin("terminalreporter")
        reporter.write_line("")
        reporter.write_sep("=", title)
        with self._terminal():
            terminal = sys.stdout.isatty()
            width = None if terminal else LOG_WIDTH
            content(Console(file=sys.stdout, width=width, highlight=False, legacy_windows=False))
            sys.stdout.flush()

    @contextmanager
    def _terminal(self) -> Iterator[None]:
        """Give the real streams back for a while: pytest has its own in their place."""
        capture = self.config.pluginmanager.get_plugin("capturemanager")
        if capture is None:
            yield
            return
        capture.suspend(in_=True)
        try:
            yield
        finally:
            capture.resume()

    def undo(self, suite: Suite, *, added: bool, begun: bool = False) -> list[str]:
        """Say how to look at what was done and take it back; a set just `begun` is not in git."""
        root = Path(os.path.relpath(suite.store.root)).as_posix()
        if begun:
            return [f"look: git status {root}", f"undo: git clean -fd {root}"]
        clean = f" && git clean -fd {root}" if added else ""
        return [f"look: git diff --stat {root}", f"undo: git checkout -- {root}{clean}"]

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was written, or that nothing was; after syrupy, which counts what it saw."""
        terminalreporter.write_sep("=", "freeze")
        for line in filter(None, (self.note, self.outcome)):
            terminalreporter.write_line(line)
