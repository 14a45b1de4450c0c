"""The searches of the reference engine: plain scans, blocked, over threads; what people read.

Shapes as in ``_residual_numba.py``. A query with a limit sees the ids below it; distances are
final ones, and ties go to the lower id.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from . import _numba_loops as loops
from ._arguments import F64, I64, Block
from ._numba_threads import over_rows
from ._stage_arguments import (
    check_euclidean_knn,
    check_euclidean_radius,
    check_knn,
    check_radius,
    checked,
)

SEARCH_ROWS = 256
"""Queries of one task."""
CHUNK = 1024
"""Points that a Euclidean scan takes at a time."""

Hits: TypeAlias = tuple[I64, I64, F64, int]
"""Queries, ids and distances of what was found, and how many of each are in use."""


@checked(check_knn)
def knn(
    u_q: F64,
    v_q: Block,
    p_q: Block,
    u: F64,
    v: Block,
    p: Block,
    kernel: str,
    variance: float,
    eps: float,
    k: int,
    chunk_size: int,
    limits: I64 | None = None,
    *,
    threads: int | None = None,
) -> tuple[I64, F64]:
    """Find the k nearest of n points for each query, by (distance, id), with a full scan.

    Query i sees the ids below ``limits[i]``; where those are fewer than k, id -1 at infinity fills
    the row. Memory is bounded by tiles of ``chunk_size`` columns. Returns ids (q, k) and distances
    (q, k).
    """
    indices = np.empty((len(u_q), k), np.int64)
    distances = np.empty((len(u_q), k))
    columns, kind, below = np.ascontiguousarray(u.T), loops.KINDS[kernel], _limits(limits, u_q, u)
    wide_q, wide = p_q.astype(np.float64), p.astype(np.float64)

    def task(start: int, stop: int) -> None:
        loops.knn_rows(
            u_q, v_q, wide_q, columns, v, wide, kind, variance, eps, below, chunk_size, start, stop,
            indices, distances,
        )  # fmt: skip

    over_rows(task, len(u_q), SEARCH_ROWS, threads)
    return indices, distances


@checked(check_radius)
def radius(
    u_q: F64,
    v_q: Block,
    p_q: Block,
    u: F64,
    v: Block,
    p: Block,
    kernel: str,
    variance: float,
    eps: float,
    radii: F64,
    chunk_size: int,
    limits: I64 | None = None,
    *,
    threads: int | None = None,
) -> tuple[I64, I64, F64]:
    """Find all points within each query's radius, by (distance, id), with a full scan.

    Query i sees the ids below ``limits[i]``. Returns offsets (q + 1,), ids and distances: those of
    query i stand at ``offsets[i]`` up to ``offsets[i + 1]``.
    """
    columns, kind, below = np.ascontiguousarray(u.T), loops.KINDS[kernel], _limits(limits, u_q, u)
    wide_q, wide = p_q.astype(np.float64), p.astype(np.float64)

    def hits(start: int, stop: int) -> Hits:
        return loops.radius_rows(  # type: ignore[no-any-return]
            u_q, v_q, wide_q, columns, v, wide, kind, variance, eps, radii, below, chunk_size,
            start, stop,
        )  # fmt: skip

    return _gathered(hits, len(u_q), threads)


@checked(check_euclidean_knn)
def euclidean_knn(
    u_q: F64, u: F64, k: int, limits: I64 | None = None, *, threads: int | None = None
) -> tuple[I64, F64]:
    """`knn` by the Euclidean distance of coordinates, the root of the squared distance."""
    indices = np.empty((len(u_q), k), np.int64)
    distances = np.empty((len(u_q), k))
    columns, below = np.ascontiguousarray(u.T), _limits(limits, u_q, u)

    def task(start: int, stop: int) -> None:
        loops.euclidean_knn_rows(u_q, columns, below, CHUNK, start, stop, indices, distances)

    over_rows(task, len(u_q), SEARCH_ROWS, threads)
    return indices, distances


@checked(check_euclidean_radius)
def euclidean_radius(
    u_q: F64, u: F64, radii: F64, limits: I64 | None = None, *, threads: int | None = None
) -> tuple[I64, I64, F64]:
    """`radius` by the Euclidean distance of coordinates."""
    columns, below = np.ascontiguousarray(u.T), _limits(limits, u_q, u)

    def hits(start: int, stop: int) -> Hits:
        return loops.euclidean_radius_rows(  # type: ignore[no-any-return]
            u_q, columns, radii, below, CHUNK, start, stop
        )

    return _gathered(hits, len(u_q), threads)


def _limits(limits: I64 | None, u_q: F64, u: F64) -> I64:
    return np.full(len(u_q), len(u)) if limits is None else limits


def _gathered(
    hits: Callable[[int, int], Hits], rows: int, threads: int | None
) -> tuple[I64, I64, F64]:
    """Sort the hits of each query by (distance, id) and put the tiles of queries together."""
    tiles: dict[int, tuple[I64, I64, F64]] = {}

    def task(start: int, stop: int) -> None:
        queries, indices, distances, used = hits(start, stop)
        order = np.lexsort((indices[:used], distances[:used], queries[:used]))
        tiles[start] = queries[order], indices[order], distances[order]

    over_rows(task, rows, SEARCH_ROWS, threads)
    done = [tiles[start] for start in sorted(tiles)]
    if not done:
        return np.zeros(1, np.int64), np.empty(0, np.int64), np.empty(0)
    queries, indices, distances = (np.concatenate(part) for part in zip(*done, strict=True))
    return np.searchsorted(queries, np.arange(rows + 1)), indices, distances
