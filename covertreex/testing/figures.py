"""The figures of a report, from records: rows of the case table, totals, numbers as text.

The terminal, JSON and the page show the same figures, so they are made once, here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from covertreex.testing.records import FROZEN, REFERENCE, Record
from covertreex.testing.suite import Suite
from covertreex.testing.verdicts import Verdict

SHORT = {
    Verdict.INPUT_CHANGED: "INPUT",
    Verdict.GOLDEN_DAMAGED: "DAMAGED",
    Verdict.REFERENCE_DRIFTED: "DRIFTED",
    Verdict.CANDIDATE_DIVERGED: "DIVERGED",
}
"""What a narrow cell says of a verdict; the others are short as they are."""


@dataclass(frozen=True)
class CaseRow:
    """One case of one candidate: the reference's records too, and those on frozen inputs.

    Attributes
    ----------
    case
        The name of the case.
    cells
        Its records, one list a stage.
    elements, max_abs
        Over the outputs of the candidate on its own upstream.
    noise
        Of the last stage.
    quality
        The lowest of any output.
    """

    case: str
    cells: Sequence[Sequence[Record]]
    elements: int
    max_abs: float
    noise: float | None
    quality: float | None


def case_rows(suite: Suite, records: Iterable[Record], candidate: str) -> list[CaseRow]:
    """Return one row for each case that ran, in the order of the records."""
    by_case: dict[str, list[Record]] = {}
    for record in records:
        if record.role in (REFERENCE, candidate, candidate + FROZEN):
            by_case.setdefault(record.case, []).append(record)
    return [_case_row(suite, case, found, candidate) for case, found in by_case.items()]


def _case_row(suite: Suite, case: str, found: Sequence[Record], candidate: str) -> CaseRow:
    own = [r for r in found if r.role == candidate]
    cells = [[r for r in found if _stage(suite, r) == stage.name] for stage in suite.stages]
    return CaseRow(
        case,
        cells,
        elements=sum(r.elements for r in own),
        max_abs=max((r.max_abs for r in own), default=0.0),
        noise=worst_noise(cells[-1]),
        quality=min((r.quality for r in found if r.quality is not None), default=None),
    )


def _stage(suite: Suite, record: Record) -> str:
    """Return the stage of a record; one that ended in an ERROR names none itself."""
    return record.stage or suite.stage_of(record.output).name


def total(records: Iterable[Record]) -> dict[str, Any]:
    """Sum records up; elements and differing count the candidates on their own upstream."""
    found = list(records)
    own = [r for r in found if r.role != REFERENCE and not r.role.endswith(FROZEN)]
    biggest, noise = max((r.max_abs for r in found), default=0.0), worst_noise(found)
    return {
        "checks": len(found),
        "failed": sum(not r.ok for r in found),
        "elements": sum(r.elements for r in own),
        "differing": sum(r.differing for r in own),
        "max_abs": biggest if biggest < float("inf") else "inf",
        "max_ulp": max((r.max_ulp for r in found), default=0),
        "noise": noise if noise is None or noise < float("inf") else str(noise),
    }


def worst_noise(records: Iterable[Record]) -> float | None:
    """Return the largest noise that was measured, if any was."""
    return max((r.noise for r in records if r.noise is not None), default=None)


def share(value: float | None) -> str:
    """Write two decimals, rounded down: 1.00 is said of nothing less than all."""
    return "-" if value is None else f"{math.floor(100.0 * value) / 100.0:.2f}"


def number(value: Any) -> str:
    """Write a number, or the text of one, in two digits."""
    return "-" if value is None else f"{float(value):.2g}"
