"""The journal, killed at every step: the set is the old one or the new one, never between."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from covertreex.testing import FreezeRefusedError, GoldenDamagedError, journal
from covertreex.testing.journal import change, interrupted, lock, recover, undecided

OLD = {
    "manifest.json": b"old",
    "ledger.md": b"old",
    "v/kept.npy": b"kept",
    "v/a.npy": b"old a",
    "v/gone.npy": b"gone",
}
FILES = {"manifest.json": b"new", "ledger.md": b"new", "v/a.npy": b"new a", "w/b.npy": b"new b"}
NEW = {**{k: v for k, v in OLD.items() if k != "v/gone.npy"}, **FILES}


class KilledError(BaseException):
    """The process ends here."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    lay(tmp_path / "set")
    return tmp_path / "set"


def lay(root: Path) -> None:
    shutil.rmtree(root, ignore_errors=True)
    for name, data in OLD.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)


SYSTEM_CALLS = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "open")


FULL = OSError(errno.ENOSPC, "No space left on device")


class Kill:
    """Ends the process at the n-th call that changes the disk, seen by an audit hook."""

    def __init__(self) -> None:
        self.left = -1
        self.error: BaseException = KilledError()
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.left < 0 or event not in SYSTEM_CALLS:
            return
        if event == "open" and not int(str(arguments[2])) & os.O_CREAT:
            return
        self.left -= 1
        if self.left < 0:
            raise self.error


KILL = Kill()


def killed_at(step: int, root: Path) -> bool:
    """Change the set, killed before its `step`-th system call; say whether it was."""
    KILL.left = step
    try:
        change(root, FILES, ["v/gone.npy"])
    except KilledError:
        return True
    finally:
        KILL.left = -1
    return False


def steps(root: Path) -> Iterator[int]:
    step = 0
    while True:
        lay(root)
        if not killed_at(step, root):
            return
        yield step
        step += 1


def test_a_kill_at_any_step_leaves_the_old_set_or_the_new(root: Path, tree) -> None:
    seen = []
    for _ in steps(root):
        decided = interrupted(root)
        if not decided and (root / "manifest.json").read_bytes() == b"old":
            # What a reader sees, the draft aside, is the old set, before any repair.
            assert {k: v for k, v in tree(root).items() if ".pending" not in k} == OLD
        note = recover(root)
        after = tree(root)
        assert after == (NEW if decided or after["manifest.json"] == b"new" else OLD)
        assert bool(note) == ("finished" in note or "discarded" in note)
        assert recover(root) == ""
        seen.append((decided, after == NEW))
    assert len(seen) > 12
    assert (False, False) in seen
    assert (True, True) in seen
    assert seen == sorted(seen, key=lambda pair: pair[1]), "once new, always new"
    assert tree(root) == NEW


def test_a_kill_while_recovering_can_be_recovered(root: Path, tree) -> None:
    decided = [step for step in steps(root) if interrupted(root)]
    first = decided[0]
    for step in range(40):
        lay(root)
        killed_at(first, root)
        KILL.left = step
        try:
            recover(root)
        except KilledError:
            recover(root)
            assert tree(root) == NEW
            continue
        finally:
            KILL.left = -1
        break
    assert 3 < step < 39
    assert tree(root) == NEW


def test_kill_9_in_the_middle(root: Path, tree) -> None:
    script = (
        "import os, signal, pathlib, covertreex.testing.journal as j\n"
        "place = j._place\n"
        "def kill(*a):\n"
        "    place(*a); os.kill(os.getpid(), signal.SIGKILL)\n"
        "j._place = kill\n"
        f"j.change(pathlib.Path({str(root)!r}), {FILES!r}, ['v/gone.npy'])\n"
    )
    path = os.pathsep.join(filter(None, sys.path))
    ended = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": path}, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    assert interrupted(root)
    assert (root / "manifest.json").read_bytes() == b"old"
    assert recover(root) == "an interrupted freeze was finished: the set is the new one"
    assert tree(root) == NEW


