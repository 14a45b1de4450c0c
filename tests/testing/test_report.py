"""The report: the closing line, tables that fit, and JSON that says the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from toy_pair import CASES, ELEMENTS, STAGES, make_suite

from covertreex.testing import Record, Stage, Suite, Summary, Verdict, as_json, render
from covertreex.testing.records import FROZEN, GOLDEN_SET, REFERENCE


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return make_suite(tmp_path)


def records(suite: Suite) -> list[Record]:
    """What a green run of this suite would record, 1,000 elements a check."""
    found = []
    for check in suite.all_checks():
        stage = suite.stage_of(check.output).name if check.output else ""
        elements = 0 if check.role == GOLDEN_SET else 1000
        noise = 1e-8 if check.role == REFERENCE and check.case == "single" else None
        found.append(
            Record(check.case, check.output, check.role, stage, elements=elements, noise=noise)
        )
    return found


def with_fault(found: list[Record], **fields: object) -> list[Record]:
    """The same, with one divergence."""
    place = next(
        i for i, r in enumerate(found) if (r.case, r.output, r.role) == ("odd", "s", "elements")
    )
    fault = {"verdict": Verdict.CANDIDATE_DIVERGED, "first_stage": "gram", "max_ulp": 7, **fields}
    return [*found[:place], replace(found[place], **fault), *found[place + 1 :]]


def test_the_line_of_a_green_run(suite: Suite) -> None:
    summary = Summary(suite, records(suite))
    assert summary.complete
    assert summary.green
    assert summary.line() == (
        "PARITY OK: elements (toy) equals rows on 3 cases, 4 outputs, 12,000 elements: 0 ULP."
    )


def test_the_line_of_two_candidates(tmp_path: Path) -> None:
    suite = make_suite(tmp_path, candidates={"a": ELEMENTS, "b": ELEMENTS}, cpu=dict)
    assert Summary(suite, records(suite)).line() == (
        "PARITY OK: a and b equal rows on 3 cases, 4 outputs, 12,000 elements: 0 ULP."
    )


def test_a_name_with_brackets_is_not_markup(tmp_path: Path) -> None:
    stages = (replace(STAGES[0], name="gram[:, k]"), STAGES[1])
    suite = make_suite(tmp_path, candidates={"rust[bold]": ELEMENTS}, stages=stages)
    text = render(Summary(suite, records(suite)), width=120, color=False)
    assert text.startswith("rust[bold] against rows: max ULP")
    assert "gram[:, k]" in text.splitlines()[1]


def test_a_run_of_no_case_has_no_table(suite: Suite) -> None:
    text = render(Summary(suite, records(suite)[:1]), width=120, color=False)
    assert text == "\nPARITY PARTIAL: 1 of 37 checks ran, all passed.\n"


def test_the_line_within_a_policy_does_not_say_equal(suite: Suite) -> None:
    near = with_fault(records(suite), verdict=Verdict.OK, first_stage="", differing=2)
    assert Summary(suite, near).line() == (
        "PARITY OK: elements (toy) agrees with rows on 3 cases, 4 outputs, 12,000 elements: "
        "at most 7 ULP, within the policy."
    )


def test_the_line_of_a_red_run(suite: Suite) -> None:
    summary = Summary(suite, with_fault(records(suite)))
    assert not summary.green
    assert summary.line() == (
        "PARITY FAILED: 1 of 37 checks: CANDIDATE DIVERGED s of odd (elements), first stage gram"
    )


def test_the_line_of_a_part(suite: Suite) -> None:
    summary = Summary(suite, records(suite)[:5])
    assert (summary.complete, summary.green) == (False, True)
    assert summary.line() == "PARITY PARTIAL: 5 of 37 checks ran, all passed."


def test_a_policy_problem_fails_a_strict_run_only(suite: Suite) -> None:
    problems = ["policy row 1 (* of *) can be tightened: max_ulp 4, observed 0"]
    assert Summary(suite, records(suite), problems).green
    strict = Summary(suite, records(suite), problems, strict=True)
    assert not strict.green
    assert strict.line() == f"PARITY FAILED: {problems[0]}"
    assert f"policy: {problems[0]}" in render(strict, width=200, color=False)


def many_stages(tmp_path: Path) -> Suite:
    names = [f"quite_long_stage_{letter}" for letter in "abcdefgh"]
    stages = [Stage(name, (name + "_output",), lambda *_: {}) for name in names]
    cases = {"a_case_of_a_rather_long_name_with_lengthscale=1e-3": 0, "b": 1}
    return make_suite(tmp_path, stages=stages, cases=cases)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("color", [False, True])
def test_no_line_but_the_last_is_wider_than_the_terminal(
    tmp_path: Path, width: int, color: bool
) -> None:
    for suite in (make_suite(tmp_path), many_stages(tmp_path)):
        text = render(Summary(suite, records(suite)), width=width, color=False)
        *table, last = text.splitlines()
        assert max(map(len, table)) <= width
        assert last == Summary(suite, records(suite)).line()
        assert text.isascii()
        assert (
            "\x1b[" in render(Summary(suite, records(suite)), width=width, color=color)
        ) == color


def test_the_tables_show_each_case_each_stage_and_the_worst(suite: Suite) -> None:
    found = with_fault(records(suite), max_abs=2.5e-7, elements=1000, differing=3)
    lines = render(Summary(suite, found), width=100, color=False).splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.split()}
    assert rows["small"] == ["0", "0", "4,000", "0", "-"]
    assert rows["odd"] == ["DIVERGED", "0", "4,000", "2.5e-07", "-"]
    assert rows["single"] == ["0", "0", "4,000", "0", "1e-08"]
    assert rows["s"] == ["9", "3,000", "3", "2.5e-07", "7", "1e-08", "1"]


def test_each_verdict_has_its_cell(suite: Suite) -> None:
    for verdict in Verdict:
        if verdict is not Verdict.OK:
            text = render(
                Summary(suite, with_fault(records(suite), verdict=verdict)), width=80, color=False
            )
            row = next(line for line in text.splitlines() if line.startswith("odd"))
            assert row.split()[1] in str(verdict)


def test_the_json_says_the_same(suite: Suite) -> None:
    summary = Summary(suite, with_fault(records(suite), max_abs=float("inf")), ["loose"])
    content = json.loads(json.dumps(as_json(summary), allow_nan=False))
    assert content["schema"] == 1
    assert content["line"] == summary.line()
    assert (content["complete"], content["green"]) == (True, False)
    assert len(content["records"]) == 37
    assert [Record.loads(json.dumps(record)) for record in content["records"]] == summary.records
    assert content["totals"]["s"] == {
        "checks": 9,
        "failed": 1,
        "elements": 3000,
        "differing": 0,
        "max_abs": "inf",
        "max_ulp": 7,
        "noise": 1e-8,
    }
    assert content["policy"] == ["loose"]
    assert content["machine"] == {"features": ["fma"], "level": "toy"}
    assert set(content["versions"]) >= {"python", "numpy"}


def test_a_run_of_one_role_shows_only_what_ran(suite: Suite) -> None:
    some = [r for r in records(suite) if r.case == "odd" and r.role == "elements" + FROZEN]
    lines = render(Summary(suite, some), width=80, color=False).splitlines()
    assert not any(line.startswith(tuple(set(CASES) - {"odd"})) for line in lines)


def hit_rate(own, true):
    """A measure; the records below say what it found."""


def measured(tmp_path: Path, *found: float) -> Summary:
    """A green run of a suite that measures `index`; one case a number, each beside a twin."""
    cases = {f"case_{number}": CASES["single"] for number in range(len(found))}
    suite = make_suite(tmp_path, cases=cases, quality={"index": hit_rate})
    qualities = {
        (case, "index", REFERENCE): value for case, value in zip(cases, found, strict=True)
    }
    return Summary(
        suite,
        [replace(r, quality=qualities.get((r.case, r.output, r.role))) for r in records(suite)],
    )


def test_the_truth_of_a_run_that_is_right(tmp_path: Path) -> None:
    assert measured(tmp_path, 1.0, 1.0).truth() == [
        "truth: hit rate 1.00 in 2 of 2 cases that have a twin in higher precision: "
        "equal, and right."
    ]


def test_the_truth_names_the_noisiest_case_and_rounds_down(tmp_path: Path) -> None:
    said = "truth: hit rate 1.00 in 1 of 3 cases that have a twin in higher precision, lowest "
    noisy = measured(tmp_path, 0.999, 1.0, 0.5)
    assert noisy.truth() == [said + "0.50 (case_2): equal, and noise there."]
    assert measured(tmp_path, 0.999, 1.0, 0.9999).truth()[0].startswith(said + "0.99 (case_0)")
    lines = render(noisy, width=80, color=False).splitlines()
    assert lines[-2:] == [noisy.line(), *noisy.truth()]
    rows = {line.split()[0]: line.split()[-1] for line in lines if line.startswith("case")}
    assert rows == {"case": "truth", "case_0": "0.99", "case_1": "1.00", "case_2": "0.50"}
    content = as_json(noisy)
    assert content["truth"] == noisy.truth()
    assert [r["quality"] for r in content["records"] if r["quality"] is not None] == [
        0.999, 1.0, 0.5,
    ]  # fmt: skip


def test_the_truth_does_not_say_equal_of_what_differs(tmp_path: Path) -> None:
    found = measured(tmp_path, 0.5, 1.0)
    for fault in ({"differing": 1}, {"verdict": Verdict.CANDIDATE_DIVERGED}):
        place = next(i for i, r in enumerate(found.records) if r.role == "elements")
        wrong = [*found.records]
        wrong[place] = replace(wrong[place], **fault)
        assert Summary(found.suite, wrong).truth()[0].endswith("lowest 0.50 (case_0): noise there.")


def test_a_suite_that_measures_nothing_says_nothing(suite: Suite) -> None:
    assert Summary(suite, records(suite)).truth() == []
    assert "truth" not in render(Summary(suite, records(suite)), width=120, color=False)
