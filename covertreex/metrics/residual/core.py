"""Distances and neighbours under the metric: validate, lay out the arrays, call an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from ...errors import ConfigurationError
from .._arguments import F64, I64, as_ids, as_integer, as_points, as_radii, as_threads, is_ids
from .._engines import Engine, engine_named
from .backend import ResidualBackend
from .context import resolve_backend
from .rows import Rows, every_row, gathered_rows, projected_rows

if TYPE_CHECKING:
    from ..._rust import SearchIndex

__all__ = ["compute_residual_distances", "residual_knn", "residual_radius"]

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
    against = gathered_rows(metric, columns)
    distances = np.empty((rows.size, columns.size))
    tile = max(1, min(metric.chunk_size, TILE_ELEMENTS // columns.size))
    for first in range(0, rows.size, tile):
        chunk = rows[first : first + tile]
        of = gathered_rows(metric, chunk)
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
    queries: npt.ArrayLike | None,
    k: int,
    *,
    limits: I64 | None = None,
    engine: str | None = None,
    threads: int | None = None,
    index: SearchIndex | None = None,
) -> tuple[I64, F64]:
    """Find the k nearest points of each query, by (distance, id), as a full scan does.

    Parameters
    ----------
    backend : ResidualBackend
        The metric and its points.
    queries : array_like or None
        Ids of points of the backend, of an integer dtype and shape (q,) or (q, 1); or coordinates,
        of a float dtype and shape (q, d); None for all points. A query that is an id is a
        candidate itself.
    k : int
        Number of neighbours, within 1 and n.
    limits : ndarray of int64, shape (q,), optional
        The candidates of query i are the ids below ``limits[i]``; by default all.
    engine, threads : optional
        See `compute_residual_distances`.
    index : SearchIndex, optional
        An index of these points under this metric, to search instead of scanning.

    Returns
    -------
    indices : ndarray of int64, shape (q, k)
        Ids, nearest first; equal distances in order of id; -1 where candidates are fewer than k.
    distances : ndarray of float64, shape (q, k)
        Their distances, within [0, 1]; infinity beside -1.

    Raises
    ------
    ShapeError, DtypeError, IndexRangeError, NonFiniteError, ParameterError
        If queries, k or limits do not fit.
    ConfigurationError
        If the index is of another backend, or new coordinates are asked of a V of the caller's own.
    """
    stages = engine_named(engine)
    workers = as_threads(threads)
    count = as_integer(k, "k", 1, len(backend.points))
    of = _queries(backend, queries, stages, workers)
    if index is not None:
        most, rows = backend.chunk_size, _searched(backend, of, index)
        return index.knn(*rows, backend.eps, count, most, limits, threads=workers)
    return stages.knn(
        *of,
        *every_row(backend),
        backend.kernel.name,
        backend.kernel.variance,
        backend.eps,
        count,
        backend.chunk_size,
        limits,
        threads=workers,
    )


def residual_radius(
    backend: ResidualBackend,
    queries: npt.ArrayLike | None,
    radius: npt.ArrayLike,
    *,
    limits: I64 | None = None,
    engine: str | None = None,
    threads: int | None = None,
    index: SearchIndex | None = None,
) -> tuple[I64, I64, F64]:
    """Find all points within a radius of each query, by (distance, id), as a full scan does.

    Parameters
    ----------
    backend, queries, limits, engine, threads, index
        See `residual_knn`.
    radius : float or array_like of float, shape (q,)
        Distance, or one for each query; infinity takes all.

    Returns
    -------
    offsets : ndarray of int64, shape (q + 1,)
        The neighbours of query i stand at ``offsets[i]`` up to ``offsets[i + 1]``.
    indices : ndarray of int64
        Ids, nearest first; equal distances in order of id.
    distances : ndarray of float64
        Their distances, within [0, 1].

    Raises
    ------
    ShapeError, DtypeError, IndexRangeError, NonFiniteError
        If queries, radius or limits do not fit.
    ConfigurationError
        See `residual_knn`.
    """
    stages = engine_named(engine)
    workers = as_threads(threads)
    of = _queries(backend, queries, stages, workers)
    within = as_radii(radius, len(of.u), "radius")
    if index is not None:
        most, rows = backend.chunk_size, _searched(backend, of, index)
        return index.radius(*rows, backend.eps, within, most, limits, threads=workers)
    return stages.radius(
        *of,
        *every_row(backend),
        backend.kernel.name,
        backend.kernel.variance,
        backend.eps,
        within,
        backend.chunk_size,
        limits,
        threads=workers,
    )


def _queries(
    backend: ResidualBackend, queries: npt.ArrayLike | None, stages: Engine, threads: int | None
) -> Rows:
    n, d = backend.points.shape
    if queries is None:
        return every_row(backend)
    if is_ids(queries):
        return gathered_rows(backend, as_ids(queries, "queries", n))
    return projected_rows(backend, as_points(queries, "queries", columns=d), stages, threads)


def _searched(backend: ResidualBackend, of: Rows, index: SearchIndex) -> tuple[F64, F64, F64]:
    """Return rows for an index to search: one of the backend's own arrays, or it is refused."""
    kernel = backend.kernel
    if not index.is_of(*every_row(backend), kernel.name, kernel.variance):
        raise ConfigurationError(
            "index was built of other arrays than this backend's, or by another kernel, so its "
            "bounds are not those of this metric; leave it out, or build one of this backend"
        )
    return cast(tuple[F64, F64, F64], of)  # an index takes nothing but float64
