"""``--parity-explain``: where engines part is named, element by element, with both values."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from parity.suite import SUITE
from test_plugin import BODY, CONFTEST, CRASH, GRAM_OFF, POLICY, REFERENCE_MOVES
from toy_pair import ELEMENTS, EXACT, ROWS, STAGES, by_elements, by_rows, make_suite

from covertreex.testing import (
    REFERENCE,
    Check,
    ParityFailure,
    Policy,
    Row,
    Rule,
    StageError,
    Suite,
    TargetError,
)
from covertreex.testing.explain import PARTS, Target, explanation
from covertreex.testing.walk import Walk


def gram_trace(output, index, inputs, outputs):
    return {"points": [*index]}


def nearest_trace(output, index, inputs, outputs):
    row = index[0]
    column = outputs["index"][row]
    return {"g": [(row, column), (row, slice(None))], "s": [row]}


TRACED = (
    replace(STAGES[0], trace=gram_trace),
    replace(STAGES[1], trace=nearest_trace),
)


def told(suite: Suite, text: str = "odd") -> str:
    walk = Walk(suite, "odd")
    return explanation(walk, *Target.parse(text, suite).begin(walk)).plain


def one_bit(engine, output: str, index: tuple[int, ...], function=by_elements):
    def gram(points):
        found = function(points)
        found[output].view(f"u{found[output].itemsize}")[index] ^= 1
        return found

    return {**engine, "gram": gram}


@pytest.fixture
def frozen(tmp_path: Path, freeze) -> Path:
    freeze(make_suite(tmp_path))
    return tmp_path


def marks(text: str) -> list[str]:
    """The roles that part, each with the title above its line."""
    found, title = [], ""
    for line in text.splitlines():
        if line.startswith("  ") and not line.startswith("    "):
            title = line.strip()
        if line.endswith(PARTS):
            found.append((title, re.split(r"\s{2,}", line.strip())[0]))
    return found


@pytest.mark.parametrize("stages", [STAGES, TRACED], ids=["no trace", "traced"])
def test_one_bit_of_a_candidate_is_named(frozen: Path, stages) -> None:
    off = {"elements": one_bit(ELEMENTS, "g", (3, 1))}
    text = told(make_suite(frozen, candidates=off, stages=stages))
    assert text.startswith("from g[3, 1]; inputs ")
    assert marks(text) == [("g[3, 1]", "elements"), ("g[3, 1]", "elements on frozen inputs")]
    value = by_rows(make_suite(frozen).run_of("odd").inputs["points"])["g"][3, 1]
    other = (value.reshape(1).view(np.uint64) ^ 1).view(np.float64)[0]
    for number in (value, other):
        assert re.search(rf" {number}  +{re.escape(number.hex())} ", text), text
    assert "elements parts at g[3, 1] (stage gram), also when fed the frozen inputs" in text
    assert "rows (reference) is equal, bit for bit" in text
    assert ("input points[3] = " in text) == (stages is TRACED)


def test_a_drift_of_the_reference_is_named(frozen: Path) -> None:
    drifted = ("rows", one_bit(ROWS, "s", (2,), by_rows))
    text = told(make_suite(frozen, reference=drifted, stages=TRACED))
    assert marks(text) == [("s[2]", "rows (reference)")]
    assert "rows (reference) parts at s[2] (stage gram)\n" in text
    assert "elements is equal, bit for bit" in text


@pytest.mark.parametrize(
    ("role", "first"),
    [(REFERENCE, "gram"), ("elements", "gram"), ("elements on frozen inputs", "nearest")],
)
def test_a_failure_names_its_first_stage_in_every_role(frozen, snapshot, role, first) -> None:
    """`s` is wrong and so is `value`: fed frozen inputs it is its own stage's fault."""

    def wrong(right):
        def nearest(g, s):
            found = ROWS["nearest"](g, s)
            return {**found, "value": found["value"] * 2}

        def gram(points):
            found = right["gram"](points)
            return {**found, "s": found["s"] * 3}

        return {"gram": gram, "nearest": nearest}

    engines = {"reference": ("rows", wrong(ROWS))} if role == REFERENCE else {}
    suite = make_suite(frozen, candidates={"elements": wrong(ELEMENTS)}, **engines)
    with pytest.raises(ParityFailure) as caught:
        suite.check(Check("odd", "value", role), snapshot)
    assert caught.value.first_stage == first
    assert f"first stage concerned: {first}" in str(caught.value)


