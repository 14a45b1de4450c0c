"""The data of the metric: points, kernel, and the inducing-point factor V with its p_diag.

n points of d coordinates, m inducing points. Every array is C-contiguous and read-only; V and
p_diag were rounded once from float64 to the block dtype.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ...errors import ConfigurationError, DtypeError, ShapeError
from ...kernels import Kernel, kernel_from_name
from .._arguments import (
    F64,
    I64,
    Block,
    as_block_dtype,
    as_integer,
    as_points,
    as_threads,
    real_array,
)
from .._engines import engine_named
from .evidence import Evidence
from .given import bounded_rows, bounded_variances
from .precision import unresolved, warn_of_precision

A = TypeVar("A", bound=npt.NDArray[Any])


@dataclass(frozen=True, eq=False, repr=False)
class ResidualBackend:
    """What a residual-correlation metric is made of; built by `build_residual_backend`.

    To bring a V and p_diag of your own, use ``dataclasses.replace(backend, v_matrix=...,
    p_diag=...)``: they are cast once to the block dtype, p_diag is floored at ``eps``, and what
    is not finite then is refused, the squared length of a row of V and the square of p_diag
    included. Whether p_diag is what V leaves of the variance is *not* checked, as other metrics
    have another p_diag: one of another V gives distances without an error, and without a meaning.

    Attributes
    ----------
    points : ndarray of float64, shape (n, d)
        Coordinates, as given.
    kernel : Kernel
        Covariance function with its lengthscale and variance.
    inducing_indices : ndarray of int64, shape (m,)
        Ids of the inducing points, ascending, among the points the factor was made from.
    v_matrix : ndarray of the block dtype, shape (n, m)
        Rows of V; ``v_matrix @ v_matrix.T`` is the inducing-point approximation of the covariance.
    p_diag : ndarray of the block dtype, shape (n,)
        Residual variances, ``variance - |v|^2``, floored at ``1e-9 * variance``.
    block_dtype : str
        ``"float32"`` or ``"float64"``.
    chunk_size : int
        Points a scan holds in memory at a time; it changes no bit.
    certified : bool
        Whether V and p_diag are those of the factor, by this package's own arithmetic: bounds are
        proven for these alone, and rows of new points are computed beside these alone. A copy
        with another ``chunk_size`` or a narrower ``block_dtype`` is; one with other arrays, another
        kernel or a wider ``block_dtype`` is not.
    """

    points: F64
    kernel: Kernel
    inducing_indices: I64
    v_matrix: Block
    p_diag: Block
    block_dtype: str
    chunk_size: int
    scaled: F64 = field(repr=False)
    scaled_inducing: F64 = field(repr=False)
    cholesky: F64 = field(repr=False)
    evidence: Evidence | None = field(default=None, repr=False)
    certified: bool = field(default=False, init=False, repr=False)

    def __post_init__(self) -> None:
        # V and p_diag may come from a caller, by dataclasses.replace: cast once, p floored.
        dtype = as_block_dtype(self.block_dtype)
        v, p = real_array(self.v_matrix, "v_matrix"), real_array(self.p_diag, "p_diag")
        unchanged = self.evidence is not None and self.evidence.covers(self, dtype)
        n = len(self.points)
        if v.ndim != 2 or v.shape[0] != n or v.shape[1] == 0 or p.shape != (n,):
            raise ShapeError(
                f"v_matrix has shape {v.shape} and p_diag {p.shape}; for {n} points give ({n}, m) "
                f"and ({n},)"
            )
        object.__setattr__(self, "block_dtype", dtype)
        if not (unchanged and v.dtype == dtype):
            object.__setattr__(self, "v_matrix", _kept(bounded_rows(v, dtype), dtype))
            object.__setattr__(self, "p_diag", _kept(bounded_variances(p, self.eps, dtype), dtype))
        for name in ("points", "inducing_indices", "scaled", "scaled_inducing", "cholesky"):
            array = getattr(self, name)
            object.__setattr__(self, name, _kept(array, array.dtype))
        object.__setattr__(self, "evidence", None)
        if unchanged:
            certified(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        frozen_again(self, state)  # pickling and deep copies leave arrays open to changes

    def __repr__(self) -> str:
        n, d = self.points.shape
        return (
            f"ResidualBackend(n={n}, d={d}, inducing={self.inducing_indices.size}, "
            f"kernel={self.kernel!r}, block_dtype={self.block_dtype!r})"
        )

    @property
    def eps(self) -> float:
        """Floor of ``sqrt(p_i * p_j)`` in the distance: ``1e-9 * variance``."""
        return 1e-9 * self.kernel.variance

    @property
    def unresolved_share(self) -> float:
        """Share of points whose residual correlations the block dtype cannot resolve, in [0, 1]."""
        return float(np.mean(unresolved(self.p_diag, self.kernel.variance)))


def build_residual_backend(
    points: npt.ArrayLike,
    *,
    seed: int,
    inducing_count: int,
    variance: float | None = None,
    lengthscale: float | Sequence[float] | None = None,
    chunk_size: int = 1024,
    kernel: str | Kernel = "rbf",
    block_dtype: npt.DTypeLike = "float32",
    v_matrix: npt.ArrayLike | None = None,
    p_diag: npt.ArrayLike | None = None,
    engine: str | None = None,
    threads: int | None = None,
) -> ResidualBackend:
    """Choose inducing points and factor the covariance, once for all searches in these points.

    Parameters
    ----------
    points : array_like of real numbers, shape (n, d)
        Coordinates, finite; converted to float64.
    seed : int
        Seed of the draw of the inducing points, within [0, 2**64).
    inducing_count : int
        Number of inducing points, at least 1; n of them if there are fewer points.
    variance : float, default 1.0
        Covariance at distance zero. Leave it out where ``kernel`` is an object.
    lengthscale : float or sequence of float, default 1.0
        In the units of the coordinates; one, or one for each. Leave it out where ``kernel`` is an
        object.
    chunk_size : int, default 1024
        Points a scan holds in memory at a time.
    kernel : str or Kernel, default "rbf"
        ``"rbf"``, ``"matern12"``, ``"matern32"``, ``"matern52"``, or an object such as
        ``Matern52(lengthscale=0.5)``.
    block_dtype : {"float32", "float64"}, default "float32"
        Precision of V, p_diag and the blocks. float64 is right wherever residual variances are
        small; float32 halves the memory.
    v_matrix, p_diag : array_like of real numbers, shapes (n, m) and (n,), optional
        A V and its residual variances of your own, both or neither; by default they are computed.
    engine : str, optional
        Engine that computes the factor. Every engine gives the same bits.
    threads : int, optional
        Number of threads; by default one for each core. Changes no bit.

    Returns
    -------
    ResidualBackend

    Raises
    ------
    ShapeError, DtypeError, NonFiniteError, ParameterError
        If an argument does not fit.
    ConfigurationError
        If ``kernel`` is an object and ``variance`` or ``lengthscale`` are given beside it, or
        ``v_matrix`` without ``p_diag``.
    FactorError
        If the inducing covariance is not positive definite.

    Warns
    -----
    ResidualPrecisionWarning
        If float32 blocks cannot resolve the data, with the share of points and the remedy.

    Notes
    -----
    ``V = K_XZ L^-T`` with ``L L^T = K_ZZ + 1e-6 variance I``: the Nystrom approximation in the form
    of Quinonero-Candela and Rasmussen, *A unifying view of sparse approximate Gaussian process
    regression*, JMLR 6 (2005). Every rounding is that of the numeric contract.

    Examples
    --------
    >>> import numpy as np
    >>> from covertreex.metrics import build_residual_backend
    >>> points = np.linspace(0.0, 1.0, 50).reshape(-1, 1)
    >>> build_residual_backend(points, seed=1, inducing_count=4, block_dtype="float64")
    ResidualBackend(n=50, d=1, inducing=4, kernel=RBF(lengthscale=1.0, variance=1.0), \
block_dtype='float64')
    """
    coordinates = as_points(points, "points")
    chosen = _kernel(kernel, lengthscale, variance)
    dtype = as_block_dtype(block_dtype)
    seed = as_integer(seed, "seed", 0, 2**64 - 1)
    count = as_integer(inducing_count, "inducing_count", 1)
    chunk = as_integer(chunk_size, "chunk_size", 1)
    workers = as_threads(threads)
    stages = engine_named(engine)

    scaled = chosen.scale(coordinates)
    inducing = stages.inducing_rows(seed, len(scaled), min(count, len(scaled)))
    scaled_inducing = np.ascontiguousarray(scaled[inducing])
    lower = stages.cholesky(scaled_inducing, chosen.name, chosen.variance, threads=workers)
    v, p = v_matrix, p_diag
    own = v is None and p is None
    if own:
        v, p = stages.project(
            scaled, scaled_inducing, lower, chosen.name, chosen.variance, dtype, threads=workers
        )
        owned(v)
    elif v is None or p is None:
        raise ConfigurationError("v_matrix and p_diag belong together; give both, or neither")
    for array in (inducing, lower):
        owned(array)
    backend = ResidualBackend(
        points=coordinates,
        kernel=chosen,
        inducing_indices=inducing,
        v_matrix=v,  # type: ignore[arg-type]  # __post_init__ makes blocks of them
        p_diag=p,  # type: ignore[arg-type]
        block_dtype=dtype,
        chunk_size=chunk,
        scaled=scaled,
        scaled_inducing=scaled_inducing,
        cholesky=lower,
    )
    warn_of_precision(backend.p_diag, backend.kernel.variance)
    return certified(backend) if own else backend


def _kernel(
    kernel: Any, lengthscale: float | Sequence[float] | None, variance: float | None
) -> Kernel:
    if isinstance(kernel, Kernel):
        if lengthscale is not None or variance is not None:
            raise ConfigurationError(
                f"kernel is {kernel!r} and carries its own parameters; leave lengthscale and "
                "variance out, or give the kernel by name"
            )
        return kernel
    if not isinstance(kernel, str):
        raise DtypeError(
            f"kernel is of type {type(kernel).__name__}; give a name or a covertreex.kernels.Kernel"
        )
    return kernel_from_name(
        kernel,
        lengthscale=1.0 if lengthscale is None else lengthscale,
        variance=1.0 if variance is None else variance,
    )


def certified(backend: ResidualBackend) -> ResidualBackend:
    """Vouch for a backend whose V and p_diag nobody but the factor's stages has made."""
    object.__setattr__(backend, "evidence", Evidence.of(backend))
    object.__setattr__(backend, "certified", True)
    return backend


def restored(*, certified: bool, **parts: Any) -> ResidualBackend:
    """Return the backend that such parts were of: its own arrays, neither scanned nor copied."""
    backend = object.__new__(ResidualBackend)
    for name, part in (parts | {"certified": certified, "evidence": None}).items():
        object.__setattr__(backend, name, part)
    if certified:
        object.__setattr__(backend, "evidence", Evidence.of(backend))
    return backend


def frozen_again(instance: object, state: dict[str, Any]) -> None:
    """Give an instance its pickled or copied fields, their arrays read-only as they were."""
    for name, value in state.items():
        if isinstance(value, np.ndarray):
            owned(value)
        object.__setattr__(instance, name, value)


def owned(array: A) -> A:
    """Mark an array as read-only that nobody else holds, so that a backend need not copy it."""
    array.flags.writeable = False
    return array


def _kept(array: npt.NDArray[Any], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return a read-only, C-contiguous array of that dtype; a copy if somebody could change it."""
    kept = np.ascontiguousarray(array, dtype=dtype)
    if kept.flags.writeable:
        kept = kept.copy() if kept is array or kept.base is not None else kept
        kept.flags.writeable = False
    return kept
