"""What is asked of a tree: its points nearest to queries, and those within a radius.

Rows are where points stand in the arrays; ids ascend with them, so an order by row is an order by
id. A search is in rows; the answer is in ids.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from .errors import ConfigurationError, IndexRangeError
from .metrics._arguments import (
    F64,
    I64,
    as_ids,
    as_integer,
    as_points,
    as_radius,
    as_switch,
    is_ids,
)
from .metrics.euclidean import euclidean_knn, euclidean_radius
from .metrics.residual.backend import ResidualBackend
from .metrics.residual.core import residual_knn, residual_radius
from .runtime import Runtime
from .search.indexes import Indexes

__all__ = [
    "Neighbourhoods",
    "Searches",
    "nearest_rows",
    "no_predecessors_of_coordinates",
    "rows_of",
]

MOST_PREDECESSORS = 2**31 - 1
"""Of a point, asked for: beyond what memory holds, so that a k that was meant otherwise is told."""


class Neighbourhoods(NamedTuple):
    """What `CoverTree.radius` finds: as many neighbours for each query as there are.

    Attributes
    ----------
    offsets : ndarray of int64, shape (q + 1,)
        The neighbours of query i are ``indices[offsets[i]:offsets[i + 1]]``.
    indices : ndarray of int64
        Ids, nearest first; equal distances in order of id.
    distances : ndarray of float64
        Their distances.
    """

    offsets: I64
    indices: I64
    distances: F64


class Searches:
    """The searches of a `CoverTree`, which holds what they read."""

    runtime: Runtime
    residual: ResidualBackend | None
    points: F64
    ids: I64
    next_id: int
    indexes: Indexes

    def __len__(self) -> int:
        return len(self.points)

    @overload
    def knn(
        self,
        queries: npt.ArrayLike | None = None,
        *,
        k: int,
        return_distances: Literal[True] = True,
        predecessor_mode: bool = False,
    ) -> tuple[I64, F64]: ...
    @overload
    def knn(
        self,
        queries: npt.ArrayLike | None = None,
        *,
        k: int,
        return_distances: Literal[False],
        predecessor_mode: bool = False,
    ) -> I64: ...
    @overload
    def knn(
        self,
        queries: npt.ArrayLike | None = None,
        *,
        k: int,
        return_distances: bool,
        predecessor_mode: bool = False,
    ) -> I64 | tuple[I64, F64]: ...

    def knn(
        self,
        queries: npt.ArrayLike | None = None,
        *,
        k: int,
        return_distances: bool = True,
        predecessor_mode: bool = False,
    ) -> I64 | tuple[I64, F64]:
        """Find the k nearest points of each query.

        Parameters
        ----------
        queries : array_like, optional
            Ids of points, of an integer dtype and shape (q,) or (q, 1); or coordinates, of a float
            dtype and shape (q, d); by default all points, in order of id. A query that is an id is
            a candidate itself, but not its own predecessor.
        k : int
            Number of neighbours, within 1 and the number of points; with ``predecessor_mode``
            within 1 and 2**31 - 1, whatever the number of points.
        return_distances : bool, default True
            Whether to return the distances too.
        predecessor_mode : bool, default False
            Whether the neighbours of point i are looked for among the ids below i alone, as
            Vecchia's approximation wants them. Queries must then be ids.

        Returns
        -------
        indices : ndarray of int64, shape (q, k)
            Ids, nearest first; equal distances in order of id. A point with fewer than k
            predecessors has -1 in the places that are left.
        distances : ndarray of float64, shape (q, k)
            ``sqrt(1 - |rho|)``, within [0, 1], or Euclidean distances; infinity beside -1; only
            with ``return_distances``.

        Raises
        ------
        ShapeError, DtypeError, IndexRangeError, NonFiniteError, ParameterError
            If queries or k do not fit, or a point was deleted.
        ConfigurationError
            If coordinates are asked for their predecessors.
        """
        as_switch(return_distances, "return_distances")
        rows, limits = self._asked(queries, predecessor_mode)
        count = as_integer(k, "k", 1, len(self) if limits is None else MOST_PREDECESSORS)
        found, distances = nearest_rows(self, rows, min(count, len(self)), limits)
        missing = ((0, 0), (0, count - found.shape[1]))  # more predecessors than there are points
        indices = np.pad(self._ids_of(found), missing, constant_values=-1)
        distances = np.pad(distances, missing, constant_values=np.inf)
        return (indices, distances) if return_distances else indices

    def radius(
        self,
        queries: npt.ArrayLike | None,
        radius: npt.ArrayLike,
        *,
        predecessor_mode: bool = False,
    ) -> Neighbourhoods:
        """Find all points within a radius of each query.

        Parameters
        ----------
        queries, predecessor_mode
            See `knn`; None for all points.
        radius : float or array_like of float, shape (q,)
            Largest distance, or one for each query, at least 0. Infinity takes all, 0 what lies at
            distance 0.

        Returns
        -------
        Neighbourhoods
            Offsets, ids and distances.

        Raises
        ------
        ShapeError, DtypeError, IndexRangeError, NonFiniteError, ParameterError
            If queries or radius do not fit, or a point was deleted.
        ConfigurationError
            If coordinates are asked for their predecessors.
        """
        rows, limits = self._asked(queries, predecessor_mode)
        within = as_radius(radius, len(self if rows is None else rows))
        offsets, found, distances = _radius(self, rows, within, limits)
        return Neighbourhoods(offsets, self._ids_of(found), distances)

    def _asked(
        self, queries: npt.ArrayLike | None, predecessor_mode: bool
    ) -> tuple[I64 | F64 | None, I64 | None]:
        """Turn queries into rows, coordinates, or None for all rows; and give each its limit."""
        predecessors = as_switch(predecessor_mode, "predecessor_mode")
        if queries is None:
            return None, np.arange(len(self)) if predecessors else None
        if is_ids(queries):
            rows = rows_of(self, queries, "queries")
            return rows, rows if predecessors else None
        if predecessors:
            raise no_predecessors_of_coordinates()
        return as_points(queries, "queries", columns=self.points.shape[1]), None

    def _ids_of(self, rows: I64) -> I64:
        """Ids of rows, -1 staying -1."""
        return np.where(rows < 0, -1, self.ids[rows])


def no_predecessors_of_coordinates() -> ConfigurationError:
    """Return the error of every front that is asked for predecessors of coordinates."""
    return ConfigurationError(
        "predecessor_mode=True asks for the points before a query, but queries are coordinates, "
        "which have no place in the order of ids; give ids, or insert the points first"
    )


def nearest_rows(
    tree: Searches, queries: I64 | F64 | None, k: int, limits: I64 | None
) -> tuple[I64, F64]:
    """Find the rows nearest to rows or coordinates, and their distances; nothing is checked."""
    how = _how(tree)
    if tree.residual is None:
        return euclidean_knn(tree.points, queries, k, limits=limits, **how)
    return residual_knn(tree.residual, queries, k, limits=limits, **how)


def rows_of(tree: Searches, value: npt.ArrayLike, name: str) -> I64:
    """Rows of the points with these ids."""
    ids = as_ids(value, name, tree.next_id)
    rows = np.minimum(np.searchsorted(tree.ids, ids), len(tree) - 1)
    absent = tree.ids[rows] != ids
    if absent.any():
        at = int(absent.argmax())
        raise IndexRangeError(
            f"{name}[{at}] is {ids[at]}, a point that was deleted; name points that are there "
            f"({int(absent.sum())} of {ids.size} are not)"
        )
    return rows


def _radius(
    tree: Searches, queries: I64 | F64 | None, radius: F64, limits: I64 | None
) -> tuple[I64, I64, F64]:
    """Offsets, rows and distances."""
    how = _how(tree)
    if tree.residual is None:
        return euclidean_radius(tree.points, queries, radius, limits=limits, **how)
    return residual_radius(tree.residual, queries, radius, limits=limits, **how)


def _how(tree: Searches) -> dict[str, Any]:
    """Engine, threads and index: here metric and hints choose how neighbours are found."""
    how = tree.runtime
    return {
        "engine": how.resolved_engine,
        "threads": how.threads,
        "index": tree.indexes.searched_by(how),
    }