def test_a_way_leads_back_to_what_an_element_is_made_of(frozen: Path) -> None:
    """`value[2]` is made of `s[2]`, wrong, and of the row `g[2]`, which is right but for one."""

    def gram(points):
        return one_bit(one_bit(ELEMENTS, "s", (2,)), "g", (2, 2))["gram"](points) | {
            "s": one_bit(ELEMENTS, "s", (2,))["gram"](points)["s"]
        }

    off = {"elements": {**ELEMENTS, "gram": gram}}
    text = told(make_suite(frozen, candidates=off, stages=TRACED), "odd:value[2]")
    assert text.startswith("from value[2]")
    own = [title for title, role in marks(text) if role == "elements"]
    assert own[0].startswith("g[2, :], 7 elements: elements: 1 of 7 differ")
    assert "worst g[2, 2]" in own[0]
    assert re.search(r"  s\[2\]\n(.*\n){2}.*elements +\S+ +\S+ +\S+  1 ULP", text)


def test_equal_engines_are_walked_from_the_last_output(frozen: Path) -> None:
    text = told(make_suite(frozen, stages=TRACED))
    assert text.startswith("from value[0]; ")
    assert marks(text) == []
    assert text.endswith("rows (reference) is equal, bit for bit\nelements is equal, bit for bit")


def test_what_the_policy_allows_is_no_place_to_begin(frozen: Path) -> None:
    near = Policy((Row("*", "g", Rule(max_ulp=1), "another order"), *EXACT.rows))
    off = one_bit(ELEMENTS, "g", (3, 1))
    worse = {"elements": {**off, "nearest": lambda g, s: ROWS["nearest"](g, s * 2)}}
    suite = make_suite(frozen, candidates=worse, policy=near, stages=TRACED)
    assert told(suite).startswith("from value[")
    only = make_suite(frozen, candidates={"elements": off}, policy=near, stages=TRACED)
    text = told(only)
    assert text.startswith("from g[3, 1]")
    assert re.search(rf"elements  .*  1 ULP, allowed  {PARTS}\n", text)


def shorter(points):
    found = by_elements(points)
    return {**found, "s": found["s"][:-1]}


def test_what_cannot_be_compared_is_said(frozen: Path, tmp_path: Path) -> None:
    def nearest(g, s):
        return {"index": np.zeros(len(g), dtype=np.int64), "value": np.zeros(len(g), np.float32)}

    wrong = {"elements": {"gram": shorter, "nearest": nearest}}
    text = told(make_suite(frozen, candidates=wrong, stages=TRACED))
    assert "shape (6,) where (7,) is expected" in text
    assert "dtype float32 where float64 is expected" in text
    unfrozen = told(make_suite(tmp_path / "new"))
    assert "never frozen" in unfrozen
    assert "no golden value/odd is frozen" in unfrozen
    make_suite(frozen).store.path("g/odd").write_bytes(b"")
    assert "is empty (zero bytes)" in told(make_suite(frozen))


def test_a_sample_is_filled_up_by_the_reference(tmp_path: Path, freeze) -> None:
    freeze(make_suite(tmp_path, full_limit=120))
    assert marks(told(make_suite(tmp_path, full_limit=120))) == []
    drifted = ("rows", one_bit(ROWS, "g", (3, 1), by_rows))
    text = told(make_suite(tmp_path, full_limit=120, reference=drifted))
    assert "kept as a sample the reference left" in text
    assert "no frozen g to feed" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("od", "no case is called 'od'; close: odd"),
        ("odd:valve", "no output is called 'valve'; close: value"),
        ("odd:value[7]", r"value of odd has the shape \(7,\); it has no element \[7\]"),
        ("odd:value[0, 0]", r"it has no element \[0, 0\]"),
        ("odd:value[x]", "is none of CASE, CASE:OUTPUT"),
        ("", "is none of CASE"),
    ],
)
def test_a_target_that_is_not_there(frozen: Path, text, said) -> None:
    with pytest.raises(TargetError, match=said):
        told(make_suite(frozen), text)


