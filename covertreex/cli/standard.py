"""The standard output, and what becomes of it: closed, full, or read no further."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import typer

from .exits import Exit
from .failures import WriteError

__all__ = ["refuse_closed_output", "standard_output"]


def refuse_closed_output() -> TextIO:
    """Return the standard output.

    Raises
    ------
    WriteError
        If the shell closed it (``>&-``), for which Python has None.
    """
    there: TextIO | None = sys.stdout
    if there is None:
        raise WriteError("the standard output is closed; send it somewhere, or give --output")
    return there


@contextmanager
def standard_output() -> Iterator[TextIO]:
    """Write to the standard output; end as any filter does when nobody reads on (``| head``).

    Raises
    ------
    WriteError
        If it is closed, or what is behind it takes no more, such as a full disk.
    """
    file = refuse_closed_output()
    try:
        yield file
        file.flush()
    except BrokenPipeError as error:
        _discard(file)
        raise typer.Exit(Exit.CANNOT_WRITE) from error
    except OSError as error:
        _discard(file)
        raise WriteError(
            f"the standard output cannot be written: {error.strerror or error}"
        ) from error


def _discard(file: TextIO) -> None:
    """Let nobody have what is left unflushed, which the end of the process would try again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), file.fileno())
