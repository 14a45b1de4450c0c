"""The map from values to integers: its order, its neighbours, its edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covertreex.testing import UnsupportedArrayError, hex_bits, ulp_distance
from covertreex.testing.bits import ordered

FLOATS = [np.float32, np.float64]


def distance(a: object, b: object, dtype: type) -> int:
    return int(ulp_distance(np.array([a], dtype), np.array([b], dtype))[0])


@pytest.mark.parametrize("dtype", FLOATS)
def test_zeros_are_one_ulp_apart(dtype: type) -> None:
    assert distance(-0.0, 0.0, dtype) == 1
    assert distance(0.0, 0.0, dtype) == 0


@pytest.mark.parametrize("dtype", FLOATS)
@given(value=st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_the_next_number_is_one_ulp_away(dtype: type, value: float) -> None:
    here = dtype(value)
    with np.errstate(over="ignore"):  # the largest number's neighbour is inf
        above = np.nextafter(here, dtype(np.inf))
    # From -0.0, and from the number below it, the neighbour is the other zero.
    steps = 2 if here == 0 and np.signbit(here) else 1
    if here < 0 and above == 0:
        above = dtype(-0.0)
    assert distance(here, above, dtype) == distance(above, here, dtype) == steps


@pytest.mark.parametrize("dtype", FLOATS)
@given(a=st.floats(width=32, allow_nan=False), b=st.floats(width=32, allow_nan=False))
def test_the_order_of_the_values_is_kept(dtype: type, a: float, b: float) -> None:
    low, high = (int(ordered(np.array([x], dtype))[0]) for x in (a, b))
    if dtype(a) < dtype(b):
        assert low < high


def test_the_widest_distances_do_not_wrap() -> None:
    assert distance(-np.inf, np.inf, np.float64) == 2 * 0x7FF0000000000000 + 1
    assert distance(-np.inf, np.inf, np.float32) == 2 * 0x7F800000 + 1
    assert distance(-(2**63), 2**63 - 1, np.int64) == 2**64 - 1
    assert distance(0, 2**64 - 1, np.uint64) == 2**64 - 1


def test_integers_and_booleans_count_by_value() -> None:
    assert distance(-3, 4, np.int8) == 7
    assert distance(True, False, np.bool_) == 1


def test_other_dtypes_are_refused() -> None:
    with pytest.raises(UnsupportedArrayError, match="float32 and dtype float64"):
        ulp_distance(np.zeros(1, np.float32), np.zeros(1, np.float64))
    for dtype in (np.complex128, np.float16, np.longdouble, "U3", "M8[s]"):
        with pytest.raises(UnsupportedArrayError, match="cannot be frozen"):
            ulp_distance(np.zeros(1, dtype), np.zeros(1, dtype))


def test_hex_bits() -> None:
    assert hex_bits(np.float64(1.0)) == "0x3ff0000000000000"
    assert hex_bits(np.float32(-0.0)) == "0x80000000"
    assert hex_bits(np.int16(-1)) == "0xffff"
    assert hex_bits(np.array(2, dtype=">u4")[()]) == "0x00000002"
    assert hex_bits(np.True_) == "0x01"
