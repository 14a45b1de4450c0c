"""The front: `PCCT`, which fits and searches, `CoverTree`, what it fits, and `Runtime`, how."""

from __future__ import annotations

from typing import Literal, overload

import numpy as np
import numpy.typing as npt

from .errors import ConfigurationError, DtypeError, ShapeError
from .metrics._arguments import F64, I64, as_integer, as_points
from .metrics.residual.backend import ResidualBackend, owned
from .metrics.residual.context import resolve_backend
from .runtime import Runtime
from .tree import CoverTree, Neighbourhoods

__all__ = ["PCCT", "CoverTree", "Neighbourhoods", "Runtime"]


class PCCT:
    """Parallel compressed cover tree: fits points, then searches them.

    Parameters
    ----------
    runtime : Runtime, optional
        Options; they also decide how a ``tree`` fitted elsewhere is searched.
    tree : CoverTree, optional
        What `fit` returned, to search it with this runtime.

    Examples
    --------
    >>> import numpy as np
    >>> from covertreex.api import PCCT, Runtime
    >>> from covertreex.metrics import build_residual_backend
    >>> points = np.linspace(0.0, 9.0, 40).reshape(-1, 1)
    >>> backend = build_residual_backend(points, seed=1, inducing_count=4, block_dtype="float64")
    >>> tree = PCCT(Runtime()).fit(points, backend=backend)
    >>> indices, distances = tree.knn([7, 8], k=3)
    >>> indices.shape, bool(distances[0, 0] == 0.0)
    ((2, 3), True)
    """

    def __init__(self, runtime: Runtime | None = None, tree: CoverTree | None = None) -> None:
        if runtime is not None and not isinstance(runtime, Runtime):
            raise DtypeError(f"runtime is of type {type(runtime).__name__}; give a Runtime")
        if tree is not None and not isinstance(tree, CoverTree):
            raise DtypeError(f"tree is of type {type(tree).__name__}; give what fit returned")
        self.runtime = Runtime() if runtime is None else runtime
        if tree is not None and tree.runtime.metric != self.runtime.metric:
            raise ConfigurationError(
                f"the tree was fitted with metric={tree.runtime.metric!r}, but the runtime says "
                f"{self.runtime.metric!r}; give one of the tree's metric, or fit again"
            )
        self.tree = tree

    def fit(
        self,
        points: npt.ArrayLike,
        *,
        mis_seed: int | None = None,
        backend: ResidualBackend | None = None,
    ) -> CoverTree:
        """Make points ready for searching.

        Parameters
        ----------
        points : array_like of real numbers, shape (n, d)
            Coordinates; under the residual metric those that the backend was built from.
        mis_seed : int, optional
            Seed of the cover tree that an index may be laid out by (`Runtime`); an execution hint.
        backend : ResidualBackend, optional
            By default the one configured in this context. The Euclidean metric takes none.

        Returns
        -------
        CoverTree

        Raises
        ------
        ConfigurationError
            If there is no backend, it was built from other points, or the metric takes none.
        ShapeError, DtypeError, NonFiniteError, ParameterError
            If an argument does not fit.
        """
        seed = 0 if mis_seed is None else as_integer(mis_seed, "mis_seed", 0, 2**64 - 1)
        coordinates = as_points(points, "points")
        if self.runtime.metric == "euclidean":
            if backend is not None:
                raise ConfigurationError(
                    "a backend was given, but metric='euclidean' measures plain coordinates; leave "
                    "it out, or use Runtime(metric='residual_correlation')"
                )
            return _fitted(self.runtime, None, owned(coordinates.copy()), seed)
        residual = resolve_backend(backend)
        if coordinates.shape != residual.points.shape:
            raise ShapeError(
                f"points has shape {coordinates.shape}, but the backend was built from points of "
                f"shape {residual.points.shape}; build a backend for these points"
            )
        if not np.array_equal(coordinates, residual.points):
            raise ConfigurationError(
                "points differ from those the backend was built from; build a backend for these "
                "points (coordinates, not ids)"
            )
        return _fitted(self.runtime, residual, residual.points, seed)

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
        """Search the tree with this runtime; see `CoverTree.knn`.

        Raises
        ------
        ConfigurationError
            If no tree was given.
        """
        return self._searched().knn(
            queries, k=k, return_distances=return_distances, predecessor_mode=predecessor_mode
        )

    def radius(
        self,
        queries: npt.ArrayLike | None,
        radius: npt.ArrayLike,
        *,
        predecessor_mode: bool = False,
    ) -> Neighbourhoods:
        """Search the tree with this runtime; see `CoverTree.radius`.

        Raises
        ------
        ConfigurationError
            If no tree was given.
        """
        return self._searched().radius(queries, radius, predecessor_mode=predecessor_mode)

    def _searched(self) -> CoverTree:
        if self.tree is None:
            raise ConfigurationError(
                "this PCCT has no tree; search what fit(points) returned, or PCCT(runtime, tree)"
            )
        return self.tree.searched_by(self.runtime)


def _fitted(
    runtime: Runtime, residual: ResidualBackend | None, points: F64, mis_seed: int
) -> CoverTree:
    ids = owned(np.arange(len(points)))
    tree = CoverTree(runtime, residual, points, ids, len(points), mis_seed)
    tree.indexes.prepare(runtime)
    return tree
