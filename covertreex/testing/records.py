"""What is asked and what is answered: `Check` goes into a test, `Record` comes out.

Records travel as one line of JSON in pytest's ``user_properties``, so that they survive
pytest-xdist's way from worker to controller.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from covertreex.testing.pictures import Picture
from covertreex.testing.verdicts import Verdict

CHECK_PROPERTY = "parity_check"
RECORD_PROPERTY = "parity_record"

REFERENCE = "reference"
GOLDEN_SET = "golden set"
FROZEN = " on frozen inputs"

_encode = json.JSONEncoder(sort_keys=True).encode


@dataclass(frozen=True)
class Check:
    """One question: does this role give the golden of this output of this case.

    Attributes
    ----------
    case, output
        The golden; both empty for the one check of the set as a whole.
    role
        ``reference``, ``<candidate>``, ``<candidate> on frozen inputs`` or ``golden set``.
    """

    case: str
    output: str
    role: str

    @property
    def id(self) -> str:
        """The pytest id; no spaces, so that ``-k`` can select it."""
        if self.role == GOLDEN_SET:
            return "golden-set"
        return f"{self.case}-{self.output}-{self.role.replace(FROZEN, '-frozen')}"

    @property
    def engine(self) -> str:
        """The role without how it is fed."""
        return self.role.removesuffix(FROZEN)

    @property
    def frozen(self) -> bool:
        """Whether the stage is fed the frozen output of the stages before it."""
        return self.role.endswith(FROZEN)


@dataclass(frozen=True)
class Record:
    """One answer: a verdict with its numbers.

    Attributes
    ----------
    case, output, role, stage
        What was asked, and the stage that makes the output.
    verdict, first_stage
        What was found, and the first stage that left the golden.
    message, detail
        The first line of what is said of a failure, and all of it.
    elements, differing, max_abs, max_ulp
        The numbers of the comparison.
    noise, quality
        What the twin in higher precision says of the reference.
    row, ulp_used, tolerance_used
        The row of the policy that ruled, and how much of it was needed.
    picture
        Where an array that failed differs, and its worst element.
    """

    case: str
    output: str
    role: str
    stage: str = ""
    verdict: Verdict = Verdict.OK
    first_stage: str = ""
    message: str = ""
    elements: int = 0
    differing: int = 0
    max_abs: float = 0.0
    max_ulp: int = 0
    noise: float | None = None
    quality: float | None = None
    row: int = -1
    ulp_used: int = 0
    tolerance_used: float = 0.0
    detail: str = ""
    picture: Picture | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return self.verdict is Verdict.OK

    @property
    def check(self) -> Check:
        """The question this answers."""
        return Check(self.case, self.output, self.role)

    @property
    def follows(self) -> bool:
        """Whether an earlier stage had left the golden before."""
        return self.first_stage not in ("", self.stage)

    @property
    def selector(self) -> str:
        """What `Suite.reproduce` is asked for: the case, or the id of the check that has none."""
        return self.case or self.check.id

    def subject(self) -> str:
        """Name what was looked at."""
        if self.role == GOLDEN_SET:
            return "the set of goldens"
        return f"{self.output} of {self.case} ({self.role})"

    def as_dict(self) -> dict[str, Any]:
        """Return the record as plain JSON values; an infinity becomes a string."""
        fields = dict(vars(self))
        if self.picture is not None:
            fields["picture"] = dict(vars(self.picture))
        for name in ("max_abs", "noise"):
            value = fields[name]
            if value is not None and not math.isfinite(value):
                fields[name] = str(value)
        return fields

    def properties(self) -> list[tuple[str, object]]:
        """Return what a JUnit file says of a check, by name; what is empty is left out."""
        names = ("stage", "first_stage", "elements", "differing", "max_ulp", "max_abs", "noise")
        found = [("verdict", str(self.verdict)), *((name, getattr(self, name)) for name in names)]
        return [(f"parity_{name}", value) for name, value in found if value not in ("", None)]

    def dumps(self) -> str:
        """Return the record as one line."""
        return _encode(self.as_dict())

    @classmethod
    def loads(cls, line: str) -> Record:
        """Read what `dumps` wrote."""
        fields = json.loads(line)
        for name in ("max_abs", "noise"):
            fields[name] = None if fields[name] is None else float(fields[name])
        if fields["picture"] is not None:
            fields["picture"] = Picture.of(fields["picture"])
        return cls(**{**fields, "verdict": Verdict(fields["verdict"])})
