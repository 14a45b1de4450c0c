"""``parity`` and ``bench`` become nox in a checkout, and say what they need elsewhere."""

import os

import pytest

from covertreex.cli.exits import Exit

NOXFILE = """
import nox

@nox.session(venv_backend="none")
def parity(session):
    print("arguments:", session.posargs)
    if "--fail" in session.posargs:
        session.error("as asked")
"""


@pytest.fixture
def checkout(folder):
    (folder / "pyproject.toml").write_text('[project]\nname = "covertreex"\n')
    (folder / "noxfile.py").write_text(NOXFILE)
    (folder / "sub").mkdir()
    return folder


def test_arguments_and_exit_code_are_passed_on(process, checkout):
    os.chdir("sub")
    child = process("parity", "-k", "seed", "--explain", "CASE")
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert "arguments: ['-k', 'seed', '--explain', 'CASE']" in out
    child = process("parity", "--fail")
    child.communicate(timeout=60)
    assert child.returncode == 1


@pytest.mark.parametrize("session", ["parity", "bench"])
def test_outside_a_checkout_one_line_says_what_is_needed(refused, folder, session):
    (folder / "pyproject.toml").write_text('[project]\nname = "another"\n')
    (folder / "noxfile.py").write_text(NOXFILE)
    line = refused(Exit.UNAVAILABLE, session)
    assert f"`nox -s {session}` in a checkout of covertreex" in line


def test_without_nox_one_line_says_so(refused, checkout, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pip install nox" in refused(Exit.UNAVAILABLE, "parity")
