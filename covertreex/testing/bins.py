"""Counts the differing elements of an array by cell, for the picture of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from covertreex.testing.pictures import CELLS, LEVELS, SHARES, matrix_of


class Bins:
    """The number of differing elements in each cell, counted block by block.

    Parameters
    ----------
    shape
        The shape of the array.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._rows, self._columns = matrix_of(shape)
        self._down, self._across = min(CELLS, self._rows), min(CELLS, self._columns)
        self._counts = np.zeros(self._down * self._across, dtype=np.int64)

    def add(self, places: NDArray[np.int64]) -> None:
        """Count differing elements, given as indices into the flat array."""
        rows, columns = np.divmod(places, self._columns)
        cells = rows * self._down // self._rows * self._across
        cells += columns * self._across // self._columns
        self._counts += np.bincount(cells, minlength=self._counts.size)

    def heat(self) -> tuple[str, ...]:
        """Return the level of each cell, one text a row."""
        counts = self._counts.reshape(self._down, self._across)
        sizes = np.outer(_sizes(self._rows, self._down), _sizes(self._columns, self._across))
        levels = 1 + np.digitize(counts / sizes, SHARES)
        levels = np.where(counts == sizes, len(LEVELS) - 1, np.where(counts == 0, 0, levels))
        return tuple("".join(map(str, row)) for row in levels)


def _sizes(length: int, bins: int) -> NDArray[np.int64]:
    """Return how many of `length` indices fall into each bin: i goes to i * bins // length."""
    edges = -(-np.arange(bins + 1, dtype=np.int64) * length // bins)
    return np.diff(edges)
