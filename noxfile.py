"""The project's commands: ``nox -s parity`` proves the build, ``nox -s tests`` runs every test.

Each session has an environment of its own; those that need the extension build it in release mode.
Arguments after ``--`` go to the tool that a session runs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nox
import nox.command

nox.needs_version = ">=2026.7.11"  # of CommandFailed.return_code
nox.options.sessions = ["lint", "parity", "tests"]
nox.options.reuse_venv = "yes"

PROJECT = nox.project.load_toml("pyproject.toml")
EXTRAS = PROJECT["project"]["optional-dependencies"]
STAMP = "reports/parity-stamp.json"
PARITY_TESTS = "tests/test_residual_parity.py"
PAGE_TESTS = "tests/testing/browser_page.py"
THIRD_PARTY = "THIRD-PARTY-LICENSES.txt"
TOOLS = Path(".nox/tools").absolute()  # Rust tools of this project alone, and pinned
CRASHED = 70  # benchmarks/gate.py: its exit code 1 says "regression", and nothing else may


@nox.session
def lint(session: nox.Session) -> None:
    """Check formats, lints and types of both languages, and the stubs against the extension."""
    _install(session, "lint", extras=EXTRAS)
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
    _install(session, "test", "examples", extras=EXTRAS)
    session.run("cargo", *_cargo_tests(session), external=True)
    session.run("pytest", *session.posargs)


@nox.session
def parity(session: nox.Session) -> None:
    """Hold both engines against the goldens: report, page, stamp. ``-- --explain CASE`` walks."""
    parser = argparse.ArgumentParser(prog="nox -s parity --", allow_abbrev=False)
    parser.add_argument("--explain", metavar="CASE[:OUTPUT[I,J]]", help="walk through the stages")
    arguments, for_pytest = parser.parse_known_args(session.posargs)
    _install(session, "test")
    if arguments.explain is not None:
        explain = f"--parity-explain={arguments.explain}"
        session.run("pytest", PARITY_TESTS, "--quiet", explain, *for_pytest)
        return
    with _phase(session, "tests"):
        session.run(
            "pytest",
            PARITY_TESTS,
            "--quiet",
            "--parity-strict",
            "--parity-json=reports/parity.json",
            "--parity-html=reports/parity.html",
            "--junitxml=reports/parity-junit.xml",
            f"--parity-stamp={STAMP}",
            *for_pytest,
        )


@nox.session
def page(session: nox.Session) -> None:
    """Look at the report's page in a headless browser; needs Debian's package chromium."""
    if not shutil.which("chromium"):
        session.error("there is no chromium on the PATH: apt-get install chromium")
    _install(session, "test", "page")
    session.run("pytest", PAGE_TESTS, *session.posargs)


@nox.session
def mutants(session: nox.Session) -> None:
    """Change the engines, one step at a time: all is caught. ``-- numba --shard 1/4 --jobs 2``."""
    # Pinned: the mutants' names come from it.
    pinned = ["cargo-mutants@27.1.0", "--locked", f"--root={TOOLS}"]
    session.run("cargo", "install", "--quiet", *pinned, external=True)
    _install(session, "test")
    path = os.pathsep.join([str(TOOLS / "bin"), session.env.get("PATH") or os.environ["PATH"]])
    session.run("python", "-m", "mutants", *session.posargs, env={"PATH": path})


@nox.session
def snapshots(session: nox.Session) -> None:
    """Freeze goldens from Numba, or prune: ``nox -s snapshots -- --reason "why" [--dry-run]``."""
    parser = argparse.ArgumentParser(prog="nox -s snapshots --", allow_abbrev=False)
    parser.add_argument("--reason", default="", help="what changes, and why it is meant")
    parser.add_argument("--only", metavar="GLOB", help="what may change: case or output/case")
    parser.add_argument("--yes", action="store_true", help="write without asking")
    parser.add_argument("--dry-run", action="store_true", help="show, and write nothing")
    parser.add_argument("--prune", action="store_true", help="delete what no case needs")
    arguments, for_pytest = parser.parse_known_args(session.posargs)
    if not (arguments.reason.strip() or arguments.dry_run):
        session.error('say why the goldens change: nox -s snapshots -- --reason "..."')
    options = []
    for name, value in vars(arguments).items():
        option = f"--freeze-{name.replace('_', '-')}"
        options += [option] if value is True else [f"{option}={value}"] if value else []
    _install(session, "test")
    session.run("pytest", PARITY_TESTS, "--quiet", *options, *for_pytest)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the pages to reports/docs, without network; any warning or dead link fails."""
    extras = PROJECT["project"]["optional-dependencies"]
    session.install(*extras["cli"], *extras["dask"], *extras["sklearn"])  # pages read docstrings
    _install(session, "docs")
    options = ["--fail-on-warning", "--keep-going", "--nitpicky", "--fresh-env"]
    session.run("sphinx-build", *options, "--doctree-dir=reports/doctrees", "docs", "reports/docs")


