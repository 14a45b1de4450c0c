"""Files are written whole or not at all: beside their place first, then moved there."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from .errors import OutputExistsError

__all__ = ["refuse_existing", "replacing"]


@contextmanager
def replacing(path: str | os.PathLike[str], *, force: bool = False) -> Iterator[IO[bytes]]:
    """Open a file for writing that appears at its path, complete, when the block ends well.

    Whatever ends the block otherwise, an interrupt too, leaves the path as it was and nothing
    beside it.

    Parameters
    ----------
    path : path-like
        Where the file is to stand; its folder exists.
    force : bool, default False
        Whether a file that is there may be replaced.

    Yields
    ------
    binary file
        To write into.

    Raises
    ------
    OutputExistsError
        If the path is taken, and ``force`` is not set; also if it is taken meanwhile.
    OSError
        If the folder is not there or cannot be written, or the disk is full.
    """
    target = Path(path)
    refuse_existing(target, force=force)
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        with beside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if force:
            beside.replace(target)
        else:
            _link(beside, target)
    finally:
        beside.unlink(missing_ok=True)


def refuse_existing(path: Path, *, force: bool) -> None:
    """Raise unless a file may be written there."""
    if path.is_dir():
        raise OutputExistsError(f"{path} is a directory; give the name of a file")
    if not force and path.exists():
        raise OutputExistsError(f"{path} is there already; give another name, or force=True")


def _link(beside: Path, target: Path) -> None:
    """Put the file in its place unless another stands there: a rename would replace that."""
    try:
        target.hardlink_to(beside)
    except FileExistsError:
        refuse_existing(target, force=False)
        raise
    except OSError:  # a file system without hard links
        refuse_existing(target, force=False)
        beside.replace(target)
