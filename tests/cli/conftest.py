"""The command line in this process (`command`), and in one of its own (`process`)."""

import re
import signal
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest

from covertreex.cli import main

# A shell ignores Ctrl-C for what it runs in the background, and every child would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


class Outcome(NamedTuple):
    """What a command left behind: its exit code, and what it wrote."""

    code: int
    out: str
    err: str


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def points(folder):
    """60 points of 3 coordinates, in the file points.npy."""
    array = np.random.default_rng(5).normal(size=(60, 3))
    np.save("points.npy", array)
    return array


@pytest.fixture
def command(folder, capsys):
    """Run a command here."""

    def run(*arguments):
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Outcome(code, *capsys.readouterr())

    return run


@pytest.fixture
def refused(command, folder):
    """Run a command that must be refused, and return its line."""

    def run(code, *arguments):
        before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
        outcome = command(*arguments)
        assert outcome.code == code, outcome
        assert outcome.out == ""
        assert re.fullmatch(r"covertreex: [^\n]+\n", outcome.err), outcome.err
        assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
        return outcome.err

    return run


@pytest.fixture
def process(folder):
    """Start a command in a process of its own; or, without its module, another program."""
    started = []

    def start(*arguments, module=True, **more):
        command = ["-m", "covertreex.cli"] if module else []
        line = [sys.executable, *command, *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(line, **(pipes | more)))
        return started[-1]

    yield start
    for child in started:
        child.kill()
        child.communicate()
