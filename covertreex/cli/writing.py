"""Neighbours into a file: npz, parquet or csv, by its suffix; whole or not at all.

An npz holds three arrays: ``queries`` (q,), the id of each query, or its row in the file of
queries; ``indices`` (q, k) and ``distances`` (q, k), where -1 beside infinity fills the places of a
point with fewer than k predecessors. A table has a row for each neighbour, and none for those
places: ``query``, ``rank`` (from 1), ``neighbor``, ``distance``.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import typer

from .._files import refuse_existing, replacing
from ..metrics._arguments import F64, I64
from .failures import WriteError, writing_to
from .reading.parquet import arrow
from .standard import standard_output

__all__ = ["SUFFIXES", "Found", "refuse_output", "write"]

SUFFIXES = (".npz", ".parquet", ".csv")

_BLOCK = 1 << 18
"""Neighbours that are turned into text, or into a row group, at a time."""


@dataclass(frozen=True, eq=False)
class Found:
    """Neighbours of some queries.

    Attributes
    ----------
    queries : ndarray of int64, shape (q,)
        Ids, or rows in the file of queries.
    indices : ndarray of int64, shape (q, k)
        Ids of the neighbours, nearest first; -1 where there are fewer than k.
    distances : ndarray of float64, shape (q, k)
        Their distances; infinity beside -1.
    """

    queries: I64
    indices: I64
    distances: F64

    def tables(self) -> Iterator[tuple[I64, I64, I64, F64]]:
        """Yield the columns query, rank, neighbor and distance, some rows at a time."""
        k = self.indices.shape[1]
        step = max(1, _BLOCK // k)
        for first in range(0, len(self.queries), step):
            part = slice(first, first + step)
            indices = self.indices[part].ravel()
            there = indices >= 0
            queries = np.repeat(self.queries[part], k)[there]
            ranks = np.tile(np.arange(1, k + 1), len(indices) // k)[there]
            yield queries, ranks, indices[there], self.distances[part].ravel()[there]


def refuse_output(
    path: Path, suffixes: tuple[str, ...], *, force: bool, inputs: tuple[Path | None, ...] = ()
) -> None:
    """Raise before any work is done if a file could not be written there.

    Raises
    ------
    typer.BadParameter
        If the suffix is none of those given.
    OutputExistsError
        If the path is taken, and ``force`` is not set.
    WriteError
        If the folder is not there or not writable, or the path is one of the inputs.
    MissingDependencyError
        If it would be a parquet file, and pyarrow is not installed.
    """
    if path.suffix.lower() not in suffixes:
        raise typer.BadParameter(
            f"{path} has the suffix {path.suffix!r}; wanted {', '.join(suffixes)}",
            param_hint="--output",
        )
    for taken in inputs:
        if taken is not None and path.exists() and taken.exists() and path.samefile(taken):
            raise WriteError(f"{path} is read by this command; write to another file")
    with writing_to():
        refuse_existing(path, force=force)
    if not path.parent.is_dir():
        raise WriteError(
            f"{path} cannot be written: the folder {path.parent} is not there; make it"
        )
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise WriteError(f"{path} cannot be written: the folder {path.parent} forbids it")
    if path.suffix.lower() == ".parquet":
        arrow(path)


def write(found: Found, path: Path | None, *, force: bool) -> None:
    """Write neighbours to a file that appears whole, or as a csv to the standard output."""
    if path is None:
        with standard_output() as text:
            _write_csv(found, text.buffer)
        return
    with writing_to(), replacing(path, force=force) as file:
        if path.suffix.lower() == ".npz":
            np.savez(
                file,
                queries=found.queries,
                indices=found.indices,
                distances=found.distances,
            )
        elif path.suffix.lower() == ".parquet":
            _write_parquet(found, file, path)
        else:
            _write_csv(found, file)


def _write_csv(found: Found, file: IO[bytes]) -> None:
    text = io.TextIOWrapper(file, "utf-8", newline="\n")
    text.write("query,rank,neighbor,distance\n")
    for columns in found.tables():  # repr of a float is the shortest text that reads back as it
        rows = zip(*(column.tolist() for column in columns), strict=True)
        text.writelines(f"{q},{r},{i},{d!r}\n" for q, r, i, d in rows)
    text.flush()
    text.detach()


def _write_parquet(found: Found, file: IO[bytes], path: Path) -> None:
    pa = arrow(path)
    kinds = {
        "query": pa.int64(),
        "rank": pa.int32(),
        "neighbor": pa.int64(),
        "distance": pa.float64(),
    }
    schema = pa.schema([pa.field(name, kind, nullable=False) for name, kind in kinds.items()])
    with pa.parquet.ParquetWriter(file, schema) as writer:
        for columns in found.tables():
            arrays = [
                pa.array(column, kind) for column, kind in zip(columns, kinds.values(), strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
