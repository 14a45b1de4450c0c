"""The reference engine: every stage of the numeric contract, as Python calls it.

Goldens are frozen from here. The twin is the Rust extension `covertreex._rust`, whose stage
functions have the same names, arguments and results. The arithmetic stands in ``_numba_loops.py``;
here arrays are allocated and rows are dealt to threads: plain ones over tiles of rows, with the
GIL released, so there is no threading layer and no reduction, and no thread count changes a bit.

Shapes: n points of d coordinates, m inducing points, q queries against c columns. ``u`` are scaled
coordinates (x / lengthscale, float64), ``v`` rows of V and ``p`` their residual variances, both in
the block dtype, float32 or float64.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from ..errors import FactorError, FloatEnvironmentError
from . import _numba_loops as loops
from ._arguments import F64, I64, Block
from ._stage_arguments import (
    check_cholesky,
    check_distance_block,
    check_dot_block,
    check_exp,
    check_kernel_block,
    check_knn,
    check_project,
    checked,
)

__all__ = [
    "cholesky",
    "distance_block_no_gate",
    "dot_block",
    "exp",
    "inducing_rows",
    "kernel_block",
    "knn",
    "normals",
    "project",
    "splitmix64",
    "uniforms",
]

EXP_CONSTANTS = loops.EXP_CONSTANTS


def _check_environment() -> None:
    found = loops.environment(2.0**-1022, 5e-324, 2.0**-52)
    if found:
        names = [name for bit, name in enumerate(loops.ENVIRONMENT) if found >> bit & 1]
        raise FloatEnvironmentError(
            f"this thread's floating-point unit is set to {' and '.join(names)}; wanted IEEE "
            "arithmetic, round to nearest with subnormals kept: a library built with -ffast-math "
            "may have set it; restore the mode, or load that library in another process"
        )


def _cores() -> int:
    """Cores this process may use: fewer than the machine has, in a container or under taskset."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _over_rows(task: Callable[[int, int], None], rows: int, tile: int, threads: int | None) -> None:
    """Run ``task(start, stop)`` over tiles of rows; which thread takes which changes no bit."""
    workers = min(threads or _cores(), max(1, -(-rows // tile)))

    def run(start: int) -> None:
        _check_environment()
        task(start, min(start + tile, rows))

    starts = range(0, rows, tile)
    _check_environment()
    if workers == 1:
        for start in starts:
            run(start)
        return
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(run, starts):
            pass


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
    _check_environment()
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
    _check_environment()
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

    _over_rows(task, len(u_q), 64, threads)
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

    _over_rows(task, len(u), 64, threads)
    return v, p


@checked(check_dot_block)
def dot_block(v_q: Block, v_c: Block, *, threads: int | None = None) -> Block:
    """Inner products (q, c) of rows of V, each one fma chain in the block dtype."""
    out = np.empty((len(v_q), len(v_c)), v_q.dtype)

    def task(start: int, stop: int) -> None:
        loops.dot_tile(v_q, start, stop, v_c, 0, len(v_c), out[start:stop])

    _over_rows(task, len(v_q), 256, threads)
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

    _over_rows(task, len(p_q), 64, threads)
    return distances, mask


@checked(check_knn)
def knn(
    u_q: F64,
    v_q: Block,
    p_q: Block,
    u: F64,
    v: Block,
    p: Block,
    kernel: str,
    variance: float,
    eps: float,
    k: int,
    chunk_size: int,
    *,
    threads: int | None = None,
) -> tuple[I64, F64]:
    """Find the k nearest of n points for each query, by (distance, id), with a full scan.

    Memory is bounded by tiles of ``chunk_size`` columns. Returns ids (q, k) and distances (q, k).
    """
    indices = np.empty((len(u_q), k), np.int64)
    distances = np.empty((len(u_q), k))
    columns, kind = np.ascontiguousarray(u.T), loops.KINDS[kernel]
    wide_q, wide = p_q.astype(np.float64), p.astype(np.float64)

    def task(start: int, stop: int) -> None:
        loops.knn_rows(
            u_q, v_q, wide_q, columns, v, wide, kind, variance, eps, chunk_size, start, stop,
            indices, distances,
        )  # fmt: skip

    _over_rows(task, len(u_q), 64, threads)
    return indices, distances
