"""How the reference engine deals rows to threads, each with a checked floating-point unit.

Plain threads over tiles of rows, with the GIL released: there is no threading layer and no
reduction, and no thread count changes a bit.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ..errors import FloatEnvironmentError
from . import _numba_loops as loops


def check_environment() -> None:
    """Raise `FloatEnvironmentError` unless this thread computes as the contract needs."""
    found = loops.environment(2.0**-1022, 5e-324, 2.0**-52)
    if found:
        names = [name for bit, name in enumerate(loops.ENVIRONMENT) if found >> bit & 1]
        raise FloatEnvironmentError(
            f"this thread's floating-point unit is set to {' and '.join(names)}; wanted IEEE "
            "arithmetic, round to nearest with subnormals kept: a library built with -ffast-math "
            "may have set it; restore the mode, or load that library in another process"
        )


def _cores() -> int:
    """Cores this process may use: fewer than the machine has, in a container or under taskset."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def over_rows(task: Callable[[int, int], None], rows: int, tile: int, threads: int | None) -> None:
    """Run ``task(start, stop)`` over tiles of rows; which thread takes which changes no bit."""
    workers = min(threads or _cores(), max(1, -(-rows // tile)))

    def run(start: int) -> None:
        check_environment()
        task(start, min(start + tile, rows))

    starts = range(0, rows, tile)
    check_environment()
    if workers == 1:
        for start in starts:
            run(start)
        return
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(run, starts):
            pass
