"""The mutation tester itself: what it changes, how it judges, what it reports."""

import ast
import sys
from collections import Counter
from pathlib import Path

import pytest

from mutants import rust_source
from mutants.__main__ import EQUIVALENT, PREFIX
from mutants.judges import UNVIABLE, Judge
from mutants.mutant import Edit, Mutant, number_mutants, select
from mutants.numba_source import PATH, numba_mutants, reached_functions
from mutants.report import Report, read_equivalent
from mutants.runner import COPIED, BaselineError, Result, Tree, check_baseline, run_mutants

pytestmark = pytest.mark.checkout  # it mutates the sources of covertreex/
ROOT = Path(__file__).parent.parent


def changes(body):
    """The changed bodies of ``def f(a, b, c)``."""
    head = "def f(a, b, c):\n    "
    return {mutant.source.removeprefix(head) for mutant in numba_mutants(head + body)}


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("return a + b", {"return a - b"}),
        ("return a * b", {"return a / b", "return a + b"}),
        ("return (a) // (b)", {"return (a) % (b)"}),
        ("return a < b", {"return a <= b", "return a >= b"}),
        ("return a < b == c", {"return a <= b == c", "return a >= b == c", "return a < b != c"}),
        ("return a and b", {"return a or b"}),
        ("return not a", {"return a"}),
        ("return -a", {"return a"}),
        ("return 7", {"return 8", "return 6"}),
        ("return 1.0", {"return 1.0000000000000002"}),
        ("return 0.0", {"return -0.0", "return 1.0", "return 5e-324"}),
        ("return a != 0.0", {"return a == 0.0", "return a != 1.0", "return a != 5e-324"}),
        ("return 0xFFFFFFFFFF", {"return 0xfffffffffe"}),
        ("return True", {"return False"}),
        ("return a[b, c]", {"return a[b + 1, c]", "return a[b, c + 1]"}),
        ("return min(a, b)", {"return max(a, b)"}),
        ("return math.sqrt(a)", {"return (a)"}),
        ("return np.empty(a, b)", {"return np.empty(a)"}),
        (
            "return fma(a, b, c)",
            {"return ((a) * (b) + (c))", "return fma(-(a), b, c)", "return fma(a, c, b)"},
        ),
        ("a += b", {"pass", "a -= b"}),
        ("b = a", {"pass"}),
        ("new = a", set()),
        ("a[b] = c", {"pass"}),
        ('"""Words."""', set()),
    ],
)
def test_each_kind_of_code_has_its_mutants(body, wanted):
    assert changes(body) == wanted


def test_loops_lose_their_first_or_their_last_turn():
    body = "for i in range(a, b):\n        c(i)"
    assert changes(body) == {
        "for i in range(a + 1, b):\n        c(i)",
        "for i in range(a, b - 1):\n        c(i)",
        "for i in range(a, b):\n        pass",
    }


