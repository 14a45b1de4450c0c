"""The front: `cover_tree` makes points ready, `load` reads them again, `Runtime` says how.

`PCCT` is the same in the two steps of the project's earlier form, for a metric configured once.
"""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np
import numpy.typing as npt

from ._options import as_runtime, expect_usual, runtime_of
from .errors import ConfigurationError, DtypeError, ShapeError
from .kernels import Kernel
from .metrics._arguments import F64, I64, as_integer, as_points
from .metrics.residual.backend import ResidualBackend, build_residual_backend, owned
from .metrics.residual.context import resolve_backend
from .runtime import Runtime
from .tree import CoverTree, Neighbourhoods

__all__ = ["PCCT", "CoverTree", "Neighbourhoods", "Runtime", "cover_tree", "load"]

load = CoverTree.load


def cover_tree(
    coords: npt.ArrayLike,
    kernel: Kernel | None = None,
    *,
    engine: str | None = None,
    inducing_count: int = 512,
    seed: int = 0,
    block_dtype: npt.DTypeLike = "float64",
    v_matrix: npt.ArrayLike | None = None,
    p_diag: npt.ArrayLike | None = None,
    runtime: Runtime | None = None,
    mis_seed: int | None = None,
    threads: int | None = None,
) -> CoverTree:
    """Make points ready for neighbour searches, under a kernel's residual correlation.

    Parameters
    ----------
    coords : array_like of real numbers, shape (n, d)
        Coordinates, finite, in the units of the kernel's lengthscale; converted to float64.
    kernel : Kernel, optional
        Covariance function, such as ``Matern52(lengthscale=0.5, variance=1.0)``; None for the
        Euclidean metric, which takes no ``inducing_count``, ``seed``, ``block_dtype``,
        ``v_matrix`` or ``p_diag``.
    engine : {"python-numba", "rust-hilbert", "rust-natural"}, optional
        Engine that computes; by default the runtime's. Every engine gives the same bits.
    inducing_count : int, default 512
        Number of inducing points, at least 1; n of them if there are fewer points.
    seed : int, default 0
        Seed of the draw of the inducing points, within [0, 2**64).
    block_dtype : {"float64", "float32"}, default "float64"
        Precision of V and p_diag. float32 halves the memory, but cannot resolve points whose
        residual variance is small.
    v_matrix, p_diag : array_like of real numbers, shapes (n, m) and (n,), optional
        A V and its residual variances of your own, both or neither; by default they are computed
        from the inducing points.
    runtime : Runtime, optional
        Options of this and later searches. Its metric follows from ``kernel``.
    mis_seed : int, optional
        Seed of the cover tree that an index may be laid out by, within [0, 2**64); by default 0. An
        execution hint.
    threads : int, optional
        Number of threads; by default the runtime's. Changes no bit.

    Returns
    -------
    CoverTree

    Raises
    ------
    ShapeError, DtypeError, NonFiniteError, ParameterError
        If an argument does not fit.
    ConfigurationError
        If options contradict each other, or one of the residual metric is given without a kernel.
    FactorError
        If the inducing covariance is not positive definite.

    Warns
    -----
    ResidualPrecisionWarning
        If float32 blocks cannot resolve the data.

    See Also
    --------
    CoverTree.knn, CoverTree.radius, CoverTree.insert, CoverTree.delete, CoverTree.save

    Notes
    -----
    The distance is ``sqrt(1 - |rho|)``, rho the correlation that the inducing points leave:
    the residual correlation by which Vecchia's approximation of the residual process chooses its
    conditioning sets (Gyger, Furrer and Sigrist, *Vecchia-inducing-points full-scale
    approximations for Gaussian processes*, 2025). See `build_residual_backend`.

    Examples
    --------
    >>> import numpy as np
    >>> from covertreex import Matern52, cover_tree
    >>> coords = np.linspace(0.0, 9.0, 40).reshape(-1, 1)
    >>> tree = cover_tree(coords, Matern52(lengthscale=0.5), inducing_count=4)
    >>> indices, distances = tree.knn([7, 8], k=3)
    >>> indices
    array([[7, 6, 8],
           [8, 9, 7]])
    >>> cover_tree(coords).knn([[0.1]], k=2, return_distances=False)
    array([[0, 1]])
    """
    points = as_points(coords, "coords")
    how = runtime_of(runtime, kernel, engine, threads)
    of_metric: dict[str, Any] = {
        "inducing_count": inducing_count,
        "seed": seed,
        "block_dtype": block_dtype,
        "v_matrix": v_matrix,
        "p_diag": p_diag,
    }
    if kernel is None:
        expect_usual(of_metric, cover_tree)
        return PCCT(how).fit(points, mis_seed=mis_seed)
    backend = build_residual_backend(
        points, kernel=kernel, engine=how.resolved_engine, threads=how.threads, **of_metric
    )
    return PCCT(how).fit(backend.points, mis_seed=mis_seed, backend=backend)


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
        self.runtime = as_runtime(runtime)
        if tree is not None and not isinstance(tree, CoverTree):
            raise DtypeError(f"tree is of type {type(tree).__name__}; give what fit returned")
        self.tree = tree if tree is None else tree.searched_by(self.runtime)

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
        return self.tree


def _fitted(
    runtime: Runtime, residual: ResidualBackend | None, points: F64, mis_seed: int
) -> CoverTree:
    ids = owned(np.arange(len(points)))
    tree = CoverTree(runtime, residual, points, ids, len(points), mis_seed)
    tree.indexes.prepare(runtime)
    return tree
