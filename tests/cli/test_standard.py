"""The standard output closed or full is one line and exit code 4, whatever was to be written."""

import subprocess
import sys
from pathlib import Path

import pytest

from covertreex.cli.exits import Exit

WRITERS = {
    "neighbors": ("neighbors", "points.npy", "-k", 2, "-q"),
    "build": ("build", "points.npy", "-o", "t.covertree", "--inducing", 8, "--json", "-q"),
    "doctor": ("doctor",),
    "doctor json": ("doctor", "--json"),
    "help": ("--help",),
    "help of a command": ("query", "--help"),
    "version": ("--version",),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_behind_the_standard_output(name, process, points):
    with Path("/dev/full").open("wb") as full:
        child = process(*WRITERS[name], stdout=full)
    assert child.communicate(timeout=60)[1] == (
        "covertreex: the standard output cannot be written: No space left on device\n"
    )
    assert child.returncode == Exit.CANNOT_WRITE


@pytest.mark.parametrize("name", WRITERS)
def test_a_standard_output_that_is_closed(name, points):
    command = [sys.executable, "-m", "covertreex.cli", *map(str, WRITERS[name])]
    shell = ["sh", "-c", 'exec "$@" >&-', "sh", *command]
    done = subprocess.run(shell, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    assert done.stderr.startswith("covertreex: the standard output is closed")
    assert done.returncode == Exit.CANNOT_WRITE


def test_a_closed_output_is_refused_before_any_work(refused, monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    line = refused(Exit.CANNOT_WRITE, "neighbors", "none.npy", "-k", 2)
    assert "the standard output is closed" in line
