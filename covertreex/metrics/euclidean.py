"""Neighbours by the Euclidean distance of plain coordinates: validate, call an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy.typing as npt

from ..errors import ConfigurationError
from ._arguments import F64, I64, as_ids, as_integer, as_points, as_radii, as_threads, is_ids
from ._engines import engine_named

if TYPE_CHECKING:
    from .._rust import EuclideanIndex

__all__ = ["euclidean_knn", "euclidean_radius"]


def euclidean_knn(
    points: F64,
    queries: npt.ArrayLike | None,
    k: int,
    *,
    limits: I64 | None = None,
    engine: str | None = None,
    threads: int | None = None,
    index: EuclideanIndex | None = None,
) -> tuple[I64, F64]:
    """Find the k nearest points of each query, by (distance, id).

    Parameters
    ----------
    points : ndarray of float64, shape (n, d)
        Finite coordinates.
    queries, k, limits, engine, threads
        See `covertreex.metrics.residual.core.residual_knn`.
    index : EuclideanIndex, optional
        An index of this very array, to search instead of scanning.

    Returns
    -------
    indices : ndarray of int64, shape (q, k)
        Ids, nearest first; equal distances in order of id; -1 where candidates are fewer than k.
    distances : ndarray of float64, shape (q, k)
        Their distances; infinity beside -1, and where a squared distance overflows.

    Raises
    ------
    ShapeError, DtypeError, IndexRangeError, NonFiniteError, ParameterError
        If queries, k or limits do not fit.
    ConfigurationError
        If the index is of another array.
    """
    stages = engine_named(engine)
    count = as_integer(k, "k", 1, len(points))
    of = _queries(points, queries)
    if index is not None:
        _expect_of(index, points)
        return index.knn(of, count, limits, threads=as_threads(threads))
    return stages.euclidean_knn(of, points, count, limits, threads=as_threads(threads))


def euclidean_radius(
    points: F64,
    queries: npt.ArrayLike | None,
    radius: npt.ArrayLike,
    *,
    limits: I64 | None = None,
    engine: str | None = None,
    threads: int | None = None,
    index: EuclideanIndex | None = None,
) -> tuple[I64, I64, F64]:
    """Find all points within a radius of each query, by (distance, id).

    Parameters
    ----------
    points, queries, radius, limits, engine, threads, index
        See `euclidean_knn` and `covertreex.metrics.residual.core.residual_radius`.

    Returns
    -------
    offsets, indices, distances : ndarray
        See `covertreex.metrics.residual.core.residual_radius`.

    Raises
    ------
    ShapeError, DtypeError, IndexRangeError, NonFiniteError
        If queries, radius or limits do not fit.
    ConfigurationError
        If the index is of another array.
    """
    stages = engine_named(engine)
    of = _queries(points, queries)
    within = as_radii(radius, len(of), "radius")
    if index is not None:
        _expect_of(index, points)
        return index.radius(of, within, limits, threads=as_threads(threads))
    return stages.euclidean_radius(of, points, within, limits, threads=as_threads(threads))


def _expect_of(index: EuclideanIndex, points: F64) -> None:
    if not index.is_of(points):
        raise ConfigurationError(
            "index was built of another array than points, so it would answer for others; leave "
            "it out, or build one of this array"
        )


def _queries(points: F64, queries: npt.ArrayLike | None) -> F64:
    n, d = points.shape
    if queries is None:
        return points
    if is_ids(queries):
        return points[as_ids(queries, "queries", n)]
    return as_points(queries, "queries", columns=d)
