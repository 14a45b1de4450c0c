"""What a check can find, and the errors of the harness.

A verdict says *which* of the things that can be wrong is wrong; there is no plain "mismatch".
Everything the harness raises on its own account is a `HarnessError`; a check that found something
raises `ParityFailure`, an `AssertionError`, so that pytest counts a failure and not an error.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from covertreex.testing.records import Record


class Verdict(StrEnum):
    """The outcome of one check."""

    OK = "OK"
    INPUT_CHANGED = "INPUT CHANGED"
    """The generator made other inputs than those the golden was frozen from."""
    GOLDEN_DAMAGED = "GOLDEN DAMAGED"
    """A file or the manifest is not what the freeze wrote."""
    REFERENCE_DRIFTED = "REFERENCE DRIFTED"
    """The reference engine no longer gives its own golden, bit for bit."""
    CANDIDATE_DIVERGED = "CANDIDATE DIVERGED"
    """A candidate engine differs from the golden by more than the policy allows."""
    MISSING = "MISSING"
    """A case without a golden."""
    UNUSED = "UNUSED"
    """A golden without a case."""
    ERROR = "ERROR"
    """No verdict was reached: an engine, a fixture or the policy raised."""


class HarnessError(Exception):
    """The root of every error the harness raises."""


class MissingExtraError(HarnessError, ImportError):
    """A package that the harness needs is not installed.

    Parameters
    ----------
    package
        Its name.
    """

    def __init__(self, package: str | None) -> None:
        super().__init__(
            f"covertreex.testing needs {package}, which is not installed: "
            "python -m pip install 'covertreex[testing]'"
        )


class UnsupportedArrayError(HarnessError):
    """An array of a dtype that cannot be frozen or compared."""


class PolicyError(HarnessError):
    """A policy that cannot be read, or that has no row for a golden."""


class TargetError(HarnessError):
    """Something that was asked for by name, and is not there."""


class StageError(HarnessError):
    """A stage that does not return what it declares."""


class GoldenDamagedError(HarnessError):
    """A golden, or the manifest, that is not what a freeze wrote."""


class UpdateInterruptedError(GoldenDamagedError):
    """A freeze was killed after it had decided: the set is neither the old nor the new one."""


class GoldenMissingError(HarnessError):
    """A golden that is not there."""


class FreezeRefusedError(HarnessError):
    """A write that is not allowed here: outside a freeze session, or by a second writer."""


class ParityFailure(AssertionError):  # noqa: N818  (it is a finding, not an error)
    """A check found something.

    Parameters
    ----------
    record
        The verdict with its case, output, role, first stage and numbers.
    detail
        What was found, for people; several lines.
    reproduce
        The command that makes this case again.
    """

    def __init__(self, record: Record, detail: str, reproduce: str) -> None:
        self.record = record
        self.verdict = record.verdict
        self.case = record.case
        self.output = record.output
        self.first_stage = record.first_stage
        self.detail = detail
        self.reproduce = reproduce
        super().__init__(self._text())

    def _text(self) -> str:
        lines = [f"{self.verdict}: {self.record.subject()}"]
        lines += [f"  {line}" for line in self.detail.splitlines()]
        if self.first_stage:
            lines.append(f"  first stage concerned: {self.first_stage}")
        lines.append(f"  reproduce: {self.reproduce}")
        return "\n".join(lines)
