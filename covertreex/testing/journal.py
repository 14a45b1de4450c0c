"""A set of files that changes as one.

New files are written into ``.pending`` under the root and synced; a ``COMMIT`` marker is renamed in
last: before it the set is the old one, after it the new one. Rolling forward moves every file to
its place, removes what the marker lists, moves the manifest, and ends ``.pending``; it can be
killed and done again. A ``.pending`` may come from anywhere, by git too: a name in it that leaves
the set is refused, and no link is followed.

One writer at a time: the lock is on the root directory itself, leaves no file, and ends with its
process. Nothing here is undone in ``finally``, so that an exception is as good as a kill.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from covertreex.testing.verdicts import FreezeRefusedError, GoldenDamagedError

PENDING = ".pending"
MARKER = "COMMIT"
MANIFEST = "manifest.json"
LEDGER = "ledger.md"


def interrupted(root: Path) -> bool:
    """Whether a change was decided and not carried out to its end."""
    return (root / PENDING / MARKER).exists()


def undecided(root: Path) -> bool:
    """Whether a writer was killed before it decided: what is there is the old set."""
    return (root / PENDING).exists() and not interrupted(root)


def lock(root: Path) -> int:
    """Take the set for writing; return the descriptor that holds it until it is closed.

    Raises
    ------
    FreezeRefusedError
        If another process has it.
    """
    root.mkdir(parents=True, exist_ok=True)
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise FreezeRefusedError(
            f"another freeze is writing {root}: wait for its end, then freeze again"
        ) from error
    return handle


def recover(root: Path) -> str:
    """Finish or discard what a killed writer left; say which, or nothing. Needs the lock.

    Raises
    ------
    GoldenDamagedError
        If what is there was not left by a writer of this set.
    """
    pending = root / PENDING
    if pending.is_symlink() or (pending.exists() and not pending.is_dir()):
        raise GoldenDamagedError(f"{pending} is not a directory: no freeze made it, remove it")
    if interrupted(root):
        _roll_forward(root, _removals(root))
        return "an interrupted freeze was finished: the set is the new one"
    if pending.exists():
        shutil.rmtree(pending)
        return "an interrupted freeze that had not decided was discarded: the set is the old one"
    return ""


def change(root: Path, files: Mapping[str, bytes], remove: Iterable[str] = ()) -> None:
    """Write files (path under the root -> bytes) and remove others, all or none. Needs the lock."""
    remove = sorted(remove)
    for name in (*files, *remove):
        _inside(root, name)
    pending = root / PENDING
    pending.mkdir()
    for name, data in files.items():
        target = pending / name
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(target, data)
    for directory in {(pending / name).parent for name in files}:
        _sync(directory)
    draft = pending / f"{MARKER}.draft"
    _write(draft, json.dumps({"remove": remove}).encode())
    draft.rename(pending / MARKER)
    _sync(pending)
    _sync(root)
    _roll_forward(root, remove)


def _removals(root: Path) -> list[str]:
    """Read what a decided change removes, trusting it no further than any other file."""
    marker = root / PENDING / MARKER
    try:
        remove = json.loads(marker.read_bytes())["remove"]
    except (ValueError, KeyError, TypeError, OSError, RecursionError) as error:
        raise GoldenDamagedError(f"{marker} is not what a freeze writes: {error}") from error
    if not isinstance(remove, list) or not all(isinstance(name, str) for name in remove):
        raise GoldenDamagedError(f"{marker} is not what a freeze writes: remove {remove!r}")
    for name in remove:
        _inside(root, name)
    return remove


def _roll_forward(root: Path, remove: Iterable[str]) -> None:
    pending = root / PENDING
    found = (path.relative_to(pending) for path in sorted(pending.rglob("*")) if not path.is_dir())
    waiting = [name for name in found if str(name) not in (MANIFEST, MARKER, f"{MARKER}.draft")]
    for name in waiting:
        _place(root, pending / name, root / name)
    removed = [Path(name) for name in remove]
    for name in removed:
        (root / name).unlink(missing_ok=True)
    changed = {(root / name).parent for name in (*waiting, *removed)}
    for directory in sorted(path for path in changed if path.is_dir()):
        _sync(directory)
    if (pending / MANIFEST).exists():
        _place(root, pending / MANIFEST, root / MANIFEST)
    _sync(root)
    (pending / MARKER).unlink()
    shutil.rmtree(pending)


def _inside(root: Path, name: str) -> None:
    """Refuse a name that leaves the set, by its text or by a link on its way."""
    parts = Path(name).parts
    if not parts or Path(name).is_absolute() or ".." in parts or parts[0] == PENDING:
        raise GoldenDamagedError(f"{name!r} is not the name of a file of {root}: nothing is done")
    for parent in Path(name).parents:
        if (root / parent).is_symlink() and root / parent != root:
            raise FreezeRefusedError(f"{root / parent} is a symbolic link: remove it, then freeze")


def _place(root: Path, source: Path, target: Path) -> None:
    _inside(root, str(target.relative_to(root)))
    target.parent.mkdir(exist_ok=True)
    source.replace(target)


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(handle)
    os.close(handle)
