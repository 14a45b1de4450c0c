"""Goldens that are kept as digest and rows: a fault between the rows is found all the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from toy_checks import failure, spoil
from toy_pair import ELEMENTS, ROWS, make_suite

from covertreex.testing import Check, Verdict
from covertreex.testing.records import FROZEN, REFERENCE


@pytest.fixture
def frozen(tmp_path: Path, freeze) -> Path:
    suite = make_suite(tmp_path, full_limit=120)
    freeze(suite)
    assert not suite.store.read("g/odd").entry.whole
    return tmp_path


def test_sound_engines_are_green_over_all_elements(frozen: Path, verdicts) -> None:
    assert verdicts(make_suite(frozen)) == {}


def test_a_fault_between_the_rows_is_found_and_placed(frozen, verdicts, snapshot) -> None:
    def fault(g: np.ndarray) -> np.ndarray:
        g[3, 1] += 1.0
        return g

    suite = make_suite(frozen, candidates={"elements": spoil(ELEMENTS, "gram", "g", fault)})
    said = failure(suite, Check("odd", "g", "elements"), snapshot)
    assert said.verdict is Verdict.CANDIDATE_DIVERGED
    assert "worst at index (3, 1)" in said.detail


def test_drift_between_the_rows_is_found(frozen, verdicts, snapshot) -> None:
    def fault(g: np.ndarray) -> np.ndarray:
        g[3, 1] += 1.0
        return g

    suite = make_suite(frozen, reference=("rows", spoil(ROWS, "gram", "g", fault)))
    said = failure(suite, Check("odd", "g", REFERENCE), snapshot)
    assert said.verdict is Verdict.REFERENCE_DRIFTED
    assert "none of the 2 sampled rows does" in said.detail
    fed = failure(suite, Check("odd", "value", "elements" + FROZEN), snapshot)
    assert fed.verdict is Verdict.REFERENCE_DRIFTED
    assert "no frozen g to feed" in fed.detail
    assert fed.first_stage == "gram"
    # A candidate that gives the digest needs no reference.
    suite.check(Check("odd", "g", "elements"), snapshot)


def test_with_a_drifted_reference_the_rows_are_left_to_judge_by(frozen, snapshot) -> None:
    drifted = spoil(ROWS, "gram", "g", lambda g: g + 1)
    wrong = {"elements": spoil(ELEMENTS, "gram", "g", lambda g: g + 2)}
    suite = make_suite(frozen, reference=("rows", drifted), candidates=wrong)
    said = failure(suite, Check("odd", "g", "elements"), snapshot)
    assert said.verdict is Verdict.CANDIDATE_DIVERGED
    assert "14 of 14 elements differ" in said.detail


def test_another_shape_is_its_own_finding(frozen, snapshot) -> None:
    spoiled = spoil(ELEMENTS, "gram", "g", lambda g: g[:-1])
    suite = make_suite(frozen, candidates={"elements": spoiled})
    said = failure(suite, Check("odd", "g", "elements"), snapshot)
    assert "(6, 7) where <f8 (7, 7) is expected" in said.detail
