"""The prune session: lists what no case needs, and deletes it as one if somebody agrees.

It runs no test and freezes nothing; nothing else ever deletes a golden.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

from covertreex.testing.preview import show_unused
from covertreex.testing.writing import WriteSession

if TYPE_CHECKING:
    from covertreex.testing.suite import Suite


class PruneSession(WriteSession):
    """A session that deletes what is unused."""

    nothing = "nothing was deleted"

    def __init__(self, config: pytest.Config) -> None:
        super().__init__(config)
        if config.getoption("freeze_only") is not None or config.getoption("keyword"):
            raise pytest.UsageError("a prune is of the whole set: leave out --freeze-only and -k")

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> bool:
        """Collect nothing, and take the set for writing."""
        self.begin()
        return True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        """Show what would be deleted, ask, and delete it."""
        if session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = pytest.ExitCode.OK
        self.finish(session, self._prune)
        status = session.exitstatus
        yield
        session.exitstatus = status  # syrupy adds to it that no test ran

    def _prune(self, suite: Suite) -> bool:
        unused = suite.store.unused(suite.names())
        if not unused:
            self.outcome = f"nothing to delete: every file of {suite.store.root} is needed"
            return True
        self.show("what would be deleted", lambda console: show_unused(console, unused))
        if self.dry_run:
            self.outcome = f"DRY RUN, {self.nothing}: {unused}"
            return True
        if not self.agreed(f"Delete {unused}?"):
            return False

        def deleted() -> str:
            suite.prune(unused, self.reason)
            return "\n".join([f"PRUNED: {unused} ({self.reason})", *self.undo(suite, added=False)])

        return self.write(deleted)
