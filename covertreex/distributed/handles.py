"""Where trees are: one that every worker has (`ScatteredTree`), or one in parts (`ShardedTree`)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from secrets import token_hex
from typing import Any, Self

import dask.array as da
import distributed
import numpy as np
import numpy.typing as npt
from dask.sizeof import sizeof

from .._options import expect_usual, runtime_of
from ..errors import ConfigurationError, DtypeError
from ..kernels import Kernel
from ..metrics._arguments import I64, as_block_dtype, as_integer, as_threads
from ..metrics._engines import engine_named
from ..runtime import Runtime
from ..tree import CoverTree
from . import tasks
from .arrays import as_rows, objects_of
from .held import Held, Keeper, Lease

MESSAGE = 2**32
"""Bytes that Dask does not send at once: the lengths in its messages have 32 bits."""


@dataclass(frozen=True, eq=False)
class ScatteredTree:
    """A tree that the workers of a cluster hold; what `scatter` returns.

    Attributes
    ----------
    name : str
        Of the tree on the workers.
    client : distributed.Client
        Whose cluster has it.
    lease : dask.array.Array
        One block, which names the tree: searches depend on it, and the workers keep the tree as
        long as anybody holds it.
    size, columns : int
        Number of points and of coordinates.
    """

    name: str
    client: distributed.Client
    lease: da.Array
    size: int
    columns: int

    def __len__(self) -> int:
        return self.size

    def __repr__(self) -> str:
        return f"ScatteredTree(n={self.size}, d={self.columns})"

    def release(self) -> None:
        """Free the workers' memory; what has not been computed by then cannot be."""
        self.client.unregister_worker_plugin(self.name)


@dataclass(frozen=True, eq=False)
class ShardedTree:
    """Points in shards, each a tree of its own on one worker; what `shard` returns.

    Attributes
    ----------
    trees : dask.array.Array, shape (shards,)
        A block for each shard, in order of id; the blocks are of this package's own.
    starts : ndarray of int64, shape (shards + 1,)
        Shard i has the ids ``starts[i]`` up to ``starts[i + 1]``.
    columns : int
        Number of coordinates.
    threads : int
        Threads of one task.
    """

    trees: da.Array
    starts: I64
    columns: int
    threads: int

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __repr__(self) -> str:
        return f"ShardedTree(n={len(self)}, d={self.columns}, shards={len(self.starts) - 1})"

    def persist(self) -> Self:
        """Build the shards and keep them where they are, for more than one computation.

        With a cluster this returns at once. A shard of a worker that dies is built again from its
        points, so long as Dask can make those again: points that were scattered it cannot.

        Returns
        -------
        ShardedTree
        """
        return replace(self, trees=self.trees.persist())


def scatter(tree: CoverTree, client: distributed.Client | None = None) -> ScatteredTree:
    """Send a tree to every worker of a cluster, once.

    Each worker builds the index of the tree when it is first asked, and keeps it. A worker that
    starts later, in the place of one that died too, gets the tree from the scheduler, which keeps a
    copy as well. They keep it until `ScatteredTree.release`, or until neither what is returned here
    nor any answer asked of it is left.

    Parameters
    ----------
    tree : CoverTree
        What `covertreex.cover_tree` or `covertreex.load` returned.
    client : distributed.Client, optional
        By default the client that is the current one.

    Returns
    -------
    ScatteredTree
        To give to `knn`.

    Raises
    ------
    DtypeError
        If it is no tree.
    ConfigurationError
        If there is no client, its cluster has no worker, or the tree holds 4 GiB: of a tree that
        large give `knn` the path of its file, or use `shard`.
    """
    if not isinstance(tree, CoverTree):
        raise DtypeError(f"tree is of type {type(tree).__name__}; give what cover_tree returned")
    to = _current_client() if client is None else client
    if not to.nthreads():
        raise ConfigurationError(
            "the cluster has no worker to scatter to; wait for one with client.wait_for_workers(1)"
        )
    held = Held(tree)
    if sizeof(held) >= MESSAGE:
        raise ConfigurationError(
            f"the tree holds {sizeof(held) / 2**30:.1f} GiB, and Dask sends less than "
            f"{MESSAGE / 2**30:g} GiB at once; save it and give knn the path, or use shard"
        )
    name = f"covertreex-tree-{token_hex(8)}"
    lease = objects_of("lease", [(tasks.same, tasks.Kept(name))], [])
    to.register_plugin(Keeper(name, held), name=name)
    to.register_plugin(Lease(name, (lease.name, 0)), name=name)
    return ScatteredTree(name, to, to.persist(lease), len(tree), tree.points.shape[1])


