"""The comparer: each planted fault is found, counted, placed, and judged by the rule."""

from __future__ import annotations

import time

import numpy as np
import pytest

from covertreex.testing import Rule, compare
from covertreex.testing.bits import BLOCK
from covertreex.testing.comparison import absolute_delta

BASE = np.linspace(-3.0, 5.0, 24).reshape(4, 6)


def changed(index: tuple[int, ...], value: float, base: np.ndarray = BASE) -> np.ndarray:
    array = base.copy()
    array[index] = value
    return array


def ulps(array: np.ndarray, index: tuple[int, ...], count: int) -> float:
    value = array[index]
    for _ in range(count):
        value = np.nextafter(value, array.dtype.type(np.inf))
    return value


def test_equal_arrays() -> None:
    found = compare(BASE, BASE.copy())
    assert found.ok
    assert (found.elements, found.differing, found.max_ulp, found.worst) == (24, 0, 0, ())
    assert found.lines() == ["all 24 elements are equal, bit for bit"]


def test_one_ulp_in_one_element() -> None:
    found = compare(BASE, changed((2, 3), ulps(BASE, (2, 3), 1)))
    assert not found.ok
    assert (found.differing, found.failing, found.max_ulp, found.worst) == (1, 1, 1, (2, 3))
    assert found.histogram == ((1, 1),)
    assert found.expected == (repr(float(BASE[2, 3])), "0x" + BASE[2, 3].tobytes()[::-1].hex())
    assert found.actual[1] != found.expected[1]
    assert found.max_abs == np.spacing(BASE[2, 3])
    assert "1 of 24 elements differ, 1 of them beyond the allowed 0 ULP" in found.lines()[0]


def test_negative_zero_is_not_zero() -> None:
    found = compare(np.zeros(3), np.array([0.0, -0.0, 0.0]))
    assert not found.ok
    assert (found.worst, found.max_ulp, found.max_abs) == ((1,), 1, 0.0)
    assert found.actual == ("-0.0", "0x8000000000000000")


def test_swapped_indices() -> None:
    index = np.arange(10)
    found = compare(index, index[[0, 1, 2, 7, 4, 5, 6, 3, 8, 9]])
    assert (found.differing, found.worst, found.max_ulp, found.max_abs) == (2, (3,), 4, 4.0)
    assert found.histogram == ((4, 2),)


@pytest.mark.parametrize("dtype", [np.float32, ">f8", np.int64])
def test_another_dtype_is_its_own_finding(dtype: object) -> None:
    found = compare(BASE, BASE.astype(dtype), Rule(max_ulp=10**9, atol=1e9))
    assert not found.ok
    assert "where float64 is expected" in found.mismatch


def test_another_shape_is_its_own_finding() -> None:
    found = compare(BASE, BASE.reshape(6, 4))
    assert not found.ok
    assert found.mismatch == "shape (6, 4) where (4, 6) is expected"
    assert not compare(np.zeros(0), np.zeros((0, 3))).ok


def test_nan_passes_only_bit_for_bit() -> None:
    quiet = np.array([0x7FF8000000000000, 0x7FF0000000000001], dtype=np.uint64).view(np.float64)
    loosest = Rule(max_ulp=2**64 - 1, rtol=1e300, atol=1e300)
    assert compare(quiet, quiet.copy()).ok
    assert not compare(quiet, quiet[::-1].copy(), loosest).ok
    assert not compare(np.array([np.inf]), quiet[1:], loosest).ok
    assert not compare(np.array([1.0]), quiet[:1], loosest).ok
    assert compare(np.array([1.0]), quiet[:1]).max_abs == np.inf


def test_infinity_never_passes_by_tolerance() -> None:
    wide = Rule(rtol=1.0, atol=1e300)
    assert not compare(np.array([np.inf]), np.array([3.0]), wide).ok
    assert not compare(np.array([3.0]), np.array([np.inf]), wide).ok
    assert not compare(np.array([np.inf]), np.array([-np.inf]), wide).ok


def test_absolute_delta() -> None:
    inf, nan = np.inf, np.nan
    left, right = np.array([inf, inf, nan, 1.0, -0.0]), np.array([inf, -inf, 1.0, 3.5, 0.0])
    assert absolute_delta(left, right).tolist() == [0.0, inf, inf, 2.5, 0.0]
    assert absolute_delta(np.array(1.0), np.array(np.nan)) == inf
    low, high = np.array([-(2**63)]), np.array([2**63 - 1])
    assert absolute_delta(low, high).tolist() == [2.0**64]


def test_rule_by_ulp() -> None:
    near = changed((1, 1), ulps(BASE, (1, 1), 3))
    assert compare(BASE, near, Rule(max_ulp=3)).ok
    assert compare(BASE, near, Rule(max_ulp=3)).ulp_used == 3
    assert not compare(BASE, near, Rule(max_ulp=2)).ok


def test_rule_by_tolerance() -> None:
    near = changed((0, 0), -3.0 + 3e-9)
    found = compare(BASE, near, Rule(rtol=2e-9))
    assert found.ok
    assert found.tolerance_used == pytest.approx(0.5)
    assert not compare(BASE, near, Rule(rtol=0.9e-9)).ok
    assert compare(BASE, near, Rule(atol=3.1e-9)).ok
    assert not compare(BASE, near, Rule(atol=2.9e-9)).ok


def test_the_worst_is_beyond_the_rule_even_if_another_is_further_away() -> None:
    other = changed((0, 1), 1e-300, changed((0, 0), 0.0))
    base = changed((0, 1), 1.0, changed((0, 0), 5e-10))
    found = compare(base, other, Rule(atol=1e-9))
    assert (found.differing, found.failing, found.worst) == (2, 1, (0, 1))


def test_the_first_of_equals_is_the_worst_across_blocks() -> None:
    expected = np.ones(2 * BLOCK + 5)
    actual = expected.copy()
    actual[[7, BLOCK + 1]] = np.nextafter(1.0, 2.0)
    assert compare(expected, actual).worst == (7,)
    actual[2 * BLOCK + 4] = 2.0
    found = compare(expected, actual)
    assert found.worst == (2 * BLOCK + 4,)
    assert (found.differing, found.max_ulp) == (3, 2**52)
    assert found.histogram == ((1, 2), (2**52, 1))


def test_histogram_buckets_are_exact_at_their_edges() -> None:
    distances = [1, 2, 3, 4, 7, 2**53 - 1, 2**53, 2**60 - 1, 2**63, 2**64 - 1]
    expected = np.zeros(len(distances), dtype=np.uint64)
    found = compare(expected, np.array(distances, dtype=np.uint64))
    buckets = {2 ** (d.bit_length() - 1) for d in distances}
    assert {low for low, _ in found.histogram} == buckets
    assert sum(count for _, count in found.histogram) == len(distances)


def test_strides_do_not_matter() -> None:
    fortran = np.asfortranarray(BASE)
    assert compare(BASE, fortran).ok
    assert compare(fortran, BASE[::-1]).differing == 24
    assert compare(np.array(1.0), np.array(2.0)).worst == ()
    assert compare(np.zeros((0, 3)), np.zeros((0, 3))).ok


def test_a_million_elements_with_one_difference_take_well_under_a_second() -> None:
    expected = np.random.default_rng(0).normal(size=1_000_000)
    actual = expected.copy()
    actual[765_432] = np.nextafter(actual[765_432], np.inf)
    started = time.perf_counter()
    found = compare(expected, actual)
    assert time.perf_counter() - started < 0.5
    assert found.worst == (765_432,)
