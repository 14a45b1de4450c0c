"""Points from parquet: the columns that were asked for, a batch of rows at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..._files import opened
from ...errors import (
    CovertreexError,
    DtypeError,
    FileFormatError,
    MissingDependencyError,
    NonFiniteError,
)
from ...metrics._arguments import F64
from .columns import by_name

__all__ = ["arrow", "read_parquet"]


def arrow(path: Path) -> Any:
    """Return pyarrow with its parquet part, which that file needs.

    Raises
    ------
    MissingDependencyError
        If it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"{path} needs pyarrow, which is not installed: pip install 'covertreex[parquet]'"
        ) from error
    return pyarrow


def read_parquet(path: Path, columns: Sequence[str] | None) -> tuple[F64, tuple[str, ...]]:
    """Read columns of numbers, and their names."""
    pa = arrow(path)
    with opened(path) as source:
        try:
            file = pa.parquet.ParquetFile(source, page_checksum_verification=True)
            schema = file.schema_arrow
            wanted = schema.names if columns is None else columns
            names = [schema.names[at] for at in by_name(path, schema.names, wanted)]
            _refuse_text(path, pa, schema, names)
            return _filled(path, file, names), tuple(names)
        except (CovertreexError, MemoryError):
            raise
        except (pa.ArrowException, OSError, ValueError) as error:  # said of a damaged file
            raise FileFormatError(
                f"{path} is not a whole parquet file: {' '.join(str(error).split())}"
            ) from error


def _filled(path: Path, file: Any, names: list[str]) -> F64:
    """Read all rows of these columns; as many as the footer tells of, or the file is damaged."""
    found = np.empty((file.metadata.num_rows, len(names)))
    row = 0
    for batch in file.iter_batches(columns=names):
        if row + len(batch) <= len(found):
            for at, name in enumerate(names):
                found[row : row + len(batch), at] = _numbers(path, batch, name, row)
        row += len(batch)
    if row != len(found):
        raise FileFormatError(
            f"{path} is not a whole parquet file: its footer tells of {len(found):,} rows, and "
            f"{row:,} are there"
        )
    return found


def _refuse_text(path: Path, pa: Any, schema: Any, names: list[str]) -> None:
    for name in names:
        kind = schema.field(name).type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            raise DtypeError(
                f"{path}: column {name!r} is of type {kind}, not a number; name others by --columns"
            )


def _numbers(path: Path, batch: Any, name: str, row: int) -> F64:
    column = batch.column(name)
    numbers: F64 = column.to_numpy(zero_copy_only=False).astype(np.float64)
    finite = np.isfinite(numbers)  # a null is nan here
    if not finite.all():
        at = int(finite.argmin())
        found = "null" if not column[at].is_valid else str(numbers[at])
        raise NonFiniteError(
            f"{path}: row {row + at} (from 0), column {name!r} is {found}; every number must be "
            "finite"
        )
    return numbers
