"""Whole sessions: freezing, checking, reporting, stamping, and what is refused."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from toy_pair import make_suite

CONFTEST = """
from pathlib import Path
import toy_pair
from covertreex.testing import Policy
pytest_plugins = ["covertreex.testing.plugin"]
ROOT = Path(__file__).parent

def pytest_parity_suite(config):
    changes = {}
    exec((ROOT / "changes.py").read_text(), {"toy": toy_pair, "changes": changes})
    return toy_pair.make_suite(ROOT, policy=Policy.load(ROOT / "policy.toml"), **changes)
"""
BODY = """
def test_parity(parity_check, parity_suite, snapshot):
    parity_suite.check(parity_check, snapshot)
"""
POLICY = '[[row]]\ncase="*"\noutput="*"\nmax_ulp={}\nrtol=0\natol=0\nreason="bits"\n'
GRAM_OFF = """
import numpy as np
def gram(points):
    found = toy.by_elements(points)
    found["s"][1] = np.nextafter(found["s"][1], found["s"].dtype.type(np.inf))
    return found
changes["candidates"] = {"elements": {**toy.ELEMENTS, "gram": gram}}
"""
CRASH = """
def gram(points):
    raise RuntimeError("the extension is not built")
changes["candidates"] = {"elements": {**toy.ELEMENTS, "gram": gram}}
"""
REFERENCE_MOVES = """
def gram(points):
    found = toy.by_rows(points)
    return {**found, "s": found["s"] + 1}
changes["reference"] = ("rows", {**toy.ROWS, "gram": gram})
"""
REFERENCE_FAILS = """
def nearest(g, s):
    if len(g) == 7:
        raise RuntimeError("no")
    return toy.nearest(g, s + 1)
changes["reference"] = ("rows", {**toy.ROWS, "nearest": nearest})
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "changes.py").write_text("")
    (tmp_path / "policy.toml").write_text(POLICY.format(0))
    (tmp_path / "test_body.py").write_text(BODY)
    return tmp_path


@pytest.fixture
def frozen(project: Path, freeze) -> Path:
    freeze(make_suite(project))
    return project


def test_a_first_freeze(project: Path, run_pytest, freeze, tree) -> None:
    ended = run_pytest("--freeze-reason", "first", "--freeze-yes")
    assert ended.returncode == 0, ended.stdout
    assert "FROZEN: 12 new, 0 changed, 0 repaired, 0 unchanged goldens" in ended.stdout
    before = tree(project / "snapshots")
    freeze(make_suite(project), "the other way to freeze gives the same bytes")
    assert tree(project / "snapshots") == before
    undo = next(line for line in ended.stdout.splitlines() if line.startswith("undo: "))
    for command in ("git init -q", undo.removeprefix("undo: ")):
        subprocess.run(command.split(), cwd=project, check=True)
    assert not (project / "snapshots").exists()


def line_of(ended) -> str:
    return next(line for line in ended.stdout.splitlines() if line.startswith("PARITY "))


OUTPUTS = ("--parity-json", "out/report.json", "--parity-stamp", "out/stamp.json")
OK = "PARITY OK: elements (toy) equals rows on 3 cases, 4 outputs, 164 elements: 0 ULP."


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_a_green_run_reports_and_stamps(frozen: Path, run_pytest, tree, workers) -> None:
    before = tree(frozen / "snapshots")
    ended = run_pytest(*OUTPUTS, "--parity-strict", *workers)
    assert ended.returncode == 0, ended.stdout
    assert line_of(ended) == OK
    report = json.loads((frozen / "out/report.json").read_bytes())
    assert report["line"] == OK
    assert len(report["records"]) == 37
    assert (frozen / "out/stamp.json").exists()
    assert tree(frozen / "snapshots") == before


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_a_red_run_names_its_first_finding_and_takes_the_stamp(
    frozen: Path, run_pytest, workers
) -> None:
    run_pytest(*OUTPUTS)
    (frozen / "changes.py").write_text(GRAM_OFF)
    ended = run_pytest(*OUTPUTS, *workers)
    assert ended.returncode == 1
    # s and what is made of it, in each of three cases; on frozen inputs only s itself.
    assert line_of(ended).endswith("CANDIDATE DIVERGED s of small (elements), first stage gram"), (
        line_of(ended)
    )
    report = json.loads((frozen / "out/report.json").read_bytes())
    frozen_fails = [
        record["output"]
        for record in report["records"]
        if record["verdict"] != "OK" and record["role"].endswith("frozen inputs")
    ]
    assert frozen_fails == ["s"] * 3
    assert "expected" in ended.stdout
    assert "def _judge_candidate" not in ended.stdout, (
        "a failure shows the finding, not the harness"
    )
    assert "reproduce: pytest -k small" in ended.stdout
    assert not (frozen / "out/stamp.json").exists()


