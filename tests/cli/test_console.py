"""Progress is drawn on a terminal, and nowhere else; an error is one line, however narrow it is."""

import os
import pty
import re
import subprocess
import sys

import pytest

from covertreex.cli.console import Report


def on_terminal(*arguments, columns, **environment):
    """Run a command whose standard error is a terminal; return its code, and what was drawn."""
    ours, theirs = pty.openpty()
    size = {"COLUMNS": str(columns), "LINES": "30", "TERM": "xterm-256color"}
    child = subprocess.Popen(
        [sys.executable, "-m", "covertreex.cli", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, **size, **environment},
    )
    os.close(theirs)
    drawn = b""
    try:
        while part := os.read(ours, 65536):
            drawn += part
    except OSError:  # how Linux says that the other end was closed
        pass
    os.close(ours)
    out, _ = child.communicate(timeout=60)
    return child.returncode, out, drawn.decode()


@pytest.mark.parametrize("columns", [80, 120])
def test_progress_shows_rate_and_time_left(points, columns):
    arguments = ("neighbors", "points.npy", "-k", 2, "--ids", ",".join(["0:60"] * 9), "-o", "o.npz")
    code, out, drawn = on_terminal(*arguments, columns=columns)
    assert (code, out) == (0, b"")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn)
    bars = [line for line in re.split(r"[\r\n]+", plain) if line.startswith("search ━")]
    assert bars
    assert re.search(r"540/540 [\d,-]+/s (\d\d:\d\d|--:--) left", bars[-1])
    assert all(len(line) <= columns for line in re.split(r"[\r\n]+", plain))
    assert drawn.rindex("\x1b[?25h") > drawn.rindex("\x1b[?25l")  # the cursor is shown again


@pytest.mark.parametrize(
    ("more", "environment"),
    [(("--quiet",), {}), ((), {"TERM": "dumb"})],
    ids=["quiet", "dumb terminal"],
)
def test_no_progress_where_it_is_not_wanted(points, more, environment):
    arguments = ("neighbors", "points.npy", "-k", 2, "-o", "o.npz", *more)
    code, _, drawn = on_terminal(*arguments, columns=80, **environment)
    assert code == 0
    assert "━" not in drawn
    assert "\x1b[?25l" not in drawn


def test_a_line_of_an_error_is_not_broken(points):
    code, _, drawn = on_terminal("neighbors", "points.npy", "-k", 1, "--kernel", "x", columns=40)
    assert code == 2
    assert drawn.startswith("\x1b[1;31mcovertreex: \x1b[0mInvalid value for --kernel: ")
    assert drawn.count("\n") == 1


def test_in_a_log_there_is_a_summary_and_no_progress(command, points):
    done = command("neighbors", "points.npy", "-k", 2, "-o", "o.npz")
    names = [line.split()[0] for line in done.err.splitlines()]
    assert names == ["points", "metric", "search", "time", "output"]
    assert "\x1b" not in done.err


def test_a_name_that_looks_like_markup_is_shown_as_it_is(refused):
    assert "[red]x[/red].npy cannot be read" in refused(3, "neighbors", "[red]x[/red].npy", "-k", 1)


def test_phases_are_timed_also_when_they_fail():
    report = Report(quiet=True)
    with pytest.raises(ZeroDivisionError), report.phase("broken"):
        raise ZeroDivisionError
    assert list(report.seconds) == ["broken"]
