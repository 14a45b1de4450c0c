"""One line of the result: who did what how fast, how right, and whether the aim is met."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .timing import Pairs

MET, MISSED, INCONCLUSIVE = "met", "MISSED", "inconclusive"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A contender in a job.

    Attributes
    ----------
    job, who
        The job's name, the contender's name.
    pairs
        Its times beside the job's rival, or None for what was not timed so.
    samples
        Seconds of each run, where there are no pairs.
    count
        Queries or points of one run: rates are per second of it.
    contract, truth
        recall@k against the contract's full scan, and against a float64 search that shares no code
        with this project; None where an answer cannot be seen.
    aim
        The least ratio that is wanted, or None.
    control
        The quartiles of the rival against itself: an aim inside that band around the ratio is
        neither met nor missed.
    note
        What a reader must know beside the numbers.
    figures
        Other numbers of this line, by name.
    """

    job: str
    who: str
    pairs: Pairs | None = None
    samples: Sequence[float] = ()
    count: int = 0
    contract: float | None = None
    truth: float | None = None
    aim: float | None = None
    control: tuple[float, float] | None = None
    note: str = ""
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The key of this line in records."""
        return f"{self.job} {self.who}"

    @property
    def time(self) -> float | None:
        """Seconds of one run: the median."""
        if self.pairs is not None:
            return self.pairs.seconds
        return statistics.median(self.samples) if self.samples else None

    @property
    def rate(self) -> float | None:
        """Queries, or points, a second."""
        return self.count / self.time if self.time and self.count else None

    @property
    def ratio(self) -> float | None:
        """How many times faster than the rival."""
        return None if self.pairs is None else self.pairs.ratio

    @property
    def verdict(self) -> str:
        """Whether the aim is met, as far as the control lets one say."""
        if self.aim is None or self.ratio is None:
            return ""
        low, high = self.control or (1.0, 1.0)
        if low <= self.aim / self.ratio <= high:
            return MET if self.aim == self.ratio else INCONCLUSIVE
        return MET if self.ratio >= self.aim else MISSED

    def as_json(self) -> dict[str, Any]:
        """Return everything, raw samples too."""
        return {
            "job": self.job,
            "who": self.who,
            "seconds": self.time,
            "samples": list(self.samples),
            "rate": self.rate,
            "recall_contract": self.contract,
            "recall_truth": self.truth,
            "aim": self.aim,
            "verdict": self.verdict,
            "control": self.control,
            "note": self.note,
            "figures": self.figures,
            "pairs": None if self.pairs is None else self.pairs.as_json(),
        }
