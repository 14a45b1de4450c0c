"""Values as bits: the distance between two numbers counted in representable numbers.

Shapes: elementwise, any shape. Always: the map to integers keeps the order of the values, -0.0 lies
directly below +0.0 (1 ULP), and nothing is ever cast. Integers and booleans are their own map, so
their "ULP" is the difference of the values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covertreex.testing.verdicts import UnsupportedArrayError

Array = NDArray[Any]

ITEM_SIZES = {"b": (1,), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (4, 8)}
"""The dtypes that can be frozen and compared: kind -> sizes in bytes."""


def require_supported(dtype: np.dtype[Any]) -> None:
    """Refuse a dtype whose values are not plain booleans, integers, float32 or float64."""
    if dtype.itemsize not in ITEM_SIZES.get(dtype.kind, ()):
        raise UnsupportedArrayError(
            f"dtype {dtype} cannot be frozen or compared; "
            "bool, integers, float32 and float64 can: convert the output first"
        )


BLOCK = 1 << 16
"""Elements that are looked at together: small enough for the cache, and never the whole array."""


def flat(array: Array) -> Array | np.flatiter[Array]:
    """Return an array in C order as one that slices into flat pieces, without a copy of it all."""
    return array.reshape(-1) if array.flags.c_contiguous else array.flat


def blocks(array: Array) -> Iterator[Array]:
    """Yield an array in C order as flat, C-contiguous pieces of `BLOCK` elements, the last shorter.

    They are views where the memory allows it; the array as a whole is never copied.
    """
    every = flat(array)
    for start in range(0, array.size, BLOCK):
        yield every[start : start + BLOCK]


def raw_bits(array: Array) -> Array:
    """View a C-contiguous array as unsigned integers of the same size."""
    return array.view(f"u{array.dtype.itemsize}")


def ordered(array: Array) -> NDArray[np.uint64]:
    """Map every element to an unsigned integer, in the order of the values."""
    require_supported(array.dtype)
    if array.dtype.kind == "f":
        bits = raw_bits(np.asarray(array, order="C"))
        sign = bits.dtype.type(1 << (8 * bits.dtype.itemsize - 1))
        return np.where(bits & sign, ~bits, bits | sign).astype(np.uint64)
    if array.dtype.kind == "i":
        return array.astype(np.int64).view(np.uint64) ^ np.uint64(1 << 63)
    return array.astype(np.uint64)


def ulp_distance(a: Array, b: Array) -> NDArray[np.uint64]:
    """Count the representable numbers between two arrays of one dtype and shape.

    Parameters
    ----------
    a, b
        Arrays of the same dtype (bool, integer, float32 or float64) and shape.

    Returns
    -------
    ndarray of uint64
        0 where the bits are equal, 1 for neighbours and for -0.0 against +0.0; for integers and
        booleans the difference of the values.

    Raises
    ------
    UnsupportedArrayError
        If the dtypes differ, or are of another kind.
    """
    if a.dtype != b.dtype:
        raise UnsupportedArrayError(f"no ULP between dtype {a.dtype} and dtype {b.dtype}")
    low, high = ordered(a), ordered(b)
    return np.where(low < high, high - low, low - high)


def hex_bits(value: Any) -> str:
    """Write one NumPy value as the hexadecimal of its bits, most significant first."""
    array = np.asarray(value)
    return "0x" + array.astype(array.dtype.newbyteorder(">")).tobytes().hex()
