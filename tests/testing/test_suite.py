"""Planted faults: each ends in its own verdict, on its own check, and names its first stage."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from toy_checks import CANDIDATE, OUTPUTS, ROLES, SET, failure, one_ulp, spoil
from toy_pair import CASES, ELEMENTS, EXACT, ROWS, STAGES, inputs, make_suite, nearest

from covertreex.testing import (
    FreezeRefusedError,
    HarnessError,
    Policy,
    PolicyError,
    Record,
    Row,
    Rule,
    Stage,
    StageError,
    Verdict,
)
from covertreex.testing.records import FROZEN, REFERENCE, Check


@pytest.fixture
def frozen(tmp_path: Path, freeze) -> Path:
    freeze(make_suite(tmp_path))
    return tmp_path


def test_sound_engines_are_green(frozen: Path, verdicts) -> None:
    assert verdicts(make_suite(frozen)) == {}
    assert len(make_suite(frozen).all_checks()) == 1 + len(CASES) * len(OUTPUTS) * len(ROLES)


def test_nothing_frozen_is_missing_everywhere(tmp_path: Path, verdicts) -> None:
    found = verdicts(make_suite(tmp_path))
    assert set(found.values()) == {Verdict.MISSING}
    assert len(found) == len(make_suite(tmp_path).all_checks())


def index_swap(array: np.ndarray) -> np.ndarray:
    # Of the last two, which differ in every case.
    array[[-1, -2]] = array[[-2, -1]]
    return array


LAST_STAGE_FAULTS = {
    "1 ULP in one element": ("value", one_ulp, "max ULP 1, allowed 0 ULP"),
    "a swapped index": ("index", index_swap, "2 of "),
    "float32 for float64": ("value", lambda a: a.astype(np.float32), "dtype float32 where float64"),
    "another shape": ("index", lambda a: a[:-1], "shape ("),
    "big-endian": ("value", lambda a: a.astype(">f8"), "dtype >f8 where float64"),
}


@pytest.mark.parametrize(
    ("output", "fault", "text"), LAST_STAGE_FAULTS.values(), ids=LAST_STAGE_FAULTS
)
def test_a_wrong_last_stage(frozen: Path, verdicts, snapshot, output, fault, text) -> None:
    suite = make_suite(
        frozen,
        cases={"odd": CASES["odd"]},
        candidates={"elements": spoil(ELEMENTS, "nearest", output, fault)},
    )
    found = verdicts(suite)
    assert found.pop(SET) is Verdict.UNUSED
    assert found == {Check("odd", output, role): Verdict.CANDIDATE_DIVERGED for role in CANDIDATE}
    said = failure(suite, Check("odd", output, "elements"), snapshot)
    assert text in said.detail
    assert said.first_stage == "nearest"


def test_negative_zero_for_zero(frozen: Path, verdicts, snapshot) -> None:
    def negate(g: np.ndarray) -> np.ndarray:
        g[2, 2] = -0.0
        return g

    suite = make_suite(frozen, candidates={"elements": spoil(ELEMENTS, "gram", "g", negate)})
    found = verdicts(suite)
    assert found == {
        Check(case, "g", role): Verdict.CANDIDATE_DIVERGED for case in CASES for role in CANDIDATE
    }
    said = failure(suite, Check("odd", "g", "elements"), snapshot)
    assert "expected 0.0  0x0000000000000000" in said.detail
    assert "actual   -0.0  0x8000000000000000" in said.detail


def test_one_wrong_stage_is_one_failure_and_the_rest_name_it(
    frozen: Path, verdicts, snapshot
) -> None:
    shift = spoil(ELEMENTS, "gram", "s", lambda s: s * s.dtype.type(3))
    suite = make_suite(frozen, candidates={"elements": shift})
    found = {check: verdict for check, verdict in verdicts(suite).items() if check.case == "odd"}
    assert found == {
        Check("odd", "s", "elements" + FROZEN): Verdict.CANDIDATE_DIVERGED,
        Check("odd", "s", "elements"): Verdict.CANDIDATE_DIVERGED,
        Check("odd", "value", "elements"): Verdict.CANDIDATE_DIVERGED,
    }
    said = failure(suite, Check("odd", "value", "elements"), snapshot)
    assert said.first_stage == "gram"
    assert "first stage concerned: gram" in str(said)


def test_a_divergence_prints_all_there_is(frozen: Path, snapshot) -> None:
    suite = make_suite(
        frozen,
        candidates={"elements": spoil(ELEMENTS, "nearest", "value", one_ulp)},
        reproduce="make odd CASE={}".format,
    )
    text = str(failure(suite, Check("odd", "value", "elements"), snapshot))
    for part in (
        "CANDIDATE DIVERGED: value of odd (elements)",
        "1 of 7 elements differ, 1 of them beyond the allowed 0 ULP",
        "worst at index (1,)",
        "expected 0.0",
        "  0x3f",
        "max |delta| ",
        "max ULP 1, allowed 0 ULP, rtol 0, atol 0",
        "ULP histogram (from 2^k: elements): 1: 1",
        "policy row 1: both engines add in the same order",
        "first stage concerned: nearest",
        "reproduce: make odd CASE=odd",
    ):
        assert part in text


def test_the_reference_drifted(frozen: Path, verdicts, snapshot) -> None:
    drifted = spoil(ROWS, "gram", "g", one_ulp)
    suite = make_suite(frozen, reference=("rows", drifted))
    found = verdicts(suite)
    own = {check for check in found if check.case == "odd"}
    assert {found[check] for check in own} == {Verdict.REFERENCE_DRIFTED}
    assert {check.role for check in own} == {REFERENCE}, "a candidate is held against the golden"
    assert Check("odd", "g", REFERENCE) in own
    said = failure(suite, Check("odd", "g", REFERENCE), snapshot)
    assert "max ULP 1" in said.detail
    assert said.first_stage == "gram"


def test_the_inputs_changed(frozen: Path, verdicts) -> None:
    suite = make_suite(frozen, cases={**CASES, "odd": (9, 7, "float64")})
    assert verdicts(suite) == {
        Check("odd", output, role): Verdict.INPUT_CHANGED for output in OUTPUTS for role in ROLES
    }


def test_a_parameter_among_the_inputs_is_watched(frozen: Path, verdicts) -> None:
    def other_seed(case: tuple[int, int, str]) -> dict[str, np.ndarray]:
        return {**inputs(case), "seed": np.array(case[0] + 1)}

    assert set(verdicts(make_suite(frozen, inputs=other_seed)).values()) == {Verdict.INPUT_CHANGED}


def test_the_noise_floor_is_the_distance_to_the_twin(frozen: Path, snapshot) -> None:
    suite = make_suite(frozen)
    floor = {}
    for output in OUTPUTS:
        suite.check(Check("single", output, REFERENCE), snapshot)
        floor[output] = Record.loads(snapshot.test_location.item.user_properties[-1][1]).noise
    single = suite.run_of("single").output(REFERENCE, "value").astype(np.float64)
    double = make_suite(frozen, cases={"d": (3, 6, "float64")}).run_of("d")
    assert floor["value"] == np.abs(single - double.output(REFERENCE, "value")).max() > 0
    assert floor["g"] is not None
    assert floor["index"] is None, "integers have no noise"


def test_a_missing_golden(frozen: Path, verdicts, snapshot) -> None:
    suite = make_suite(frozen)
    suite.store.path("value/odd").unlink()
    assert verdicts(suite) == {
        SET: Verdict.MISSING,
        **{Check("odd", "value", role): Verdict.MISSING for role in ROLES},
    }
    assert "value/odd: listed in the manifest" in failure(suite, SET, snapshot).detail


def test_a_new_case_is_missing(frozen: Path, verdicts, snapshot) -> None:
    suite = make_suite(frozen, cases={**CASES, "new": (5, 4, "float64")})
    found = verdicts(suite)
    assert found.pop(SET) is Verdict.MISSING
    assert set(found) == {Check("new", output, role) for output in OUTPUTS for role in ROLES}
    assert "g/new: no golden is frozen" in failure(suite, SET, snapshot).detail


def test_an_unused_entry_and_an_unused_file(frozen: Path, verdicts, snapshot) -> None:
    fewer = make_suite(frozen, cases={name: CASES[name] for name in ("small", "single")})
    assert verdicts(fewer) == {SET: Verdict.UNUSED}
    detail = failure(fewer, SET, snapshot).detail
    assert "g/odd: no case makes it" in detail
    assert "odd: inputs of no case" in detail
    suite = make_suite(frozen)
    suite.store.path("g/odd").with_name("stray.npy").write_bytes(b"")
    assert verdicts(suite) == {SET: Verdict.UNUSED}
    assert "g/stray.npy: the manifest does not list it" in failure(suite, SET, snapshot).detail


def test_tolerance_is_the_policy_s_and_only_for_candidates(frozen: Path, verdicts) -> None:
    near = Policy((Row("*", "value", Rule(max_ulp=1), "another division"), *EXACT.rows))
    off = {"elements": spoil(ELEMENTS, "nearest", "value", one_ulp)}
    assert verdicts(make_suite(frozen, candidates=off, policy=near)) == {}
    drifted = ("rows", spoil(ROWS, "nearest", "value", one_ulp))
    found = verdicts(make_suite(frozen, reference=drifted, policy=near))
    assert set(found.values()) == {Verdict.REFERENCE_DRIFTED}


def test_a_golden_without_a_policy_row_is_an_error(frozen: Path, snapshot) -> None:
    suite = make_suite(frozen, policy=Policy((Row("small", "*", Rule(), "one"),)))
    with pytest.raises(PolicyError, match="no policy row"):
        suite.check(Check("odd", "g", "elements"), snapshot)


def test_engines_are_lent_copies(frozen: Path, verdicts) -> None:
    def scribble(points: np.ndarray) -> dict[str, np.ndarray]:
        found = ELEMENTS["gram"](points)
        points[:] = np.nan
        return found

    def scribble_more(g: np.ndarray, s: np.ndarray) -> dict[str, np.ndarray]:
        found = nearest(g, s)
        g[:], s[:] = 0.0, 0.0
        return found

    rude = {"gram": scribble, "nearest": scribble_more}
    assert verdicts(make_suite(frozen, candidates={"rude": rude}, reference=("rows", rude))) == {}


def test_each_stage_is_computed_once_a_case(frozen: Path, verdicts) -> None:
    calls: list[str] = []

    def counting(points: np.ndarray) -> dict[str, np.ndarray]:
        calls.append("gram")
        return ELEMENTS["gram"](points)

    verdicts(make_suite(frozen, candidates={"elements": {**ELEMENTS, "gram": counting}}))
    assert len(calls) == len(CASES)


@pytest.mark.parametrize(
    ("returned", "message"),
    [({"g": np.zeros(1)}, r"returned \['g'\]; it declares"), ({"g": [1], "s": 1.0}, "is a list")],
)
def test_a_stage_returns_what_it_declares(frozen: Path, snapshot, returned, message) -> None:
    broken = {**ELEMENTS, "gram": lambda points: returned}
    suite = make_suite(frozen, candidates={"elements": broken})
    with pytest.raises(StageError, match=message):
        suite.check(Check("odd", "g", "elements"), snapshot)


def test_a_suite_that_cannot_be_is_refused(tmp_path: Path) -> None:
    double = (*STAGES, Stage("again", ("g",), STAGES[0].run))
    for changes, message in (
        ({"stages": double}, "its own name"),
        ({"stages": ()}, "stages need outputs"),
        ({"candidates": {"reference": ELEMENTS}}, "cannot be called"),
        ({"candidates": {"rows": ELEMENTS}}, "cannot be called"),
        ({"candidates": {"x" + FROZEN: ELEMENTS}}, "cannot be called"),
        ({"quality": {"v": max}}, r"quality of \['v'\], which no stage makes"),
        ({"cases": {"../odd": CASES["odd"]}}, "cannot name a golden"),
    ):
        with pytest.raises(HarnessError, match=message):
            make_suite(tmp_path, **changes)


def test_a_quality_is_that_of_the_reference_beside_its_twin(frozen: Path, snapshot) -> None:
    """Asked of the named output alone, and only where the case has a twin."""
    seen = []

    def share(own: np.ndarray, true: np.ndarray) -> float:
        seen.append((own.dtype, true.dtype))
        own[:] = 0  # a copy: what is compared stays as it was
        return 0.25

    suite = make_suite(frozen, quality={"value": share})
    for case, output, role in product(CASES, OUTPUTS, ROLES):
        suite.check(Check(case, output, role), snapshot)
    lines = [line for name, line in snapshot.test_location.item.user_properties]
    found = {(r.case, r.output, r.role): r.quality for r in map(Record.loads, lines)}
    assert found.pop(("single", "value", REFERENCE)) == 0.25
    assert set(found.values()) == {None}
    assert seen == [(np.float32, np.float64)]


@pytest.mark.parametrize("share", [-0.1, 1.1, np.nan])
def test_a_quality_outside_its_range_is_refused(frozen: Path, snapshot, share) -> None:
    suite = make_suite(frozen, quality={"value": lambda own, true: share})
    with pytest.raises(StageError, match=r"the quality of value is .*; a measure is within"):
        suite.check(Check("single", "value", REFERENCE), snapshot)


def test_a_write_outside_a_freeze_session_is_refused(frozen: Path, snapshots, tree) -> None:
    """Even with syrupy told to update."""
    before = tree(frozen)
    suite = make_suite(frozen, reference=("rows", spoil(ROWS, "gram", "g", one_ulp)))
    said = failure(suite, Check("odd", "g", REFERENCE), snapshots(True))
    assert said.verdict is Verdict.REFERENCE_DRIFTED
    assert tree(frozen) == before


def test_a_freeze_that_cannot_write_says_so(frozen: Path, snapshot) -> None:
    suite = make_suite(frozen, reference=("rows", spoil(ROWS, "gram", "g", one_ulp)))
    suite.store.begin()
    with pytest.raises(FreezeRefusedError, match="syrupy did not take g/odd"):
        suite.check(Check("odd", "g", REFERENCE), snapshot)
    suite.store.abort()
