"""Distances and neighbours under the metric: validate, lay out the arrays, call an engine."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .._arguments import F64, I64, Block, as_ids, as_integer, as_points, as_threads, is_ids
from .._engines import Engine, engine_named
from .backend import ResidualBackend
from .context import resolve_backend

__all__ = ["compute_residual_distances", "residual_knn"]

TILE_ELEMENTS = 2**20
"""Elements of a block that are computed at a time, about."""


def compute_residual_distances(
    query_indices: npt.ArrayLike,
    chunk_indices: npt.ArrayLike,
    *,
    backend: ResidualBackend | None = None,
    engine: str | None = None,
    threads: int | None = None,
) -> F64:
    """Residual-correlation distances between points of the backend.

    Parameters
    ----------
    query_indices : array_like of int, shape (q,) or (q, 1)
        Ids of the rows.
    chunk_indices : array_like of int, shape (c,) or (c, 1)
        Ids of the columns.
    backend : ResidualBackend, optional
        By default the configured one.
    engine : str, optional
        Engine to compute with. Every engine gives the same bits.
    threads : int, optional
        Number of threads; by default one for each core. Changes no bit.

    Returns
    -------
    ndarray of float64, shape (q, c)
        ``sqrt(1 - |rho|)``, within [0, 1].

    Raises
    ------
    ConfigurationError
        If no backend was passed and none is configured.
    ShapeError, DtypeError, IndexRangeError
        If ids do not fit.

    Notes
    -----
    ``rho_ij = (k_ij - v_i . v_j) / sqrt(p_i p_j)`` is the correlation that the inducing points
    leave. Rows are computed a tile at a time, so little is held beside the result.
    """
    metric = resolve_backend(backend)
    n = len(metric.points)
    rows = as_ids(query_indices, "query_indices", n)
    columns = as_ids(chunk_indices, "chunk_indices", n)
    stages = engine_named(engine)
    workers = as_threads(threads)
    against = _gather(metric, columns)
    distances = np.empty((rows.size, columns.size))
    tile = max(1, min(metric.chunk_size, TILE_ELEMENTS // columns.size))
    for first in range(0, rows.size, tile):
        chunk = rows[first : first + tile]
        of = _gather(metric, chunk)
        kernel = metric.kernel
        distances[first : first + chunk.size], _ = stages.distance_block_no_gate(
            metric.p_diag,
            chunk,
            columns,
            stages.kernel_block(
                of.u, against.u, kernel.name, kernel.variance, metric.block_dtype, threads=workers
            ),
            stages.dot_block(of.v, against.v, threads=workers),
            np.full(chunk.size, np.inf),
            metric.eps,
            threads=workers,
        )
    return distances


def residual_knn(
    backend: ResidualBackend,
    queries: npt.ArrayLike,
    k: int,
    *,
    engine: str | None = None,
    threads: int | None = None,
) -> tuple[I64, F64]:
    """Find the k nearest points of each query, by (distance, id), from a full scan.

    Parameters
    ----------
    backend : ResidualBackend
        The metric and its points.
    queries : array_like
        Ids of points of the backend, of an integer dtype and shape (q,) or (q, 1); or coordinates,
        of a float dtype and shape (q, d). A query that is an id is a candidate itself.
    k : int
        Number of neighbours, within 1 and n.
    engine, threads : optional
        See `compute_residual_distances`.

    Returns
    -------
    indices : ndarray of int64, shape (q, k)
        Ids, nearest first; equal distances in order of id.
    distances : ndarray of float64, shape (q, k)
        Their distances, within [0, 1].

    Raises
    ------
    ShapeError, DtypeError, IndexRangeError, NonFiniteError, ParameterError
        If queries or k do not fit.
    """
    stages = engine_named(engine)
    workers = as_threads(threads)
    count = as_integer(k, "k", 1, len(backend.points))
    of = _queries(backend, queries, stages, workers)
    return stages.knn(
        of.u,
        of.v,
        of.p,
        backend.scaled,
        backend.v_matrix,
        backend.p_diag,
        backend.kernel.name,
        backend.kernel.variance,
        backend.eps,
        count,
        backend.chunk_size,
        threads=workers,
    )


class _Rows(NamedTuple):
    """Rows of points as the stages take them: scaled coordinates, V and p_diag."""

    u: F64
    v: Block
    p: Block


def _gather(backend: ResidualBackend, ids: I64) -> _Rows:
    return _Rows(backend.scaled[ids], backend.v_matrix[ids], backend.p_diag[ids])


def _queries(
    backend: ResidualBackend, queries: npt.ArrayLike, stages: Engine, threads: int | None
) -> _Rows:
    n, d = backend.points.shape
    if is_ids(queries):
        return _gather(backend, as_ids(queries, "queries", n))
    scaled = backend.kernel.scale(as_points(queries, "queries", columns=d))
    v, p = stages.project(
        scaled,
        backend.scaled[backend.inducing_indices],
        backend.cholesky,
        backend.kernel.name,
        backend.kernel.variance,
        backend.block_dtype,
        threads=threads,
    )
    return _Rows(scaled, v, p)
