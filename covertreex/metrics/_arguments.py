"""The boundary: every array and number a caller hands in is checked and normalised here, once.

What comes out is C-contiguous, of native byte order, of one dtype and finite, so no engine checks
again. Any array-like goes in: strided, Fortran-ordered, read-only, big-endian, a list.
"""

from __future__ import annotations

import difflib
import operator
from collections.abc import Iterable
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import DtypeError, IndexRangeError, NonFiniteError, ParameterError, ShapeError

F64: TypeAlias = npt.NDArray[np.float64]
I64: TypeAlias = npt.NDArray[np.int64]
Block: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.float64]
T = TypeVar("T", bound=np.generic)

BLOCK_DTYPES = ("float32", "float64")
MAX_THREADS = 1024
_REAL_KINDS = "iuf"


def as_points(value: Any, name: str, *, columns: int | None = None) -> F64:
    """Finite float64 coordinates (n, d), n and d at least 1; d equal to ``columns`` if given."""
    array = real_array(value, name)
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
    return finite(native(array, np.float64), name)


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
    return native(array, np.int64)


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


def as_threads(value: Any) -> int | None:
    """Return a number of threads within [1, 1024], or None for one a core."""
    return None if value is None else as_integer(value, "threads", 1, MAX_THREADS)


def as_switch(value: Any, name: str) -> bool:
    """Return a truth value that was meant as one: True or False."""
    if not isinstance(value, bool | np.bool_):
        raise DtypeError(f"{name} is {value!r}; give True or False")
    return bool(value)


def as_choice(value: Any, name: str, known: tuple[str, ...]) -> str:
    """One of the known names."""
    if not isinstance(value, str) or value not in known:
        raise ParameterError(
            f"{name} is {value!r}; known are {', '.join(map(repr, known))}"
            f"{did_you_mean(value, known)}"
        )
    return value


def did_you_mean(given: Any, known: Iterable[str]) -> str:
    """Return the end of a message that names what is spelt nearly as given; empty if nothing is."""
    near = difflib.get_close_matches(given, known, n=1) if isinstance(given, str) else []
    return f"; did you mean {near[0]!r}?" if near else ""


def as_block_dtype(value: Any) -> str:
    """Name of a block dtype, from that name, NumPy's scalar type or its dtype."""
    wanted = {name: name for name in BLOCK_DTYPES} | {np.float32: "float32", np.float64: "float64"}
    if isinstance(value, np.dtype):
        value = value.name
    if not isinstance(value, str | type) or value not in wanted:
        raise ParameterError(f"block_dtype is {value!r}; give 'float32' or 'float64'")
    return wanted[value]


def as_radii(value: Any, count: int, name: str = "radii") -> F64:
    """Radii (count,) of float64 from a scalar or one for each query; NaN refused, inf allowed."""
    array = native(real_array(value, name), np.float64)
    if array.ndim == 0:
        array = np.full(count, array)
    if array.shape != (count,):
        raise ShapeError(
            f"{name} has shape {array.shape}; give one number, or one for each of {count} queries"
        )
    if np.isnan(array).any():
        raise NonFiniteError(f"{name} holds NaN; give a distance, or infinity for no bound")
    return array


def as_radius(value: Any, count: int) -> F64:
    """Radii (count,) as `as_radii`, none of them below zero."""
    radii = as_radii(value, count, "radius")
    if (radii < 0.0).any():
        at = int((radii < 0.0).argmax())
        raise ParameterError(f"radius[{at}] is {radii[at]}; a distance is at least 0")
    return radii


def as_limits(value: Any, count: int, n: int) -> I64 | None:
    """Limits (count,) within [0, n], the candidates of query i being the ids below limits[i]."""
    if value is None:
        return None
    array = _array(value, "limits")
    if array.dtype.kind not in "iu":
        raise DtypeError(f"limits is of dtype {array.dtype}; give an integer dtype, such as int64")
    if array.shape != (count,):
        raise ShapeError(f"limits has shape {array.shape}; give one for each of {count} queries")
    outside = (array < 0) | (array > n)
    if outside.any():
        at = int(outside.argmax())
        raise IndexRangeError(f"limits[{at}] is {array[at]}; limits must lie within 0 and {n}")
    return native(array, np.int64)


def as_eps(value: Any) -> float:
    """Floor of ``sqrt(p_i * p_j)``: finite, its square above zero."""
    array = real_array(value, "eps")
    if array.ndim != 0:
        raise ShapeError(f"eps has shape {array.shape}; give one number")
    eps = float(array)
    if not (np.isfinite(eps) and eps > 0.0 and 0.0 < eps * eps < np.inf):
        raise ParameterError(
            f"eps is {eps!r}; it must be positive, its square above zero and finite"
        )
    return eps


def _array(value: Any, name: str) -> npt.NDArray[Any]:
    if isinstance(value, np.ma.MaskedArray):
        raise DtypeError(f"{name} is a masked array; fill its gaps, or drop those rows, first")
    try:
        return np.asarray(value)
    except ValueError as error:  # a ragged nested list
        raise ShapeError(f"{name} is not an array: {error}") from error


def real_array(value: Any, name: str) -> npt.NDArray[Any]:
    array = _array(value, name)
    if array.dtype.kind not in _REAL_KINDS:
        raise DtypeError(
            f"{name} is of dtype {array.dtype}; give real numbers, such as a float64 array"
        )
    return array


def block_array(value: Any, name: str) -> Block:
    array = _array(value, name)
    if array.dtype.name not in BLOCK_DTYPES:
        raise DtypeError(f"{name} is of dtype {array.dtype}; a block is of float32 or float64")
    return native(array, array.dtype.newbyteorder("="))


def native(array: npt.NDArray[Any], dtype: type[T] | np.dtype[T]) -> npt.NDArray[T]:
    """C-contiguous, aligned and of native byte order; the array itself where it is so already."""
    return np.require(array, dtype, ["C", "A"]) if array.ndim else array.astype(dtype)


def finite(array: npt.NDArray[T], name: str) -> npt.NDArray[T]:
    is_number = np.isfinite(array)
    if not is_number.all():
        at = tuple(int(i) for i in np.unravel_index(int(is_number.argmin()), array.shape))
        raise NonFiniteError(
            f"{name}[{', '.join(map(str, at))}] is {array[at]}; every number must be finite "
            f"({int((~is_number).sum())} of {array.size} are not)"
        )
    return array
