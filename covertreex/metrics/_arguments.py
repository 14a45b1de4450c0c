"""The boundary: every array and number a caller hands in is checked and normalised here, once.

What comes out is C-contiguous, of native byte order, of one dtype and finite, so no engine checks
again. Any array-like goes in: strided, Fortran-ordered, read-only, big-endian, a list.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any, ParamSpec, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import DtypeError, IndexRangeError, NonFiniteError, ParameterError, ShapeError

F64: TypeAlias = npt.NDArray[np.float64]
I64: TypeAlias = npt.NDArray[np.int64]
Block: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.float64]
T = TypeVar("T", bound=np.generic)
P = ParamSpec("P")
R = TypeVar("R")

BLOCK_DTYPES = ("float32", "float64")
_REAL_KINDS = "iuf"


def as_points(value: Any, name: str, *, columns: int | None = None) -> F64:
    """Finite float64 coordinates (n, d), n and d at least 1; d equal to ``columns`` if given."""
    array = _real_array(value, name)
    if array.ndim != 2:
        raise ShapeError(
            f"{name} has shape {array.shape}; give a 2-D array (n, d), one row a point"
            + (": reshape(-1, 1) for points on a line" if array.ndim == 1 else "")
        )
    if array.size == 0:
        raise ShapeError(
            f"{name} has shape {array.shape} and is empty; give at least one point of at least one "
            "coordinate"
        )
    if columns is not None and array.shape[1] != columns:
        raise ShapeError(
            f"{name} has {array.shape[1]} columns, but the data have {columns}; give an array "
            f"(q, {columns})"
        )
    return _finite(_native(array, np.float64), name)


def as_ids(value: Any, name: str, count: int) -> I64:
    """Ids (q,) within ``range(count)`` from an integer array of shape (q,) or (q, 1)."""
    array = _array(value, name)
    if array.dtype.kind not in "iu":
        raise DtypeError(
            f"{name} is of dtype {array.dtype}; ids must be of an integer dtype, such as int64"
        )
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ShapeError(f"{name} has shape {array.shape}; ids must have shape (q,) or (q, 1)")
    if array.size == 0:
        raise ShapeError(f"{name} is empty; give at least one id")
    outside = (array < 0) | (array >= count)
    if outside.any():
        at = int(outside.argmax())
        raise IndexRangeError(
            f"{name}[{at}] is {array[at]}; ids must lie within 0 and {count - 1} "
            f"({int(outside.sum())} of {array.size} do not)"
        )
    return _native(array, np.int64)


def is_ids(queries: Any) -> bool:
    """Whether queries are ids (an integer dtype) rather than coordinates (a float dtype)."""
    return _array(queries, "queries").dtype.kind in "iu"


def as_integer(value: Any, name: str, low: int, high: int | None = None) -> int:
    """Integer within [low, high]."""
    if isinstance(value, bool | np.bool_):
        raise DtypeError(f"{name} is {value!r}; give an integer")
    try:
        number = operator.index(value)
    except TypeError as error:
        raise DtypeError(
            f"{name} is {value!r}, of type {type(value).__name__}; give an integer"
        ) from error
    if number < low or (high is not None and number > high):
        wanted = f"at least {low}" if high is None else f"within {low} and {high}"
        raise ParameterError(f"{name} is {number}; it must be {wanted}")
    return number


def as_choice(value: Any, name: str, known: tuple[str, ...]) -> str:
    """One of the known names."""
    if not isinstance(value, str) or value not in known:
        raise ParameterError(f"{name} is {value!r}; known are {', '.join(map(repr, known))}")
    return value


def as_block_dtype(value: Any) -> str:
    """Name of a block dtype, from a name or anything NumPy takes for a dtype."""
    try:
        name = np.dtype(value).name
    except TypeError as error:
        raise DtypeError(f"block_dtype is {value!r}; give 'float32' or 'float64'") from error
    return as_choice(name, "block_dtype", BLOCK_DTYPES)


def as_radii(value: Any, count: int) -> F64:
    """Radii (count,) of float64 from a scalar or one for each query; NaN refused, inf allowed."""
    array = _native(_real_array(value, "radii"), np.float64)
    if array.ndim == 0:
        array = np.full(count, array)
    if array.shape != (count,):
        raise ShapeError(
            f"radii has shape {array.shape}; give one number, or one for each of {count} queries"
        )
    if np.isnan(array).any():
        raise NonFiniteError("radii holds NaN; give a distance, or infinity for no bound")
    return array


def as_eps(value: Any) -> float:
    """Floor of ``sqrt(p_i * p_j)``: finite, its square above zero."""
    array = _real_array(value, "eps")
    if array.ndim != 0:
        raise ShapeError(f"eps has shape {array.shape}; give one number")
    eps = float(array)
    if not (np.isfinite(eps) and eps > 0.0 and 0.0 < eps * eps < np.inf):
        raise ParameterError(
            f"eps is {eps!r}; it must be positive, its square above zero and finite"
        )
    return eps


def contiguous(stage: Callable[P, R]) -> Callable[P, R]:
    """Make a stage take arrays of any memory order; its loops read rows as they lie in memory."""

    @functools.wraps(stage)
    def laid_out(*arguments: P.args, **options: P.kwargs) -> R:
        rows = (np.ascontiguousarray(a) if isinstance(a, np.ndarray) else a for a in arguments)
        return stage(*rows, **options)  # type: ignore[arg-type]

    return laid_out


def check_distance_block(
    p_diag: Any,
    query_indices: Any,
    chunk_indices: Any,
    kernel_block: Any,
    dot_block: Any,
    radii: Any,
    eps: Any,
) -> tuple[Block, I64, I64, Block, Block, F64, float]:
    """Arguments of ``distance_block_no_gate``, normalised."""
    p = _block_array(p_diag, "p_diag")
    if p.ndim != 1 or p.size == 0:
        raise ShapeError(f"p_diag has shape {p.shape}; give one residual variance a point, (n,)")
    _finite(p, "p_diag")
    if not (p > 0.0).all():
        raise ParameterError("p_diag holds a value that is not above zero; floor it first")
    queries = as_ids(query_indices, "query_indices", p.size)
    columns = as_ids(chunk_indices, "chunk_indices", p.size)
    wanted = (queries.size, columns.size)
    blocks = []
    for name, value in (("kernel_block", kernel_block), ("dot_block", dot_block)):
        block = _block_array(value, name)
        if block.shape != wanted:
            raise ShapeError(f"{name} has shape {block.shape}; its ids make it {wanted}")
        if block.dtype != p.dtype:
            raise DtypeError(
                f"{name} is of {block.dtype} but p_diag of {p.dtype}; one block dtype for all"
            )
        blocks.append(block)
    return p, queries, columns, blocks[0], blocks[1], as_radii(radii, queries.size), as_eps(eps)


def _array(value: Any, name: str) -> npt.NDArray[Any]:
    try:
        return np.asarray(value)
    except ValueError as error:  # a ragged nested list
        raise ShapeError(f"{name} is not an array: {error}") from error


def _real_array(value: Any, name: str) -> npt.NDArray[Any]:
    array = _array(value, name)
    if array.dtype.kind not in _REAL_KINDS:
        raise DtypeError(
            f"{name} is of dtype {array.dtype}; give real numbers, such as a float64 array"
        )
    return array


def _block_array(value: Any, name: str) -> Block:
    array = _array(value, name)
    if array.dtype.name not in BLOCK_DTYPES:
        raise DtypeError(f"{name} is of dtype {array.dtype}; a block is of float32 or float64")
    return _native(array, array.dtype.newbyteorder("="))


def _native(array: npt.NDArray[Any], dtype: type[T] | np.dtype[T]) -> npt.NDArray[T]:
    """C-contiguous and of native byte order; the array itself where it is so already."""
    return np.ascontiguousarray(array, dtype=dtype) if array.ndim else array.astype(dtype)


def _finite(array: npt.NDArray[T], name: str) -> npt.NDArray[T]:
    finite = np.isfinite(array)
    if not finite.all():
        at = tuple(int(i) for i in np.unravel_index(int(finite.argmin()), array.shape))
        raise NonFiniteError(
            f"{name}[{', '.join(map(str, at))}] is {array[at]}; every number must be finite "
            f"({int((~finite).sum())} of {array.size} are not)"
        )
    return array
