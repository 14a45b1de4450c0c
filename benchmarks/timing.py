"""Ratios from one run: two contenders in turns, order alternating, the median of pair ratios."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
Run = Callable[[], Any]
Advance = Callable[[], None]


@dataclass(frozen=True)
class Pairs:
    """Seconds of a rival and of a subject, side by side.

    Attributes
    ----------
    samples
        ``(rival, subject)`` of each turn.
    """

    samples: Sequence[tuple[float, float]]
    ratios: Sequence[float] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratios", [rival / own for rival, own in self.samples])

    @property
    def ratio(self) -> float:
        """How many times faster the subject is than the rival: the median over the turns."""
        return statistics.median(self.ratios)

    @property
    def band(self) -> tuple[float, float]:
        """The quartiles of the ratio; one turn has no spread."""
        if len(self.ratios) < 2:
            return self.ratio, self.ratio
        low, _, high = statistics.quantiles(self.ratios, n=4)
        return low, high

    @property
    def seconds(self) -> float:
        """The median time of the subject."""
        return statistics.median(own for _, own in self.samples)

    def as_json(self) -> dict[str, Any]:
        """Return everything, raw samples too."""
        return {"ratio": self.ratio, "band": self.band, "seconds": list(self.samples)}


def timed(run: Callable[[], T]) -> tuple[float, T]:
    """Run once; return the seconds, and what was returned."""
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


def seconds_of(run: Run) -> float:
    """Run once."""
    return timed(run)[0]


def in_turns(rival: Run, subject: Run, turns: int, advance: Advance = lambda: None) -> Pairs:
    """Time both, `turns` times, the order alternating; both must be warm."""
    samples = []
    for turn in range(turns):
        if turn % 2:
            own = seconds_of(subject)
            samples.append((seconds_of(rival), own))
        else:
            first = seconds_of(rival)
            samples.append((first, seconds_of(subject)))
        advance()
    return Pairs(samples)
