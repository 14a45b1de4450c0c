"""The front: `Runtime`, the only place for options, and `PCCT`, which fits and searches.

The options that choose *how* an answer is computed are execution hints: they never change it. The
engine is one of them, because all engines give the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal, overload

import numpy as np
import numpy.typing as npt

from .errors import ConfigurationError, DtypeError, ParameterError, ShapeError
from .metrics._arguments import F64, I64, as_choice, as_integer, as_points, as_threads
from .metrics._engines import DEFAULT_ENGINE, ENGINES
from .metrics.residual.backend import ResidualBackend
from .metrics.residual.context import resolve_backend
from .metrics.residual.core import residual_knn

__all__ = ["PCCT", "CoverTree", "Runtime"]

_CHOICES: dict[str, tuple[str, ...]] = {
    "backend": ("numpy",),
    "precision": ("float64",),
    "metric": ("residual_correlation",),
    "batch_order": ("natural", "hilbert"),
}
_SWITCHES = ("enable_sparse_traversal", "residual_use_static_euclidean_tree")


@dataclass(frozen=True)
class Runtime:
    """Options of fitting and searching; immutable, and checked when made.

    Parameters
    ----------
    engine : {"python-numba", "rust-hilbert", "rust-natural"}, optional
        By default the first engine that ``enable_rust`` and ``enable_numba`` leave, Rust before
        Numba. Every engine gives the same bits.
    metric : {"residual_correlation"}
        What a distance is.
    backend : {"numpy"}
        Library of the arrays that go in and out.
    precision : {"float64"}
        Of the distances returned. The precision of the blocks is chosen where the metric is built:
        ``build_residual_backend(..., block_dtype=)``.
    enable_numba, enable_rust : bool, optional
        Forbid an engine with False. To choose an engine and forbid it is refused.
    enable_sparse_traversal, residual_use_static_euclidean_tree : bool
        Execution hints for the search: how, never what.
    batch_order : {"natural", "hilbert"}
        Execution hint: the order in which points are laid out.
    threads : int, optional
        Number of threads; by default one for each core. Changes no bit.

    Raises
    ------
    ParameterError, DtypeError
        If a value is not one of those known.
    ConfigurationError
        If options contradict each other.
    """

    engine: str | None = None
    metric: str = "residual_correlation"
    backend: str = "numpy"
    precision: str = "float64"
    enable_numba: bool | None = None
    enable_rust: bool | None = None
    enable_sparse_traversal: bool = False
    residual_use_static_euclidean_tree: bool = False
    batch_order: str = "natural"
    threads: int | None = None

    def __post_init__(self) -> None:
        for name, known in _CHOICES.items():
            as_choice(getattr(self, name), name, known)
        for name in _SWITCHES:
            _as_switch(getattr(self, name), name)
        for name in ("enable_numba", "enable_rust"):
            if getattr(self, name) is not None:
                _as_switch(getattr(self, name), name)
        object.__setattr__(self, "threads", as_threads(self.threads))
        if self.engine is not None:
            as_choice(self.engine, "engine", ENGINES)
        if self.engine is not None and not self._allows(self.engine):
            raise ConfigurationError(
                f"engine={self.engine!r} contradicts {self._switch(self.engine)}=False; drop one "
                "of the two"
            )
        if self.enable_rust is False and self.enable_numba is False:
            raise ConfigurationError(
                "enable_rust=False and enable_numba=False leave no engine; allow one of them"
            )

    @property
    def resolved_engine(self) -> str:
        """Name of the engine that will run."""
        if self.engine is not None:
            return self.engine
        return DEFAULT_ENGINE if self._allows(DEFAULT_ENGINE) else "python-numba"

    def with_updates(self, **changes: Any) -> Runtime:
        """Return a copy with some options changed, checked like a new one.

        Raises
        ------
        ParameterError
            If there is no option of a name.
        """
        known = {field.name for field in fields(self)}
        unknown = sorted(set(changes) - known)
        if unknown:
            raise ParameterError(
                f"Runtime has no option {', '.join(map(repr, unknown))}; known are "
                f"{', '.join(sorted(known))}"
            )
        return replace(self, **changes)

    @staticmethod
    def _switch(engine: str) -> str:
        return "enable_numba" if engine == "python-numba" else "enable_rust"

    def _allows(self, engine: str) -> bool:
        return getattr(self, self._switch(engine)) is not False


@dataclass(frozen=True, eq=False)
class CoverTree:
    """Points made ready for searching; what `PCCT.fit` returns.

    Attributes
    ----------
    runtime : Runtime
        Options of the search, unless a `PCCT` brings its own.
    residual : ResidualBackend
        The metric and its points.
    """

    runtime: Runtime
    residual: ResidualBackend

    def __len__(self) -> int:
        return len(self.residual.points)

    @overload
    def knn(
        self, queries: npt.ArrayLike, *, k: int, return_distances: Literal[True] = True
    ) -> tuple[I64, F64]: ...
    @overload
    def knn(self, queries: npt.ArrayLike, *, k: int, return_distances: Literal[False]) -> I64: ...
    @overload
    def knn(
        self, queries: npt.ArrayLike, *, k: int, return_distances: bool
    ) -> I64 | tuple[I64, F64]: ...

    def knn(
        self, queries: npt.ArrayLike, *, k: int, return_distances: bool = True
    ) -> I64 | tuple[I64, F64]:
        """Find the k nearest points of each query.

        Parameters
        ----------
        queries : array_like
            Ids of points, of an integer dtype and shape (q,) or (q, 1); or coordinates, of a float
            dtype and shape (q, d). A query that is an id is a candidate itself.
        k : int
            Number of neighbours, within 1 and the number of points.
        return_distances : bool, default True
            Whether to return the distances too.

        Returns
        -------
        indices : ndarray of int64, shape (q, k)
            Ids, nearest first; equal distances in order of id.
        distances : ndarray of float64, shape (q, k)
            ``sqrt(1 - |rho|)``, within [0, 1]; only with ``return_distances``.

        Raises
        ------
        ShapeError, DtypeError, IndexRangeError, NonFiniteError, ParameterError
            If queries or k do not fit.
        """
        return _knn(self.residual, self.runtime, queries, k, return_distances)


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
            The coordinates that the backend was built from.
        mis_seed : int, optional
            Seed of the tree's layout; an execution hint.
        backend : ResidualBackend, optional
            By default the one configured in this context.

        Returns
        -------
        CoverTree

        Raises
        ------
        ConfigurationError
            If there is no backend, or it was built from other points.
        ShapeError, DtypeError, NonFiniteError, ParameterError
            If an argument does not fit.
        """
        residual = resolve_backend(backend)
        if mis_seed is not None:
            as_integer(mis_seed, "mis_seed", 0, 2**64 - 1)
        coordinates = as_points(points, "points")
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
        return CoverTree(self.runtime, residual)

    @overload
    def knn(
        self, queries: npt.ArrayLike, *, k: int, return_distances: Literal[True] = True
    ) -> tuple[I64, F64]: ...
    @overload
    def knn(self, queries: npt.ArrayLike, *, k: int, return_distances: Literal[False]) -> I64: ...
    @overload
    def knn(
        self, queries: npt.ArrayLike, *, k: int, return_distances: bool
    ) -> I64 | tuple[I64, F64]: ...

    def knn(
        self, queries: npt.ArrayLike, *, k: int, return_distances: bool = True
    ) -> I64 | tuple[I64, F64]:
        """Search the tree with this runtime; see `CoverTree.knn`.

        Raises
        ------
        ConfigurationError
            If no tree was given.
        """
        if self.tree is None:
            raise ConfigurationError(
                "this PCCT has no tree; search what fit(points) returned, or PCCT(runtime, tree)"
            )
        return _knn(self.tree.residual, self.runtime, queries, k, return_distances)


def _knn(
    residual: ResidualBackend,
    runtime: Runtime,
    queries: npt.ArrayLike,
    k: int,
    return_distances: bool,
) -> I64 | tuple[I64, F64]:
    _as_switch(return_distances, "return_distances")
    indices, distances = residual_knn(
        residual, queries, k, engine=runtime.resolved_engine, threads=runtime.threads
    )
    return (indices, distances) if return_distances else indices


def _as_switch(value: object, name: str) -> None:
    if not isinstance(value, bool | np.bool_):
        raise DtypeError(f"{name} is {value!r}; give True or False")
