"""One golden: how an array becomes a file and an entry, and how both are read and judged.

An array of at most `full_limit` bytes is kept whole. Of a larger one the file holds evenly spaced
rows, first and last included, and the entry the digest of all of it: the digest decides, the rows
show where to look. A row is ``array[i]``; where two of those would exceed the limit, an element.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, BinaryIO

import numpy as np

from covertreex.testing.bits import BLOCK, Array, blocks, flat, hex_bits
from covertreex.testing.comparison import BITS, Comparison, Rule, compare, compare_blocks
from covertreex.testing.manifest import Entry
from covertreex.testing.npy import LONGEST_HEADER, array_sha256, canonical, encode, header
from covertreex.testing.verdicts import GoldenDamagedError

FULL_LIMIT = 128 * 1024
MOST_ROWS = 64
FIRST_VALUES = 4
KEPT = 1 << 20
"""Bytes of a file up to which a golden that was read stays in memory."""


class Golden:
    """A golden: its entry, and its file.

    A small file is read and checked at once and kept. Of a larger one only the header is: the rest
    goes through memory block by block with each comparison, and its digest is checked in the same
    pass, so that a comparison ends in damage rather than in a result that nothing vouches for.

    Parameters
    ----------
    entry
        What the manifest says of it.
    opened
        Opens the file.
    name
        What an error calls the file.
    """

    def __init__(self, entry: Entry, opened: Callable[[], BinaryIO], name: str) -> None:
        self.entry = entry
        self._opened = opened
        self._name = name
        self._kept: Array | None = None
        with self._open() as stream:
            start = self._begin(stream)
            if stream.seek(0, io.SEEK_END) <= KEPT:
                self._kept = self._rest(start, stream)

    @property
    def array(self) -> Array:
        """What the file holds: the array or, if the entry lists rows, those rows; read-only."""
        if self._kept is not None:
            return self._kept
        with self._open() as stream:
            return self._rest(self._begin(stream), stream)

    def compare(self, array: Array, rule: Rule = BITS) -> Comparison:
        """Compare what the file holds with an array, or with the same rows of it.

        Raises
        ------
        GoldenDamagedError
            If the file turns out not to be the one that was frozen.
        """
        if self._kept is not None:
            return compare(self._kept, array, rule)
        return compare_blocks(np.dtype(self.entry.dtype), self._shape, self._blocks(), array, rule)

    def is_bitwise(self, array: Array) -> bool:
        """Whether an array is the frozen one, bit for bit, whole or not."""
        if not self.entry.whole:
            return is_frozen(self.entry, array)
        same_kind = (array.dtype.str, array.shape) == (self.entry.dtype, self.entry.shape)
        return same_kind and self.compare(array).ok

    def verify(self) -> None:
        """Read all of the file, and hold it against both digests of the entry.

        Raises
        ------
        GoldenDamagedError
            If it is not the one the entry describes.
        """
        digest = hashlib.sha256()
        for block in blocks(self._kept) if self._kept is not None else self._blocks():
            digest.update(block.view(np.uint8).data)
        if self.entry.whole and digest.hexdigest() != self.entry.sha256:
            raise GoldenDamagedError(
                f"{self._name} is not the array whose SHA-256 the manifest gives"
            )

    def same_part(self, array: Array) -> Array:
        """Return what the golden holds of an array of the golden's shape: it, or the rows."""
        if self.entry.rows is None:
            return array
        every, size = flat(array), self.entry.row_size or 1
        return np.stack([every[row * size : (row + 1) * size] for row in self.entry.rows])

    @property
    def _shape(self) -> tuple[int, ...]:
        if self.entry.rows is None:
            return self.entry.shape
        return (len(self.entry.rows), self.entry.row_size or 0)

    @contextmanager
    def _open(self) -> Iterator[BinaryIO]:
        """Open the file; damage is told with its name."""
        with self._opened() as stream:
            try:
                yield stream
            except OSError as error:
                raise GoldenDamagedError(f"{self._name} cannot be read: {error}") from error
            except GoldenDamagedError as error:
                raise GoldenDamagedError(f"{self._name} {error}") from error

    def _begin(self, stream: BinaryIO) -> bytes:
        """Check header and length; return the header and leave the stream behind it."""
        start = stream.read(LONGEST_HEADER)
        shape, dtype, offset = header(start, stream.seek(0, io.SEEK_END))
        if (dtype.str, shape) != (self.entry.dtype, self._shape):
            raise GoldenDamagedError(
                f"holds {dtype.str} {shape}, the manifest says {self.entry.dtype} {self._shape}"
            )
        stream.seek(offset)
        return start[:offset]

    def _rest(self, start: bytes, stream: BinaryIO) -> Array:
        """Read the data behind the header."""
        stream.seek(len(start))
        data = stream.read()
        digest = hashlib.sha256(start)
        digest.update(data)
        self._require(digest.hexdigest())
        return np.frombuffer(data, dtype=self.entry.dtype).reshape(self._shape)

    def _blocks(self) -> Iterator[Array]:
        """Yield the data as `blocks` does, all in one buffer."""
        dtype = np.dtype(self.entry.dtype)
        buffer = np.empty(BLOCK, dtype)
        left = math.prod(self._shape)
        with self._open() as stream:
            digest = hashlib.sha256(self._begin(stream))
            while left:
                block = buffer[: min(left, BLOCK)]
                if stream.readinto(block.view(np.uint8)) != block.nbytes:  # type: ignore[attr-defined]
                    raise GoldenDamagedError("became shorter while it was read")
                digest.update(block.view(np.uint8).data)
                left -= block.size
                yield block
            self._require(digest.hexdigest())

    def _require(self, sha256: str) -> None:
        if sha256 != self.entry.file_sha256:
            raise GoldenDamagedError("was edited: its SHA-256 is not the one in the manifest")


def is_frozen(entry: Entry, array: Array) -> bool:
    """Whether an array has the dtype, shape and digest of an entry."""
    same_kind = (array.dtype.str, array.shape) == (entry.dtype, entry.shape)
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
    """Take bytes for a golden's file, and hold them against its entry.

    Raises
    ------
    GoldenDamagedError
        If the file is not the one the entry describes; it says in which way.
    """
    golden = Golden(entry, partial(io.BytesIO, data), "the golden")
    golden.verify()
    return golden


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
