"""Points from NumPy's own files. Nothing is unpickled, and no more is allocated than there is."""

from __future__ import annotations

import math
import sys
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from ..._files import opened
from ...errors import DtypeError, FileFormatError, ParameterError
from .columns import by_number

__all__ = ["read_npy", "read_npz"]

_REAL_KINDS = "iuf"

_MOST_DIMENSIONS = 32
"""What every NumPy can hold."""

_SAID_OF_A_HEADER = (
    ValueError,
    SyntaxError,
    tokenize.TokenError,
    TypeError,
    OverflowError,
    RecursionError,
)
"""What NumPy's parser, which is Python's own, raises of a damaged header."""


def read_npy(path: Path, columns: Sequence[str] | None) -> npt.NDArray[Any]:
    """Read the array of an npy."""
    with opened(path) as file:
        return _chosen(path, _array(file, path.stat().st_size, str(path)), columns)


def read_npz(path: Path, key: str | None, columns: Sequence[str] | None) -> npt.NDArray[Any]:
    """Read one array of an npz: the one that the key names, or the only one."""
    try:
        with opened(path) as file, zipfile.ZipFile(file) as archive:
            member = _member(path, archive, key)
            with archive.open(member) as stream:
                name = f"{path}:{member.filename.removesuffix('.npy')}"
                return _chosen(path, _array(stream, member.file_size, name), columns)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        # RuntimeError: the member is encrypted; NotImplementedError: its compression is unknown
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(f"{path} is not a whole npz archive: {error}") from error


def _member(path: Path, archive: zipfile.ZipFile, key: str | None) -> zipfile.ZipInfo:
    held = {
        info.filename.removesuffix(".npy"): info
        for info in archive.infolist()
        if info.filename.endswith(".npy")
    }
    if not held:
        raise FileFormatError(f"{path} holds no array")
    if key is None:
        if len(held) > 1:
            raise ParameterError(
                f"{path} holds {len(held)} arrays: {', '.join(held)}; choose one by --key"
            )
        return next(iter(held.values()))
    if key not in held:
        raise ParameterError(f"{path}: array {key!r} is not there; it has {', '.join(held)}")
    return held[key]


def _array(file: IO[bytes], size: int, name: str) -> npt.NDArray[Any]:
    """Read an npy of that size in bytes, header first: its claims are checked before its data."""
    shape, fortran, dtype = _header(file, name)
    if dtype.hasobject:
        raise DtypeError(
            f"{name} holds Python objects, which could only be unpickled, and a pickle can run "
            "code; save it as an array of numbers: array.astype(float)"
        )
    if dtype.kind not in _REAL_KINDS:
        raise DtypeError(f"{name} is of dtype {dtype}; give real numbers, such as a float64 array")
    wanted, there = math.prod(shape) * dtype.itemsize, size - file.tell()
    if there < wanted:
        raise FileFormatError(
            f"{name} is cut off: its header tells of {shape} numbers of {dtype}, {wanted:,} bytes, "
            f"and {max(there, 0):,} follow"
        )
    flat = np.empty(math.prod(shape), dtype)
    _fill(file, flat.view(np.uint8).data, name)
    return flat.reshape(shape, order="F" if fortran else "C")


def _header(file: IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and dtype that an npy claims, its shape one that an array can have."""
    try:
        version = np.lib.format.read_magic(file)
        header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if header is None:
            raise FileFormatError(
                f"{name} is an npy of version {version[0]}.{version[1]}, which plain arrays never "
                "are; save a 2-D array of numbers"
            )
        shape, fortran, dtype = header(file)
    except FileFormatError:
        raise
    except _SAID_OF_A_HEADER as error:
        said = " ".join(str(error).split())
        raise FileFormatError(f"{name} is not a whole npy file: {said}") from error
    if (
        len(shape) > _MOST_DIMENSIONS
        or not all(type(length) is int and length >= 0 for length in shape)  # True is an int too
        or math.prod(max(length, 1) for length in shape) * dtype.itemsize > sys.maxsize
    ):
        raise FileFormatError(
            f"{name} is not a whole npy file: its header tells of the shape {str(shape)[:60]}, "
            "which no array has"
        )
    return shape, fortran, dtype


def _fill(file: IO[bytes], into: memoryview, name: str) -> None:
    step = 1 << 24  # Ctrl-C is heard between two steps
    for first in range(0, len(into), step):
        part = into[first : first + step]
        if len(data := file.read(len(part))) != len(part):
            raise FileFormatError(f"{name} is cut off after {first + len(data):,} bytes of numbers")
        part[:] = data


def _chosen(path: Path, array: npt.NDArray[Any], columns: Sequence[str] | None) -> npt.NDArray[Any]:
    if columns is None or array.ndim != 2:  # its shape is refused where all shapes are
        return array
    return array[:, by_number(path, array.shape[1], columns)]
