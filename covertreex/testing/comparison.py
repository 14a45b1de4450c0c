"""Two arrays, one rule: how many elements differ, by how much, and where the worst one is.

Shapes: any, equal; another shape or dtype is a finding of its own and is never cast. Always: an
element passes if its bits are equal, or if both values are numbers and ULP <= max_ulp or
|delta| <= atol + rtol * |expected|; a NaN passes only bit for bit, an infinity never passes by
atol or rtol. Arrays are walked in blocks, so memory stays small; only what differs is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covertreex.testing.bins import Bins
from covertreex.testing.bits import (
    Array,
    blocks,
    hex_bits,
    raw_bits,
    require_supported,
    ulp_distance,
)
from covertreex.testing.pictures import Picture


@dataclass(frozen=True)
class Rule:
    """What may differ. All zero: nothing, not one bit."""

    max_ulp: int = 0
    rtol: float = 0.0
    atol: float = 0.0

    def __str__(self) -> str:
        return f"{self.max_ulp} ULP, rtol {self.rtol:g}, atol {self.atol:g}"


BITS = Rule()


@dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    Attributes
    ----------
    elements, differing, failing
        Elements looked at, those whose bits differ, those beyond the rule.
    worst
        Index of the worst element: beyond the rule if any is, then of the largest ULP.
    expected, actual
        The two values there, in decimal and in hexadecimal bits.
    max_abs, max_ulp
        Largest ``|delta|`` (inf where a NaN meets another value) and largest ULP distance.
    histogram
        Pairs (2^k, count): differing elements with a distance in [2^k, 2^(k+1)).
    ulp_used, tolerance_used
        How much of the rule was needed: the largest ULP that passed as such, and the largest
        share of ``atol + rtol * |expected|`` among the elements that passed by nothing else.
    mismatch
        The finding when dtype or shape differ; then no element was looked at.
    shape, heat
        Where the differing elements lie, as `Picture` has it; empty if none differs.
    """

    elements: int
    rule: Rule
    differing: int = 0
    failing: int = 0
    worst: tuple[int, ...] = ()
    expected: tuple[str, str] = ("", "")
    actual: tuple[str, str] = ("", "")
    max_abs: float = 0.0
    max_ulp: int = 0
    histogram: tuple[tuple[int, int], ...] = ()
    ulp_used: int = 0
    tolerance_used: float = 0.0
    mismatch: str = ""
    shape: tuple[int, ...] = ()
    heat: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every element passes the rule."""
        return not self.mismatch and self.failing == 0

    @property
    def picture(self) -> Picture | None:
        """What is shown of a failure; None if nothing failed, or no element was looked at."""
        if not self.failing:
            return None
        values = (self.worst, self.expected, self.actual, self.histogram)
        return Picture(self.shape, self.heat, *values, self.failing, str(self.rule))

    def lines(self) -> list[str]:
        """Say what was found, for people."""
        if self.mismatch:
            return [self.mismatch]
        if not self.differing:
            return [f"all {self.elements:,} elements are equal, bit for bit"]
        counts = ", ".join(f"{low:,}: {count:,}" for low, count in self.histogram)
        return [
            f"{self.differing:,} of {self.elements:,} elements differ, "
            f"{self.failing:,} of them beyond the allowed {self.rule}",
            f"worst at index {self.worst}",
            f"  expected {self.expected[0]}  {self.expected[1]}",
            f"  actual   {self.actual[0]}  {self.actual[1]}",
            f"max |delta| {self.max_abs:.3g}, max ULP {self.max_ulp:,}, allowed {self.rule}",
            f"ULP histogram (from 2^k: elements): {counts}",
        ]


def compare(expected: Array, actual: Array, rule: Rule = BITS) -> Comparison:
    """Compare an array with the one that is expected.

    Parameters
    ----------
    expected, actual
        Arrays of bool, integers, float32 or float64, of any shape.
    rule
        What may differ; by default nothing.

    Returns
    -------
    Comparison
        The finding; ``ok`` says whether the rule holds.
    """
    return compare_blocks(expected.dtype, expected.shape, blocks(expected), actual, rule)


def compare_blocks(
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    expected: Iterable[Array],
    actual: Array,
    rule: Rule = BITS,
) -> Comparison:
    """Compare an array with one of that dtype and shape that comes in `blocks`.

    They are drawn to the end, and each is done with before the next one is drawn; none is drawn if
    dtype or shape differ.
    """
    require_supported(dtype)
    size = math.prod(shape)
    if dtype != actual.dtype:
        found = f"dtype {actual.dtype} where {dtype} is expected"
        return Comparison(size, rule, mismatch=found)
    if shape != actual.shape:
        found = f"shape {actual.shape} where {shape} is expected"
        return Comparison(size, rule, mismatch=found)
    tally = _Tally(rule, Bins(shape))
    start = 0
    for left, right in zip(expected, blocks(actual), strict=True):
        tally.add(start, left, right)
        start += left.size
    return tally.comparison(size, shape)


@dataclass
class _Tally:
    """The running sums of one comparison, block by block."""

    rule: Rule
    bins: Bins
    differing: int = 0
    failing: int = 0
    worst: tuple[bool, int, int] = (False, 0, 0)
    values: tuple[Any, Any] = (None, None)
    max_abs: float = 0.0
    max_ulp: int = 0
    ulp_used: int = 0
    tolerance_used: float = 0.0
    lengths: NDArray[np.int64] = field(default_factory=lambda: np.zeros(65, dtype=np.int64))

    def add(self, start: int, left: Array, right: Array) -> None:
        """Take in one block of both flat arrays, which begins at `start`."""
        unequal = raw_bits(left) != raw_bits(right)
        if not unequal.any():
            return
        places = np.flatnonzero(unequal)
        left, right = left[places], right[places]
        ulp, delta = ulp_distance(left, right), absolute_delta(left, right)
        failing = self._judge(left, right, ulp, delta)
        self.bins.add(start + places)
        self.differing += places.size
        self.failing += int(np.count_nonzero(failing))
        self.max_abs = max(self.max_abs, float(delta.max()))
        self.lengths += np.bincount(_bit_length(ulp), minlength=65)
        looked_at = np.flatnonzero(failing) if failing.any() else np.arange(places.size)
        top = looked_at[np.argmax(ulp[looked_at])]
        # The earlier of two equals stays the worst.
        rank = (bool(failing[top]), int(ulp[top]))
        if self.differing == places.size or rank > self.worst[:2]:
            self.worst = (*rank, start + int(places[top]))
            self.values = (left[top], right[top])
        self.max_ulp = max(self.max_ulp, int(ulp.max()))

    def _judge(
        self, left: Array, right: Array, ulp: NDArray[np.uint64], delta: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Say which differing elements are beyond the rule, and note how much of it was used."""
        numbers = ~(np.isnan(left) | np.isnan(right))
        by_ulp = numbers & (ulp <= np.uint64(self.rule.max_ulp))
        if by_ulp.any():
            self.ulp_used = max(self.ulp_used, int(ulp[by_ulp].max()))
        finite = np.isfinite(left) & np.isfinite(right) & ~by_ulp
        allowed = np.zeros(delta.shape)
        with np.errstate(over="ignore"):
            size = np.abs(left[finite].astype(np.float64))
            allowed[finite] = self.rule.atol + self.rule.rtol * size
        # Nothing allowed means bits: |0.0 - -0.0| <= 0 must not pass.
        by_tolerance = finite & (delta <= allowed) & (allowed > 0)
        if by_tolerance.any():
            used = delta[by_tolerance] / allowed[by_tolerance]
            self.tolerance_used = max(self.tolerance_used, float(used.max()))
        return ~(by_ulp | by_tolerance)

    def comparison(self, size: int, shape: tuple[int, ...]) -> Comparison:
        """Close the sums."""
        if not self.differing:
            return Comparison(size, self.rule)
        index = tuple(int(i) for i in np.unravel_index(self.worst[2], shape))
        counted = ((k, int(count)) for k, count in enumerate(self.lengths) if count)
        return Comparison(
            elements=size,
            rule=self.rule,
            differing=self.differing,
            failing=self.failing,
            worst=index,
            expected=_both(self.values[0]),
            actual=_both(self.values[1]),
            max_abs=self.max_abs,
            max_ulp=self.max_ulp,
            histogram=tuple((1 << (k - 1), count) for k, count in counted),
            ulp_used=self.ulp_used,
            tolerance_used=self.tolerance_used,
            shape=shape,
            heat=self.bins.heat(),
        )


def absolute_delta(left: Array, right: Array) -> NDArray[np.float64]:
    """Return |left - right| in float64, elementwise; inf where a NaN is involved."""
    if left.dtype.kind != "f":
        return ulp_distance(left, right).astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        delta = np.abs(left.astype(np.float64) - right.astype(np.float64))
    # Equal infinities differ by NaN, and not at all.
    return np.where(left == right, 0.0, np.where(np.isnan(delta), np.inf, delta))


def _bit_length(values: NDArray[np.uint64]) -> NDArray[np.intp]:
    """Return the exact bit length of each value; a float64 would round the large ones up."""
    high, low = values >> np.uint64(32), values & np.uint64(0xFFFFFFFF)
    upper = np.frexp(high.astype(np.float64))[1] + 32
    lower = np.frexp(low.astype(np.float64))[1]
    return np.where(high > 0, upper, lower).astype(np.intp)


def _both(value: Any) -> tuple[str, str]:
    return str(value.item()), hex_bits(value)
