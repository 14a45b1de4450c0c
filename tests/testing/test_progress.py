"""Progress: one line on a terminal that leaves nothing behind, and not a byte in a log."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from test_plugin import BODY, CONFTEST, GRAM_OFF, POLICY, REFERENCE_MOVES
from toy_pair import make_suite

HERE = Path(__file__).parent
ERASE, SHOW_CURSOR = "\x1b[2K", "\x1b[?25h"
LOOP = """
from covertreex.testing.progress import progress

def pytest_sessionfinish(session):
    with progress(session.config, "freezing", 3) as advance:
        for name in ("one", "two", "three"):
            advance(name)
"""


@pytest.fixture
def project(tmp_path: Path, freeze) -> Path:
    freeze(make_suite(tmp_path))
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "changes.py").write_text("")
    (tmp_path / "policy.toml").write_text(POLICY.format(0))
    (tmp_path / "test_body.py").write_text(BODY)
    (tmp_path / "test_other.py").write_text("def test_other():\n    print('captured')\n")
    return tmp_path


@pytest.fixture
def on_terminal(tmp_path: Path, bare_package: Path) -> Callable[..., str]:
    """Run pytest in a pseudo-terminal of 120 columns; return all that it wrote there."""

    def run(*arguments: str, **environment: str) -> str:
        master, slave = pty.openpty()
        path = os.pathsep.join([str(bare_package), str(HERE), *filter(None, sys.path)])
        variables = {"PYTHONPATH": path, "COLUMNS": "120", "TERM": "xterm", **environment}
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider", *arguments],
            cwd=tmp_path,
            env={**{k: v for k, v in os.environ.items() if k != "CI"}, **variables},
            stdin=subprocess.DEVNULL,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        written = b""
        try:
            while block := os.read(master, 1 << 16):
                written += block
        except OSError:  # Linux ends a pseudo-terminal nobody writes to by EIO
            process.wait()
        os.close(master)
        return written.decode()

    return run


def screen(written: str) -> str:
    """What a terminal shows in the end, without colours: pytest and rich use no more than this."""
    lines, row, column = [""], 0, 0
    for piece in re.findall(r"\x1b\[[?\d;]*[A-Za-z]|[^\x1b]", written):
        if piece == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif piece == "\r":
            column = 0
        elif piece == ERASE:
            lines[row] = ""
        elif piece == "\x1b[1A":
            row -= 1
        elif not piece.startswith("\x1b"):
            lines[row] = lines[row].ljust(column)[:column] + piece + lines[row][column + 1 :]
            column += 1
    return "\n".join(lines)


@pytest.mark.parametrize("quiet", [(), ("-q",)], ids=["default", "quiet"])
def test_a_line_counts_the_checks_and_goes(project: Path, on_terminal, quiet) -> None:
    (project / "changes.py").write_text(GRAM_OFF)
    written = on_terminal(*quiet)
    assert "comparing" in written
    assert "first call (where a JIT compiles): g of small (reference)" in written
    assert "first call (where a JIT compiles): g of small (elements)" in written
    assert " failed; " in written
    assert "PARITY FAILED: 9 of 37 checks" in written
    _, _, after = written.rpartition("comparing")
    assert ERASE in after
    assert SHOW_CURSOR in after
    left = screen(written)
    assert "comparing" not in left
    assert "9 failed, 29 passed" in left
    assert ".." not in left.partition("= FAILURES")[0], "the line counts, and no dots beside it"


def test_another_test_keeps_its_dot(project: Path, on_terminal) -> None:
    left = screen(on_terminal())
    assert "test_other.py ." in left
    assert "captured" not in left


@pytest.mark.parametrize("arguments", [("-v",), ("-s",), ("-n", "2")])
def test_who_prints_himself_is_left_alone(project: Path, on_terminal, arguments) -> None:
    assert "comparing" not in on_terminal(*arguments)


def test_a_dumb_terminal_is_left_alone(project: Path, on_terminal) -> None:
    assert "comparing" not in on_terminal(TERM="dumb")


@pytest.mark.parametrize("variables", [{}, {"FORCE_COLOR": "1"}], ids=["plain", "forced colour"])
def test_a_log_gets_nothing(project: Path, run_pytest, variables) -> None:
    (project / "test_other.py").unlink()
    ended = run_pytest("-q", **variables)
    assert ended.returncode == 0
    assert "comparing" not in ended.stdout + ended.stderr
    assert ERASE not in ended.stdout + ended.stderr
    assert ended.stdout.lstrip("\x1b[32m").startswith("."), "pytest's dots are there"


def test_a_loop_is_shown_on_a_terminal_only(project: Path, on_terminal, run_pytest) -> None:
    (project / "conftest.py").write_text(LOOP)
    (project / "test_body.py").unlink()
    written = on_terminal()
    assert "freezing" in written
    assert "0/3" in written
    assert "one" in written
    assert "freezing" not in screen(written)
    assert "freezing" not in run_pytest().stdout


def test_a_freeze_shows_what_it_computes_again(project: Path, on_terminal, run_pytest) -> None:
    (project / "changes.py").write_text(REFERENCE_MOVES)
    dry = ("--freeze-dry-run",)
    written = on_terminal(*dry)
    assert "computing again" in written
    assert "computing again" not in screen(written)
    assert "computing again" not in run_pytest(*dry).stdout
