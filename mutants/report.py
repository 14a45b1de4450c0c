"""What a run found: equivalent mutants and their reasons, the log, the JSON, the line of numbers.

``equivalent.toml`` lists what no check can tell from the original. A name there that is caught, or
that no mutant has any more, is stale, and fails the run as a survivor does.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .mutant import Mutant
from .runner import Result


def read_equivalent(path: Path) -> dict[str, str]:
    """Return name -> reason of every mutant listed as equivalent."""
    reasons: dict[str, str] = {}
    for group in tomllib.loads(path.read_text("utf-8"))["equivalent"]:
        for name in group["mutants"]:
            if name in reasons or not group["reason"].strip():
                raise ValueError(f"{path.name}: {name} is listed twice, or without a reason")
            reasons[name] = group["reason"]
    return reasons


class Report:
    """Results of one engine as they come, and their sum.

    Parameters
    ----------
    engine
        ``rust`` or ``numba``.
    everything
        All mutants of the engine, also those that this run leaves out.
    equivalent
        Name -> reason, of both engines.
    """

    def __init__(
        self, engine: str, everything: Sequence[Mutant], equivalent: Mapping[str, str]
    ) -> None:
        self.engine = engine
        self.results: list[Result] = []
        self._everything = everything
        self._names = {mutant.name for mutant in everything}
        self._equivalent = equivalent

    def outcome(self, result: Result) -> str:
        """Return the outcome, in the light of the list of equivalent mutants."""
        listed = result.mutant.name in self._equivalent
        if result.outcome == "survived":
            return "equivalent" if listed else "SURVIVED"
        return "STALE" if listed else result.outcome

    def add(self, result: Result, total: int) -> None:
        """Take a result; show a bar on a terminal, a line a mutant in a log."""
        self.results.append(result)
        done, outcome = len(self.results), self.outcome(result)
        by = f" by {result.judge}{', time-out' * result.timed_out}" if result.judge else ""
        mutant = result.mutant
        line = f"{mutant.number:4} {outcome}{by} {result.seconds:.0f} s: {mutant.name}"
        terminal = sys.stdout.isatty()
        if not terminal or outcome in ("SURVIVED", "STALE"):
            sys.stdout.write(f"{chr(13) * terminal}{line}\n")
        if terminal:
            bar = "#" * (30 * done // total)
            sys.stdout.write(f"\r{self.engine} [{bar:30}] {done} of {total} ")
        sys.stdout.flush()

    def gone(self, file_prefix: str) -> list[str]:
        """Return what is listed for this engine's files and is no mutant any more."""
        mine = [name for name in self._equivalent if name.startswith(file_prefix)]
        return sorted(name for name in mine if name not in self._names)

    def failures(self, file_prefix: str) -> list[str]:
        """Return a line for all that fails the run."""
        bad = [r for r in self.results if self.outcome(r).isupper()]
        lines = [f"{self.outcome(r)} {r.mutant.path}:{r.mutant.line} {r.mutant.name}" for r in bad]
        return [*lines, *(f"STALE, no such mutant: {name}" for name in self.gone(file_prefix))]

    def summary(self, seconds: float) -> str:
        """Return the line of numbers."""
        outcomes = [self.outcome(result) for result in self.results]
        caught = [result for result in self.results if result.outcome == "caught"]
        judges = dict.fromkeys(result.judge for result in caught)
        by = [f"{sum(r.judge == judge for r in caught)} by the {judge}" for judge in judges]
        by.append(f"{sum(result.timed_out for result in caught)} of them by time-out")
        by.append(f"{outcomes.count('equivalent')} equivalent")
        by.append(f"{outcomes.count('unviable')} do not compile")
        left = len(self._everything) - len(self.results)
        by += [f"{left} not run"] * (left > 0)
        tried = len(caught) + outcomes.count("SURVIVED")
        return f"{self.engine}: caught {len(caught)} of {tried} ({'; '.join(by)}; {seconds:.0f} s)"

    def as_json(self, seconds: float) -> dict[str, Any]:
        """Return everything, for a machine."""
        rows = [
            {
                "number": result.mutant.number,
                "name": result.mutant.name,
                "line": result.mutant.line,
                "outcome": self.outcome(result).lower(),
                "judge": result.judge,
                "timed_out": result.timed_out,
                "seconds": result.seconds,
                "reason": self._equivalent.get(result.mutant.name, ""),
            }
            for result in sorted(self.results, key=lambda result: result.mutant.number)
        ]
        return {"engine": self.engine, "line": self.summary(seconds), "mutants": rows}

    def write(self, path: Path, seconds: float) -> None:
        """Write the JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.as_json(seconds), indent=1) + "\n", "utf-8")
