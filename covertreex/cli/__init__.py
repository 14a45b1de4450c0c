"""The command ``covertreex``: neighbours of the points in a file, and a look at this machine.

`main` is the entry point; it imports the commands themselves, and with them typer and rich, only
when it is called. `covertreex.cli.exits.Exit` lists the exit codes.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from .exits import Exit

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process.

    Returns
    -------
    int
        The exit code, one of `Exit`.
    """
    code: int = Exit.INTERRUPTED
    with _heeded() as stopped:
        with suppress(KeyboardInterrupt):  # while modules were imported, or an error was shown
            code = _run(arguments)
        if code == Exit.INTERRUPTED:
            code = stopped[0] if stopped else code
            _leave(code)
    return code


@contextmanager
def _heeded() -> Iterator[list[int]]:
    """Let the first SIGINT or SIGTERM unwind the program, which cleans up, and no second one."""
    stopped: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    heeded = [number for number, handler in before.items() if handler is not signal.SIG_IGN]

    def stop(number: int, _: object) -> None:
        for each in heeded:
            signal.signal(each, signal.SIG_IGN)
        stopped.append(128 + number)
        raise KeyboardInterrupt

    for number in heeded:
        signal.signal(number, stop)
    try:
        yield stopped
    finally:
        for number in () if stopped else heeded:  # the interpreter is still to end undisturbed
            signal.signal(number, before[number])


def _run(arguments: Sequence[str] | None) -> int:
    try:
        import rich  # noqa: F401
        import typer  # noqa: F401
    except ModuleNotFoundError as error:
        sys.stderr.write(
            f"covertreex: the command line needs {error.name}, which is not installed: "
            "pip install 'covertreex[cli]'\n"
        )
        return Exit.UNAVAILABLE
    from .app import run

    return run(arguments)


def _leave(code: int) -> None:
    """Say so, and end the process now if an engine still computes in a thread."""
    sys.stderr.write("covertreex: stopped; no file is half written\n")
    from .interrupts import abandoned

    if abandoned():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