def test_another_test_that_fails_beside_green_checks_takes_the_stamp(
    frozen: Path, run_pytest
) -> None:
    assert run_pytest("--parity-stamp", "stamp.json").returncode == 0
    (frozen / "test_else.py").write_text("def test_else():\n    assert 1 == 2\n")
    ended = run_pytest("--parity-stamp", "stamp.json")
    assert ended.returncode == 1
    found = "PARITY FAILED: all checks passed, 1 other test(s) did not: test_else.py::test_else"
    assert line_of(ended) == found
    assert not (frozen / "stamp.json").exists()


@pytest.mark.parametrize("option", ["--parity-stamp", "--parity-json"])
def test_a_run_that_reports_does_not_freeze(frozen: Path, run_pytest, tree, option) -> None:
    before = tree(frozen / "snapshots")
    ended = run_pytest("--freeze-reason", "why", option, "out.json")
    assert ended.returncode == 4
    assert "does not freeze" in ended.stderr + ended.stdout
    assert tree(frozen / "snapshots") == before


def test_a_part_leaves_the_stamp_unless_it_is_red(frozen: Path, run_pytest) -> None:
    ended = run_pytest(*OUTPUTS, "-k", "odd")
    assert line_of(ended) == "PARITY PARTIAL: 12 of 37 checks ran, all passed."
    assert not (frozen / "out/stamp.json").exists()
    run_pytest(*OUTPUTS)
    before = (frozen / "out/stamp.json").read_bytes()
    assert run_pytest(*OUTPUTS, "-k", "odd").returncode == 0
    assert (frozen / "out/stamp.json").read_bytes() == before
    (frozen / "changes.py").write_text(GRAM_OFF)
    assert run_pytest(*OUTPUTS, "-k", "odd").returncode == 1
    assert not (frozen / "out/stamp.json").exists()


def test_a_crash_is_an_error_and_a_broken_module_takes_the_stamp(frozen: Path, run_pytest) -> None:
    run_pytest(*OUTPUTS)
    (frozen / "test_broken.py").write_text("import none_such\n")
    assert run_pytest(*OUTPUTS).returncode == 2
    assert not (frozen / "out/stamp.json").exists()
    (frozen / "test_broken.py").unlink()
    (frozen / "changes.py").write_text(CRASH)
    ended = run_pytest(*OUTPUTS)
    assert line_of(ended) == "PARITY FAILED: 18 of 37 checks: ERROR g of small (elements)"
    report = json.loads((frozen / "out/report.json").read_bytes())
    said = {r["message"] for r in report["records"] if r["verdict"] == "ERROR"}
    assert any("the extension is not built" in message for message in said)


def test_strict_fails_on_rows_that_are_stale_or_loose(frozen: Path, run_pytest) -> None:
    (frozen / "policy.toml").write_text(POLICY.format(1) + POLICY.format(0))
    ended = run_pytest()
    assert ended.returncode == 0
    assert "policy row 2 (* of *) rules no golden" in ended.stdout
    assert "can be tightened: max_ulp 1, observed 0" in ended.stdout
    ended = run_pytest("--parity-strict", *OUTPUTS)
    assert ended.returncode == 1
    assert line_of(ended).startswith("PARITY FAILED: policy row 2")
    assert not (frozen / "out/stamp.json").exists()
    (frozen / "policy.toml").write_text(POLICY.format(1))
    assert run_pytest("--parity-strict", "-k", "odd").returncode == 0, "a part proves no slack"


def test_freezing_again_changes_nothing_and_a_move_only_itself(
    frozen: Path, run_pytest, tree
) -> None:
    before = tree(frozen / "snapshots")
    ended = run_pytest("--freeze-reason", "again")
    assert "0 new, 0 changed, 0 repaired, 12 unchanged" in ended.stdout
    assert tree(frozen / "snapshots") == before
    (frozen / "changes.py").write_text(REFERENCE_MOVES)
    assert "REFERENCE DRIFTED" in line_of(run_pytest())
    ended = run_pytest("--freeze-reason", "sums are one more", "--freeze-yes", "-k", "odd")
    assert "0 new, 2 changed, 0 repaired, 10 unchanged" in ended.stdout
    after = tree(frozen / "snapshots")
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"ledger.md", "manifest.json", "s/odd.npy", "value/odd.npy"}
    assert "sums are one more" in after["manifest.json"].decode()


