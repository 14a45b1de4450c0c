"""Fixtures of the harness's own tests: a toy suite, syrupy apart from the outer session, sessions.

Whole sessions run in a process of their own: syrupy keeps its session in a global, so one run
inside another would take over the outer one's report.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions import DEFAULT_EXTENSION
from syrupy.location import PyTestLocation
from syrupy.session import SnapshotSession

import covertreex.testing
from covertreex.testing import ParityFailure, Suite, Verdict
from covertreex.testing.records import REFERENCE, Check

# A shell ignores Ctrl-C for what it runs in the background, and every child would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

HERE = Path(__file__).parent
SETTINGS = ("-W", "error", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")
sys.path.insert(0, str(HERE))


@pytest.fixture
def snapshots(request: pytest.FixtureRequest) -> Callable[[bool], SnapshotAssertion]:
    """Make syrupy's fixture with a session of its own, updating or not."""

    def make(update: bool) -> SnapshotAssertion:
        session = SnapshotSession(pytest_session=request.session)
        session.start()
        return SnapshotAssertion(
            session=session,
            extension_class=DEFAULT_EXTENSION,
            test_location=PyTestLocation(request.node),
            update_snapshots=update,
        )

    return make


@pytest.fixture
def snapshot(snapshots) -> SnapshotAssertion:
    return snapshots(False)


@pytest.fixture
def freeze(snapshots) -> Callable[..., object]:
    """Freeze a suite as a freeze session does."""

    def run(suite: Suite, reason: str = "first", cases: tuple[str, ...] = ()) -> object:
        suite.store.begin()
        for check in suite.all_checks():
            if check.role == REFERENCE and (not cases or check.case in cases):
                suite.check(check, snapshots(True))
        return suite.commit(reason)

    return run


@pytest.fixture
def verdicts(snapshot) -> Callable[[Suite], dict[Check, Verdict]]:
    """Make every check of a suite, and return those with a finding."""

    def run(suite: Suite) -> dict[Check, Verdict]:
        found = {}
        for check in suite.all_checks():
            try:
                suite.check(check, snapshot)
            except ParityFailure as failure:
                found[check] = failure.verdict
        return found

    return run


@pytest.fixture(scope="session")
def bare_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `covertreex` that is its folder and nothing else: sessions need not load the engines."""
    package = tmp_path_factory.mktemp("bare") / "covertreex"
    package.mkdir()
    real = Path(covertreex.testing.__file__).parent.parent
    (package / "__init__.py").write_text(f"__path__ = [{str(real)!r}]\n")
    return package.parent


@pytest.fixture
def environment(bare_package: Path) -> dict[str, str]:
    """The environment of a pytest of its own, outside CI and at 80 columns."""
    kept = {key: value for key, value in os.environ.items() if key not in ("CI", "FORCE_COLOR")}
    path = os.pathsep.join([str(bare_package), str(HERE), *filter(None, sys.path)])
    return {**kept, "PYTHONPATH": path, "COLUMNS": "80"}


@pytest.fixture
def run_pytest(
    tmp_path: Path, environment: dict[str, str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run pytest on tmp_path in a process of its own."""

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pytest", *SETTINGS, *arguments],
            cwd=tmp_path,
            env={**environment, **more},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def tree(root: Path) -> dict[str, bytes]:
    """Every file under a directory, with its bytes."""
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.fixture(name="tree")
def tree_fixture() -> Callable[[Path], dict[str, bytes]]:
    return tree
