"""What an exception means to somebody at a shell: an exit code, and one line.

Errors that a user can cause become a line; a fault of the program keeps its traceback.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from ..errors import (
    CovertreexError,
    EngineUnavailableError,
    FileAccessError,
    FloatEnvironmentError,
    MissingDependencyError,
    OutputExistsError,
)
from .exits import Exit

__all__ = ["WriteError", "exit_code_of", "line_of", "usage", "writing_to"]


class WriteError(FileAccessError):
    """An output file cannot be written: what tells it from an input that cannot be read."""


_CODES: tuple[tuple[type[Exception], Exit], ...] = (
    (OutputExistsError, Exit.CANNOT_WRITE),
    (WriteError, Exit.CANNOT_WRITE),
    (MissingDependencyError, Exit.UNAVAILABLE),
    (EngineUnavailableError, Exit.UNAVAILABLE),
    (FloatEnvironmentError, Exit.UNAVAILABLE),
    (CovertreexError, Exit.BAD_INPUT),
    (OSError, Exit.BAD_INPUT),
    (MemoryError, Exit.BAD_INPUT),
)


def exit_code_of(error: Exception) -> Exit:
    """Return the exit code of an error that a user can cause."""
    return next(code for kind, code in _CODES if isinstance(error, kind))


def line_of(error: Exception) -> str:
    """Say in one line what is wrong."""
    if isinstance(error, MemoryError):
        return f"there is not enough memory: {_flat(error) or 'an allocation failed'}"
    if isinstance(error, OSError) and not isinstance(error, CovertreexError):
        what = (error.strerror or str(error)).lower()
        return f"{os.fsdecode(error.filename)}: {what}" if error.filename else what
    return _flat(error)


@contextmanager
def usage(option: str) -> Iterator[None]:
    """Blame an option of the command line for whatever the library refuses within."""
    try:
        yield
    except CovertreexError as error:
        raise typer.BadParameter(_flat(error), param_hint=option) from error


@contextmanager
def writing_to() -> Iterator[None]:
    """Blame the output file for what the system refuses within, and name the option that helps."""
    try:
        yield
    except OutputExistsError as error:
        raise OutputExistsError(_flat(error).replace("force=True", "--force")) from error
    except FileAccessError as error:
        raise WriteError(_flat(error)) from error


def _flat(error: BaseException) -> str:
    return " ".join(str(error).split())
