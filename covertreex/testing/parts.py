"""Parts of arrays: elements, rows and blocks, named by basic NumPy indices."""

from __future__ import annotations

from typing import Any

from covertreex.testing.bits import Array

Part = tuple[Any, ...]
"""An index of one element, or of a row or block where it is shorter or has slices."""


def first(shape: tuple[int, ...]) -> Part:
    """Return the index of the first element of an array of that shape."""
    return (0,) * len(shape)


def plain(part: Any) -> Part:
    """Return an index, or the number that a trace gave for one, as a tuple of plain integers."""
    entries = part if isinstance(part, tuple) else (part,)
    return tuple(entry if isinstance(entry, slice) else int(entry) for entry in entries)


def fits(array: Array, part: Part) -> bool:
    """Whether an array has that part."""
    try:
        array[part]
    except IndexError:
        return False
    return True


def whole_index(part: Part, shape: tuple[int, ...], inner: tuple[int, ...]) -> Part:
    """Return the index, in an array of a shape, of an element given by its index in a part."""
    rest = iter(inner)
    index = []
    for axis, length in enumerate(shape):
        entry = part[axis] if axis < len(part) else slice(None)
        if isinstance(entry, slice):
            index.append(range(*entry.indices(length))[next(rest)])
        else:
            index.append(entry % length)
    return tuple(index)


def part_text(part: Part) -> str:
    """Write an index as Python does: ``[3, 1:5]``; nothing for all of an array."""
    entries = [_slice_text(entry) if isinstance(entry, slice) else str(entry) for entry in part]
    return f"[{', '.join(entries)}]" if entries else ""


def _slice_text(entry: slice) -> str:
    start, stop = ("" if end is None else str(end) for end in (entry.start, entry.stop))
    return f"{start}:{stop}" + ("" if entry.step is None else f":{entry.step}")
