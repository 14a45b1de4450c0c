"""Freeze sessions: what is shown and asked before a byte is written, and what is refused."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from test_plugin import BODY, CONFTEST, POLICY, REFERENCE_MOVES
from toy_pair import make_suite

from covertreex.testing import Check, FreezeRefusedError
from covertreex.testing.records import FROZEN

YES = ("--freeze-yes",)
WHY = ("--freeze-reason", "sums are one more")
LAST_STAGE_MOVES = """
def nearest(g, s):
    return {**toy.nearest(g, s), "value": toy.nearest(g, s)["value"] * 2}
changes["reference"] = ("rows", {**toy.ROWS, "nearest": nearest})
"""
INPUTS_MOVE = """
changes["cases"] = {**toy.CASES, "odd": (4, 7, "float64")}
"""
UNSEEDED = """
import numpy as np
def gram(points):
    found = toy.by_rows(points)
    return {**found, "s": found["s"] + np.random.default_rng().random()}
changes["reference"] = ("rows", {**toy.ROWS, "gram": gram})
"""
SLOW = """
import pathlib, time
def gram(points):
    pathlib.Path("begun").touch()
    time.sleep(60)
changes["reference"] = ("rows", {**toy.ROWS, "gram": gram})
"""


@pytest.fixture
def project(tmp_path: Path, freeze) -> Path:
    for name, text in (
        ("conftest.py", CONFTEST),
        ("changes.py", ""),
        ("policy.toml", POLICY.format(0)),
        ("test_body.py", BODY),
    ):
        (tmp_path / name).write_text(text)
    freeze(make_suite(tmp_path))
    return tmp_path


def faces(root: Path) -> dict[str, tuple[int, bytes]]:
    """Every file with its time and bytes."""
    files = [path for path in root.rglob("*") if path.is_file()]
    return {str(p.relative_to(root)): (p.stat().st_mtime_ns, p.read_bytes()) for p in files}


def test_a_dry_run_shows_and_a_log_is_not_asked(project: Path, run_pytest) -> None:
    before = faces(project / "snapshots")
    (project / "changes.py").write_text(REFERENCE_MOVES)
    dry = run_pytest("--freeze-dry-run")
    assert dry.returncode == 0, dry.stdout
    assert "DRY RUN, nothing was frozen: 0 new, 6 changed" in dry.stdout
    assert "updated" not in dry.stdout, "syrupy counts what is staged"
    row = next(line for line in dry.stdout.splitlines() if line.startswith("s/odd "))
    old = make_suite(project).store.manifest.goldens["s/odd"].sha256
    assert row.split()[1:3] == ["7/7", "1"]
    assert old[:8] in row
    assert row.rstrip().endswith("█" * 7)
    refused = run_pytest(*WHY)
    assert refused.returncode == 1
    assert "nothing was frozen: there is no terminal to ask at; pass --freeze-yes" in refused.stdout
    assert "s/odd" in refused.stdout
    assert faces(project / "snapshots") == before


def test_an_update_with_nothing_to_do_leaves_git_clean(project: Path, run_pytest) -> None:
    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=t", "-c", "user.email=t@t")
        command = ["git", *identity, *arguments]
        return subprocess.run(
            command, cwd=project, capture_output=True, text=True, check=True
        ).stdout

    git("init", "-q")
    git("add", "snapshots")
    git("commit", "-qm", "goldens")
    before = faces(project / "snapshots")
    ended = run_pytest(*WHY, *YES)
    assert ended.returncode == 0
    assert "nothing to freeze: 0 new, 0 changed, 0 repaired, 12 unchanged" in ended.stdout
    assert git("status", "--porcelain", "snapshots") == ""
    assert faces(project / "snapshots") == before
    (project / "changes.py").write_text(REFERENCE_MOVES)
    ended = run_pytest(*WHY, *YES, "--freeze-only", "odd")
    assert "FROZEN: 0 new, 2 changed" in ended.stdout
    changed = {line.split()[1] for line in git("status", "--porcelain", "snapshots").splitlines()}
    files = ("ledger.md", "manifest.json", "s/odd.npy", "value/odd.npy")
    assert changed == {f"snapshots/{name}" for name in files}
    undo = next(line for line in ended.stdout.splitlines() if line.startswith("undo: git "))
    git(*undo.removeprefix("undo: git ").split())
    assert {name: data for name, (_, data) in faces(project / "snapshots").items()} == {
        name: data for name, (_, data) in before.items()
    }


def test_one_output_of_a_case_may_change_if_nothing_else_does(project: Path, run_pytest) -> None:
    (project / "changes.py").write_text(LAST_STAGE_MOVES)
    ended = run_pytest(*WHY, *YES, "--freeze-only", "value/*d*")
    assert "FROZEN: 0 new, 1 changed" in ended.stdout, ended.stdout
    assert "value/odd" in ended.stdout
    before = faces(project / "snapshots")
    (project / "changes.py").write_text(REFERENCE_MOVES)
    ended = run_pytest(*WHY, *YES, "--freeze-only", "value/*")
    assert ended.returncode == 1
    assert "s/small changed too, and --freeze-only 'value/*' leaves s/small out" in ended.stdout
    (project / "changes.py").write_text(INPUTS_MOVE)
    ended = run_pytest(*WHY, *YES, "--freeze-only", "value/odd")
    assert "the inputs of odd changed too" in ended.stdout
    ended = run_pytest(*WHY, *YES, "--freeze-only", "vlue/odd")
    assert ended.returncode == 4
    assert "'vlue/odd' names no selected golden; near to it: value/odd" in ended.stderr
    assert faces(project / "snapshots") == before


def test_a_candidate_is_not_frozen(project: Path, run_pytest) -> None:
    before = faces(project / "snapshots")
    (project / "changes.py").write_text(REFERENCE_MOVES)
    ended = run_pytest(*WHY, *YES, "-k", "elements")
    assert ended.returncode == 5
    assert "nothing was frozen: no check of the reference" in ended.stdout
    assert faces(project / "snapshots") == before


def test_a_set_that_cannot_be_taken_is_told(project: Path, run_pytest) -> None:
    (project / "snapshots").rename(project / "elsewhere")
    (project / "snapshots").write_text("")
    ended = run_pytest(*WHY, *YES)
    assert ended.returncode == 4
    assert "snapshots" in ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr


@pytest.mark.parametrize("reason", [" ", ".", "a\x07", "\udcff"])
def test_a_reason_is_a_text(reason: str, project: Path) -> None:
    from covertreex.testing.freezing import FreezeSession

    option = SimpleNamespace(parity_stamp=None, parity_json=None)
    given = {"freeze_reason": reason, "freeze_dry_run": False, "freeze_only": None}
    config = SimpleNamespace(option=option, getoption=given.get)
    with pytest.raises(pytest.UsageError, match="needs a text"):
        FreezeSession(config)


def test_options_without_a_reason_are_refused(project: Path, run_pytest) -> None:
    ended = run_pytest("--freeze-only", "odd")
    assert ended.returncode == 4
    assert "--freeze-reason needs a text" in ended.stderr


def test_a_session_refuses_what_does_not_agree(project: Path, run_pytest) -> None:
    before = faces(project / "snapshots")
    (project / "changes.py").write_text(UNSEEDED)
    ended = run_pytest(*WHY, *YES)
    assert ended.returncode == 1
    assert "nothing was frozen: the reference does not agree with itself: s/odd" in ended.stdout
    assert faces(project / "snapshots") == before


@pytest.mark.parametrize("role", ["elements", "elements" + FROZEN])
def test_only_the_reference_is_staged(role, tmp_path: Path, snapshots) -> None:
    suite = make_suite(tmp_path)
    suite.store.begin()
    with pytest.raises(FreezeRefusedError, match=f"only the reference is frozen, not {role}"):
        suite.check(Check("odd", "g", role), snapshots(True))
    assert not suite.store.plan()
    suite.store.abort()


AT_TERMINAL = """
import fcntl, sys, termios, pytest
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C is a signal
sys.exit(pytest.main())
"""


def at_terminal(project: Path, environment: dict[str, str], typed: bytes) -> tuple[int, str]:
    """Run a freeze at a terminal; type once the question is there."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", AT_TERMINAL, "-q", "-p", "no:cacheprovider", *WHY]
    streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    child = subprocess.Popen(
        command, cwd=project, env=environment, start_new_session=True, **streams
    )
    os.close(theirs)
    said = b""
    while True:
        try:
            read = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        said += read
        if b"[y/N]" in said and typed:
            os.write(ours, typed)
            typed = b""
    os.close(ours)
    return child.wait(), said.decode()


