"""The container: named arrays and a header that describes them, in one file that can be mapped.

``docs/file-format.md`` states the layout. Nothing in it is executed or guessed: a header of JSON,
arrays little-endian in C order, each with its SHA-256. What is read is refused unless the preamble,
the header and the sizes fit; `verify` checks every other byte too.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
import os
import stat
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeGuard

import numpy as np
import numpy.typing as npt

from .._files import opened, replacing
from ..errors import FileFormatError
from ..metrics._arguments import native

__all__ = ["MAGIC", "PREAMBLE", "VERSION", "Contents", "read", "seal_of", "write"]

MAGIC = b"\x89CTX\r\n\x1a\n"
"""Like PNG's: not text, and broken by whatever changes line ends or the eighth bit."""
VERSION = 1
PREAMBLE = struct.Struct("<8sII32s")
"""Magic, format version, length of the header, SHA-256 of the bytes before it and of the header."""
ALIGNMENT = 4096
_DTYPES = ("<f4", "<f8", "<i8", "<u4")
_MOST_DIMENSIONS, _MOST_NUMBERS = 8, 2**60
"""Of an array: NumPy takes no more than this by far, and says so in its own way."""
_BLOCK = 2**24
"""Bytes that are hashed or written at a time, so that Ctrl-C is heard between."""

Array = npt.NDArray[Any]


class Contents(NamedTuple):
    """A file's header, and its arrays by name: read-only, in native byte order."""

    header: dict[str, Any]
    arrays: dict[str, Array]


def write(
    path: Path, kind: str, described: Mapping[str, Any], arrays: Mapping[str, Array], *, force: bool
) -> None:
    """Write arrays with a header of JSON values; whole, or not at all."""
    stored = {name: np.ascontiguousarray(array, _little(array)) for name, array in arrays.items()}
    table: dict[str, Any] = {}
    end = 0
    for name, array in stored.items():
        offset = _aligned(end)
        end = offset + array.nbytes
        table[name] = {
            "dtype": array.dtype.str,
            "offset": offset,
            "sha256": _digest(_bytes(array)),
            "shape": list(array.shape),
        }
    header = json.dumps(
        {**described, "arrays": table, "kind": kind}, sort_keys=True, allow_nan=False
    ).encode()
    with replacing(path, force=force) as file:
        file.write(PREAMBLE.pack(MAGIC, VERSION, len(header), _seal(VERSION, header)))
        file.write(header)
        for array in stored.values():
            file.write(bytes(_aligned(file.tell()) - file.tell()))
            for block in _blocks(_bytes(array)):
                file.write(block)


def seal_of(path: Path, kind: str) -> bytes:
    """Return the checksum of a file's header, which holds those of its arrays: what tells it apart.

    Raises
    ------
    FileFormatError, FileAccessError
        As `read` does, of the header alone.
    """
    with opened(path) as file:
        return _header(path, file, _size(path, file), kind)[2]


def read(
    path: Path, kind: str, *, mapped: bool, verify: bool, seal: bytes | None = None
) -> Contents:
    """Read a file of that kind; map its arrays, or hold them in memory.

    Raises
    ------
    FileFormatError
        If the file is of another kind, damaged, cut short, newer than this version, or has another
        ``seal`` than the one that is given.
    FileAccessError
        If it cannot be opened.
    """
    with opened(path) as file:
        size = _size(path, file)
        header, start, found = _header(path, file, size, kind)
        if seal not in (None, found):
            raise FileFormatError(
                f"{path} was replaced by another file since it was named; name it again, and save "
                "what is to replace a file in use under another name"
            )
        table = _table(path, header)
        _expect_size(path, size, start + max((end for *_, end in table.values()), default=0))
        whole = _mapped(file) if mapped else _held(path, file, size)
    arrays = {
        name: np.ndarray(shape, dtype, whole, start + begin)
        for name, (dtype, shape, begin, _) in table.items()
    }
    if verify:
        _verify(path, whole, header, start, table, arrays)
    return Contents(header, {name: _native(array) for name, array in arrays.items()})


def _size(path: Path, file: IO[bytes]) -> int:
    """Return the size of a regular file."""
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise FileFormatError(f"{path} is no regular file; give a file that was saved")
    return status.st_size


