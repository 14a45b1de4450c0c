"""The gate: is a run as fast as the record says? Pass, regression or inconclusive.

A ratio may lie below the record's by `SLACK`, and by what both runs' controls spread: where the
loss is larger than the slack but within the spread, nobody can say. Instruction counts repeat to
the last digits, so theirs is the sharper gate: `SLACK_COUNTED`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from .row import Row

SLACK = 0.10
SLACK_COUNTED = 0.01


class Outcome(Enum):
    """How a run ends; the value is the exit code."""

    PASS = 0
    REGRESSION = 1
    INCONCLUSIVE = 3
    NOT_ALLOWED = 4
    WRONG = 5


def judge_ratio(row: Row, recorded: float) -> Outcome:
    """Judge one line against its record."""
    if row.ratio is None:
        return Outcome.INCONCLUSIVE
    loss = 1.0 - row.ratio / recorded
    if loss <= SLACK:
        return Outcome.PASS
    low, high = row.control or (1.0, 1.0)
    return Outcome.REGRESSION if loss > SLACK + (high - low) else Outcome.INCONCLUSIVE


def judge_count(count: int, recorded: int) -> Outcome:
    """Judge an instruction count against its record."""
    return Outcome.PASS if count <= recorded * (1.0 + SLACK_COUNTED) else Outcome.REGRESSION


def judge_run(
    rows: Sequence[Row], counts: Mapping[str, int], record: Mapping[str, Any] | None
) -> tuple[Outcome, list[str]]:
    """Judge a run; the lines say what was found. A run without a record is inconclusive."""
    if record is None:
        return Outcome.INCONCLUSIVE, ["this CPU has no record: make one with --record REASON"]
    ratios, instructions = record["ratios"], record["instructions"]
    found, lines = [], []
    for row in rows:
        if row.name in ratios and row.aim is not None:
            before = ratios[row.name]["ratio"]
            found.append(judge_ratio(row, before))
            now = "not timed" if row.ratio is None else f"{row.ratio:.2f} x"
            lines.append(f"{found[-1].name:12} {row.name}: {now}, record {before:.2f} x")
    for name, count in counts.items():
        if name in instructions:
            found.append(judge_count(count, instructions[name]))
            line = f"{found[-1].name:12} {name}: {count} instructions, record {instructions[name]}"
            lines.append(line)
    if not found:
        return Outcome.INCONCLUSIVE, ["nothing of this run is in the record"]
    for worst in (Outcome.REGRESSION, Outcome.INCONCLUSIVE):
        if worst in found:
            return worst, lines
    return Outcome.PASS, lines
