"""What a run found, for people and for programs.

`Summary` holds the records and the problems of the policy, and speaks the one line that can be
quoted, with a line beneath it for each output whose truth the suite measures. `render` makes the
terminal tables: plain ASCII, no wider than the terminal, the same in a log; only the closing lines
are never broken. `as_json` is the same for programs, with a schema version.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from covertreex.testing.figures import SHORT, case_rows, number, share, total
from covertreex.testing.machine import python_version
from covertreex.testing.records import Record
from covertreex.testing.suite import Suite

SCHEMA = 1
NARROW = 100
"""Columns of a terminal below which stages are headed by a number, with a legend above."""


@dataclass(frozen=True)
class Summary:
    """The records of one run, and what the policy has to be told.

    Attributes
    ----------
    suite
        What was run.
    records
        One a check, in the order of `Suite.all_checks`.
    problems
        Policy rows that are stale or can be tightened; they fail a strict run.
    strict
        Whether problems count.
    others
        The tests of the session that failed and are no checks of the suite: a run is not green
        beside them.
    """

    suite: Suite
    records: Sequence[Record]
    problems: Sequence[str] = ()
    strict: bool = False
    others: Sequence[str] = ()

    @property
    def complete(self) -> bool:
        """Whether every check of the suite was made."""
        return {record.check for record in self.records} == set(self.suite.all_checks())

    @property
    def failed(self) -> list[Record]:
        """The records with a finding."""
        return [record for record in self.records if not record.ok]

    @property
    def green(self) -> bool:
        """Whether nothing was found."""
        return not (self.failed or self.others or (self.strict and self.problems))

    def line(self) -> str:
        """Return the closing line."""
        if self.failed:
            first = self.failed[0]
            stage = f", first stage {first.first_stage}" if first.first_stage else ""
            count = f"{len(self.failed):,} of {len(self.records):,} checks"
            return f"PARITY FAILED: {count}: {first.verdict} {first.subject()}{stage}"
        if self.strict and self.problems:
            return f"PARITY FAILED: {self.problems[0]}"
        if self.others:
            others = f"{len(self.others)} other test(s) did not: {self.others[0]}"
            return f"PARITY FAILED: all checks passed, {others}"
        if not self.complete:
            wanted = len(self.suite.all_checks())
            return f"PARITY PARTIAL: {len(self.records):,} of {wanted:,} checks ran, all passed."
        return f"PARITY OK: {self._equality()}"

    def truth(self) -> list[str]:
        """Return, for each measured output, how good the reference is beside its twins."""
        lines = []
        for output, measure in self.suite.quality.items():
            found = [r for r in self.records if r.output == output and r.quality is not None]
            if found:
                lines.append(f"truth: {_measure_name(measure)} {self._truth(found)}")
        return lines

    def _truth(self, found: Sequence[Record]) -> str:
        whole = sum(record.quality == 1.0 for record in found)
        text = f"1.00 in {whole} of {len(found)} cases that have a twin in higher precision"
        lowest = min(found, key=lambda record: record.quality or 0.0)
        where = f", lowest {share(lowest.quality)} ({lowest.case})" if whole < len(found) else ""
        what = "noise there" if where else "right"
        equal = self.green and not any(record.differing for record in self._own)
        return f"{text}{where}: {'equal, and ' if equal else ''}{what}."

    @property
    def _own(self) -> list[Record]:
        """The records of candidates on their own upstream."""
        return [record for record in self.records if record.role in self.suite.candidates]

    def _equality(self) -> str:
        own = self._own
        count = len(self.suite.candidates)
        level = self.suite.cpu().get("level")
        names = " and ".join(self.suite.candidates) + (f" ({level})" if level else "")
        worst = max((record.max_ulp for record in own), default=0)
        differing = sum(record.differing for record in own)
        verb = "agree" if differing else "equal"
        what = f"{names} {verb}{'s' if count == 1 else ''}{' with' if differing else ''}"
        elements = sum(record.elements for record in own) // max(count, 1)
        scope = f"{len(self.suite.cases)} cases, {len(self.suite.outputs)} outputs, {elements:,}"
        end = f"at most {worst:,} ULP, within the policy" if differing else "0 ULP"
        return f"{what} {self.suite.reference[0]} on {scope} elements: {end}."


def as_json(summary: Summary) -> dict[str, Any]:
    """Return the summary as JSON values."""
    suite = summary.suite
    return {
        "schema": SCHEMA,
        "line": summary.line(),
        "truth": summary.truth(),
        "complete": summary.complete,
        "green": summary.green,
        "reference": suite.reference[0],
        "candidates": list(suite.candidates),
        "records": [record.as_dict() for record in summary.records],
        "totals": {
            output: total(r for r in summary.records if r.output == output)
            for output in suite.outputs
        },
        "policy": list(summary.problems),
        "versions": {"python": python_version(), **suite.versions()},
        "machine": dict(suite.cpu()),
    }


def render(summary: Summary, *, width: int, color: bool) -> str:
    """Return the tables, no line wider than `width`, and the closing lines in one piece."""
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        legacy_windows=False,
        highlight=False,
        markup=False,  # a name may hold brackets
    )
    if any(record.case for record in summary.records):
        for candidate in summary.suite.candidates:
            console.print(_case_table(summary, candidate, narrow=width < NARROW))
        console.print(_output_table(summary))
    for problem in summary.problems:
        console.print(Text(f"policy: {problem}", style="yellow"))
    console.print()
    style = "bold green" if summary.green else "bold red"
    console.print(Text(summary.line(), style=style), soft_wrap=True)
    for line in summary.truth():
        console.print(Text(line), soft_wrap=True)
    return stream.getvalue()


def _case_table(summary: Summary, candidate: str, *, narrow: bool) -> Table:
    """One row a case, one cell a stage: the largest ULP, or the worst verdict of any role."""
    suite = summary.suite
    title = f"{candidate} against {suite.reference[0]}: max ULP by case and stage"
    headings = [stage.name.replace("_", " ") for stage in suite.stages]
    if narrow:
        title += "".join(f"\n  {number}  {name}" for number, name in enumerate(headings, 1))
        headings = [str(number) for number in range(1, len(headings) + 1)]
    table = _table(title, "case")
    for heading in headings:
        table.add_column(heading, justify="right", overflow="fold")
    table.add_column("elements", justify="right", no_wrap=True)
    for heading in ("max |delta|", "noise floor"):
        table.add_column(heading, justify="right", min_width=7)
    if suite.quality:
        table.add_column("truth", justify="right", no_wrap=True)
    for row in case_rows(suite, summary.records, candidate):
        cells = [_cell(found) for found in row.cells]
        figures = [f"{row.elements:,}", number(row.max_abs), number(row.noise)]
        truth = [share(row.quality)] if suite.quality else []
        table.add_row(row.case, *cells, *figures, *truth)
    return table


def _output_table(summary: Summary) -> Table:
    """One row an output: the totals over cases and roles."""
    table = _table("totals by output", "output")
    headings = (
        "checks",
        "elements",
        "differing",
        "max |delta|",
        "max ULP",
        "noise floor",
        "failed",
    )
    for heading in headings:
        table.add_column(heading, justify="right", overflow="fold")
    for output in summary.suite.outputs:
        found = total(record for record in summary.records if record.output == output)
        if found["checks"]:
            counts = [f"{found[key]:,}" for key in ("checks", "elements", "differing")]
            delta, noise = number(found["max_abs"]), number(found["noise"])
            table.add_row(output, *counts, delta, f"{found['max_ulp']:,}", noise, _failures(found))
    return table


def _table(title: str, first: str) -> Table:
    table = Table(title=title, box=None, title_justify="left", padding=(0, 1, 0, 0))
    table.add_column(first, no_wrap=True, overflow="fold", min_width=8)
    return table


def _cell(found: Sequence[Record]) -> Text:
    failed = [record for record in found if not record.ok]
    if failed:
        verdict = failed[0].verdict
        return Text(SHORT.get(verdict, str(verdict)), style="bold red")
    if not found:
        return Text("-", style="dim")
    worst = max(record.max_ulp for record in found)
    return Text(f"{worst:,}", style="yellow" if worst else "green")


def _measure_name(measure: object) -> str:
    return str(getattr(measure, "__name__", "quality")).replace("_", " ")


def _failures(found: dict[str, Any]) -> Text:
    return Text(f"{found['failed']:,}", style="bold red" if found["failed"] else "green")
