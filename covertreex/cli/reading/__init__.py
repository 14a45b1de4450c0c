"""Points from a file: npy, npz, csv, tsv or parquet, by its suffix.

What comes out is a float64 array (n, d), finite, n and d at least 1, with the names of its columns
where the file has them. Each error names the file, the line or row, and the column. No format is
read that can run code: objects in npy and npz are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..._files import opened
from ...errors import FileFormatError, InputError, ShapeError
from ...metrics._arguments import F64, as_points

__all__ = ["SUFFIXES", "Points", "read_points", "same_columns"]

SUFFIXES = (".npy", ".npz", ".csv", ".tsv", ".parquet")


@dataclass(frozen=True, eq=False)
class Points:
    """Points of a file.

    Attributes
    ----------
    path : Path
        The file.
    array : ndarray of float64, shape (n, d)
        Finite coordinates.
    names : tuple of str, or None
        The names of the d columns, if the file has names.
    """

    path: Path
    array: F64
    names: tuple[str, ...] | None


def read_points(
    path: Path,
    *,
    columns: Sequence[str] | None = None,
    key: str | None = None,
    width: int | None = None,
) -> Points:
    """Read points.

    Parameters
    ----------
    path : Path
        A file of one of `SUFFIXES`.
    columns : sequence of str, optional
        Columns to take, in this order: their names, or in a file without names their numbers from
        0. By default all.
    key : str, optional
        Which array of an npz.
    width : int, optional
        How many columns there must be.

    Raises
    ------
    FileFormatError
        If the file is not what its suffix says, damaged, or holds no numbers.
    ShapeError, DtypeError, NonFiniteError, ParameterError
        If what it holds are no points, or there is no such column or array.
    MissingDependencyError
        If it is a parquet file, and pyarrow is not installed.
    FileAccessError
        If it is not there or may not be read.
    """
    if str(path) == "-" or (path.exists() and not (path.is_file() or path.is_dir())):
        raise FileFormatError(  # opening a pipe would wait
            f"{path} is no regular file; pipes and the standard input are not read: save what they "
            "give in a file"
        )
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise FileFormatError(
            f"{path}: the suffix {suffix!r} says nothing to covertreex; it reads "
            f"{', '.join(SUFFIXES)}"
        )
    with opened(path) as file:
        if not file.read(1):
            raise FileFormatError(f"{path} is an empty file")
    if key is not None and suffix != ".npz":
        raise InputError(f"{path} is no npz, so there is no array {key!r} in it; leave its key out")
    names: tuple[str, ...] | None = None
    if suffix in (".npy", ".npz"):
        from .arrays import read_npy, read_npz

        array = read_npy(path, columns) if suffix == ".npy" else read_npz(path, key, columns)
    elif suffix == ".parquet":
        from .parquet import read_parquet

        array, names = read_parquet(path, columns)
    else:
        from .text import read_text

        array, names = read_text(path, columns, "\t" if suffix == ".tsv" else ",")
    return Points(path, as_points(array, str(path), columns=width), names)


def same_columns(data: Points, queries: Points) -> None:
    """Raise unless queries have the columns of the data, where both are named."""
    if data.names is not None and queries.names is not None and data.names != queries.names:
        raise ShapeError(
            f"{queries.path} has the columns {', '.join(queries.names)}, but {data.path} "
            f"{', '.join(data.names)}; name those you mean, in order, by --columns"
        )