@nox.session
def bench(session: nox.Session) -> None:
    """Run the gated gold standard on a proven build; ``-- harness`` times the harness instead."""
    if session.posargs[:1] == ["harness"]:
        _install(session, "test", "bench-harness")
        session.run("python", "-m", "benchmarks.harness", *session.posargs[1:])
        return
    with _exit_code(CRASHED):
        _install(session, "test", "bench")
    options = [f"--stamp={STAMP}", *session.posargs]
    with _exit_code():
        session.run("python", "-m", "benchmarks", *options, env={"PYTHONPATH": "tests"})


@nox.session
def licences(session: nox.Session) -> None:
    """Check the licences of the crates in the wheel; ``-- --write`` renews their texts."""
    _check_licences(session, write=session.posargs == ["--write"])


@nox.session
def wheels(session: nox.Session) -> None:
    """Make sdist and wheel, tested where nothing can be built. ``-- --python python3.13``."""
    _check_licences(session)
    session.install(*nox.project.dependency_groups(PROJECT, "release"))
    with _phase(session, "release"):
        require = ["--require", *_requirements("test", "examples", extras=EXTRAS)]
        # nox's own folder for such files is in the checkout, where the tests must not run.
        outside = {"TMPDIR": tempfile.gettempdir()}
        session.run("python", "-m", "release", *session.posargs, *require, env=outside)


def _check_licences(session: nox.Session, *, write: bool = False) -> None:
    pinned = ["--features=cli", "cargo-about@0.9.0", "--locked", f"--root={TOOLS}"]
    session.run("cargo", "install", "--quiet", *pinned, external=True)
    made = Path(session.create_tmp()) / THIRD_PARTY
    command = ["--locked", "--features=python", "--fail", "about.hbs", f"--output-file={made}"]
    session.run(str(TOOLS / "bin" / "cargo-about"), "about", "generate", *command, external=True)
    if write:
        shutil.copyfile(made, THIRD_PARTY)
    elif made.read_bytes() != Path(THIRD_PARTY).read_bytes():
        session.error(f"{THIRD_PARTY} is not of Cargo.lock's crates: nox -s licences -- --write")


def _requirements(*groups: str, extras: Iterable[str] = ("testing",)) -> list[str]:
    """Return what the package needs, and what it needs to be tested or built."""
    return [
        *PROJECT["project"]["dependencies"],
        *(package for extra in extras for package in EXTRAS[extra]),
        *nox.project.dependency_groups(PROJECT, *groups),
    ]


def _install(session: nox.Session, *groups: str, extras: Iterable[str] = ("testing",)) -> None:
    with _phase(session, "environment"):
        session.install(*_requirements("build", *groups, extras=extras))
    with _phase(session, "build"):
        quiet = [] if sys.stderr.isatty() else ["--quiet"]  # cargo draws its progress, or nothing
        session.run("maturin", "develop", "--release", *quiet)


def _cargo_tests(session: nox.Session) -> list[str]:
    if shutil.which("cargo-nextest"):
        return ["nextest", "run"]
    session.warn("cargo-nextest is not installed; running the same tests by `cargo test`")
    return ["test", "--lib", "--tests"]


@contextmanager
def _exit_code(code: int | None = None) -> Iterator[None]:
    """End nox with the code of the command that fails, or with `code`: nox itself ends with 1."""
    try:
        yield
    except nox.command.CommandFailed as error:
        sys.exit(code or error.return_code or CRASHED)


@contextmanager
def _phase(session: nox.Session, name: str) -> Iterator[None]:
    start = time.monotonic()
    yield
    session.log(f"phase {name}: {time.monotonic() - start:.1f} s")