def shard(
    points: da.Array,
    kernel: Kernel | None = None,
    *,
    engine: str | None = None,
    inducing_count: int = 512,
    seed: int = 0,
    block_dtype: npt.DTypeLike = "float64",
    runtime: Runtime | None = None,
    threads: int = 1,
) -> ShardedTree:
    """Make points that no one worker can hold ready for searches: a tree for each of their chunks.

    Nobody holds all of V: each worker computes the rows of its points, from the inducing points and
    their factor, which are those of `covertreex.cover_tree` with the same seed. Nothing is computed
    yet; `ShardedTree.persist` builds the shards once for many searches.

    Parameters
    ----------
    points : dask.array.Array of real numbers, shape (n, d)
        Coordinates; a shard is a chunk of rows. The id of a point is its row.
    kernel, engine, inducing_count, seed, block_dtype, runtime
        See `covertreex.cover_tree`.
    threads : int, default 1
        Threads of one task. A worker runs as many tasks at a time as it has threads, so one is
        right unless a worker has fewer threads than cores.

    Returns
    -------
    ShardedTree
        To give to `knn`.

    Raises
    ------
    ShapeError, DtypeError, ParameterError
        If an argument does not fit; a number that is not finite is found when its shard is built.
    ConfigurationError
        If options contradict each other.

    Warns
    -----
    ResidualPrecisionWarning
        Where a shard is built, so in the log of its worker, if float32 blocks cannot resolve it.
    """
    rows = as_rows(points, "points")
    workers = as_integer(threads, "threads", 1)
    how = runtime_of(runtime, kernel, engine, as_threads(workers))
    of_metric: dict[str, Any] = {
        "inducing_count": inducing_count,
        "seed": seed,
        "block_dtype": block_dtype,
    }
    starts = np.concatenate([[0], np.cumsum(rows.chunks[0], dtype=np.int64)])
    n = int(starts[-1])
    if kernel is None:
        expect_usual(of_metric, shard)
        factor = None
    else:
        factor = _factor(rows, kernel, how, **of_metric)
    metric = None if factor is None else (factor.name, 0)
    layer = [
        (tasks.shard, metric, (rows.name, i, 0), int(first), n, how)
        for i, first in enumerate(starts[:-1])
    ]
    sources = [rows] if factor is None else [rows, factor]
    return ShardedTree(objects_of("shard", layer, sources), starts, rows.shape[1], workers)


def _factor(
    points: da.Array,
    kernel: Kernel,
    how: Runtime,
    *,
    inducing_count: int,
    seed: int,
    block_dtype: npt.DTypeLike,
) -> da.Array:
    """Return a collection of one object: the metric of the inducing points of all points."""
    n = points.shape[0]
    count = as_integer(inducing_count, "inducing_count", 1)
    draw = as_integer(seed, "seed", 0, 2**64 - 1)
    chosen = engine_named(how.resolved_engine).inducing_rows(draw, n, min(count, n))
    inducing = points[chosen].rechunk(-1)
    dtype = as_block_dtype(block_dtype)
    kernel.scale(np.zeros((1, points.shape[1])))  # as many lengthscales as coordinates
    task = (tasks.factor, (inducing.name, 0, 0), chosen, kernel, dtype, how)
    return objects_of("factor", [task], [inducing])


def _current_client() -> distributed.Client:
    try:
        return distributed.get_client()
    except ValueError as error:
        raise ConfigurationError(
            "no Dask client is running; start one, such as distributed.Client(), or give knn the "
            "tree itself, which the threads of this process then search"
        ) from error
