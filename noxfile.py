"""The project's commands: ``nox -s parity`` proves the build, ``nox -s tests`` runs every test.

Each session has an environment of its own; those that need the extension build it in release mode.
Arguments after ``--`` go to the tool that a session runs.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["lint", "parity", "tests"]
nox.options.reuse_venv = "yes"

PROJECT = nox.project.load_toml("pyproject.toml")
STAMP = "reports/parity-stamp.json"
PARITY_TESTS = "tests/test_residual_parity.py"


@nox.session
def lint(session: nox.Session) -> None:
    """Check formats, lints and types of both languages, and the stubs against the extension."""
    _install(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("python", "-m", "mypy.stubtest", "covertreex._rust")
    session.run("cargo", "fmt", "--check", external=True)
    for features in ([], ["--all-features"]):
        session.run(
            "cargo", "clippy", "--all-targets", *features, "--", "-D", "warnings", external=True
        )


@nox.session
def tests(session: nox.Session) -> None:
    """Run every test: the Rust ones by cargo nextest, then the Python ones."""
    _install(session, "test")
    session.run("cargo", *_cargo_tests(session), external=True)
    session.run("pytest", *session.posargs)


@nox.session
def parity(session: nox.Session) -> None:
    """Hold both engines against the goldens: report, JSON, and the stamp of a green run."""
    _install(session)
    with _phase(session, "tests"):
        session.run(
            "pytest",
            PARITY_TESTS,
            "--quiet",
            "--parity-strict",
            "--parity-json=reports/parity.json",
            f"--parity-stamp={STAMP}",
            *session.posargs,
        )


@nox.session
def snapshots(session: nox.Session) -> None:
    """Freeze goldens from the Numba engine: ``nox -s snapshots -- --reason "why"``."""
    _install(session)
    session.run("pytest", PARITY_TESTS, "--quiet", *_freeze_arguments(session))


@nox.session
def bench(session: nox.Session) -> None:
    """Measure the dot stage beside OpenBLAS, on a build that ``nox -s parity`` has proven."""
    _install(session, "bench")
    session.run(
        "python",
        "benchmarks/dot_throughput.py",
        f"--stamp={STAMP}",
        *session.posargs,
        env={"PYTHONPATH": "tests"},
    )


def _install(session: nox.Session, *groups: str) -> None:
    project = PROJECT["project"]
    with _phase(session, "environment"):
        session.install(
            *project["dependencies"],
            *project["optional-dependencies"]["testing"],
            *nox.project.dependency_groups(PROJECT, "build", *groups),
        )
    with _phase(session, "build"):
        session.run("maturin", "develop", "--release")


def _cargo_tests(session: nox.Session) -> list[str]:
    if shutil.which("cargo-nextest"):
        return ["nextest", "run"]
    session.warn("cargo-nextest is not installed; running the same tests by `cargo test`")
    return ["test", "--lib", "--tests"]


def _freeze_arguments(session: nox.Session) -> list[str]:
    if len(session.posargs) != 2 or session.posargs[0] != "--reason":
        session.error('say why: nox -s snapshots -- --reason "what changed and why it is meant"')
    return [f"--freeze-reason={session.posargs[1]}"]


@contextmanager
def _phase(session: nox.Session, name: str) -> Iterator[None]:
    start = time.monotonic()
    yield
    session.log(f"phase {name}: {time.monotonic() - start:.1f} s")
