"""The report as one HTML page that needs nothing else: no network, no script, no other file.

`render_page` makes the view, plain values only; the template lays it out and escapes every text.
The content security policy allows the page's one style sheet, by its hash, and nothing more: what a
case, a stage or a message holds stays text.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from covertreex.testing.drawing import caption, heat_map, histogram
from covertreex.testing.figures import SHORT, CaseRow, case_rows, number, share, total
from covertreex.testing.machine import commit_of, python_version
from covertreex.testing.pictures import LEVELS
from covertreex.testing.records import GOLDEN_SET, REFERENCE, Record
from covertreex.testing.report import Summary
from covertreex.testing.verdicts import Verdict

TEMPLATES = Path(__file__).parent / "templates"
DRAWN = 50
"""Failures shown in full; the others are listed, so that a page with thousands still opens."""

KINDS = {
    Verdict.OK: ("ok", "✓", "equal, bit for bit"),
    Verdict.CANDIDATE_DIVERGED: ("candidate", "≠", "a candidate differs by more than the policy"),
    Verdict.REFERENCE_DRIFTED: ("reference", "~", "the reference no longer gives its golden"),
    Verdict.INPUT_CHANGED: ("golden", "»", "the inputs are not those of the freeze"),
    Verdict.GOLDEN_DAMAGED: ("golden", "!", "a golden is not what the freeze wrote"),
    Verdict.MISSING: ("golden", "∅", "a case without a golden"),
    Verdict.UNUSED: ("golden", "+", "a golden without a case"),
    Verdict.ERROR: ("error", "✗", "no verdict was reached"),
}
"""Verdict -> colour, sign, meaning: never told apart by colour alone."""
NEAR = ("near", "≈", "differs, within the policy")
ABSENT = ("absent", "-", "not run")
FOLLOWS = ("candidate follows", "≠", "an earlier stage had left the golden before")


@dataclass(frozen=True)
class Cell:
    """One cell of the matrix: its colour, sign and text, and the failure it leads to."""

    kind: str
    sign: str
    text: str
    link: str = ""


@dataclass(frozen=True)
class Failure:
    """One finding of one case, in all the outputs and roles that have the very same one."""

    anchor: str
    record: Record
    subject: str
    kind: str
    sign: str
    reproduce: str
    noise: str
    truth: str

    @property
    def heat(self) -> Markup | None:
        """The heat map."""
        return None if self.record.picture is None else heat_map(self.record.picture)

    @property
    def histogram(self) -> Markup | None:
        """The histogram."""
        return None if self.record.picture is None else histogram(self.record.picture)

    @property
    def caption(self) -> str:
        """What the heat map shows."""
        return "" if self.record.picture is None else caption(self.record.picture)

    @property
    def values(self) -> list[tuple[str, str, str, str]]:
        """Who, the value in decimal, its equal and its differing hexadecimal digits."""
        picture = self.record.picture
        if picture is None:
            return []
        pairs = zip(picture.expected[1], picture.actual[1], strict=True)
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        return [
            (who, decimal, digits[:same], digits[same:])
            for who, (decimal, digits) in (("golden", picture.expected), ("found", picture.actual))
        ]


def render_page(summary: Summary) -> str:
    """Return the page.

    Parameters
    ----------
    summary
        The records of a run and the problems of its policy.

    Returns
    -------
    str
        HTML that names no other file.
    """
    css = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, share=share, breakable=_breakable)
    template = environment.get_template("page.html")
    return template.render(css=Markup(css), digest=digest, **_view(summary))  # noqa: S704


def _view(summary: Summary) -> dict[str, Any]:
    """Make what the template shows."""
    suite = summary.suite
    found = _failures(summary)
    failures = [failure for failure, _ in found]
    links = {record: failure.anchor for failure, records in found for record in records}
    heading, _, line = summary.line().partition(": ")
    state = "partial" if summary.green and not summary.complete else "failed"
    matrices = [
        (name, [_matrix_row(row, links) for row in case_rows(suite, summary.records, name)])
        for name in suite.candidates
    ]
    kinds = {cell.kind for _, rows in matrices for _, cells in rows for cell in cells}
    return {
        "heading": heading,
        "line": line,
        "state": "ok" if summary.green and summary.complete else state,
        "truth": summary.truth(),
        "suite": suite,
        "facts": _facts(summary),
        "machine": {key: _text(value) for key, value in suite.cpu().items()},
        "matrices": matrices,
        "legend": _legend(summary, kinds),
        "levels": list(enumerate(LEVELS)),
        "failures": failures[:DRAWN],
        "listed": failures[DRAWN:],
        "failed": len(summary.failed),
        "follow": sum(failure.record.follows for failure in failures),
        "totals": _totals(summary),
        "policy": _policy(summary),
        "problems": summary.problems,
        "others": summary.others,
    }


def _facts(summary: Summary) -> list[tuple[str, str]]:
    """Say what was run, on what: label and text."""
    suite = summary.suite
    ran, wanted = len(summary.records), len(suite.all_checks())
    facts = [
        ("reference", suite.reference[0]),
        ("candidate" if len(suite.candidates) == 1 else "candidates", ", ".join(suite.candidates)),
        ("level", _text(suite.cpu().get("level", ""))),
        ("checks", f"{ran:,} of {wanted:,}"),
        ("failed", f"{len(summary.failed):,}"),
        ("set of goldens", _golden_set(summary)),
        ("commit", commit_of(suite.root)),
        ("Python", python_version()),
        *suite.versions().items(),
    ]
    return [(label, text) for label, text in facts if text]


def _golden_set(summary: Summary) -> str:
    found = [record for record in summary.records if record.role == GOLDEN_SET]
    return str(found[0].verdict) if found else "not looked at"


def _failures(summary: Summary) -> list[tuple[Failure, list[Record]]]:
    """Make the failures with the records each stands for; first those that follow from no other."""
    same: dict[tuple[object, ...], list[Record]] = {}
    for record in summary.failed:
        what = (record.case, record.verdict, record.first_stage, record.message)
        # Numbers are of one output; a cause without numbers can concern all of a case.
        shown = (record.output, record.picture) if record.picture else ()
        same.setdefault((*what, *shown), []).append(record)
    own = {(r.case, r.output): r for r in summary.records if r.role == REFERENCE}
    found: list[tuple[Failure, list[Record]]] = []
    for records in sorted(same.values(), key=lambda records: records[0].follows):
        first = records[0]
        beside = own.get((first.case, first.output), first)
        kind, sign, _ = KINDS[first.verdict]
        failure = Failure(
            anchor=f"failure-{len(found) + 1}",
            record=first,
            subject=_subject(records),
            kind=kind,
            sign=sign,
            reproduce=summary.suite.reproduce(first.selector),
            noise=number(beside.noise),
            truth=share(beside.quality),
        )
        found.append((failure, records))
    return found


def _subject(records: Sequence[Record]) -> str:
    """Name all that have the same finding."""
    first = records[0]
    if first.role == GOLDEN_SET:
        return first.subject()
    outputs = ", ".join(dict.fromkeys(record.output for record in records))
    roles = ", ".join(dict.fromkeys(record.role for record in records))
    return f"{outputs} of {first.case} ({roles})"


def _matrix_row(row: CaseRow, links: Mapping[Record, str]) -> tuple[CaseRow, list[Cell]]:
    return row, [_cell(found, links) for found in row.cells]


def _cell(found: Sequence[Record], links: Mapping[Record, str]) -> Cell:
    """Show the largest ULP, or the worst verdict of any role with the largest ULP."""
    failed = [record for record in found if not record.ok]
    worst = max((record.max_ulp for record in found), default=0)
    if failed:
        verdict = failed[0].verdict
        kind, sign, _ = KINDS[verdict]
        kind += " follows" if all(record.follows for record in failed) else ""
        text = _brief(worst) if worst else SHORT.get(verdict, str(verdict))
        return Cell(kind, sign, text, links[failed[0]])
    if not found:
        return Cell(ABSENT[0], ABSENT[1], "")
    return Cell(*(NEAR if worst else KINDS[Verdict.OK])[:2], _brief(worst))


def _legend(summary: Summary, kinds: Collection[str]) -> list[tuple[str, str, str, str]]:
    """Give colour, sign, name and meaning of all that can be seen on this page."""
    seen = {record.verdict for record in summary.failed}
    entries = [(KINDS[Verdict.OK], "0"), (NEAR, "1, 2, …"), (ABSENT, "")]
    entries = [(what, name) for what, name in entries if what[0] in kinds]
    entries += [(KINDS[verdict], str(verdict)) for verdict in Verdict if verdict in seen]
    if FOLLOWS[0] in kinds:
        entries.append((FOLLOWS, "outlined"))
    return [(kind, sign, name, meaning) for (kind, sign, meaning), name in entries]


def _totals(summary: Summary) -> list[tuple[str, dict[str, Any]]]:
    found = [
        (output, total(record for record in summary.records if record.output == output))
        for output in summary.suite.outputs
    ]
    return [(output, figures) for output, figures in found if figures["checks"]]


def _policy(summary: Summary) -> list[dict[str, Any]]:
    """Each row of the policy: what it allows, and how much of it was needed."""
    rows = []
    for index, row in enumerate(summary.suite.policy.rows):
        ruled = [record for record in summary.records if record.row == index]
        used = max((record.tolerance_used for record in ruled), default=0.0)
        rows.append(
            {
                "row": row,
                "checks": f"{len(ruled):,}",
                "ulp": f"{max((record.ulp_used for record in ruled), default=0):,}",
                "share": f"{used:.0%}" if row.rule.rtol or row.rule.atol else "-",
            }
        )
    return rows


def _brief(count: int) -> str:
    """Write a count whole up to six digits, so that one cell does not push the others away."""
    return f"{count:,}" if count < 10**6 else f"{count:.1e}"


def _breakable(name: str) -> Markup:
    """Let a name break behind its underscores."""
    return Markup("_<wbr/>").join(name.split("_"))


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
