"""What each stage takes, checked alike for every engine: the loops read memory as they are told.

A check returns the arguments laid out as the loops want them: C-contiguous, native, of one dtype,
of shapes that fit. Values are the API's business (`_arguments`); a NaN is outside the contract.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import DtypeError, ParameterError, ShapeError
from ..kernels import KERNELS, as_variance
from ._arguments import (
    F64,
    I64,
    Block,
    as_block_dtype,
    as_choice,
    as_eps,
    as_ids,
    as_integer,
    as_limits,
    as_radii,
    as_threads,
    block_array,
    finite,
    native,
    real_array,
)

P = ParamSpec("P")
R = TypeVar("R")


def checked(check: Callable[..., tuple[Any, ...]]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a stage run its arguments through a check first."""

    def decorate(stage: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(stage)
        def call(*arguments: P.args, **options: P.kwargs) -> R:
            as_threads(options.get("threads"))
            named = {key: options.pop(key) for key in list(options) if key not in _OPTIONS}
            return stage(*check(*arguments, **named), **options)

        return call

    return decorate


_OPTIONS = ("level", "threads")


def check_exp(x: Any) -> tuple[F64]:
    """Argument of ``exp``."""
    return (_doubles(x, "x", 1),)


def check_cholesky(u_z: Any, kernel: Any, variance: Any) -> tuple[F64, str, float]:
    """Arguments of ``cholesky``."""
    return _doubles(u_z, "u_z", 2), *_kernel(kernel, variance)


def check_project(
    u: Any, u_z: Any, chol: Any, kernel: Any, variance: Any, block_dtype: Any
) -> tuple[F64, F64, F64, str, float, str]:
    """Arguments of ``project``."""
    rows, inducing, lower = _doubles(u, "u", 2), _doubles(u_z, "u_z", 2), _doubles(chol, "chol", 2)
    _expect("u_z", inducing, (len(inducing), rows.shape[1]))
    _expect("chol", lower, (len(inducing), len(inducing)))
    return rows, inducing, lower, *_kernel(kernel, variance), as_block_dtype(block_dtype)


def check_kernel_block(
    u_q: Any, u_c: Any, kernel: Any, variance: Any, block_dtype: Any
) -> tuple[F64, F64, str, float, str]:
    """Arguments of ``kernel_block``."""
    rows, columns = _doubles(u_q, "u_q", 2), _doubles(u_c, "u_c", 2)
    _expect("u_c", columns, (len(columns), rows.shape[1]))
    return rows, columns, *_kernel(kernel, variance), as_block_dtype(block_dtype)


def check_dot_block(v_q: Any, v_c: Any) -> tuple[Block, Block]:
    """Arguments of ``dot_block``."""
    rows = _block(v_q, "v_q", 2)
    columns = _block(v_c, "v_c", 2, like=rows)
    _expect("v_c", columns, (len(columns), rows.shape[1]))
    return rows, columns


def check_distance_block(
    p_diag: Any,
    query_indices: Any,
    chunk_indices: Any,
    kernel_block: Any,
    dot_block: Any,
    radii: Any,
    eps: Any,
) -> tuple[Block, I64, I64, Block, Block, F64, float]:
    """Arguments of ``distance_block_no_gate``; here values are checked too."""
    p = _block(p_diag, "p_diag", 1)
    if p.size == 0:
        raise ShapeError("p_diag is empty; give one residual variance a point, (n,)")
    finite(p, "p_diag")
    if not (p > 0.0).all():
        raise ParameterError("p_diag holds a value that is not above zero; floor it first")
    queries = as_ids(query_indices, "query_indices", p.size)
    columns = as_ids(chunk_indices, "chunk_indices", p.size)
    blocks = []
    for name, value in (("kernel_block", kernel_block), ("dot_block", dot_block)):
        block = _block(value, name, 2, like=p)
        _expect(name, block, (queries.size, columns.size))
        finite(block, name)
        blocks.append(block)
    return p, queries, columns, blocks[0], blocks[1], as_radii(radii, queries.size), as_eps(eps)


def check_knn(
    u_q: Any,
    v_q: Any,
    p_q: Any,
    u: Any,
    v: Any,
    p: Any,
    kernel: Any,
    variance: Any,
    eps: Any,
    k: Any,
    chunk_size: Any,
    limits: Any = None,
) -> tuple[F64, Block, Block, F64, Block, Block, str, float, float, int, int, I64 | None]:
    """Arguments of ``knn``."""
    arrays = _searched(u_q, v_q, p_q, u, v, p)
    q, n = len(arrays[0]), len(arrays[3])
    count, chunk = as_integer(k, "k", 1, n), as_integer(chunk_size, "chunk_size", 1)
    settings = (*_kernel(kernel, variance), as_eps(eps), count, min(chunk, n))
    return *arrays, *settings, as_limits(limits, q, n)


def check_radius(
    u_q: Any,
    v_q: Any,
    p_q: Any,
    u: Any,
    v: Any,
    p: Any,
    kernel: Any,
    variance: Any,
    eps: Any,
    radii: Any,
    chunk_size: Any,
    limits: Any = None,
) -> tuple[F64, Block, Block, F64, Block, Block, str, float, float, F64, int, I64 | None]:
    """Arguments of ``radius``."""
    arrays = _searched(u_q, v_q, p_q, u, v, p)
    q, n = len(arrays[0]), len(arrays[3])
    within, chunk = as_radii(radii, q), as_integer(chunk_size, "chunk_size", 1)
    settings = (*_kernel(kernel, variance), as_eps(eps), within, min(chunk, n))
    return *arrays, *settings, as_limits(limits, q, n)


def check_euclidean_knn(
    u_q: Any, u: Any, k: Any, limits: Any = None
) -> tuple[F64, F64, int, I64 | None]:
    """Arguments of ``euclidean_knn``."""
    rows, points = _coordinates(u_q, u)
    n = len(points)
    return rows, points, as_integer(k, "k", 1, n), as_limits(limits, len(rows), n)


def check_euclidean_radius(
    u_q: Any, u: Any, radii: Any, limits: Any = None
) -> tuple[F64, F64, F64, I64 | None]:
    """Arguments of ``euclidean_radius``."""
    rows, points = _coordinates(u_q, u)
    q = len(rows)
    return rows, points, as_radii(radii, q), as_limits(limits, q, len(points))


def _coordinates(u_q: Any, u: Any) -> tuple[F64, F64]:
    rows, points = _doubles(u_q, "u_q", 2), _doubles(u, "u", 2)
    _expect("u_q", rows, (len(rows), points.shape[1]))
    return rows, points


def _searched(
    u_q: Any, v_q: Any, p_q: Any, u: Any, v: Any, p: Any
) -> tuple[F64, Block, Block, F64, Block, Block]:
    rows, points = _doubles(u_q, "u_q", 2), _doubles(u, "u", 2)
    q, n, d = len(rows), len(points), points.shape[1]
    against = _block(v, "v", 2)
    of = _block(v_q, "v_q", 2, like=against)
    p_of, p_against = _block(p_q, "p_q", 1, like=against), _block(p, "p", 1, like=against)
    _expect("u_q", rows, (q, d))
    _expect("v", against, (n, against.shape[1]))
    _expect("v_q", of, (q, against.shape[1]))
    _expect("p_q", p_of, (q,))
    _expect("p", p_against, (n,))
    return rows, of, p_of, points, against, p_against


def _kernel(kernel: Any, variance: Any) -> tuple[str, float]:
    return as_choice(kernel, "kernel", tuple(sorted(KERNELS))), as_variance(variance)


def _doubles(value: Any, name: str, dimensions: int) -> F64:
    array = real_array(value, name)
    if array.dtype.name != "float64":
        raise DtypeError(f"{name} is of dtype {array.dtype}; give float64")
    _ranked(array, name, dimensions)
    return native(array, np.float64)


def _block(value: Any, name: str, dimensions: int, *, like: Block | None = None) -> Block:
    array = block_array(value, name)
    if like is not None and array.dtype != like.dtype:
        raise DtypeError(
            f"{name} is of {array.dtype} where {like.dtype} is wanted: one block dtype for all"
        )
    _ranked(array, name, dimensions)
    return array


def _ranked(array: npt.NDArray[Any], name: str, dimensions: int) -> None:
    if array.ndim != dimensions:
        raise ShapeError(f"{name} has shape {array.shape}; give {dimensions} dimension(s)")


def _expect(name: str, array: npt.NDArray[Any], wanted: tuple[int, ...]) -> None:
    if array.shape != wanted:
        raise ShapeError(f"{name} has shape {array.shape}; the other arguments make it {wanted}")