def _header(path: Path, file: IO[bytes], size: int, kind: str) -> tuple[dict[str, Any], int, bytes]:
    """Return the header, where the data begin, and the seal."""
    first = file.read(PREAMBLE.size)
    if not first.startswith(MAGIC):
        what = "is empty" if not first else "is cut short" if MAGIC.startswith(first) else None
        raise FileFormatError(
            f"{path} {what or f'begins with {first[:8]!r}: it is no file of covertreex'}; give a "
            "file that CoverTree.save wrote"
        )
    if len(first) < PREAMBLE.size:
        raise _damaged(path, f"ends after {size} bytes, within the preamble")
    _, version, length, seal = PREAMBLE.unpack(first)
    text = file.read(length) if PREAMBLE.size + length <= size else b""
    if len(text) != length:
        raise _damaged(path, f"ends after {size} bytes, within a header of {length}")
    if _seal(version, text) != seal:
        raise _damaged(path, "has a header that does not fit its checksum")
    if version != VERSION:
        raise FileFormatError(
            f"{path} is of format version {version}, and this covertreex reads version {VERSION}; "
            "upgrade covertreex, or save the tree again with this one"
        )
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "has a header that is no JSON") from error
    if not isinstance(header, dict) or header.get("kind") != kind:
        given = header.get("kind") if isinstance(header, dict) else header
        raise FileFormatError(f"{path} holds {given!r}, not {kind!r}; give a file that holds that")
    return header, _aligned(PREAMBLE.size + length), seal


_Entry = tuple[np.dtype[Any], tuple[int, ...], int, int]


def _table(path: Path, header: dict[str, Any]) -> dict[str, _Entry]:
    """Return dtype, shape, first and last byte of each array, in the order they stand in."""
    entries: dict[str, _Entry] = {}
    described = header.get("arrays")
    if not isinstance(described, dict):
        raise _damaged(path, f"describes its arrays as {described!r}")
    for name, entry in described.items():
        known = entry if isinstance(entry, dict) else {}
        dtype, shape, begin = (known.get(key) for key in ("dtype", "shape", "offset"))
        if dtype not in _DTYPES or not _are_sizes(shape) or not _is_size(begin):
            raise _damaged(path, f"describes its array {name!r} as {entry!r}")
        kind = np.dtype(dtype)
        size = kind.itemsize * math.prod(shape)
        entries[name] = kind, tuple(shape), begin, begin + size
    ordered = dict(sorted(entries.items(), key=lambda item: item[1][2]))
    last = 0
    for name, (_, _, begin, end) in ordered.items():
        if begin != _aligned(last):
            raise _damaged(path, f"puts its array {name!r} at {begin}, not at {_aligned(last)}")
        last = end
    return ordered


def _are_sizes(value: Any) -> TypeGuard[list[int]]:
    few = isinstance(value, list) and len(value) <= _MOST_DIMENSIONS and all(map(_is_size, value))
    return few and math.prod(max(1, length) for length in value) < _MOST_NUMBERS


def _is_size(value: Any) -> TypeGuard[int]:
    return type(value) is int and value >= 0


def _expect_size(path: Path, size: int, wanted: int) -> None:
    if size != wanted:
        what = f"ends after {size} bytes of" if size < wanted else f"has {size} bytes, not"
        raise _damaged(path, f"{what} {wanted}")


def _mapped(file: IO[bytes]) -> memoryview:
    return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _held(path: Path, file: IO[bytes], size: int) -> memoryview:
    whole = np.empty(size, np.uint8)
    file.seek(0)
    if file.readinto(whole.data) != size:  # type: ignore[attr-defined]
        raise _damaged(path, f"became shorter than {size} bytes while it was read")
    whole.flags.writeable = False
    return whole.data


def _verify(
    path: Path,
    whole: memoryview,
    header: dict[str, Any],
    start: int,
    table: dict[str, _Entry],
    arrays: dict[str, Array],
) -> None:
    """Check every byte behind the header: arrays by their checksums, gaps to be zero."""
    gap = PREAMBLE.size + PREAMBLE.unpack_from(whole)[2]
    for name, (_, _, begin, end) in table.items():
        if any(whole[gap : start + begin]):
            raise _damaged(path, f"has bytes that are not zero before its array {name!r}")
        if _digest(_bytes(arrays[name])) != header["arrays"][name].get("sha256"):
            raise _damaged(path, f"holds an array {name!r} that does not fit its checksum")
        gap = start + end


def _damaged(path: Path, what: str) -> FileFormatError:
    return FileFormatError(
        f"{path} {what}: it is damaged or was cut short; copy it again, or save the tree again"
    )


def _seal(version: int, header: bytes) -> bytes:
    return hashlib.sha256(struct.pack("<8sII", MAGIC, version, len(header)) + header).digest()


def _digest(data: memoryview) -> str:
    digest = hashlib.sha256()
    for block in _blocks(data):
        digest.update(block)
    return digest.hexdigest()


def _blocks(data: memoryview) -> Iterator[memoryview]:
    return (data[at : at + _BLOCK] for at in range(0, len(data), _BLOCK))


def _bytes(array: Array) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _little(array: Array) -> np.dtype[Any]:
    return array.dtype.newbyteorder("<")


def _native(array: Array) -> Array:
    kept = native(array, array.dtype.newbyteorder("="))  # itself, on a little-endian machine
    kept.flags.writeable = False
    return kept


def _aligned(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT
