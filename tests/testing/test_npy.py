"""Files as canonical bytes: what is written, and that nothing else is read."""

from __future__ import annotations

import contextlib
import io
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covertreex.testing import GoldenDamagedError, UnsupportedArrayError, inputs_sha256
from covertreex.testing.npy import array_sha256, decode, encode

ARRAY = np.arange(12.0).reshape(3, 4)


def saved(array: np.ndarray, version: tuple[int, int] = (1, 0)) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, version=version)
    return stream.getvalue()


@pytest.mark.parametrize(
    "array",
    [
        ARRAY,
        np.array(2.5, dtype=np.float32),
        np.zeros((0, 3)),
        np.array([True, False]),
        np.arange(5, dtype=np.int64),
        np.array([np.nan, -0.0, np.inf]),
    ],
)
def test_an_array_comes_back_bit_for_bit(array: np.ndarray) -> None:
    back = decode(encode(array))
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert back.tobytes() == array.tobytes()
    assert np.load(io.BytesIO(encode(array)), allow_pickle=False).tobytes() == array.tobytes()


@pytest.mark.parametrize("other", [np.asfortranarray(ARRAY), ARRAY.astype(">f8")])
def test_one_array_is_one_file(other: np.ndarray) -> None:
    assert encode(other) == encode(ARRAY)
    assert array_sha256(other) == array_sha256(ARRAY)


DAMAGED = {
    "zero bytes": (b"", "zero bytes"),
    "no magic": (b"not an array at all", "no .npy header"),
    "cut header": (encode(ARRAY)[:40], "no readable .npy header"),
    "truncated": (encode(ARRAY)[:-1], "truncated: 95 of 96 bytes"),
    "longer": (encode(ARRAY) + b"\0", "1 bytes after its data"),
    "version 2": (saved(ARRAY, (2, 0)), "version 2.0, not 1.0"),
    "big-endian": (saved(ARRAY.astype(">f8")), "big-endian"),
    "Fortran order": (saved(np.asfortranarray(ARRAY)), "Fortran order"),
    "object": (saved(np.array([{}, []], dtype=object)), "a pickle; it was not loaded"),
    "bare pickle": (pickle.dumps(ARRAY), "no .npy header"),
    "complex": (saved(ARRAY.astype(complex)), "never frozen"),
    "structured": (saved(np.zeros(2, dtype="f8,i4")), "no readable .npy header"),
}


@pytest.mark.parametrize(("data", "message"), DAMAGED.values(), ids=DAMAGED)
def test_anything_else_is_damage_and_says_which(data: bytes, message: str) -> None:
    with pytest.raises(GoldenDamagedError, match=message):
        decode(data)


@pytest.mark.parametrize("shape", ["(1000000000000, 1000000)", "(-1,)", "(3.0,)"])
def test_a_header_that_lies_allocates_nothing(shape: str) -> None:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with pytest.raises(GoldenDamagedError):
        decode(data)


def test_a_huge_header_is_refused() -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }".ljust(60_000) + b"\n"
    with pytest.raises(GoldenDamagedError, match="header"):
        decode(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(8))


@given(st.binary(max_size=80), st.integers(0, 200))
def test_random_damage_is_never_another_error(noise: bytes, place: int) -> None:
    data = bytearray(encode(ARRAY))
    data[place : place + len(noise)] = noise
    with contextlib.suppress(GoldenDamagedError):
        decode(bytes(data))


def test_inputs_digest_sees_name_dtype_shape_and_bytes() -> None:
    base = {"x": np.arange(4.0), "kernel": np.array("rbf")}
    others = [
        {"y": base["x"], "kernel": base["kernel"]},
        {**base, "x": base["x"].astype(np.float32)},
        {**base, "x": base["x"].reshape(2, 2)},
        {**base, "x": base["x"] + 0.5},
        {**base, "kernel": np.array("rbg")},
        {**base, "x": np.array([-0.0, 1.0, 2.0, 3.0])},
    ]
    digests = {inputs_sha256(given) for given in [base, *others]}
    assert len(digests) == 1 + len(others)
    assert inputs_sha256(dict(reversed(base.items()))) == inputs_sha256(base)
    assert inputs_sha256({**base, "x": base["x"].astype(">f8")}) == inputs_sha256(base)
    with pytest.raises(UnsupportedArrayError, match="object"):
        inputs_sha256({"x": np.array([None])})
