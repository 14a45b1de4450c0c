"""One golden: what an entry says, what of a large array is kept, and what does not match."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from covertreex.testing import GoldenDamagedError
from covertreex.testing.golden import FULL_LIMIT, MOST_ROWS, freeze, thaw
from covertreex.testing.npy import encode

ARRAY = np.array([[1.0, -2.5], [np.nan, 4.0], [-0.0, np.inf]])


def test_the_entry_describes_the_array() -> None:
    entry, data = freeze(ARRAY, 3, FULL_LIMIT)
    assert (entry.dtype, entry.shape, entry.freeze, entry.whole) == ("<f8", (3, 2), 3, True)
    assert (entry.min, entry.max) == ("-2.5", "inf")
    assert entry.first[:2] == ("0x3ff0000000000000", "0xc004000000000000")
    assert thaw(entry, data).array.tobytes() == ARRAY.tobytes()


@pytest.mark.parametrize(
    ("array", "ends"),
    [
        (np.array([-0.0, 0.0]), ("0.0", "0.0")),
        (np.full(2, np.nan), ("nan", "nan")),
        (np.zeros((0, 2)), (None, None)),
        (np.array([True, False]), ("False", "True")),
        (np.array([-(2**63), 2**63 - 1]), ("-9223372036854775808", "9223372036854775807")),
        (np.array([0.1, 0.2], dtype=np.float32), ("0.1", "0.2")),
    ],
)
def test_extremes(array: np.ndarray, ends: tuple[str | None, str | None]) -> None:
    entry, _ = freeze(array, 1, FULL_LIMIT)
    assert (entry.min, entry.max) == ends


@pytest.mark.parametrize(
    ("shape", "row_size"),
    [((4096, 16), 16), ((100_000,), 1), ((1, 50_000), 1), ((2, 300, 300), 1), ((500, 5, 20), 100)],
)
def test_a_large_array_is_kept_as_rows(shape: tuple[int, ...], row_size: int) -> None:
    array = np.arange(float(np.prod(shape))).reshape(shape)
    entry, data = freeze(array, 1, FULL_LIMIT)
    golden = thaw(entry, data)
    assert entry.rows is not None
    assert entry.row_size == row_size
    assert (entry.rows[0], entry.rows[-1]) == (0, array.size // row_size - 1)
    steps = np.diff(entry.rows)
    assert steps.min() > 0
    assert steps.max() - steps.min() <= 1
    assert 2 <= len(entry.rows) <= MOST_ROWS
    assert golden.array.nbytes <= FULL_LIMIT
    assert golden.is_bitwise(array)
    assert np.array_equal(golden.same_part(array), golden.array)
    array.reshape(-1)[row_size * entry.rows[0] + row_size] += 1.0
    assert not golden.is_bitwise(array)
    assert np.array_equal(golden.same_part(array), golden.array)


def test_the_limit_itself_is_kept_whole() -> None:
    at, above = np.zeros(FULL_LIMIT // 8), np.zeros(FULL_LIMIT // 8 + 1)
    assert freeze(at, 1, FULL_LIMIT)[0].whole
    assert not freeze(above, 1, FULL_LIMIT)[0].whole


def test_a_file_that_is_not_the_entry_is_damage() -> None:
    entry, data = freeze(ARRAY, 1, FULL_LIMIT)
    edited = bytearray(data)
    edited[-1] ^= 1
    with pytest.raises(GoldenDamagedError, match="was edited"):
        thaw(entry, bytes(edited))
    with pytest.raises(GoldenDamagedError, match=r"holds <f4 \(3, 2\), the manifest says <f8"):
        thaw(entry, encode(ARRAY.astype(np.float32)))
    with pytest.raises(GoldenDamagedError, match=r"holds <f8 \(2, 3\)"):
        thaw(entry, encode(ARRAY.reshape(2, 3)))
    with pytest.raises(GoldenDamagedError, match="not the array whose SHA-256"):
        thaw(replace(entry, sha256="0" * 64), data)
