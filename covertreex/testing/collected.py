"""What a pytest session holds of a suite: the suite itself, and the checks among the items."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from covertreex.testing.records import Check
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
        suite: Suite | None = config.hook.pytest_parity_suite(config=config)
        if suite is None:
            raise pytest.UsageError("no conftest names a suite: define pytest_parity_suite(config)")
        theirs = str(config.getoption("snapshot_dirname"))
        if theirs in suite.store.root.parts:
            raise pytest.UsageError(f"syrupy deletes what it does not know in {theirs}: move root")
        config.stash[_SUITE] = suite
    return config.stash[_SUITE]


def checks_of(items: Iterable[pytest.Item]) -> list[tuple[pytest.Item, Check]]:
    """Return the items that make a check, each with it."""
    found = []
    for item in items:
        spec = getattr(item, "callspec", None)
        params = spec.params.values() if spec is not None else ()
        found += [(item, check) for check in params if isinstance(check, Check)]
    return found
