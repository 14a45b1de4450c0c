"""Searches in parts, so that progress is seen; the answer does not depend on the parts."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..metrics._arguments import F64, I64
from .interrupts import interruptible

if TYPE_CHECKING:
    from ..tree import CoverTree

__all__ = ["search"]

_FIRST = 64
_SECONDS = 0.5
_GROWTH = 4
"""Queries of the first part, the time a part should take, and its greatest growth."""


def search(
    tree: CoverTree,
    queries: I64 | F64,
    *,
    k: int,
    predecessors: bool,
    advance: Callable[[int], None],
) -> tuple[I64, F64]:
    """Find the k nearest points of each query; Ctrl-C is heard meanwhile.

    Parameters
    ----------
    tree : CoverTree
        What is searched.
    queries : ndarray
        Ids (q,) of int64, or coordinates (q, d) of float64.
    k : int
        Number of neighbours.
    predecessors : bool
        Whether to look among lower ids alone.
    advance : callable
        Told how many queries more are done.

    Returns
    -------
    indices : ndarray of int64, shape (q, k)
        See `CoverTree.knn`.
    distances : ndarray of float64, shape (q, k)
        See `CoverTree.knn`.
    """
    count = len(queries)
    indices, distances = np.empty((count, k), np.int64), np.empty((count, k))
    first, size = 0, _FIRST
    while first < count:
        part = slice(first, min(first + size, count))
        start = time.perf_counter()
        indices[part], distances[part] = interruptible(
            partial(tree.knn, queries[part], k=k, predecessor_mode=predecessors)
        )
        size = _next_size(size, time.perf_counter() - start)
        advance(part.stop - first)
        first = part.stop
    return indices, distances


def _next_size(size: int, seconds: float) -> int:
    fitting = size * _SECONDS / max(seconds, 1e-9)
    return max(1, int(min(size * _GROWTH, fitting)))
