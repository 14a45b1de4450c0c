"""Queries in blocks, as tasks take them: ids, coordinates, or all points of a tree or of shards."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import dask.array as da
import numpy as np

from ..errors import IndexRangeError, ParameterError, ShapeError
from . import tasks
from .arrays import as_rows, objects_of
from .handles import ShardedTree

ROWS = 8192
"""Queries of a block where all points are asked for."""


@dataclass(frozen=True)
class Blocks:
    """Queries as tasks take them: an argument for each block, and how many rows it has."""

    arguments: list[Any]
    sizes: list[int]
    sources: list[da.Array]
    ids: list[Any]  # of the queries where predecessors are wanted, else None

    @property
    def firsts(self) -> list[int]:
        """Queries before each block."""
        return [0, *np.cumsum(self.sizes[:-1]).tolist()]


def rows_of(n: int) -> Blocks:
    """All rows of a tree, by number."""
    ranges = [(a, min(a + ROWS, n)) for a in range(0, n, ROWS)]
    return Blocks(ranges, [b - a for a, b in ranges], [], [None] * len(ranges))


def as_range(value: range, n: int | None = None) -> range:
    """Ids that ascend by one, within ``range(n)`` if n is given."""
    if value.step != 1 or not value:
        raise ParameterError(f"queries is {value}; give a range of at least one id, of step 1")
    if n is not None and (value.start < 0 or value.stop > n):
        raise IndexRangeError(f"queries is {value}; ids must lie within 0 and {n - 1}")
    return value


def points_of(tree: ShardedTree, ids: range) -> Blocks:
    """Points of the shards that have these ids, a block never of two of them."""
    ranges = [
        (s, a, min(a + ROWS, int(last), ids.stop))
        for s, (first, last) in enumerate(pairwise(tree.starts))
        for a in range(max(int(first), ids.start), min(int(last), ids.stop), ROWS)
    ]
    layer = [
        (tasks.coordinates, (tree.trees.name, s), a - int(tree.starts[s]), b - int(tree.starts[s]))
        for s, a, b in ranges
    ]
    points = objects_of("points", layer, [tree.trees])
    return Blocks(
        [(points.name, i) for i in range(len(ranges))],
        [b - a for _, a, b in ranges],
        [points],
        [a for _, a, _ in ranges],
    )


def given(queries: da.Array, columns: int) -> Blocks:
    """Ids or coordinates as they were given."""
    keys: list[Any]
    if queries.dtype.kind in "iu":
        rows = _as_ids(queries)
        keys = [(rows.name, i) for i in range(rows.numblocks[0])]
    else:
        rows = as_rows(queries, "queries", columns=columns)
        keys = [(rows.name, i, 0) for i in range(rows.numblocks[0])]
    return Blocks(list(keys), list(rows.chunks[0]), [rows], [None] * len(keys))


def located(tree: ShardedTree, queries: da.Array) -> Blocks:
    """Ids, and their coordinates from the shards that have them."""
    rows = _as_ids(queries)
    sizes, shards = list(rows.chunks[0]), range(len(tree.starts) - 1)
    firsts = np.cumsum([0, *sizes[:-1]]).tolist()
    checks = [(tasks.checked_ids, (rows.name, i), at, len(tree)) for i, at in enumerate(firsts)]
    ids = objects_of("ids", checks, [rows])
    keys = [(ids.name, i) for i in range(len(sizes))]
    gathers = [(tasks.gathered, (tree.trees.name, s), key) for key in keys for s in shards]
    parts = objects_of("gathered", gathers, [tree.trees, ids])
    joins = [
        (tasks.joined, [(parts.name, i * len(shards) + s) for s in shards], key, tree.starts)
        for i, key in enumerate(keys)
    ]
    points = objects_of("points", joins, [parts, ids])
    return Blocks([(points.name, i) for i in range(len(sizes))], sizes, [points, ids], list(keys))


def _as_ids(queries: da.Array) -> da.Array:
    """Ids (q,) from a dask array (q,) or (q, 1); their values are checked in the tasks."""
    rows = queries[:, 0] if queries.ndim == 2 and queries.shape[1] == 1 else queries
    if rows.ndim != 1 or not rows.size:
        raise ShapeError(
            f"queries has shape {queries.shape} and is of an integer dtype; ids must have shape "
            "(q,) or (q, 1), q at least 1"
        )
    return rows
