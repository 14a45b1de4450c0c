"""The reference engine: every stage of the numeric contract, as Python calls it.

Goldens are frozen from here. The twin is the Rust extension `covertreex._rust`, whose stage
functions have the same names, arguments and results. The arithmetic stands in ``_numba_loops.py``;
here arrays are allocated, ``_numba_threads.py`` deals their rows to threads, and the searches stand
in ``_numba_search.py``.

Shapes: n points of d coordinates, m inducing points, q queries against c columns. ``u`` are scaled
coordinates (x / lengthscale, float64), ``v`` rows of V and ``p`` their residual variances, both in
the block dtype, float32 or float64.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..errors import FactorError
from . import _numba_loops as loops
from ._arguments import F64, I64, Block
from ._numba_search import euclidean_knn, euclidean_radius, knn, radius
from ._numba_threads import check_environment, over_rows
from ._stage_arguments import (
    check_cholesky,
    check_distance_block,
    check_dot_block,
    check_exp,
    check_kernel_block,
    check_project,
    checked,
)

__all__ = [
    "cholesky",
    "distance_block_no_gate",
    "dot_block",
    "euclidean_knn",
    "euclidean_radius",
    "exp",
    "inducing_rows",
    "kernel_block",
    "knn",
    "normals",
    "project",
    "radius",
    "splitmix64",
    "uniforms",
]

EXP_CONSTANTS = loops.EXP_CONSTANTS


def splitmix64(seed: int, count: int) -> npt.NDArray[np.uint64]:
    """``count`` outputs of SplitMix64 (Steele, Lea and Flood, 2014) from the state ``seed``."""
    out = np.empty(count, np.uint64)
    loops.splitmix64(np.uint64(seed), out)
    return out


def uniforms(seed: int, count: int) -> F64:
    """``count`` uniforms in [0, 1): the upper 53 bits of each SplitMix64 output."""
    bits: F64 = (splitmix64(seed, count) >> np.uint64(11)).astype(np.float64)
    return bits * 2.0**-53


def normals(seed: int, count: int) -> F64:
    """``count`` normal-like numbers: twelve successive uniforms, summed in order, minus six."""
    check_environment()
    out = np.empty(count)
    loops.sum_twelve(uniforms(seed, 12 * count), out)
    return out


def inducing_rows(seed: int, n: int, m: int) -> I64:
    """``min(m, n)`` distinct rows of n, ascending: a partial Fisher-Yates shuffle by SplitMix64."""
    order = np.arange(n)
    chosen = min(m, n)
    loops.shuffle_front(order, splitmix64(seed, chosen))
    return np.sort(order[:chosen])


@checked(check_exp)
def exp(x: F64) -> F64:
    """Exponential of each element, at most 1 ULP from the true value."""
    check_environment()
    out = np.empty_like(x)
    loops.exp_all(x, out)
    return out


@checked(check_kernel_block)
def kernel_block(
    u_q: F64,
    u_c: F64,
    kernel: str,
    variance: float,
    block_dtype: str,
    *,
    threads: int | None = None,
) -> Block:
    """Covariances (q, c) of queries against columns, each rounded once to the block dtype."""
    out = np.empty((len(u_q), len(u_c)), block_dtype)
    columns, kind = np.ascontiguousarray(u_c.T), loops.KINDS[kernel]

    def task(start: int, stop: int) -> None:
        loops.kernel_rows(u_q, columns, kind, variance, start, stop, out)

    over_rows(task, len(u_q), 64, threads)
    return out


@checked(check_cholesky)
def cholesky(u_z: F64, kernel: str, variance: float, *, threads: int | None = None) -> F64:
    """Lower Cholesky factor (m, m) of the inducing covariance with ``1e-6 * variance`` jitter.

    Raises `FactorError` where a pivot is not above zero.
    """
    covariance = kernel_block(u_z, u_z, kernel, variance, "float64", threads=threads)
    lower: F64 = np.zeros(covariance.shape)
    row = loops.cholesky(covariance, 1e-6 * variance, lower)
    if row >= 0:
        raise FactorError(
            f"the inducing covariance is not positive definite: pivot {row} of its Cholesky factor "
            "is not above zero; use fewer or more distant inducing points, or a shorter lengthscale"
        )
    return lower


@checked(check_project)
def project(
    u: F64,
    u_z: F64,
    chol: F64,
    kernel: str,
    variance: float,
    block_dtype: str,
    *,
    threads: int | None = None,
) -> tuple[Block, Block]:
    """Rows of V (n, m) with ``V V^T`` the inducing-point approximation, and p_diag (n,).

    ``p = max(variance - |v|^2, 1e-9 * variance)`` comes from the float64 V; both are then rounded
    once to the block dtype.
    """
    v = np.empty((len(u), len(u_z)), block_dtype)
    p = np.empty(len(u), block_dtype)
    columns, panels, kind = (
        np.ascontiguousarray(u_z.T),
        loops.negated_panels(chol),
        loops.KINDS[kernel],
    )

    def task(start: int, stop: int) -> None:
        loops.project_rows(u, columns, chol, panels, kind, variance, start, stop, v, p)

    over_rows(task, len(u), 64, threads)
    return v, p


@checked(check_dot_block)
def dot_block(v_q: Block, v_c: Block, *, threads: int | None = None) -> Block:
    """Inner products (q, c) of rows of V, each one fma chain in the block dtype."""
    out = np.empty((len(v_q), len(v_c)), v_q.dtype)

    def task(start: int, stop: int) -> None:
        loops.dot_tile(v_q, start, stop, v_c, 0, len(v_c), out[start:stop])

    over_rows(task, len(v_q), 256, threads)
    return out


@checked(check_distance_block)
def distance_block_no_gate(
    p_diag: Block,
    query_indices: I64,
    chunk_indices: I64,
    kernel_block: Block,
    dot_block: Block,
    radii: F64,
    eps: float,
    *,
    threads: int | None = None,
) -> tuple[F64, npt.NDArray[np.bool_]]:
    """Residual-correlation distances of a block, and which lie within each query's radius.

    The stage from which the goldens are frozen. No gate: every element is computed.

    Parameters
    ----------
    p_diag : ndarray of float32 or float64, shape (n,)
        Residual variances, in the block dtype, above zero.
    query_indices, chunk_indices : ndarray of int64, shapes (q,) and (c,)
        Ids of the rows and the columns of the block; they pick from ``p_diag``.
    kernel_block, dot_block : ndarray of the block dtype, shape (q, c)
        Covariances, and inner products of the rows of V.
    radii : ndarray of float64, shape (q,)
        Radius of each query; infinity takes all, 0 takes distance 0 only. NaN is refused.
    eps : float
        Floor of ``sqrt(p_i * p_j)``; ``eps * eps`` must be above zero.
    threads : int, optional
        Number of threads; by default one for each core. Changes no bit.

    Returns
    -------
    distances : ndarray of float64, shape (q, c)
        ``sqrt(max(0, 1 - min(1, |rho|)))`` with ``rho = (kernel - dot) / sqrt(max(p_i p_j,
        eps^2))``; never NaN, never -0.0.
    mask : ndarray of bool, shape (q, c)
        ``distances <= radii[:, None]``.

    Raises
    ------
    ShapeError, DtypeError, IndexRangeError, NonFiniteError, ParameterError
        If an argument does not fit.
    FloatEnvironmentError
        If a thread flushes subnormals or does not round to nearest.
    """
    p_q = p_diag[query_indices].astype(np.float64)
    p_c = p_diag[chunk_indices].astype(np.float64)
    distances = np.empty(kernel_block.shape)
    mask = np.empty(kernel_block.shape, np.bool_)

    def task(start: int, stop: int) -> None:
        loops.distance_rows(
            p_q, p_c, kernel_block, dot_block, radii, eps, start, stop, distances, mask
        )

    over_rows(task, len(p_q), 64, threads)
    return distances, mask
