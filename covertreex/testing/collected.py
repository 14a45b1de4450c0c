"""What a pytest session holds of a suite: the suite itself, and the checks among the items."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest

from covertreex.testing.records import Check
from covertreex.testing.verdicts import MissingExtraError

if TYPE_CHECKING:
    from covertreex.testing.suite import Suite

_SUITE: pytest.StashKey[Suite] = pytest.StashKey()


def suite_of(config: pytest.Config) -> Suite:
    """Return the one suite of the session, asked for once.

    Raises
    ------
    pytest.UsageError
        If no conftest names one, or its goldens lie where syrupy cleans up.
    """
    if _SUITE not in config.stash:
        try:
            suite: Suite | None = config.hook.pytest_parity_suite(config=config)
        except MissingExtraError as error:
            raise pytest.UsageError(str(error)) from error
        if suite is None:
            raise pytest.UsageError("no conftest names a suite: define pytest_parity_suite(config)")
        theirs = config.getoption("snapshot_dirname", None)
        if theirs is None:
            raise pytest.UsageError("syrupy's plugin is not loaded: run without -p no:syrupy")
        if str(theirs) in suite.store.root.parts:
            raise pytest.UsageError(f"syrupy deletes what it does not know in {theirs}: move root")
        config.stash[_SUITE] = suite
    return config.stash[_SUITE]


def check_at(config: pytest.Config, nodeid: str) -> Check | None:
    """Return the check that a test of this name makes, or None if it makes none.

    Of a test whose worker died, pytest-xdist's controller knows no more than the name.
    """
    _, _, parameters = nodeid.partition("[")
    if not parameters or not config.hook.pytest_parity_suite.get_hookimpls():
        return None
    return suite_of(config).check_ids.get(parameters.removesuffix("]"))


def checks_of(items: Iterable[pytest.Item]) -> list[tuple[pytest.Item, Check]]:
    """Return the items that make a check, each with it."""
    found = []
    for item in items:
        spec = getattr(item, "callspec", None)
        params = spec.params.values() if spec is not None else ()
        found += [(item, check) for check in params if isinstance(check, Check)]
    return found