def test_a_freeze_that_fails_leaves_every_byte(frozen: Path, run_pytest, tree) -> None:
    """syrupy would delete here: a failing test, a stop at the first, a module that is broken."""
    before = tree(frozen / "snapshots")
    (frozen / "changes.py").write_text(REFERENCE_FAILS)
    for arguments in ((), ("-x",)):
        ended = run_pytest("--freeze-reason", "half", "--freeze-yes", *arguments)
        assert ended.returncode == 1
        assert "nothing was frozen" in ended.stdout
        assert tree(frozen / "snapshots") == before
    (frozen / "changes.py").write_text(REFERENCE_MOVES)
    (frozen / "test_broken.py").write_text("import none_such\n")
    for arguments in ((), ("--continue-on-collection-errors",)):
        assert run_pytest("--freeze-reason", "half", "--freeze-yes", *arguments).returncode != 0
        assert tree(frozen / "snapshots") == before
    (frozen / "test_body.py").write_text("import none_such\n")
    run_pytest("--freeze-reason", "nothing", "--freeze-yes")
    assert tree(frozen / "snapshots") == before


def test_a_bare_update_is_refused_and_deletes_nothing(frozen: Path, run_pytest, tree) -> None:
    before = tree(frozen / "snapshots")
    (frozen / "changes.py").write_text(REFERENCE_MOVES)
    for option in ("--snapshot-update", "--snapshot-update-new-only"):
        ended = run_pytest(option)
        assert ended.returncode == 4
        assert "use --freeze-reason TEXT" in ended.stderr
        assert tree(frozen / "snapshots") == before
    (frozen / "test_body.py").write_text("import none_such\n")
    run_pytest("--snapshot-update")
    assert tree(frozen / "snapshots") == before


def test_what_a_freeze_refuses(project: Path, run_pytest) -> None:
    for arguments, environment, message in (
        (("--freeze-reason", " "), {}, "needs a text"),
        (("--freeze-reason", "x"), {"CI": "true"}, "under CI"),
        (("--freeze-reason", "x", "-n", "2"), {}, "run without -n"),
        (("--freeze-reason", "x", "-k", "odd-g"), {}, "a case is frozen whole: odd lacks s"),
    ):
        ended = run_pytest(*arguments, **environment)
        assert ended.returncode == 4, arguments
        assert message in ended.stderr
    assert not (project / "snapshots").exists()


def test_a_freeze_says_what_became_of_a_killed_one(frozen: Path, run_pytest) -> None:
    pending = frozen / "snapshots" / ".pending"
    pending.mkdir()
    (pending / "COMMIT").write_text('{"remove": []}')
    assert "GOLDEN DAMAGED" in line_of(run_pytest("-k", "odd"))
    ended = run_pytest("--freeze-reason", "on")
    assert "an interrupted freeze was finished: the set is the new one" in ended.stdout
    assert run_pytest("-k", "odd").returncode == 0


def test_a_full_disk_is_told(frozen: Path, run_pytest, tree) -> None:
    before = tree(frozen / "snapshots")
    full = (
        "import os\ndef fsync(handle):\n    raise OSError(28, 'No space left')\nos.fsync = fsync\n"
    )
    (frozen / "changes.py").write_text(REFERENCE_MOVES + full)
    ended = run_pytest("--freeze-reason", "full", "--freeze-yes")
    assert ended.returncode == 1
    assert "the freeze did not finish" in ended.stdout
    assert "No space left" in ended.stdout
    assert {k: v for k, v in tree(frozen / "snapshots").items() if ".pending" not in k} == before


def test_one_of_two_freezes_wins(frozen: Path, run_pytest) -> None:
    from covertreex.testing import GoldenStore

    first = GoldenStore(frozen / "snapshots")
    first.begin()
    ended = run_pytest("--freeze-reason", "second", "--freeze-yes")
    first.abort()
    assert ended.returncode == 4
    assert "another freeze is writing" in ended.stderr


def test_goldens_do_not_live_where_syrupy_deletes(project: Path, run_pytest) -> None:
    ended = run_pytest("--freeze-reason", "first", "--snapshot-dirname", "snapshots")
    assert ended.returncode != 0
    assert not (project / "snapshots").exists()
    assert (
        "syrupy deletes what it does not know in snapshots: move root"
        in ended.stdout + ended.stderr
    )


def test_it_is_inert_for_those_who_do_not_use_it(tmp_path: Path, run_pytest) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["covertreex.testing.plugin"]\n')
    (tmp_path / "test_other.py").write_text("def test_other(snapshot):\n    assert snapshot == 1\n")
    assert run_pytest("--snapshot-update").returncode == 0
    ended = run_pytest()
    assert ended.returncode == 0
    assert "parity" not in ended.stdout
    (tmp_path / "test_other.py").write_text(BODY)
    ended = run_pytest()
    assert "no conftest names a suite" in ended.stdout + ended.stderr
