"""Ctrl-C while an engine computes: its calls release the GIL, but look for no signal.

So they run in a thread of their own, and the main thread, which Python gives signals to, waits. A
call that is left behind cannot be ended; the process ends instead, by `covertreex.cli.main`. Files
are written by the main thread alone, so what ends it cleans up after it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

__all__ = ["abandoned", "interruptible"]

T = TypeVar("T")

_LOOK = 0.1
"""Seconds between two looks for a signal, for platforms where waiting hides it."""

_waited_for: set[Future[Any]] = set()


def interruptible(task: Callable[[], T]) -> T:
    """Run a task such that Ctrl-C is heard while it runs; whatever it raises is raised here.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C, at once; the task goes on until the process ends.
    """
    engine = ThreadPoolExecutor(1, thread_name_prefix="covertreex-engine")
    future = engine.submit(task)
    _waited_for.add(future)
    while wait([future], _LOOK).not_done:
        pass
    _waited_for.discard(future)
    engine.shutdown()
    return future.result()


def abandoned() -> bool:
    """Whether a task goes on that nobody waits for."""
    return any(not future.done() for future in _waited_for)
