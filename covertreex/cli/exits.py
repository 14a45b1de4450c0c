"""The exit codes of ``covertreex``, and what each means."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Exit"]


class Exit(IntEnum):
    """An exit code; ``says`` is what the help tells of it."""

    says: str

    def __new__(cls, code: int, says: str) -> Exit:
        """Keep the sentence beside the number."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.says = says
        return member

    OK = 0, "done"
    DIFFERS = 1, "engines differ, a check failed, or a fault of covertreex (a traceback)"
    USAGE = 2, "the command line is wrong"
    BAD_INPUT = 3, "a file cannot be read, or does not fit the options"
    CANNOT_WRITE = 4, "the output exists, or cannot be written"
    UNAVAILABLE = 5, "a package, an engine or a checkout that is needed is not there"
    INTERRUPTED = 130, "stopped by Ctrl-C; nothing half written is left"
    TERMINATED = 143, "stopped by SIGTERM; the same"
