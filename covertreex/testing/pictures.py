"""Where the differing elements of an array lie, small enough to travel and to be drawn.

An array is seen as a matrix: its last axis across, all others down; it is divided into at most
`CELLS` x `CELLS` cells of equal size. Always: a cell with one differing element shows it, however
many elements it holds, and a cell says "all" of nothing less than all. The plugin loads this file
wherever pytest runs, so it imports nothing heavy; `covertreex.testing.bins` counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CELLS = 64
SHARES = (0.01, 0.1, 0.5)
"""Bounds of the levels 1, 2, 3 of a cell; 0 is none of its elements, 4 more, 5 all of them."""
LEVELS = ("none", "under 1%", "under 10%", "under 50%", "under 100%", "all")


@dataclass(frozen=True)
class Picture:
    """What is shown of an array that failed.

    Attributes
    ----------
    shape
        The shape of the array.
    heat
        One text a row of cells, one digit a cell: its level, an index of `LEVELS`.
    worst, expected, actual
        Index of the worst element, and both values there: in decimal, in hexadecimal bits.
    histogram
        Pairs (2^k, count): differing elements with a distance in [2^k, 2^(k+1)).
    failing
        The number of elements beyond the rule.
    allowed
        The rule, in words.
    """

    shape: tuple[int, ...]
    heat: tuple[str, ...]
    worst: tuple[int, ...]
    expected: tuple[str, str]
    actual: tuple[str, str]
    histogram: tuple[tuple[int, int], ...]
    failing: int
    allowed: str

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Picture:
        """Make a picture of what JSON gave back, where every tuple is a list."""
        return cls(**{name: _tuples(value) for name, value in fields.items()})


def matrix_of(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the rows and columns of an array seen as a matrix; a vector is one row."""
    return math.prod(shape[:-1]), shape[-1] if shape else 1


def cell_of(index: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the cell, down and across, that holds an element."""
    rows, columns = matrix_of(shape)
    row = 0
    for place, size in zip(index[:-1], shape[:-1], strict=True):
        row = row * size + place
    column = index[-1] if index else 0
    return row * min(CELLS, rows) // rows, column * min(CELLS, columns) // columns


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
