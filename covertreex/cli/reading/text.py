"""Points from comma- or tab-separated text, a block of rows at a time.

UTF-8 with or without a byte-order mark, lines ended by LF or CRLF, cells quoted or not, empty
lines left out. The first line is a header if none of its cells is a number. Numbers are ASCII,
their digits together: ``1_000`` is Python's, and in a table rather a slip. Held in memory are the
numbers, and the text of one block.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from typing import IO, TypeAlias

import numpy as np

from ..._text import shown
from ...errors import FileFormatError, NonFiniteError, ShapeError
from ...metrics._arguments import F64
from .columns import by_name, by_number

__all__ = ["read_text"]

_Row: TypeAlias = tuple[int, list[str]]
"""The line that a row ends on, from 1, and its cells."""

LINE_LIMIT = 1 << 20
"""Longest line, in characters: a file that is no table would be read into memory whole."""

BLOCK = 1 << 14
"""Rows that are parsed at a time."""

_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


def read_text(
    path: Path, columns: Sequence[str] | None, delimiter: str
) -> tuple[F64, tuple[str, ...] | None]:
    """Read a table of numbers, and the names of its columns if it has a header."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _table(path, _rows(path, file, delimiter), columns, delimiter)
    except UnicodeDecodeError as error:
        raise FileFormatError(
            f"{path} is not UTF-8 text ({error.reason}); save it as UTF-8"
        ) from error


def _table(
    path: Path, rows: Iterator[_Row], columns: Sequence[str] | None, delimiter: str
) -> tuple[F64, tuple[str, ...] | None]:
    first = next(rows, None)
    if first is None:
        raise FileFormatError(f"{path} holds nothing but empty lines")
    _refuse_other_delimiter(path, first, delimiter)
    if _is_header(path, first):
        names = [cell.strip() for cell in first[1]]
        header = _Header(path, [f"column {name!r}" for name in names])
        chosen = by_name(path, names, columns)
    else:
        names = []
        header = _Header(path, [f"column {at} (from 0)" for at in range(len(first[1]))])
        chosen = by_number(path, len(first[1]), columns)
        rows = chain([first], rows)
    blocks = [
        header.numbers(block, chosen) for block in iter(lambda: list(islice(rows, BLOCK)), [])
    ]
    if not blocks:
        raise FileFormatError(f"{path} has a header, and no row below it")
    return np.concatenate(blocks), tuple(names[at] for at in chosen) if names else None


def _rows(path: Path, file: IO[str], delimiter: str) -> Iterator[_Row]:
    reader = csv.reader(_lines(path, file), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, cells
    except csv.Error as error:
        raise FileFormatError(f"{path}: line {reader.line_num}: {error}") from error


def _lines(path: Path, file: IO[str]) -> Iterator[str]:
    for number, line in enumerate(iter(lambda: file.readline(LINE_LIMIT), ""), 1):
        if len(line) == LINE_LIMIT and not line.endswith("\n"):
            raise FileFormatError(
                f"{path}: line {number} is longer than {LINE_LIMIT:,} characters; is this a table?"
            )
        yield line


def _refuse_other_delimiter(path: Path, first: _Row, delimiter: str) -> None:
    line, cells = first
    if len(cells) > 1:
        return
    for other, called in _DELIMITERS.items():
        if other != delimiter and other in cells[0]:
            raise FileFormatError(
                f"{path}: line {line} has {called} and no {_DELIMITERS[delimiter]}; separate cells "
                "by commas in a .csv and by tabs in a .tsv"
            )
    _refuse_spaces(path, line, cells[0])


def _refuse_spaces(path: Path, line: int, cell: str) -> None:
    parts = cell.split()
    if len(parts) > 1 and all(map(_is_number, parts)):
        raise FileFormatError(
            f"{path}: line {line} has spaces between numbers; separate cells by commas in a .csv "
            "and by tabs in a .tsv"
        )


def _is_header(path: Path, first: _Row) -> bool:
    line, cells = first
    numbers = [_is_number(cell) for cell in cells]
    if any(numbers) and not all(numbers):
        at = numbers.index(False)
        raise FileFormatError(
            f"{path}: line {line}, column {at} (from 0) is {cells[at]!r} among numbers; the first "
            "line must be all names, or all numbers"
        )
    return not all(numbers)


def _is_plain(text: str) -> bool:
    """Whether there is nothing in a text that float() takes for part of a number, and nobody else.

    That is digits of other scripts, and underscores.
    """
    return text.isascii() and "_" not in text


def _is_number(cell: str) -> bool:
    if not _is_plain(cell):
        return False
    try:
        float(cell)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class _Header:
    """What to call the columns of a file when one of its cells is to blame."""

    path: Path
    labels: list[str]

    def numbers(self, block: list[_Row], chosen: list[int]) -> F64:
        """Convert the chosen cells of a block of rows: (rows, columns)."""
        width = len(self.labels)
        for line, cells in block:
            if len(cells) != width:
                raise ShapeError(
                    f"{self.path}: line {line} has {len(cells)} cells, but the first line {width}"
                )
        pick = itemgetter(*chosen) if len(chosen) > 1 else lambda cells: (cells[chosen[0]],)
        wanted = list(chain.from_iterable(pick(cells) for _, cells in block))
        if not _is_plain("".join(wanted)):
            self._blame_text(block, chosen)
        try:
            flat = np.fromiter(map(float, wanted), np.float64, len(block) * len(chosen))
        except ValueError:
            self._blame_text(block, chosen)
            raise
        found = flat.reshape(len(block), len(chosen))
        if not np.isfinite(found).all():
            row, at = np.argwhere(~np.isfinite(found))[0]
            raise NonFiniteError(
                f"{self.path}: line {block[row][0]}, {self.labels[chosen[at]]} is "
                f"{shown(block[row][1][chosen[at]])}; every number must be finite"
            )
        return found

    def _blame_text(self, block: Iterable[_Row], chosen: list[int]) -> None:
        for line, cells in block:
            for at in chosen:
                if not _is_number(cells[at]):
                    if len(self.labels) == 1:
                        _refuse_spaces(self.path, line, cells[at])
                    found = shown(cells[at]) if cells[at].strip() else "empty"
                    raise FileFormatError(
                        f"{self.path}: line {line}, {self.labels[at]} is {found}, not a number; "
                        "leave the row out, or name other columns by --columns"
                    )