@pytest.mark.parametrize("part", [(9, 9), "value"], ids=["outside", "later output"])
def test_a_trace_that_names_what_is_not_there_is_refused(frozen: Path, part) -> None:
    trace = {"value": [0]} if part == "value" else {"g": [part]}
    stages = (STAGES[0], replace(STAGES[1], trace=lambda *given: trace))
    with pytest.raises(StageError, match=r"stage nearest traces value\[0\] to (g|value)\["):
        told(make_suite(frozen, stages=stages))


def test_one_bit_of_the_projects_own_kernel_block(capsys) -> None:
    """Every stage but the wrong one is equal, and the way leads back to the points."""
    rust = SUITE.candidates["rust"]

    def kernel_block(*arguments):
        block = rust.kernel_block(*arguments)
        block.view(f"u{block.itemsize}")[5, 11] ^= 1
        return block

    stages = {name: getattr(rust, name) for name in rust.__all__}
    spoiled = SimpleNamespace(**{**stages, "kernel_block": kernel_block})
    suite = replace(SUITE, candidates={"rust": spoiled})
    walk = Walk(suite, "plane_f32")
    text = explanation(walk, *Target.parse("plane_f32", suite).begin(walk)).plain
    assert text.startswith("from kernel_block[5, 11]; ")
    roles = ["rust", "rust on frozen inputs"]
    assert marks(text) == [("kernel_block[5, 11]", role) for role in roles]
    closing = "rust parts at kernel_block[5, 11] (stage kernel_block), also when fed the frozen"
    assert closing in text
    assert "input scaled[" in text
    assert "rust: 1 of 855 differ; worst distances[5, 11]" in text


def test_every_stage_of_the_project_can_be_traced() -> None:
    for case in ("one_by_one_f32", "radius_inf", "predecessors_f64"):
        walk = Walk(SUITE, case)
        for output in SUITE.outputs:
            walk.steps(output, walk.focus(output, ()) or ())


class TestSession:
    """The option, as a user gives it."""

    @pytest.fixture
    def project(self, frozen: Path) -> Path:
        (frozen / "conftest.py").write_text(CONFTEST)
        (frozen / "policy.toml").write_text(POLICY.format(0))
        (frozen / "test_body.py").write_text(BODY)
        return frozen

    @pytest.mark.parametrize(
        ("changes", "said", "code"),
        [
            (GRAM_OFF, "elements parts at s[1] (stage gram), also when", 0),
            (REFERENCE_MOVES, "rows (reference) parts at s[1] (stage gram)", 0),
            (CRASH, "RuntimeError: the extension is not built", 1),
        ],
    )
    def test_it_explains_and_runs_no_test(
        self, project: Path, run_pytest, tree, changes, said, code
    ) -> None:
        (project / "changes.py").write_text(changes)
        before = tree(project / "snapshots")
        ended = run_pytest("-q", "--parity-explain", "odd", "--parity-stamp", "stamp.json")
        assert ended.returncode == code, ended.stdout + ended.stderr
        assert "= explain odd =" in ended.stdout
        assert said in ended.stdout
        assert "\x1b" not in ended.stdout
        assert tree(project / "snapshots") == before
        assert not (project / "stamp.json").exists()

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("--parity-explain", "od"), "no case is called 'od'; close: odd"),
            (("--parity-explain", "odd:value[9]"), "it has no element [9]"),
            (("--parity-explain", "odd", "-n", "2"), "run without -n"),
            (("--parity-explain", "odd", "--freeze-reason", "x"), "writes nothing"),
        ],
    )
    def test_what_it_refuses(self, project: Path, run_pytest, arguments, said) -> None:
        (project / "changes.py").write_text("")
        ended = run_pytest(*arguments)
        assert ended.returncode == 4, ended.stdout + ended.stderr
        assert said in ended.stderr
