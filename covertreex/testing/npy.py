"""One array as canonical ``.npy`` bytes, and back, trusting nothing.

Canonical means little-endian, C-order, format version 1.0, of a plain dtype: the same array is the
same bytes with every NumPy. `decode` takes those bytes only; it never unpickles, and allocates
nothing that the length of the file does not cover.
"""

from __future__ import annotations

import hashlib
import io
import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from covertreex.testing.bits import Array, blocks, require_supported
from covertreex.testing.verdicts import GoldenDamagedError, UnsupportedArrayError

LONGEST_HEADER = 1024

_HEADER = re.compile(
    rb"\{'descr': '([<>|=][A-Za-z]\d{0,3})', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d{1,18}, ?)*\d{0,18})\), \} *\n"
)


def canonical(array: Array) -> Array:
    """Return the array in little-endian C-order, of the shape and values it has."""
    array = np.asarray(array)
    require_supported(array.dtype)
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")


def array_sha256(array: Array) -> str:
    """Hash the full C-order little-endian bytes of an array, without a copy of it."""
    require_supported(array.dtype)
    digest = hashlib.sha256()
    for block in blocks(array):
        digest.update(canonical(block).view(np.uint8).data)
    return digest.hexdigest()


def inputs_sha256(inputs: Mapping[str, Array]) -> str:
    """Hash the inputs of a case: name, dtype, shape and bytes of each, sorted by name."""
    digest = hashlib.sha256()
    for name in sorted(inputs):
        array = np.asarray(inputs[name])
        if array.dtype.hasobject:
            raise UnsupportedArrayError(f"input {name!r} is of dtype object: it has no bytes")
        dtype = array.dtype.newbyteorder("<")
        digest.update(f"{name}\0{dtype.str}\0{array.shape}\0".encode())
        for block in blocks(array):
            digest.update(block.astype(dtype, copy=False).tobytes())
    return digest.hexdigest()


def encode(array: Array) -> bytes:
    """Return the canonical ``.npy`` file of an array."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, canonical(array), version=(1, 0), allow_pickle=False)
    return stream.getvalue()


def decode(data: bytes) -> Array:
    """Read a canonical ``.npy`` file; the result is a read-only view of `data`.

    Raises
    ------
    GoldenDamagedError
        If the bytes are anything but what `encode` writes; it says in which way.
    """
    shape, dtype, offset = header(data[:LONGEST_HEADER], len(data))
    return np.frombuffer(data, dtype=dtype, offset=offset).reshape(shape)


def header(start: bytes, length: int) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Return shape, dtype and where the data begin, from the start of a file of that length.

    Raises
    ------
    GoldenDamagedError
        If `encode` writes no such file; it says in which way.
    """
    if not start:
        raise GoldenDamagedError("is empty (zero bytes)")
    shape, fortran, dtype, offset = _header(start)
    if dtype.hasobject:
        raise GoldenDamagedError("holds dtype object, that is a pickle; it was not loaded")
    try:
        require_supported(dtype)
    except UnsupportedArrayError as error:
        raise GoldenDamagedError(f"holds dtype {dtype.str}, which is never frozen") from error
    if dtype.newbyteorder("<") != dtype:
        raise GoldenDamagedError(f"is big-endian (dtype {dtype.str})")
    if fortran:
        raise GoldenDamagedError("is in Fortran order")
    wanted, held = math.prod(shape) * dtype.itemsize, length - offset
    if held < wanted:
        raise GoldenDamagedError(f"is truncated: {held:,} of {wanted:,} bytes of data")
    if held > wanted:
        raise GoldenDamagedError(f"has {held - wanted:,} bytes after its data")
    return shape, dtype, offset


def _header(data: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Return shape, Fortran flag, dtype and where the data begin.

    The header is matched, not evaluated: `numpy.lib.format` raises errors of many kinds on noise.
    """
    if data[:6] != b"\x93NUMPY":
        raise GoldenDamagedError("has no .npy header")
    if data[6:8] != b"\x01\x00":
        raise GoldenDamagedError(f"is .npy version {'.'.join(map(str, data[6:8]))}, not 1.0")
    offset = 10 + int.from_bytes(data[8:10], "little")
    found = _HEADER.fullmatch(data[10:offset])
    if found is None or len(data) < offset or offset > LONGEST_HEADER:
        raise GoldenDamagedError("has no readable .npy header")
    descr, fortran, lengths = (group.decode() for group in found.groups())
    shape = tuple(int(length) for length in re.findall(r"\d+", lengths))
    try:
        return shape, fortran == "True", np.dtype(descr), offset
    except TypeError as error:
        raise GoldenDamagedError(f"holds dtype {descr!r}, which is none") from error
