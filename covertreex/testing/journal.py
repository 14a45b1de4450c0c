"""A set of files that changes as one.

New files are written into ``.pending`` under the root and synced; a ``COMMIT`` marker is renamed in
last: before it the set is the old one, after it the new one. Rolling forward moves every file to
its place, the manifest last, removes what the marker lists, and then ``.pending``; it can be killed
and done again. One writer at a time: the lock is on the root directory itself, leaves no file, and
ends with its process. Nothing here is undone in ``finally``, so that an exception is as good as a
kill.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from covertreex.testing.verdicts import FreezeRefusedError

PENDING = ".pending"
MARKER = "COMMIT"
MANIFEST = "manifest.json"


def interrupted(root: Path) -> bool:
    """Whether a change was decided and not carried out to its end."""
    return (root / PENDING / MARKER).exists()


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
    """Finish or discard what a killed writer left; say which, or nothing. Needs the lock."""
    if interrupted(root):
        _roll_forward(root)
        return "an interrupted freeze was finished"
    if (root / PENDING).exists():
        shutil.rmtree(root / PENDING)
        return "an interrupted freeze that had not decided was discarded"
    return ""


def change(root: Path, files: Mapping[str, bytes], remove: Iterable[str] = ()) -> None:
    """Write files (path under the root -> bytes) and remove others, all or none. Needs the lock."""
    pending = root / PENDING
    pending.mkdir()
    for name, data in files.items():
        target = pending / name
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(target, data)
    for directory in {(pending / name).parent for name in files}:
        _sync(directory)
    draft = pending / f"{MARKER}.draft"
    _write(draft, json.dumps({"remove": sorted(remove)}).encode())
    draft.rename(pending / MARKER)
    _sync(pending)
    _sync(root)
    _roll_forward(root)


def _roll_forward(root: Path) -> None:
    pending = root / PENDING
    marker = pending / MARKER
    waiting = [path.relative_to(pending) for path in sorted(pending.glob("*/*"))]
    for name in waiting:
        _place(root, pending / name, root / name)
    for name in json.loads(marker.read_bytes())["remove"]:
        (root / name).unlink(missing_ok=True)
    for directory in sorted({(root / name).parent for name in waiting}):
        _sync(directory)
    if (pending / MANIFEST).exists():
        _place(root, pending / MANIFEST, root / MANIFEST)
    _sync(root)
    marker.unlink()
    shutil.rmtree(pending)


def _place(root: Path, source: Path, target: Path) -> None:
    if target.parent != root:
        if target.parent.is_symlink():
            raise FreezeRefusedError(f"{target.parent} is a symbolic link: remove it, then freeze")
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
