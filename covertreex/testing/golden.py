"""One golden: how an array becomes a file and an entry, and how both are read and judged.

An array of at most `full_limit` bytes is kept whole. Of a larger one the file holds evenly spaced
rows, first and last included, and the entry the digest of all of it: the digest decides, the rows
show where to look. A row is ``array[i]``; where two of those would exceed the limit, an element.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from covertreex.testing.bits import Array, hex_bits
from covertreex.testing.manifest import Entry
from covertreex.testing.npy import array_sha256, canonical, decode, encode
from covertreex.testing.verdicts import GoldenDamagedError

FULL_LIMIT = 128 * 1024
MOST_ROWS = 64
FIRST_VALUES = 4


@dataclass(frozen=True)
class Golden:
    """A golden as read: its entry, and the array or, if the entry lists rows, those rows."""

    entry: Entry
    array: Array

    def is_bitwise(self, array: Array) -> bool:
        """Whether an array is the frozen one, bit for bit, whole or not."""
        return is_frozen(self.entry, array)

    def same_part(self, array: Array) -> Array:
        """Return what the golden holds of an array of the golden's shape: it, or the rows."""
        if self.entry.rows is None:
            return array
        return array.reshape(-1, self.entry.row_size or 1)[list(self.entry.rows)]


def is_frozen(entry: Entry, array: Array) -> bool:
    """Whether an array has the dtype, shape and digest of an entry."""
    same_kind = array.dtype.str == entry.dtype and array.shape == entry.shape
    return same_kind and array_sha256(array) == entry.sha256


def freeze(array: Array, number: int, full_limit: int) -> tuple[Entry, bytes]:
    """Return the entry and the file of an array."""
    array = canonical(array)
    rows, row_size = _rows(array, full_limit)
    kept = array if rows is None else array.reshape(-1, row_size or 1)[list(rows)]
    data = encode(kept)
    low, high = _extremes(array)
    entry = Entry(
        dtype=array.dtype.str,
        shape=array.shape,
        sha256=array_sha256(array),
        file_sha256=hashlib.sha256(data).hexdigest(),
        min=low,
        max=high,
        first=tuple(hex_bits(value) for value in array.reshape(-1)[:FIRST_VALUES]),
        freeze=number,
        rows=rows,
        row_size=row_size,
    )
    return entry, data


def thaw(entry: Entry, data: bytes) -> Golden:
    """Read a golden's file, and hold it against its entry.

    Raises
    ------
    GoldenDamagedError
        If the file is not the one the entry describes; it says in which way.
    """
    array = decode(data)
    shape = entry.shape if entry.rows is None else (len(entry.rows), entry.row_size)
    if (array.dtype.str, array.shape) != (entry.dtype, shape):
        raise GoldenDamagedError(
            f"holds {array.dtype.str} {array.shape}, the manifest says {entry.dtype} {shape}"
        )
    if hashlib.sha256(data).hexdigest() != entry.file_sha256:
        raise GoldenDamagedError("was edited: its SHA-256 is not the one in the manifest")
    if entry.whole and array_sha256(array) != entry.sha256:
        raise GoldenDamagedError("is not the array whose SHA-256 the manifest gives")
    return Golden(entry, array)


def _rows(array: Array, full_limit: int) -> tuple[tuple[int, ...] | None, int | None]:
    """Return which rows of how many elements to keep; nothing for an array kept whole."""
    if array.nbytes <= full_limit:
        return None, None
    row_size = math.prod(array.shape[1:])
    if 2 * row_size * array.itemsize > full_limit:
        row_size = 1
    count = array.size // row_size
    kept = max(2, min(MOST_ROWS, full_limit // (row_size * array.itemsize)))
    if kept >= count:
        return None, None
    return tuple(i * (count - 1) // (kept - 1) for i in range(kept)), row_size


def _extremes(array: Array) -> tuple[str | None, str | None]:
    """Smallest and largest value, NaN left out and -0.0 shown as 0.0."""
    if not array.size:
        return None, None
    flat = array.reshape(-1)
    with np.errstate(invalid="ignore"):
        return _decimal(np.fmin.reduce(flat)), _decimal(np.fmax.reduce(flat))


def _decimal(value: Any) -> str:
    return str(abs(value) if value == 0 else value)
