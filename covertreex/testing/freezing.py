"""The freeze session: the reference's outputs become the goldens, for a reason.

Only reference checks run, and whole cases. At the end, if every selected check passed: what would
change must be within ``--freeze-only``, is computed again in every way the suite names, is shown,
and is written as one if somebody agrees. Otherwise every byte stays.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import pytest

from covertreex.testing.collected import checks_of, suite_of
from covertreex.testing.manifest import golden_name
from covertreex.testing.planning import Plan
from covertreex.testing.preview import show_plan
from covertreex.testing.progress import progress
from covertreex.testing.records import REFERENCE, Check
from covertreex.testing.rerun import cases_of, disagreements
from covertreex.testing.verdicts import FreezeRefusedError
from covertreex.testing.writing import WriteSession

if TYPE_CHECKING:
    from covertreex.testing.suite import Suite

MOST_LINES = 10


class FreezeSession(WriteSession):
    """A session that freezes."""

    nothing = "nothing was frozen"

    def __init__(self, config: pytest.Config) -> None:
        super().__init__(config)
        self.only: str | None = config.getoption("freeze_only")
        self._selected: set[str] = set()
        self._passed: set[str] = set()
        config.option.update_snapshots = True
        config.option.no_cleanup = True

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the reference checks, and take the set for writing."""
        kept = [(item, check) for item, check in checks_of(items) if check.role == REFERENCE]
        if kept:
            cases = self._cases(suite_of(self.config), [check for _, check in kept])
            kept = [(item, check) for item, check in kept if check.case in cases]
        self._selected = {item.nodeid for item, _ in kept}
        dropped = [item for item in items if item.nodeid not in self._selected]
        self.config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item, _ in kept]
        if kept:
            self.begin()
        else:
            self.outcome = f"{self.nothing}: no check of the reference, which alone is, is selected"

    def _cases(self, suite: Suite, checks: Iterable[Check]) -> set[str]:
        """Return the cases to compute: those with a golden that may change, each of them whole."""
        selected = {(check.case, check.output) for check in checks}
        named = {case for case, output in selected if self._may_change(golden_name(output, case))}
        if not named:
            known = [*suite.cases, *suite.outputs, *sorted(suite.names())]
            near = get_close_matches(str(self.only), known, n=3)
            hint = f"; near to it: {', '.join(near)}" if near else ""
            raise pytest.UsageError(f"--freeze-only {self.only!r} names no selected golden{hint}")
        for case in sorted(named):
            if absent := [output for output in suite.outputs if (case, output) not in selected]:
                raise pytest.UsageError(
                    f"a case is frozen whole: {case} lacks {absent[0]}; "
                    "name single outputs by --freeze-only"
                )
        return named

    def _may_change(self, name: str) -> bool:
        case = name.split("/", 1)[1]
        return self.only is None or fnmatchcase(name, self.only) or fnmatchcase(case, self.only)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count what passed to its end."""
        if report.when == "teardown" and report.passed and report.nodeid in self._selected:
            self._passed.add(report.nodeid)
        elif report.failed:
            self._selected.add(f"failed: {report.nodeid}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Show what would change, ask, and write it; or leave every byte as it was."""

        def work(suite: Suite) -> bool:
            if exitstatus == pytest.ExitCode.INTERRUPTED and not session.shouldstop:
                raise KeyboardInterrupt
            if session.testsfailed or session.shouldstop or self._selected != self._passed:
                self.outcome = f"{self.nothing}: a check failed or did not run"
                return False
            return self._freeze(suite, suite.store.plan())

        self.finish(session, work)

    def _freeze(self, suite: Suite, plan: Plan) -> bool:
        if not plan and not suite.store.needs_ledger:
            self.outcome = f"nothing to freeze: {plan.change}; no byte was touched"
            return True
        self._refuse_to_split(suite, plan)
        self._refuse_to_disagree(suite, plan)
        first = suite.store.needs_ledger
        self.show("what would change", lambda console: show_plan(console, plan, first_ledger=first))
        if self.dry_run:
            self.outcome = f"DRY RUN, {self.nothing}: {plan.change}"
            return True
        if not self.agreed(f"Freeze {plan.change}?"):
            return False
        return self.write(lambda: self._written(suite))

    def _written(self, suite: Suite) -> str:
        first, begun = suite.store.needs_ledger, not suite.store.manifest_path.exists()
        change = suite.commit(self.reason)
        names = [*change.added, *change.changed, *change.repaired]
        done = f"FROZEN: {change} ({self.reason})"
        undo = self.undo(suite, added=first or bool(change.added), begun=begun)
        return "\n".join([*names, done, *undo])

    def _refuse_to_split(self, suite: Suite, plan: Plan) -> None:
        """Hold what changes against the pattern: the goldens of a case come from one engine."""
        names = [update.name for update in plan.updates]
        names += [golden_name(output, case) for case in plan.inputs for output in suite.outputs]
        for name in names:
            if not self._may_change(name):
                case = name.split("/", 1)[1]
                what = f"the inputs of {case}" if case in plan.inputs else name
                raise FreezeRefusedError(
                    f"{what} changed too, and --freeze-only {self.only!r} leaves {name} out: "
                    "widen it, or find out why"
                )

    def _refuse_to_disagree(self, suite: Suite, plan: Plan) -> None:
        """Compute what changes again: a reference that does not agree with itself is no golden."""
        lines, cases = [], cases_of(plan)
        with progress(self.config, "computing again", len(cases)) as advance:
            for case in cases:
                advance(case)
                lines += disagreements(suite, plan, case)
        if lines:
            rest = len(lines) - MOST_LINES
            more = [f"and {rest} more"] if rest > 0 else []
            said = "; ".join([*lines[:MOST_LINES], *more])
            raise FreezeRefusedError(f"the reference does not agree with itself: {said}")
