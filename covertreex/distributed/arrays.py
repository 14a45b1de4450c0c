"""Dask arrays: what is taken for points and queries, and collections that are made of tasks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from operator import itemgetter
from secrets import token_hex
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
from dask.highlevelgraph import HighLevelGraph

from ..errors import DtypeError, ShapeError


def as_rows(value: Any, name: str, *, columns: int | None = None) -> da.Array:
    """Coordinates (n, d) as a dask array of known chunks, each of them whole rows."""
    array = as_dask(value, name)
    if array.dtype.kind not in "iuf":
        raise DtypeError(
            f"{name} is of dtype {array.dtype}; give real numbers, such as a float64 array"
        )
    if array.ndim != 2 or 0 in array.shape:
        raise ShapeError(
            f"{name} has shape {array.shape}; give a 2-D array (n, d), n and d at least 1, one row "
            "a point"
        )
    if columns is not None and array.shape[1] != columns:
        raise ShapeError(
            f"{name} has {array.shape[1]} columns, but the data have {columns}; give an array "
            f"(q, {columns})"
        )
    whole: da.Array = array.rechunk((tuple(size for size in array.chunks[0] if size), -1))
    return whole


def as_dask(value: Any, name: str) -> da.Array:
    """Return a dask array whose chunk sizes are known."""
    if not isinstance(value, da.Array):
        raise DtypeError(
            f"{name} is of type {type(value).__name__}; give a dask array, such as "
            f"dask.array.from_array({name}, chunks=(10_000, -1))"
        )
    if any(math.isnan(size) for sizes in value.chunks for size in sizes):
        raise ShapeError(
            f"{name} has chunks of unknown size; call {name}.compute_chunk_sizes() first"
        )
    return value


def objects_of(
    what: str, layer: Sequence[tuple[Any, ...]], sources: Sequence[da.Array]
) -> da.Array:
    """Return a collection whose blocks are whatever the tasks return, one each, by position."""
    name = _fresh(what)
    tasks = {(name, i): task for i, task in enumerate(layer)}
    return _array(name, tasks, sources, ((1,) * len(layer),), np.empty(0, object))


def part_of(
    tuples: da.Array,
    part: int,
    what: str,
    sizes: Sequence[int],
    columns: int,
    dtype: np.dtype[Any],
) -> da.Array:
    """Return the array (sum of sizes, columns) that one part of each of these tuples makes up."""
    name = _fresh(what)
    tasks = {(name, i, 0): (itemgetter(part), (tuples.name, i)) for i in range(len(sizes))}
    return _array(name, tasks, [tuples], (tuple(sizes), (columns,)), np.empty((0, 0), dtype))


def _fresh(what: str) -> str:
    return f"covertreex-{what}-{token_hex(8)}"


def _array(
    name: str,
    tasks: Mapping[Any, Any],
    sources: Sequence[Any],
    chunks: tuple[tuple[int, ...], ...],
    meta: npt.NDArray[Any],
) -> da.Array:
    return da.Array(
        HighLevelGraph.from_collections(name, tasks, dependencies=sources), name, chunks, meta=meta
    )
