"""The reference engine's trees: what a compressed cover tree is, as plainly as it can be said.

Nets are nested, from one root down. The net of level i is a set of points, its centres, pairwise
more than ``2 ** i`` apart, such that every point lies within ``2 ** i`` of one. The twin,
``src/tree.rs``, states the definition in full; both engines give the same arrays. The loops are in
``_tree_loops.py``.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..metrics._arguments import F64, I64, Block
from ..metrics._numba_threads import check_environment, over_rows
from ..metrics._residual_numba import knn, splitmix64
from ..metrics._stage_arguments import checked
from . import _tree_loops as loops
from ._tree_arguments import (
    NEVER,
    TreeArrays,
    check_euclidean_tree,
    check_hilbert_order,
    check_residual_tree,
)

__all__ = ["euclidean_tree", "hilbert_order", "residual_tree"]

_BATCH = 256
_LEAF = 16
_TASKS = 8


class _Space(Protocol):
    """Points under a metric, with each one's nearest centre so far, the least (distance, id)."""

    distance: F64
    centre: I64

    def relax(self, centres: I64) -> None:
        """Offer centres, ids ascending, to all points."""

    def block(self, ids: I64) -> F64:
        """Distances (b, b) among some points."""

    def radii(self, order: I64, first: I64, last: I64) -> F64:
        """Return the largest distance from each node to its descendants."""