def test_every_mutant_of_the_reference_is_a_program_of_its_own_with_a_name_of_its_own():
    text = (ROOT / PATH).read_text("ascii")
    mutants = numba_mutants(text)
    assert len(mutants) > 500
    assert [mutant.number for mutant in mutants] == list(range(1, len(mutants) + 1))
    assert len({mutant.source for mutant in mutants} | {text}) == len(mutants) + 1
    assert len({mutant.name for mutant in mutants}) == len(mutants)
    for mutant in mutants[::20]:
        ast.parse(mutant.source)
    functions = {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    mutated = {mutant.name.split()[1].rstrip(":") for mutant in mutants}
    assert functions <= mutated


def test_names_outlive_what_is_written_elsewhere():
    before = "def f(a):\n    return a + a + 1\n"
    after = "def g():\n    return 2 + 3\n\n\n" + before
    names = {mutant.name for mutant in numba_mutants(before)}
    assert {m.name for m in numba_mutants(after) if f"{PATH} f:" in m.name} == names
    assert f"{PATH} f: `+` -> `-` #2" in names


def test_shards_deal_out_every_mutant_once():
    mutants = numba_mutants((ROOT / PATH).read_text("ascii"))
    dealt = Counter(m.name for part in (1, 2, 3) for m in select(mutants, f"{part}/3", ""))
    assert dealt == Counter(mutant.name for mutant in mutants)
    assert {m.line for m in select(mutants, "1/1", r" chain:")} <= set(range(120, 135))
    with pytest.raises(ValueError, match="shard 4/3"):
        select(mutants, "4/3", "")


def test_a_stage_reaches_what_its_functions_mention():
    text = "def stage():\n    loops.a(1)\ndef a(x):\n    return b(x)\ndef b(x): ...\ndef c(): ...\n"
    assert reached_functions([text], "stage") == {"stage", "a", "b"}


RUST = """\
const EDGE: f64 = 0.5; // not 0.25
unsafe fn lanes(x: V, y: V, at: *const f64) -> V {
    x.fma(y, x).min(y)
}
fn positive(x: f64) -> bool {
    let zero = 0.0;
    x > 0.0 && x != zero
}
#[cfg(test)]
mod tests {
    const OTHER: f64 = 0.75;
}
"""


def test_rust_methods_and_constants_are_changed_outside_of_tests_and_comments():
    mutants = number_mutants({"a.rs": RUST}, {"a.rs": rust_source._textual(RUST)})
    assert [mutant.name for mutant in mutants] == [
        "a.rs EDGE: `0.5` -> `0.5f64.next_up()`",
        "a.rs lanes: `.fma(` -> `.neg_fma(`",
        "a.rs lanes: `.min(` -> `.max(`",
        "a.rs positive: `0.0` -> `-0.0`",
        "a.rs positive: `0.0` -> `1.0`",
        "a.rs positive: `0.0` -> `1.0` #2",
    ]
    assert mutants[1].source == RUST.replace(".fma(", ".neg_fma(")


def test_what_cargo_mutants_lists_lands_where_it_says():
    text = "// ± before\nfn f() { a < b }\n"
    span = {"start": {"line": 2, "column": 12}, "end": {"line": 2, "column": 13}}
    listed = [{"span": span, "function": {"function_name": "f"}, "replacement": "<="}]
    [edit] = rust_source._from_list(text, listed)
    assert (text[edit.start : edit.stop], edit.new, edit.function) == ("<", "<=", "f")


def test_a_rust_file_without_mutants_says_why_and_exists():
    assert all(rust_source.LEFT_OUT.values())
    assert all((ROOT / path).exists() for path in rust_source.LEFT_OUT)


def test_without_cargo_mutants_it_says_what_to_do(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FileNotFoundError, match="nox -s mutants"):
        rust_source.rust_mutants(ROOT)


@pytest.fixture
def project(tmp_path):
    for name in COPIED:
        path = tmp_path / "project" / name
        path.parent.mkdir(exist_ok=True)
        if "." in name:
            path.write_text("")
        else:
            path.mkdir()
    (tmp_path / "project" / "src" / "answer.py").write_text("ANSWER = 42\n")
    return tmp_path / "project"


def judging(code, name="judge", build=0):
    """A judge that runs Python after ``from answer import ANSWER``."""
    script = f"import sys; sys.path.insert(0, 'src'); from answer import ANSWER; {code}"
    return Judge(name, [[sys.executable, "-B", "-c", script]], build)


def mutant_of(source):
    return Mutant(1, "src/answer.py constant: x", "src/answer.py", 1, source)


@pytest.mark.parametrize(
    ("source", "outcome", "judge", "timed_out"),
    [
        ("ANSWER = 41\n", "caught", "right", False),
        ("ANSWER = 43\n", "caught", "even", False),
        ("ANSWER = 44\n", "survived", "", False),
        ("while True: pass\n", "caught", "right", True),
        ("import time; time.sleep(3_600)\n", "caught", "right", True),
        ("import os; os.abort()\n", "caught", "right", False),
        (f"raise SystemExit({UNVIABLE})\n", "unviable", "right", False),
    ],
)
def test_a_mutant_is_judged_and_taken_back(source, outcome, judge, timed_out, project, tmp_path):
    judges = [judging("assert ANSWER > 41", "right"), judging("assert ANSWER % 2 == 0", "even")]
    tree = Tree(project, tmp_path / "tree")
    found = tree.judged(mutant_of(source), judges, 0.5)
    assert (found.outcome, found.judge, found.timed_out) == (outcome, judge, timed_out)
    assert (tree.root / "src" / "answer.py").read_text() == "ANSWER = 42\n"
    assert (project / "src" / "answer.py").read_text() == "ANSWER = 42\n"


def test_what_fails_to_build_is_no_mutant(project, tmp_path):
    tree = Tree(project, tmp_path / "tree")
    found = tree.judged(mutant_of("ANSWER\n"), [judging("", "unit tests", build=1)], 30.0)
    assert found.outcome == "unviable"


def test_a_run_gives_each_mutant_a_result_and_refuses_a_broken_start(project, tmp_path):
    text = {"src/answer.py": "ANSWER = 42\n"}
    edits = {"src/answer.py": [Edit(9, 11, new, "f") for new in ("41", "43", "44")]}
    mutants = number_mutants(text, edits)
    judges = [judging("assert ANSWER % 2 == 0")]
    found = run_mutants(project, tmp_path, mutants, judges, jobs=2, limit=60.0)
    assert {r.mutant.number: r.outcome for r in found} == {1: "caught", 2: "caught", 3: "survived"}
    tree = Tree(project, tmp_path / "other")
    with pytest.raises(BaselineError, match="without a change"):
        check_baseline(tree, [judging("assert ANSWER == 7")])


def reported(outcome, listed=(), judge=""):
    one, two = (Mutant(n, f"src/a.rs f: {n}", "src/a.rs", n, "") for n in (1, 2))
    report = Report("rust", [one, two], dict.fromkeys(listed, "only speed"))
    report.results.append(Result(one, outcome, judge))
    return report


@pytest.mark.parametrize(
    ("outcome", "listed", "failing"),
    [
        ("caught", [], ""),
        ("unviable", [], ""),
        ("survived", [], "SURVIVED"),
        ("survived", ["src/a.rs f: 1"], ""),
        ("caught", ["src/a.rs f: 1"], "STALE"),
        ("unviable", ["src/a.rs f: 1"], "STALE"),
        ("caught", ["src/a.rs f: 3"], "STALE, no such mutant"),
        ("caught", ["covertreex/a.py f: 3"], ""),
    ],
)
def test_survivors_and_stale_rows_fail(outcome, listed, failing):
    failures = reported(outcome, listed).failures(PREFIX["rust"])
    assert [line.startswith(failing) for line in failures] == [True] * bool(failing)


def test_the_summary_counts_what_was_tried():
    assert reported("caught", judge="unit tests").summary(9.0) == (
        "rust: caught 1 of 1 (1 by the unit tests; 0 of them by time-out; "
        "0 equivalent; 0 do not compile; 1 not run; 9 s)"
    )
    assert reported("survived").summary(9.0).startswith("rust: caught 0 of 1 (")
    assert reported("survived", ["src/a.rs f: 1"]).summary(9.0).startswith("rust: caught 0 of 0 (")


def test_every_reference_mutant_that_is_listed_as_equivalent_exists(tmp_path):
    listed = read_equivalent(EQUIVALENT)
    report = Report("numba", numba_mutants((ROOT / PATH).read_text("ascii")), listed)
    assert report.gone(PREFIX["numba"]) == []
    twice = tmp_path / "twice.toml"
    twice.write_text('[[equivalent]]\nmutants = ["a", "a"]\nreason = "speed"\n')
    with pytest.raises(ValueError, match="a is listed twice"):
        read_equivalent(twice)
