"""Files are written whole or not at all: beside their place first, then moved there.

What the system refuses is said in one line with the path that was given.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from .errors import CovertreexError, FileAccessError, FileFormatError, OutputExistsError

__all__ = ["opened", "refuse_existing", "replacing"]


@contextmanager
def replacing(path: str | os.PathLike[str], *, force: bool = False) -> Iterator[IO[bytes]]:
    """Open a file for writing that appears at its path, complete, when the block ends well.

    Whatever ends the block otherwise, an interrupt too, leaves the path as it was and nothing
    beside it. A file that is replaced leaves its permissions to the new one; a symbolic link stays,
    and what it points to is replaced.

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
        If the path is taken, and ``force`` is not set; also if it is taken meanwhile, or by what is
        no regular file.
    FileAccessError
        If the folder is not there or cannot be written, or the disk is full; any other `OSError` of
        the block is taken for one of these.
    """
    refuse_existing(Path(path), force=force)
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        with beside.open("xb") as file:
            _keep_mode(file, _status(target))
            yield file
            file.flush()
            os.fsync(file.fileno())
        if force:
            beside.replace(target)
        else:
            _link(beside, target)
    except OSError as error:
        if isinstance(error, CovertreexError):
            raise
        raise _refused(error, Path(path), "written") from error
    finally:
        with suppress(OSError):  # what hinders this has been raised above, or is gone
            beside.unlink(missing_ok=True)


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading.

    Raises
    ------
    FileFormatError
        If the path is a directory.
    FileAccessError
        If the file is not there or may not be read.
    """
    if path.is_dir():
        raise FileFormatError(f"{path} is a directory; give the name of a file")
    try:
        file = path.open("rb")
    except OSError as error:
        raise _refused(error, path, "read") from error
    with file:
        yield file


def refuse_existing(path: Path, *, force: bool) -> None:
    """Raise unless a file may be written there."""
    there = _status(path)
    if there is not None and not stat.S_ISREG(there.st_mode):
        what = "a directory" if stat.S_ISDIR(there.st_mode) else "no regular file"
        raise OutputExistsError(f"{path} is {what}; give the name of a file")
    if not force and os.path.lexists(path):  # a link that points to nothing is there too
        raise OutputExistsError(f"{path} is there already; give another name, or force=True")


def _status(path: Path) -> os.stat_result | None:
    """Return the status of what a path leads to, or None if there is nothing yet."""
    try:
        return os.lstat(os.path.realpath(path))  # a link that is left is one of a circle
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _refused(error, path, "written") from error


def _keep_mode(file: IO[bytes], old: os.stat_result | None) -> None:
    """Give a new file the permissions of the one it will replace, before anything is in it."""
    if old is not None:
        os.fchmod(file.fileno(), old.st_mode & 0o777)


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


def _refused(error: OSError, path: Path, done: str) -> FileAccessError:
    """Say what the system refused; the original follows as the cause."""
    advice = {
        FileNotFoundError: "the folder is not there" if done == "written" else "there is none",
        PermissionError: "its permissions forbid it",
    }.get(type(error), error.strerror or str(error))
    return FileAccessError(f"{path} cannot be {done}: {advice}; give another path, or mend that")