@checked(check_hilbert_order)
def hilbert_order(u: F64, *, threads: int | None = None) -> I64:
    """Ids of points (n, d) along a Hilbert curve: cells of one width, 64 bits in all."""
    d = min(u.shape[1], 64)
    bits = min(31, 64 // d)
    low, high = u[:, :d].min(axis=0), u[:, :d].max(axis=0)
    extent = float((0.5 * high - 0.5 * low).max())
    places = np.empty(len(u), np.uint64)

    def task(start: int, stop: int) -> None:
        loops.hilbert_keys(u, low, extent, bits, start, stop, places)

    over_rows(task, len(u), 4096, threads)
    return np.argsort(places, kind="stable")


@checked(check_euclidean_tree)
def euclidean_tree(
    u: F64, batch_order: str, mis_seed: int, max_centres: int, *, threads: int | None = None
) -> TreeArrays:
    """Tree of scaled coordinates (n, d) under the Euclidean metric."""
    rank = _rank(u, batch_order, threads)
    return _tree(_Boxes(u, threads), rank, mis_seed, max_centres)


@checked(check_residual_tree)
def residual_tree(
    u: F64,
    v: Block,
    p: Block,
    kernel: str,
    variance: float,
    eps: float,
    batch_order: str,
    mis_seed: int,
    max_centres: int,
    *,
    threads: int | None = None,
) -> TreeArrays:
    """Tree of points under the residual-correlation metric: points times centres distances."""
    rank = _rank(u, batch_order, threads)
    return _tree(_Correlated(u, v, p, kernel, variance, eps, threads), rank, mis_seed, max_centres)


class _Boxes:
    """Points under the Euclidean metric, in a binary tree of boxes."""

    def __init__(self, u: F64, threads: int | None) -> None:
        check_environment()
        self.u, self.threads = u, threads
        self.distance, self.centre = _no_centre(len(u))
        self.height = (-(-len(u) // _LEAF) - 1).bit_length()
        self.ids: I64 = loops.box_order(u, self.height)
        self.low, self.high = loops.box_corners(u, self.ids, self.height)
        self.farthest = np.full(len(self.low), np.inf)

    def relax(self, centres: I64) -> None:
        tops = min(_TASKS, 1 << self.height)

        def task(start: int, _: int) -> None:
            loops.relax(
                self.u, self.ids, self.low, self.high, self.farthest, centres, tops - 1 + start,
                self.distance, self.centre,
            )  # fmt: skip

        over_rows(task, tops, 1, self.threads)
        loops.raise_farthest(self.farthest)

    def block(self, ids: I64) -> F64:
        out = np.empty((ids.size, ids.size))
        loops.distance_block(self.u, ids, out)
        return out

    def radii(self, order: I64, first: I64, last: I64) -> F64:
        radius = np.zeros(order.size)

        def task(start: int, stop: int) -> None:
            loops.farthest_below(self.u, order, first, last, start, stop, radius)

        over_rows(task, order.size, 1024, self.threads)
        return radius


class _Correlated:
    """Points under the residual-correlation metric: each centre is offered to each point.

    Rounding leaves this distance no law that a bound could stand on, so nothing is skipped.
    """

    def __init__(
        self,
        u: F64,
        v: Block,
        p: Block,
        kernel: str,
        variance: float,
        eps: float,
        threads: int | None,
    ) -> None:
        self.u, self.v, self.p = u, v, p
        self.kernel, self.variance, self.eps, self.threads = kernel, variance, eps, threads
        self.distance, self.centre = _no_centre(len(u))

    def relax(self, centres: I64) -> None:
        rows, found = self._nearest(slice(None), centres, 1)
        distance, centre = found[:, 0], centres[rows[:, 0]]
        nearer = distance < self.distance
        nearer |= (distance == self.distance) & (centre < self.centre)
        self.distance[nearer], self.centre[nearer] = distance[nearer], centre[nearer]

    def block(self, ids: I64) -> F64:
        indices, found = self._nearest(ids, ids, ids.size)
        distances = np.empty_like(found)
        np.put_along_axis(distances, indices, found, axis=1)
        return distances

    def radii(self, order: I64, first: I64, last: I64) -> F64:
        radius = np.zeros(order.size)
        for node in np.flatnonzero(last - first > 1):
            below = order[first[node] + 1 : last[node]]
            _, found = self._nearest(below, np.array([node]), 1)
            radius[node] = found.max()
        return radius

    def _nearest(self, rows: I64 | slice, columns: I64, k: int) -> tuple[I64, F64]:
        return knn(
            self.u[rows], self.v[rows], self.p[rows],
            self.u[columns], self.v[columns], self.p[columns],
            self.kernel, self.variance, self.eps, k, _BATCH, threads=self.threads,
        )  # fmt: skip


def _no_centre(n: int) -> tuple[F64, I64]:
    return np.full(n, np.inf), np.full(n, n)


def _rank(u: F64, batch_order: str, threads: int | None) -> I64:
    """Where each id stands among its siblings."""
    rank = np.zeros(len(u), np.int64)  # natural: all alike, so by id
    if batch_order == "hilbert":
        rank[hilbert_order(u, threads=threads)] = np.arange(len(u))
    return rank


def _tree(space: _Space, rank: I64, mis_seed: int, max_centres: int) -> TreeArrays:
    parent, level, floor = grow(space, len(rank), mis_seed, max_centres)
    order, first, last = assemble(parent, level, rank)
    return order, parent, level, first, last, space.radii(order, first, last), floor


def grow(
    space: _Space, n: int, mis_seed: int, max_centres: int
) -> tuple[I64, npt.NDArray[np.int32], int]:
    """Nets from the root down: parents and levels by id, and the floor."""
    parent, level = np.full(n, -1), np.full(n, NEVER, np.int32)
    waiting = np.argsort(splitmix64(mis_seed, n), kind="stable")  # by priority
    root = waiting[0]
    space.distance[root], space.centre[root] = 0.0, root  # whatever a float32 self-distance is
    space.relax(waiting[:1])
    floor, centres = NEVER, 1
    level[root] = 0
    while True:
        above = space.centre.copy()
        waiting = waiting[space.distance[waiting] > 0.0]
        if waiting.size == 0:
            break
        following = _level_below(float(space.distance[waiting].max()))
        if centres == 1:
            level[root] = following + 1
        joined = _net(space, waiting, math.ldexp(1.0, following), max_centres - centres)
        if joined is None:
            floor = following + 1
            break
        centres += joined.size
        parent[joined], level[joined] = above[joined], following
    never = level == NEVER
    parent[never] = above[never]
    return parent, level, floor


def _net(space: _Space, waiting: I64, reach: float, most: int) -> I64 | None:
    """Ids that join a net: by priority, each beyond reach of all centres; None if over ``most``."""
    joined: list[I64] = []
    room, batch, at = most, np.empty(_BATCH, np.int64), 0
    while True:
        size, at = loops.next_batch(waiting, at, space.distance, reach, batch)
        if size == 0:
            return np.concatenate(joined)
        joining = batch[:size][loops.apart(space.block(batch[:size]), reach)]
        room -= joining.size
        if room < 0:
            return None
        space.distance[joining], space.centre[joining] = 0.0, joining
        space.relax(np.sort(joining))
        joined.append(joining)


def _level_below(distance: float) -> int:
    """Return the largest i with ``2 ** i < distance``, which is above 0."""
    if distance == math.inf:
        return 1023
    part, exponent = math.frexp(distance)
    return exponent - 2 if part == 0.5 else exponent - 1


def assemble(parent: I64, level: npt.NDArray[np.int32], rank: I64) -> tuple[I64, I64, I64]:
    """Lay the nodes out depth first, siblings by (level, rank, id)."""
    ascending = np.lexsort((rank, level))
    order, first, last = (np.zeros(parent.size, np.int64) for _ in range(3))
    loops.depth_first(ascending, parent, order, first, last)
    return order, first, last