def test_one_writer_at_a_time(root: Path, tree) -> None:
    before = tree(root)
    first = lock(root)
    with pytest.raises(FreezeRefusedError, match="another freeze is writing"):
        lock(root)
    os.close(first)
    os.close(lock(root))
    assert tree(root) == before, "the lock leaves no file"


def test_a_symbolic_link_in_the_way_is_not_followed(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "w").symlink_to(outside)
    with pytest.raises(FreezeRefusedError, match="symbolic link"):
        change(root, FILES)
    assert list(outside.iterdir()) == []


def old_or_new(root: Path, tree) -> bool:
    """Whether the set is the new one, having asked the next run, which says so."""
    decided = interrupted(root)
    left = decided or undecided(root)
    note = recover(root)
    new = tree(root) == NEW
    assert new or tree(root) == OLD
    assert bool(note) == left
    assert ("new one" in note) == decided
    return new


def test_a_disk_that_is_full_at_any_call(root: Path, tree, monkeypatch) -> None:
    monkeypatch.setattr(KILL, "error", FULL)
    seen = []
    for step in range(40):
        lay(root)
        KILL.left = step
        with suppress(OSError):  # a directory that is there already needs no room
            change(root, FILES, ["v/gone.npy"])
        KILL.left = -1
        seen.append(old_or_new(root, tree))
    assert set(seen) == {False, True}


def test_a_disk_that_is_full_at_any_byte(root: Path, tree, monkeypatch) -> None:
    """A write that does not fit leaves its beginning behind."""
    write = journal._write
    seen = []
    for room in range(200):
        lay(root)
        left = [room]

        def short(path: Path, data: bytes, left: list[int] = left) -> None:
            write(path, data[: left[0]])
            if len(data) > left[0]:
                raise FULL
            left[0] -= len(data)

        monkeypatch.setattr(journal, "_write", short)
        with suppress(OSError):
            change(root, FILES, ["v/gone.npy"])
        seen.append(old_or_new(root, tree))
        if seen[-1]:
            break
    assert seen[-1]
    assert len(seen) == sum(map(len, FILES.values())) + len('{"remove": ["v/gone.npy"]}') + 1


OUTSIDE = ["../victim", "/victim", "v/../../victim", ".pending/COMMIT", ""]
MARKERS = [json.dumps({"remove": [name]}) for name in OUTSIDE]


@pytest.mark.parametrize("text", [*MARKERS, "", "[]", '{"remove": "v"}', '{"remove": [1]}'])
def test_a_marker_from_elsewhere_deletes_nothing(root: Path, tmp_path, tree, text) -> None:
    (tmp_path / "victim").write_text("kept")
    (root / ".pending").mkdir()
    (root / ".pending" / "COMMIT").write_text(text)
    before = tree(tmp_path)
    with pytest.raises(GoldenDamagedError):
        recover(root)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("name", [*OUTSIDE, "v/link/victim", "link"])
def test_no_name_leaves_the_set(root: Path, tmp_path, tree, name) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "victim").write_text("kept")
    (root / "v" / "link").symlink_to(tmp_path / "outside")
    (root / "link").symlink_to(tmp_path / "outside" / "victim")
    before = tree(tmp_path)
    if name == "link":  # a link itself may go; what it leads to stays
        change(root, {}, [name])
        assert not (root / "link").is_symlink()
        assert (tmp_path / "outside" / "victim").read_text() == "kept"
        return
    with pytest.raises((GoldenDamagedError, FreezeRefusedError)):
        change(root, {}, [name])
    assert tree(tmp_path) == before


def test_a_pending_that_is_a_link_is_refused(root: Path, tmp_path, tree) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "COMMIT").write_text('{"remove": []}')
    (root / ".pending").symlink_to(tmp_path / "outside")
    before = tree(tmp_path)
    with pytest.raises(GoldenDamagedError, match="is not a directory"):
        recover(root)
    assert tree(tmp_path) == before
