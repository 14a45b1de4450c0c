"""The gate: is a run as fast as the record says? Pass, regression or inconclusive.

A ratio may lie below the record's by `SLACK`, and by what both runs' controls spread: where the
loss is larger than the slack but within the spread, nobody can say. Instruction counts repeat to
the last digits, so theirs is the sharper gate: `SLACK_COUNTED`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

from .row import Row

SLACK = 0.10
SLACK_COUNTED = 0.01


class Outcome(Enum):
    """How a run ends; the value is the exit code."""

    PASS = 0
    REGRESSION = 1
    USAGE = 2
    INCONCLUSIVE = 3
    NOT_ALLOWED = 4
    WRONG = 5
    CRASHED = 70


def judge_ratio(row: Row, recorded: Mapping[str, Any]) -> Outcome:
    """Judge one line against its record: a ratio, and the control it was measured under."""
    if row.ratio is None:
        return Outcome.INCONCLUSIVE
    loss = 1.0 - row.ratio / recorded["ratio"]
    if loss <= SLACK:
        return Outcome.PASS
    spread = sum(high - low for low, high in filter(None, (row.control, recorded["control"])))
    return Outcome.REGRESSION if loss > SLACK + spread else Outcome.INCONCLUSIVE


def judge_count(count: int, recorded: int) -> Outcome:
    """Judge an instruction count against its record."""
    return Outcome.PASS if count <= recorded * (1.0 + SLACK_COUNTED) else Outcome.REGRESSION


def judge_run(
    ran: Mapping[str, Sequence[Row]], counts: Mapping[str, int], record: Mapping[str, Any] | None
) -> tuple[Outcome, list[str]]:
    """Judge a run, rows by job; the lines say what was found.

    A run without a record is inconclusive, and so is one that lacks what is recorded of its jobs.
    """
    if record is None:
        return Outcome.INCONCLUSIVE, ["this CPU has no record: make one with --record REASON"]
    judged = [*_ratios(ran, record["jobs"]), *_counts(counts, record["instructions"])]
    if not judged:
        return Outcome.INCONCLUSIVE, ["nothing of this run is in the record"]
    found = {outcome for outcome, _ in judged}
    worst = next(
        (bad for bad in (Outcome.REGRESSION, Outcome.INCONCLUSIVE) if bad in found), Outcome.PASS
    )
    return worst, [f"{outcome.name:12} {line}" for outcome, line in judged]


def _ratios(
    ran: Mapping[str, Sequence[Row]], jobs: Mapping[str, Any]
) -> Iterator[tuple[Outcome, str]]:
    for job, rows in ran.items():
        recorded = jobs[job]["rows"] if job in jobs else {}
        present = {row.name: row for row in rows}
        for name, before in recorded.items():
            if name not in present:
                yield Outcome.INCONCLUSIVE, f"{name}: recorded, and not in this run"
                continue
            row = present[name]
            now = "not timed" if row.ratio is None else f"{row.ratio:.2f} x"
            yield judge_ratio(row, before), f"{name}: {now}, record {before['ratio']:.2f} x"


def _counts(
    counts: Mapping[str, int], recorded: Mapping[str, int]
) -> Iterator[tuple[Outcome, str]]:
    for name, before in recorded.items():
        if name in counts:
            line = f"{name}: {counts[name]} instructions, record {before}"
            yield judge_count(counts[name], before), line
        else:
            yield Outcome.INCONCLUSIVE, f"{name}: recorded, and not counted in this run"
