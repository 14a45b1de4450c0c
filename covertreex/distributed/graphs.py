"""Searches as graphs: each block of queries is asked of a tree, or of all shards, then merged."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import dask.array as da
import numpy as np

from ..errors import ConfigurationError, DtypeError
from ..metrics._arguments import as_integer, as_switch
from ..tree import CoverTree
from . import tasks
from .arrays import as_dask, objects_of, part_of
from .handles import ScatteredTree, ShardedTree
from .held import Held
from .queries import given, located, points_of, rows_of

WholeTree: TypeAlias = CoverTree | ScatteredTree | str | os.PathLike[str]

MERGED = 8
"""Answers that one task merges, so that it holds no more at a time."""


def knn(
    tree: WholeTree | ShardedTree,
    queries: da.Array | None = None,
    *,
    k: int,
    return_distances: bool = True,
    predecessor_mode: bool = False,
    threads: int = 1,
) -> da.Array | tuple[da.Array, da.Array]:
    """Find the k nearest points of each query, lazily; see `covertreex.dask.knn`."""
    both = as_switch(return_distances, "return_distances")
    predecessors = as_switch(predecessor_mode, "predecessor_mode")
    workers = as_integer(threads, "threads", 1, 1024)
    coordinates = queries is not None and as_dask(queries, "queries").dtype.kind == "f"
    if predecessors and coordinates:
        raise ConfigurationError(
            "predecessor_mode=True asks for the points before a query, but queries are "
            "coordinates, which have no place in the order of ids; give ids"
        )
    asked = queries, k, predecessors, workers
    answers, sizes, count = (
        _of_shards(tree, *asked) if isinstance(tree, ShardedTree) else _of_tree(tree, *asked)
    )
    indices = part_of(answers, 0, "indices", sizes, count, np.dtype(np.int64))
    distances = part_of(answers, 1, "distances", sizes, count, np.dtype(np.float64))
    return (indices, distances) if both else indices


def _of_tree(
    tree: WholeTree,
    queries: da.Array | None,
    k: int,
    predecessors: bool,
    threads: int,
) -> tuple[da.Array, list[int], int]:
    """Return answers of one tree, the rows of each, and k."""
    where, sources, n, columns = _whole(tree)
    count = as_integer(k, "k", 1, n)
    blocks = rows_of(n) if queries is None else given(queries, columns)
    search = partial(tasks.search_tree, k=count, predecessors=predecessors, threads=threads)
    layer = [
        (search, where, block, first)
        for block, first in zip(blocks.arguments, blocks.firsts, strict=True)
    ]
    answers = objects_of("answers", layer, [*sources, *blocks.sources])
    return answers, blocks.sizes, count


def _whole(tree: WholeTree) -> tuple[Any, list[da.Array], int, int]:
    """How a task names the tree, the collection that has it, and its points and coordinates."""
    if isinstance(tree, ScatteredTree):
        return tasks.Kept(tree.name), [], tree.size, tree.columns
    if isinstance(tree, CoverTree):
        one = objects_of("tree", [(tasks.same, Held(tree))], [])
        return (one.name, 0), [one], len(tree), tree.points.shape[1]
    if isinstance(tree, str | os.PathLike):
        path = Path(tree).absolute()
        read = CoverTree.load(path, verify=False)  # each worker verifies what it searches
        return str(path), [], len(read), read.points.shape[1]
    raise DtypeError(
        f"tree is of type {type(tree).__name__}; give a CoverTree, the path of its file, or what "
        "scatter or shard returned"
    )


def _of_shards(
    tree: ShardedTree, queries: da.Array | None, k: int, predecessors: bool, threads: int
) -> tuple[da.Array, list[int], int]:
    """Return merged answers of all shards, the rows of each, and k."""
    count = as_integer(k, "k", 1, len(tree))
    if queries is None:
        blocks = points_of(tree)
    elif queries.dtype.kind in "iu":
        blocks = located(tree, queries)
    else:
        blocks = given(queries, tree.columns)
    search = partial(tasks.search_shard, k=count, threads=threads)
    layer: list[tuple[Any, ...]] = []
    asked: list[range] = []
    for block, first, ids in zip(blocks.arguments, blocks.firsts, blocks.ids, strict=True):
        below = ids if predecessors else None
        shards = _that_can_answer(tree, below, blocks.sizes[len(asked)])
        asked.append(range(len(layer), len(layer) + shards))
        layer += [(search, (tree.trees.name, s), block, first, below) for s in range(shards)]
    parts = objects_of("parts", layer, [tree.trees, *blocks.sources])
    return _merged(parts, [list(of) for of in asked], count), blocks.sizes, count


def _that_can_answer(tree: ShardedTree, below: Any, size: int) -> int:
    """Return the number of shards, from the first, with ids below those of a block."""
    if not isinstance(below, int):
        return len(tree.starts) - 1
    return max(1, int(np.searchsorted(tree.starts[:-1], below + size - 1)))


def _merged(parts: da.Array, asked: list[list[int]], k: int) -> da.Array:
    """Merge the parts of each block, a few at a time, until there is one."""
    merge = partial(tasks.merge, k=k)
    done = False
    while not done:
        done = all(len(of) <= MERGED for of in asked)
        layer: list[tuple[Any, ...]] = []
        after = []
        for of in asked:
            groups = [of[i : i + MERGED] for i in range(0, len(of), MERGED)]
            after.append(list(range(len(layer), len(layer) + len(groups))))
            layer += [(merge, [(parts.name, i) for i in group]) for group in groups]
        parts, asked = objects_of("merged", layer, [parts]), after
    return parts