@pytest.mark.parametrize(
    ("typed", "status", "outcome"),
    [
        (b"y\n", 0, "FROZEN: 0 new, 6 changed"),
        (b"\n", 1, "nothing was frozen: the answer was no; the set is as it was"),
        (b"\x03", 2, "nothing was frozen: interrupted; the set is as it was"),
        (b"\x04", 1, "nothing was frozen: the answer was no; the set is as it was"),
    ],
    ids=["yes", "default", "ctrl-c", "ctrl-d"],
)
def test_the_question(project: Path, environment, typed, status, outcome) -> None:
    before = faces(project / "snapshots")
    (project / "changes.py").write_text(REFERENCE_MOVES)
    ended, said = at_terminal(project, environment, typed)
    assert outcome in said
    assert ended == status
    assert "Freeze 0 new, 6 changed" in said
    assert (faces(project / "snapshots") == before) == (status != 0)


def test_two_processes_and_ctrl_c_while_computing(project: Path, environment, run_pytest) -> None:
    before = faces(project / "snapshots")
    (project / "changes.py").write_text(SLOW)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *WHY, *YES]
    first = subprocess.Popen(command, cwd=project, env=environment, stdout=subprocess.PIPE)
    while not (project / "begun").exists():
        assert first.poll() is None
        time.sleep(0.02)
    second = run_pytest(*WHY, *YES)
    assert second.returncode == 4
    assert "another freeze is writing" in second.stderr
    first.send_signal(signal.SIGINT)
    said = first.communicate()[0].decode()
    assert first.returncode == 2
    assert "nothing was frozen: interrupted; the set is as it was" in said
    assert faces(project / "snapshots") == before


def test_a_check_says_that_a_freeze_was_killed_before_it_had_decided(
    project: Path, run_pytest
) -> None:
    (project / "snapshots" / ".pending").mkdir()
    ended = run_pytest("-k", "odd")
    assert ended.returncode == 0
    assert "a freeze was killed before it had decided: the set is the old one" in ended.stdout
    ended = run_pytest(*WHY)
    assert "an interrupted freeze that had not decided was discarded" in ended.stdout
    assert "killed" not in run_pytest("-k", "odd").stdout


@pytest.mark.parametrize(
    "marker", ['{"remove": ["s/odd.npy"]}', None], ids=["decided", "undecided"]
)
def test_a_dry_run_leaves_an_interrupted_freeze_alone(project: Path, run_pytest, marker) -> None:
    pending = project / "snapshots" / ".pending"
    pending.mkdir()
    (pending / "draft" if marker is None else pending / "COMMIT").write_text(marker or "")
    before = faces(project / "snapshots")
    for arguments in ((), ("--freeze-prune",)):
        ended = run_pytest("--freeze-dry-run", *arguments)
        assert ended.returncode == (0 if marker is None else 4)
        assert ("unless it is a dry run" in ended.stderr) == (marker is not None)
        assert faces(project / "snapshots") == before
