"""The one file that holds every tolerance, each with a reason.

A row names goldens by two globs, what may differ there, and why. The first row that matches a
golden rules it; a golden without a row is an error, never a default. A row that is looser than what
is observed, or that rules nothing, is reported so that tolerances do not pile up.

    [[row]]
    case = "*"
    output = "*"
    max_ulp = 0
    rtol = 0.0
    atol = 0.0
    reason = "the contract fixes every rounding"
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from covertreex.testing.comparison import Rule
from covertreex.testing.records import Record
from covertreex.testing.verdicts import PolicyError

_FIELDS = ("case", "output", "max_ulp", "rtol", "atol", "reason")


@dataclass(frozen=True)
class Row:
    """One row: which goldens, what may differ there, and why."""

    case: str
    output: str
    rule: Rule
    reason: str

    def matches(self, case: str, output: str) -> bool:
        """Whether both globs match."""
        return fnmatchcase(case, self.case) and fnmatchcase(output, self.output)


@dataclass(frozen=True)
class Policy:
    """An ordered list of rows, the first match wins.

    Attributes
    ----------
    rows
        The rows, in the order of the file.
    path
        The file they came from; part of the parity stamp.
    """

    rows: tuple[Row, ...]
    path: Path | None = None

    @classmethod
    def load(cls, path: str | Path) -> Policy:
        """Read a policy from a TOML file of ``[[row]]`` tables.

        Raises
        ------
        PolicyError
            If the file is not such a list, or a row lacks a field or its reason.
        """
        path = Path(path)
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise PolicyError(f"{path} cannot be read as a policy: {error}") from error
        tables = content.get("row")
        if set(content) != {"row"} or not isinstance(tables, list):
            raise PolicyError(f"{path} must hold [[row]] tables and nothing else")
        rows = (_row(table, f"{path}, row {number}") for number, table in enumerate(tables, 1))
        return cls(tuple(rows), path)

    def find(self, case: str, output: str) -> int:
        """Return the index of the row that rules a golden.

        Raises
        ------
        PolicyError
            If no row matches.
        """
        for index, row in enumerate(self.rows):
            if row.matches(case, output):
                return index
        raise PolicyError(f"no policy row matches {output} of {case}: add one, with a reason")

    def stale(self, names: Iterable[tuple[str, str]]) -> list[str]:
        """Name the rows that rule none of the goldens, given as pairs (case, output)."""
        used = {self.find(case, output) for case, output in names}
        return [
            f"policy row {index + 1} ({row.output} of {row.case}) rules no golden: remove it"
            for index, row in enumerate(self.rows)
            if index not in used
        ]

    def loose(self, records: Iterable[Record]) -> list[str]:
        """Name the rows looser than anything observed in the records of a complete run.

        ULP are counted, so one too many is loose; atol and rtol are loose if nothing needed them or
        if less than half of them was used.
        """
        ulp_used: dict[int, int] = {}
        tolerance_used: dict[int, float] = {}
        for record in records:
            ulp_used[record.row] = max(ulp_used.get(record.row, 0), record.ulp_used)
            share = max(tolerance_used.get(record.row, 0.0), record.tolerance_used)
            tolerance_used[record.row] = share
        found = []
        for index, row in enumerate(self.rows):
            if index not in ulp_used:
                continue
            where = f"policy row {index + 1} ({row.output} of {row.case}) can be tightened"
            if ulp_used[index] < row.rule.max_ulp:
                found.append(f"{where}: max_ulp {row.rule.max_ulp}, observed {ulp_used[index]}")
            if (row.rule.rtol or row.rule.atol) and tolerance_used[index] < 0.5:
                used = f"{100 * tolerance_used[index]:.0f}% of rtol/atol was needed"
                found.append(f"{where}: {used}")
        return found


def _row(table: Mapping[str, Any], where: str) -> Row:
    if not isinstance(table, dict) or set(table) != set(_FIELDS):
        raise PolicyError(f"{where}: wants exactly the fields {', '.join(_FIELDS)}")
    for name in ("case", "output", "reason"):
        if not isinstance(table[name], str):
            raise PolicyError(f"{where}: {name} must be a text, not {table[name]!r}")
    for name, kinds in (("max_ulp", (int,)), ("rtol", (int, float)), ("atol", (int, float))):
        value = table[name]
        if type(value) not in kinds or not math.isfinite(value) or value < 0:
            raise PolicyError(f"{where}: {name} must be a number of 0 or more, not {value!r}")
    if not table["reason"].strip():
        raise PolicyError(f"{where}: a tolerance needs a reason")
    rule = Rule(table["max_ulp"], float(table["rtol"]), float(table["atol"]))
    return Row(table["case"], table["output"], rule, table["reason"].strip())
