"""Ctrl-C and SIGTERM end a real process within a second, and leave nothing half written."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from covertreex.cli.interrupts import abandoned, interruptible

LONG = ("--inducing", 4096, "--lengthscale", 0.3)  # the factor alone takes seconds


def wait_for(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def stopped(child, sent=signal.SIGINT):
    """Send a signal, and again as people do; return the seconds it took, and what was written."""
    start = time.monotonic()
    child.send_signal(sent)
    time.sleep(0.01)
    child.send_signal(sent)
    out, err = child.communicate(timeout=30)
    return time.monotonic() - start, out, err


def busy(child):
    """Seconds of CPU time that a process has taken."""
    fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"]
)
def test_building_is_stopped(process, folder, sent, code):
    np.save("in.npy", np.random.default_rng(0).normal(size=(40_000, 3)))
    child = process("build", "in.npy", *LONG, "-o", "out.covertree")
    wait_for(lambda: busy(child) > 1.5)
    seconds, out, err = stopped(child, sent)
    assert child.returncode == code
    assert seconds < 1.0
    assert (out, err) == ("", "covertreex: stopped; no file is half written\n")
    assert [path.name for path in folder.iterdir()] == ["in.npy"]


DEAF = """
import hashlib, sys
import covertreex.api
from covertreex.cli import main

def cover_tree(*arguments, **options):
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)  # a minute and more

covertreex.api.cover_tree = cover_tree
sys.exit(main(["build", "points.npy", "-o", "out.covertree"]))
"""


def test_a_call_that_looks_for_no_signal_is_left_behind(process, points):
    child = process("-c", DEAF, module=False)
    assert child.stdout.readline() == "ready\n"
    time.sleep(0.2)
    seconds, _, err = stopped(child)
    assert (child.returncode, err) == (130, "covertreex: stopped; no file is half written\n")
    assert seconds < 1.0


def test_searching_is_stopped(process, folder):
    np.save("in.npy", np.random.default_rng(0).normal(size=(30_000, 8)))
    child = process("neighbors", "in.npy", "-k", 50, "--inducing", 512, "-o", "out.npz")
    wait_for(lambda: busy(child) > 2.0)
    seconds, _, err = stopped(child)
    assert (child.returncode, err) == (130, "covertreex: stopped; no file is half written\n")
    assert seconds < 1.0
    assert [path.name for path in folder.iterdir()] == ["in.npy"]


def test_writing_is_stopped_and_the_old_file_stays(process, folder):
    np.save("in.npy", np.random.default_rng(0).normal(size=(60_000, 2)))
    (folder / "out.csv").write_text("old")
    options = ("--metric", "euclidean", "-o", "out.csv", "--force")
    child = process("neighbors", "in.npy", "-k", 60, *options)
    wait_for(lambda: any(folder.glob(".out.csv.*.partial")))
    seconds, _, _ = stopped(child)
    assert child.returncode == 130
    assert seconds < 1.0
    assert sorted(path.name for path in folder.iterdir()) == ["in.npy", "out.csv"]
    assert (folder / "out.csv").read_text() == "old"


def test_reading_is_stopped(process, folder):
    (folder / "in.csv").write_text("x,y\n" + "1.5,2.5\n" * 3_000_000)
    child = process("neighbors", "in.csv", "-k", 1)
    wait_for(lambda: busy(child) > 0.8)
    seconds, _, err = stopped(child)
    assert (child.returncode, err) == (130, "covertreex: stopped; no file is half written\n")
    assert seconds < 1.0


def test_a_reader_that_goes_away_ends_it_in_silence(process, points):
    child = process("neighbors", "points.npy", "-k", 60, "--quiet")
    assert child.stdout.readline() == "query,rank,neighbor,distance\n"
    child.stdout.close()
    assert child.wait(timeout=30) == 4
    assert child.stderr.read() == ""


def test_a_task_gives_its_answer_or_its_error():
    assert interruptible(lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        interruptible(lambda: 1 // 0)
    assert not abandoned()


def test_starting_is_stopped(folder):
    """Ctrl-C while modules are imported ends in the same line."""
    code = (
        "import sys, signal, os\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'typer': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "from covertreex.cli import main\n"
        "sys.exit(main(['--help']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "covertreex: stopped; no file is half written\n")
