"""Checks and records: readable ids, and one line of JSON there and back."""

from __future__ import annotations

import json
import math

import pytest

from covertreex.testing import Check, ParityFailure, Record, Verdict
from covertreex.testing.records import FROZEN, GOLDEN_SET


def test_ids_can_be_selected() -> None:
    assert Check("odd", "v", "rust" + FROZEN).id == "odd-v-rust-frozen"
    assert Check("odd", "v", "reference").id == "odd-v-reference"
    assert Check("", "", GOLDEN_SET).id == "golden-set"
    frozen = Check("odd", "v", "rust" + FROZEN)
    assert (frozen.engine, frozen.frozen) == ("rust", True)
    assert (Check("odd", "v", "rust").engine, Check("odd", "v", "rust").frozen) == ("rust", False)


@pytest.mark.parametrize("number", [0.0, 1.5e-300, math.inf])
def test_a_record_travels_as_strict_json(number: float) -> None:
    record = Record(
        "odd", "v", "rust", "factor", Verdict.CANDIDATE_DIVERGED, "factor",
        max_abs=number, max_ulp=2**64 - 1, noise=number, quality=0.25,
    )  # fmt: skip
    line = record.dumps()
    assert json.loads(line, parse_constant=pytest.fail)["verdict"] == "CANDIDATE DIVERGED"
    assert Record.loads(line) == record
    assert Record.loads(Record("a", "b", "c").dumps()) == Record("a", "b", "c")


def test_a_failure_carries_everything() -> None:
    record = Record("odd", "d", "rust", "distance", Verdict.CANDIDATE_DIVERGED, "factor")
    failure = ParityFailure(record, "first line\nsecond line", "nox -s parity -- -k odd")
    assert isinstance(failure, AssertionError)
    assert (failure.verdict, failure.case, failure.output, failure.first_stage) == (
        Verdict.CANDIDATE_DIVERGED, "odd", "d", "factor",
    )  # fmt: skip
    assert str(failure).splitlines() == [
        "CANDIDATE DIVERGED: d of odd (rust)",
        "  first line",
        "  second line",
        "  first stage concerned: factor",
        "  reproduce: nox -s parity -- -k odd",
    ]
