"""What a worker is asked to do: make a shard, search a tree, merge answers. No graphs here.

q queries, n points in all shards together, d coordinates, m inducing points. A shard is a
`CoverTree` of some of the points that keeps their ids: ids ascend from shard to shard. An answer is
ids (q, k) and distances (q, k), nearest first. Its bits do not depend on which points are searched
together, nor does a row of V, so the nearest of all shards are the nearest of their nearest.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from os import fstat
from pathlib import Path
from threading import Lock
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from .. import _files
from ..errors import ResidualPrecisionWarning
from ..kernels import Kernel
from ..metrics._arguments import F64, I64, as_ids, as_points
from ..metrics._engines import engine_named
from ..metrics.residual.backend import (
    ResidualBackend,
    build_residual_backend,
    certified,
    owned,
)
from ..metrics.residual.precision import warn_of_precision
from ..metrics.residual.rows import projected_rows
from ..runtime import Runtime
from ..searches import nearest_rows, rows_of
from ..storage.trees import load_tree
from ..tree import CoverTree
from .held import Held, aligned, kept

Answer: TypeAlias = tuple[I64, F64]

_opening = Lock()


@dataclass(frozen=True)
class Kept:
    """The name of a tree that the workers keep."""

    name: str


@dataclass(frozen=True)
class File:
    """A saved tree: where it is, and the seal of the file that was meant."""

    path: str
    seal: bytes


def same(held: Held | Kept) -> Held | Kept:
    """Return the tree: a task of its own, so that its bytes are sent to a worker once."""
    return held


def opened(file: File) -> Held:
    """Return the tree of a file, read and checked once a process for as long as the file stays.

    Raises
    ------
    FileAccessError
        If the file is gone.
    FileFormatError
        If another stands in its place, or it is damaged.
    """
    with _files.opened(Path(file.path)) as there:
        status = fstat(there.fileno())
    with _opening:
        return _opened(file, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4)
def _opened(file: File, _changed: int, _size: int) -> Held:
    return Held(load_tree(Path(file.path), mapped=True, verify=True, seal=file.seal))


def factor(
    inducing: F64, rows: I64, kernel: Kernel, block_dtype: str, runtime: Runtime
) -> ResidualBackend:
    """Factor the covariance of the inducing points, which are ``rows`` of all points.

    The backend is one of the inducing points alone, and all of them: its factor is that of a
    backend of all n points with the same draw.

    Raises
    ------
    NonFiniteError
        If a coordinate is no number; the message names its row of all points.
    """
    for row, point in zip(rows, inducing, strict=True):
        as_points(point[np.newaxis], f"points[{row}:{row + 1}]")
    with warnings.catch_warnings():  # no float32 resolves an inducing point; the shards tell
        warnings.simplefilter("ignore", ResidualPrecisionWarning)
        backend = build_residual_backend(
            inducing,
            seed=0,  # nothing is drawn: all are taken
            inducing_count=len(rows),
            kernel=kernel,
            block_dtype=block_dtype,
            engine=runtime.resolved_engine,
            threads=runtime.threads,
        )
    return certified(replace(backend, inducing_indices=rows))


def shard(
    metric: ResidualBackend | None, block: npt.NDArray[np.generic], first: int, n: int, how: Runtime
) -> Held:
    """Make the tree of the points ``first`` to ``first + len(block)``, with its index.

    Raises
    ------
    NonFiniteError, DtypeError
        If the block holds what is no number; the message names its rows.
    """
    stop = first + len(block)
    points = owned(as_points(block, f"points[{first}:{stop}]").copy())
    ids = owned(np.arange(first, stop))
    residual = None if metric is None else _of_other_points(metric, points, how)
    tree = CoverTree(how, residual, points, ids, n)
    tree.indexes.prepare(how)
    return Held(tree)


def _of_other_points(metric: ResidualBackend, points: F64, how: Runtime) -> ResidualBackend:
    """Return the backend of these points with the inducing points and the factor of another."""
    rows = projected_rows(metric, points, engine_named(how.resolved_engine), how.threads)
    backend = replace(
        metric, points=points, scaled=owned(rows.u), v_matrix=owned(rows.v), p_diag=owned(rows.p)
    )
    warn_of_precision(backend.p_diag, backend.kernel.variance)
    return certified(backend)


def coordinates(held: Held, first: int, stop: int) -> F64:
    """Coordinates of some rows of a shard."""
    return held.tree.points[first:stop]


def checked_ids(block: npt.NDArray[np.generic], first: int, n: int) -> I64:
    """Ids of a block of queries that begins at ``first``, within ``range(n)``."""
    return as_ids(block, _named(block, first), n) if len(block) else np.empty(0, np.int64)


def gathered(held: Held, ids: I64) -> F64:
    """Coordinates of those of the ids that a shard has, in order."""
    tree = held.tree
    rows = ids - tree.ids[0]
    found: F64 = tree.points[rows[(rows >= 0) & (rows < len(tree))]]
    return found


def joined(parts: Sequence[F64], ids: I64, starts: I64) -> F64:
    """Coordinates of ids from what each shard gathered."""
    home = np.searchsorted(starts, ids, side="right") - 1
    points = np.empty((len(ids), parts[0].shape[1]))
    for at, part in enumerate(parts):
        points[home == at] = part
    return points


def search_tree(
    held: Held | Kept | File,
    queries: npt.NDArray[np.generic] | tuple[int, int],
    first: int,
    *,
    k: int,
    predecessors: bool,
    threads: int,
) -> Answer:
    """Search a whole tree, or the file of one, for a block of queries that begins at ``first``.

    Queries are ids, coordinates, or (first, stop) for those rows of the tree.
    """
    if isinstance(held, File):
        held = opened(held)
    elif isinstance(held, Kept):
        held = kept(held.name)
    searched = held.ready(threads)
    if isinstance(queries, tuple):
        asked: npt.NDArray[np.generic] = searched.ids[slice(*queries)]
    elif not len(queries):
        return np.empty((0, k), np.int64), np.empty((0, k))
    elif queries.dtype.kind in "iu":
        asked = searched.ids[rows_of(searched, queries, _named(queries, first))]
    else:
        asked = as_points(
            aligned(queries), _named(queries, first), columns=searched.points.shape[1]
        )
    return searched.knn(asked, k=k, predecessor_mode=predecessors)


def search_shard(
    held: Held, queries: F64, first: int, ids: I64 | int | None, *, k: int, threads: int
) -> Answer:
    """Search one shard for a block of queries, at most k neighbours each.

    Parameters
    ----------
    held : Held
        The shard.
    queries : ndarray of float64, shape (q, d)
        Coordinates.
    first : int
        Number of queries before the block, for messages.
    ids : ndarray of int64, shape (q,), or int, or None
        Ids of the queries, or the first of ids that ascend by one, to look among the ids below
        each alone; None for all.
    k, threads : int
        Neighbours wanted, of which a shard has no more than it has points; threads.
    """
    tree = held.ready(threads)
    most = min(k, len(tree))
    if not len(queries):
        return np.empty((0, most), np.int64), np.empty((0, most))
    asked = as_points(aligned(queries), _named(queries, first), columns=tree.points.shape[1])
    limits = None
    if ids is not None:
        below = np.arange(ids, ids + len(asked)) if isinstance(ids, int) else ids
        limits = np.clip(below - tree.ids[0], 0, len(tree))
    rows, distances = nearest_rows(tree, asked, most, limits)
    return np.where(rows < 0, -1, rows + tree.ids[0]), distances


def merge(answers: Sequence[Answer], k: int) -> Answer:
    """Join answers about the same queries by (distance, id); places left hold -1 at infinity."""
    ids = np.concatenate([found for found, _ in answers], axis=1)
    distances = np.concatenate([found for _, found in answers], axis=1)
    last = np.where(ids < 0, np.iinfo(np.int64).max, ids)  # behind a point at infinity
    nearest = np.lexsort((last, distances), axis=1)[:, :k]
    found, within = np.take_along_axis(ids, nearest, 1), np.take_along_axis(distances, nearest, 1)
    room = ((0, 0), (0, k - nearest.shape[1]))
    return (
        np.pad(found, room, constant_values=-1),
        np.pad(within, room, constant_values=np.inf),
    )


def _named(block: npt.NDArray[np.generic], first: int) -> str:
    return f"queries[{first}:{first + len(block)}]"
