"""The freeze session: the one kind of pytest session that writes goldens.

Only reference checks run, a case is frozen whole or not at all, and the set is changed at the end,
as one, if every selected check passed; otherwise nothing is written. Refused without a reason,
under CI, and under pytest-xdist, whose workers cannot write one set.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest

from covertreex.testing.collected import checks_of, suite_of
from covertreex.testing.records import REFERENCE, Check
from covertreex.testing.verdicts import HarnessError

if TYPE_CHECKING:
    from covertreex.testing.suite import Suite


class FreezeSession:
    """A session that freezes."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.reason = str(config.getoption("freeze_reason")).strip()
        self._refuse()
        self._suite: Suite | None = None
        self._selected: set[str] = set()
        self._passed: set[str] = set()
        self._note = ""
        self._outcome = "nothing was frozen"
        config.option.update_snapshots = True
        config.option.no_cleanup = True

    def _refuse(self) -> None:
        """Refuse a session that must not write."""
        option = self.config.option
        if not self.reason:
            raise pytest.UsageError("--freeze-reason needs a text: why do the goldens change?")
        if option.parity_stamp or option.parity_json:
            raise pytest.UsageError(
                "a run that reports and stamps does not freeze: run one of both"
            )
        if os.environ.get("CI", "").lower() not in ("", "0", "false"):
            raise pytest.UsageError("goldens are not frozen under CI (the variable CI is set)")
        distributed = getattr(option, "numprocesses", None) or getattr(option, "dist", "no") != "no"
        if distributed or hasattr(self.config, "workerinput"):
            raise pytest.UsageError("goldens are frozen by one process: run without -n")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the reference checks, and take the set for writing."""
        kept = [(item, check) for item, check in checks_of(items) if check.role == REFERENCE]
        self._selected = {item.nodeid for item, _ in kept}
        dropped = [item for item in items if item.nodeid not in self._selected]
        self.config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item, _ in kept]
        if kept:
            self._begin([check for _, check in kept])

    def _begin(self, checks: Iterable[Check]) -> None:
        suite = suite_of(self.config)
        selected = {(check.case, check.output) for check in checks}
        for case in sorted({case for case, _ in selected}):
            if absent := [output for output in suite.outputs if (case, output) not in selected]:
                raise pytest.UsageError(f"a case is frozen whole: {case} lacks {absent[0]}")
        try:
            self._note = suite.store.begin()
        except HarnessError as error:
            raise pytest.UsageError(str(error)) from error
        self._suite = suite

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count what passed to its end."""
        if report.when == "teardown" and report.passed and report.nodeid in self._selected:
            self._passed.add(report.nodeid)
        elif report.failed:
            self._selected.add(f"failed: {report.nodeid}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Commit if every selected check passed, else leave every byte as it was."""
        if self._suite is None:
            return
        if session.testsfailed or session.shouldstop or self._selected != self._passed:
            self._outcome = "nothing was frozen: a check failed or did not run"
        else:
            self._commit(self._suite)
        if self._suite.store.writing:
            self._suite.store.abort()
            if session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _commit(self, suite: Suite) -> None:
        try:
            change = suite.commit(self.reason)
        except (HarnessError, OSError) as error:
            self._outcome = f"the freeze did not finish, the next one finishes or drops it: {error}"
            return
        names = [*change.added, *change.changed, *change.repaired]
        self._outcome = "\n".join([*names, f"FROZEN: {change} ({self.reason})"])

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was frozen, or that nothing was."""
        terminalreporter.write_sep("=", "freeze")
        for line in filter(None, (self._note, self._outcome)):
            terminalreporter.write_line(line)
