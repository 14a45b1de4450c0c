"""The guide and its worked example: a project of its own, run as its user would run it.

Every code block of the guide is a part of the example's files, word for word, and every command
it shows is run in a copy of the example, where the lines it shows must come out.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "examples" / "moments"
GUIDE = (ROOT / "docs" / "harness.md").read_text(encoding="utf-8")
FILES = sorted(path for path in EXAMPLE.iterdir() if path.suffix in (".py", ".toml"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One place for all copies, so that Numba finds what it has compiled for the one before."""
    return tmp_path_factory.mktemp("foreign")


@pytest.fixture
def example(place: Path) -> Path:
    shutil.rmtree(place / "moments", ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__", ".pytest_cache")
    return shutil.copytree(EXAMPLE, place / "moments", ignore=ignored)


@pytest.fixture
def shell(place: Path, example: Path) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Run a command line in the example, as in a fresh shell with this Python's scripts."""

    def run(command: str) -> subprocess.CompletedProcess[str]:
        ours = ("PYTEST", "PYTHON", "FORCE_COLOR", "CI")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        scripts = Path(sys.executable).parent
        search = f"{scripts}{os.pathsep}{kept['PATH']}"
        return subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=example,
            env={**kept, "PATH": search, "COLUMNS": "120", "NUMBA_CACHE_DIR": f"{place}/numba"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    return run


def closing(text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith("PARITY "))


def test_it_is_green_and_frozen_again_it_is_the_same(example: Path, shell, tree) -> None:
    ended = shell("pytest -q --parity-strict")
    assert ended.returncode == 0, ended.stdout
    assert closing(ended.stdout).startswith("PARITY OK: numba agrees with numpy on 3 cases")
    ended = shell("pytest -q --freeze-reason 'nothing has changed'")
    assert ended.returncode == 0, ended.stdout
    assert tree(example / "snapshots") == tree(EXAMPLE / "snapshots")


# Those of the candidate come last: Numba compiles it anew for them, and for what follows.
FAULTS = {
    "a reference that divides twice": (
        "numpy_engine.py", "(scale[:, None] * scale[None, :])", "scale[:, None] / scale[None, :]",
        "REFERENCE DRIFTED correlation of small (reference), first stage correlate"),
    "another case of the same name": (
        "suite.py", '"offset": 1000.0', '"offset": 1001.0',
        "INPUT CHANGED mean of far_from_zero (reference)"),
    "a case that was never frozen": (
        "suite.py", "CASES = {", 'CASES = {\n    "new": {"rows": 7, "columns": 2, "offset": 0.0},',
        "MISSING the set of goldens"),
    "a policy that allows more than is needed": (
        "policy.toml", "max_ulp = 3", "max_ulp = 30",
        "policy row 1 (mean of *) can be tightened: max_ulp 30, observed 3"),
    "a candidate that forgets the rest of a sum": (
        "numba_engine.py", "for i in range(whole, len(left)):", "for i in range(whole, whole):",
        "CANDIDATE DIVERGED mean of small (numba), first stage centre"),
    "a candidate whose last stage is wrong": (
        "numba_engine.py", "most, found[i] = abs(correlation[i, j]), j", "found[i] = j",
        "CANDIDATE DIVERGED partner of odd (numba), first stage strongest"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_has_its_verdict(example: Path, shell, name) -> None:
    file, right, wrong, said = FAULTS[name]
    source = (example / file).read_text()
    assert source.count(right) == 1
    (example / file).write_text(source.replace(right, wrong))
    ended = shell("pytest -q --parity-strict --tb=no")
    assert ended.returncode == 1, ended.stdout
    assert said in closing(ended.stdout), ended.stdout


def test_it_uses_the_public_front_only() -> None:
    for path in FILES:
        if path.suffix == ".py":
            nodes = ast.walk(ast.parse(path.read_text()))
            modules = [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
            assert {m for m in modules if m.startswith("covertreex")} <= {"covertreex.testing"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)


def quoted(block: str, contents: list[str]) -> bool:
    """Whether the pieces of a block, between lines of ``...``, stand in one file in that order."""
    pieces = [re.escape(piece.strip("\n")) for piece in re.split(r"^\.\.\.\n", block, flags=re.M)]
    pattern = re.compile(r"^" + r"$.*^".join(pieces) + "$", re.DOTALL | re.MULTILINE)
    return any(pattern.search(content) for content in contents)


def test_the_guide_shows_the_example_word_for_word() -> None:
    contents = [path.read_text() for path in FILES]
    shown = [*blocks("python"), *blocks("toml")]
    assert len(shown) >= 5
    for block in shown:
        assert quoted(block, contents), block
    assert not quoted("CASES = {\n...\nSUITE = Suit(\n", contents)
    assert not quoted(shown[0].replace(" ", "  "), contents)


SESSIONS = blocks("console")


def test_the_guide_shows_no_other_code() -> None:
    known = len(blocks("python")) + len(blocks("toml")) + len(SESSIONS)
    assert GUIDE.count("```") == 2 * known


@pytest.mark.parametrize("session", SESSIONS, ids=lambda text: text.partition("\n")[0][2:40])
def test_the_guides_commands_give_what_it_shows(example: Path, shell, session) -> None:
    for part in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
        command, *shown = part.splitlines()
        if command.startswith("python -m pip install"):
            assert "'covertreex[testing]'" in command
            continue
        lines = shell(command).stdout.splitlines()
        wanted = ["*" if line.strip() == "..." else line for line in shown]
        pytest.LineMatcher(lines).fnmatch_lines([line.replace("[", "[[]") for line in wanted])
