"""Searches as graphs: each block of queries is asked of a tree, or of all shards, then merged."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import dask.array as da
import numpy as np

from ..errors import DtypeError
from ..metrics._arguments import as_integer, as_switch
from ..searches import no_predecessors_of_coordinates
from ..storage.container import seal_of
from ..storage.trees import KIND
from ..tree import CoverTree
from . import tasks
from .arrays import as_dask, objects_of, part_of
from .handles import ScatteredTree, ShardedTree
from .held import Held
from .queries import ROWS, as_range, given, located, points_of, rows_of

WholeTree: TypeAlias = CoverTree | ScatteredTree | str | os.PathLike[str]

MERGED = 8
"""Answers that one task merges, so that it holds no more at a time."""


def knn(
    tree: WholeTree | ShardedTree,
    queries: da.Array | range | None = None,
    *,
    k: int,
    return_distances: bool = True,
    predecessor_mode: bool = False,
    threads: int = 1,
) -> da.Array | tuple[da.Array, da.Array]:
    """Find the k nearest points of each query, lazily, with the bits of `CoverTree.knn`.

    Parameters
    ----------
    tree : CoverTree, ScatteredTree, ShardedTree or path-like
        Where the points are: see `covertreex.dask`.
    queries : dask.array.Array or range, optional
        Ids, of an integer dtype and shape (q,) or (q, 1), or a range of them; or coordinates, of a
        float dtype and shape (q, d); by default all points, in order of id. Of shards, a range asks
        for predecessors in those alone that can have some, an array in all.
    k, return_distances, predecessor_mode
        See `CoverTree.knn`.
    threads : int, default 1
        Threads of one task. A worker runs as many tasks at a time as it has threads, so one is
        right unless workers have fewer threads than cores.

    Returns
    -------
    indices : dask.array.Array of int64, shape (q, k)
        As those of `CoverTree.knn`; a chunk of rows for each of the queries.
    distances : dask.array.Array of float64, shape (q, k)
        Their distances; only with ``return_distances``. Compute both at once, or the searches are
        done twice.

    Raises
    ------
    ShapeError, DtypeError, ParameterError, IndexRangeError
        At once, if queries or k do not fit.
    ConfigurationError
        If coordinates are asked for their predecessors, or, when computed, if a scattered tree was
        released. Computed elsewhere than on its cluster, its answers fail as those of any persisted
        dask collection do.
    NonFiniteError, IndexRangeError
        When computed, if a block holds what is no number or no id; the message names its rows.
    FileAccessError, FileFormatError
        At once, or when computed, if a file is not there or damaged, or was replaced meanwhile.
    """
    both = as_switch(return_distances, "return_distances")
    predecessors = as_switch(predecessor_mode, "predecessor_mode")
    workers = as_integer(threads, "threads", 1, 1024)
    by_id = queries is None or isinstance(queries, range)
    coordinates = not by_id and as_dask(queries, "queries").dtype.kind not in "iu"
    if predecessors and coordinates:
        raise no_predecessors_of_coordinates()
    asked = queries, k, predecessors, workers
    answers, sizes, count = (
        _of_shards(tree, *asked) if isinstance(tree, ShardedTree) else _of_tree(tree, *asked)
    )
    indices = part_of(answers, 0, "indices", sizes, count, np.dtype(np.int64))
    distances = part_of(answers, 1, "distances", sizes, count, np.dtype(np.float64))
    return (indices, distances) if both else indices


def _of_tree(
    tree: WholeTree,
    queries: da.Array | range | None,
    k: int,
    predecessors: bool,
    threads: int,
) -> tuple[da.Array, list[int], int]:
    """Return answers of one tree, the rows of each, and k."""
    where, sources, n, columns = _whole(tree)
    count = as_integer(k, "k", 1, n)
    if queries is None:
        blocks = rows_of(n)
    elif isinstance(queries, range):  # where ids end, the tree knows
        ids = as_range(queries)
        blocks = given(da.arange(ids.start, ids.stop, chunks=ROWS), columns)
    else:
        blocks = given(queries, columns)
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
        return (tree.lease.name, 0), [tree.lease], tree.size, tree.columns
    if isinstance(tree, CoverTree):
        one = objects_of("tree", [(tasks.same, Held(tree))], [])
        return (one.name, 0), [one], len(tree), tree.points.shape[1]
    if isinstance(tree, str | os.PathLike):
        path = Path(tree).absolute()
        file = tasks.File(str(path), seal_of(path, KIND))  # first: what is read next may be newer
        read = CoverTree.load(path, verify=False)  # each worker verifies what it searches
        return file, [], len(read), read.points.shape[1]
    raise DtypeError(
        f"tree is of type {type(tree).__name__}; give a CoverTree, the path of its file, or what "
        "scatter or shard returned"
    )


def _of_shards(
    tree: ShardedTree, queries: da.Array | range | None, k: int, predecessors: bool, threads: int
) -> tuple[da.Array, list[int], int]:
    """Return merged answers of all shards, the rows of each, and k."""
    count = as_integer(k, "k", 1, len(tree))
    if queries is None:
        blocks = points_of(tree, range(len(tree)))
    elif isinstance(queries, range):
        blocks = points_of(tree, as_range(queries, len(tree)))
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
