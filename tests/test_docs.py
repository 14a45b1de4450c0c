"""What the documentation shows is run, page by page: see `pages` for how."""

import importlib
import re
import runpy
import shutil
import subprocess
import sys

import numpy as np
import pytest
from pages import ROOT, Reader, blocks

from covertreex import cover_tree

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
)
ELSEWHERE = {"docs/harness.md": "tests/testing/test_foreign_pair.py runs it in its example"}
IN_A_CHECKOUT = ("docs/tutorials/first-case.md",)
NOX = f"""#!{sys.executable}
import os, re, sys
session, dashes, *rest = sys.argv[2:] + ["--"] * (len(sys.argv) == 3)
options = {{"parity": ["--parity-strict"], "snapshots": []}}[session]
rest = [re.sub("^--(reason|yes|dry-run)", r"--freeze-\\1", one) for one in rest]
command = ["-m", "pytest", "tests/test_residual_parity.py", "-q", "-p", "no:cacheprovider"]
os.execv(sys.executable, [sys.executable, *command, *options, *rest])
"""
"""What a session runs, in the environment that is there: nox would make one and compile in it."""


@pytest.mark.parametrize("page", [p for p in PAGES if p not in (*ELSEWHERE, *IN_A_CHECKOUT)])
def test_every_block_of_a_page_is_true(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Reader(ROOT / page, tmp_path).read()


@pytest.fixture
def checkout(tmp_path):
    """A checkout as far as a contributor's first case needs one, in git, and its own ``nox``."""
    programs, clone = tmp_path / "programs", tmp_path / "covertreex"
    programs.mkdir()
    clone.mkdir()
    (programs / "nox").write_text(NOX)
    (programs / "nox").chmod(0o755)
    ignored = shutil.ignore_patterns("__pycache__", "data", "benchmarks", "testing", "cli")
    for name in ("tests", "snapshots"):
        shutil.copytree(ROOT / name, clone / name, ignore=ignored)
    for name in ("pyproject.toml", "noxfile.py", ".gitignore"):
        shutil.copy(ROOT / name, clone / name)
    who = ["-c", "user.name=reader", "-c", "user.email=reader@localhost"]
    for arguments in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "As cloned"]):
        subprocess.run([shutil.which("git"), *arguments], cwd=clone, check=True)
    return clone, programs


@pytest.mark.parametrize("page", IN_A_CHECKOUT)
def test_a_contributors_first_case_lands(page, checkout):
    clone, programs = checkout
    Reader(ROOT / page, clone, programs=programs).read()


@pytest.mark.parametrize("page", [*ELSEWHERE, *IN_A_CHECKOUT])
def test_pages_with_a_test_of_their_own_are_there(page):
    assert blocks(ROOT / page)


FALSE = {
    "python that raises": "```python\n1 / 0\n```",
    "another output": "```pycon\n>>> 1 + 1\n3\n```",
    "no example": "```pycon\n1 + 1\n```",
    "a line that does not come": "```console\n$ echo one\ntwo\n```",
    "lines in another order": "```console\n$ echo one; echo two\ntwo\none\n```",
    "a command that fails": "```console\n$ false\n```",
    "one that should": "```{code-block} console\n:class: fails\n\n$ true\n```",
    "a session nobody has": "```bash\nnox -s parties\n```",
    "an option nobody takes": "```bash\nnox -s parity -- --explains plane\n```",
    "an extra nobody has": "```bash\npython -m pip install 'covertreex[clo]'\n```",
    "another package": "```bash\npython -m pip install numpy\n```",
    "a command nobody can look up": "```bash\ngit push\n```",
    "a change of what is not there": "```{code-block} diff\n:caption: a.txt\n\n-two\n+three\n```",
    "a language nobody speaks": "```perl\n1\n```",
    "a fence that is open": "```python\n1\n",
}  # fmt: skip


@pytest.mark.parametrize("name", FALSE)
def test_a_page_that_is_not_true_is_found(name, tmp_path):
    (tmp_path / "a.txt").write_text("one\n")
    (tmp_path / "page.md").write_text(f"# Page\n\n{FALSE[name]}\n")
    with pytest.raises((AssertionError, ZeroDivisionError, pytest.fail.Exception)):
        Reader(tmp_path / "page.md", tmp_path).read()


WHOLE_MODULES = ("covertreex.dask", "covertreex.errors", "covertreex.testing")
"""Modules that the page of the API documents by their ``__all__``."""
DOCUMENTED = (
    "covertreex",
    "covertreex.kernels",
    "covertreex.search",
    "covertreex.sklearn",
    "covertreex.vecchia",
)
NO_PAGE = {"__version__", "KERNELS"}
"""Public names that are a value, and said elsewhere."""


def test_the_api_page_has_every_public_name():
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    for module in WHOLE_MODULES:
        assert f".. automodule:: {module}\n   :members:" in text
    shown = set(re.findall(r"^\.\. auto\w+:: (\w+)$", text, re.MULTILINE))
    errors = set(importlib.import_module("covertreex.errors").__all__)
    for module in DOCUMENTED:
        public = set(importlib.import_module(module).__all__) - NO_PAGE - errors
        assert public <= shown, (module, public - shown)


def test_the_first_picture_shows_what_its_caption_says():
    problem = runpy.run_path(str(ROOT / "docs" / "pictures" / "problem.py"))
    points, tree, query = problem["scene"]()
    everywhere = np.arange(len(points))
    plain, residual = (problem["nearest"](of, everywhere) for of in (cover_tree(points), tree))
    shared = (plain[:, :, None] == residual[:, None, :]).sum(axis=(1, 2))
    caption = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert f"differ most: {shared[query]} of the {problem['K']}\nneighbours" in caption
    assert f"all {len(points)} points of this picture, {shared.mean():.0f} of 16" in caption
