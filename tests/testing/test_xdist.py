"""Under pytest-xdist: the same verdicts, and a worker that dies is an error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_plugin import BODY, CONFTEST, POLICY, line_of
from toy_pair import make_suite

from covertreex.testing import Verdict

OUTPUTS = ("--parity-json", "out.json", "--parity-stamp", "stamp.json")
UNUSED = 'changes["cases"] = {k: v for k, v in toy.CASES.items() if k != "odd"}'
EVERY_OTHER = """
def inputs(case):
    return {**toy.inputs(case), **({"more": toy.np.array(1)} if case[1] == 5 else {})}
def drifted(g, s):
    return toy.nearest(g, s + 1)
def nearest(g, s):
    raise RuntimeError("the extension is not built")
def gram(points):
    found = toy.by_elements(points)
    return {**found, "s": found["s"] + 1}
changes["inputs"] = inputs
changes["cases"] = {**toy.CASES, "new": (4, 4, "float64")}
changes["reference"] = ("rows", {**toy.ROWS, "nearest": drifted})
changes["candidates"] = {"elements": {"gram": gram, "nearest": nearest}}
"""
WORKER_DIES = """
import os
def gram(points):
    if len(points) == 7:
        os._exit(9)
    return toy.by_elements(points)
changes["candidates"] = {"elements": {**toy.ELEMENTS, "gram": gram}}
"""


@pytest.fixture
def frozen(tmp_path: Path, freeze) -> Path:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "changes.py").write_text("")
    (tmp_path / "policy.toml").write_text(POLICY.format(0))
    (tmp_path / "test_body.py").write_text(BODY)
    freeze(make_suite(tmp_path))
    return tmp_path


def damage(root: Path) -> None:
    path = root / "snapshots" / "s" / "odd.npy"
    path.write_bytes(path.read_bytes()[:-3])


SESSIONS = {
    "every verdict but one": (EVERY_OTHER, damage, (), set(Verdict) - {Verdict.UNUSED}),
    "unused": (UNUSED, None, ("--dist", "worksteal"), {Verdict.OK, Verdict.UNUSED}),
    "green": ("", None, ("--dist", "loadfile"), {Verdict.OK}),
}


@pytest.mark.parametrize(("changes", "fault", "dist", "verdicts"), SESSIONS.values(), ids=SESSIONS)
def test_the_verdicts_are_the_same_with_workers(
    frozen: Path, run_pytest, changes, fault, dist, verdicts
) -> None:
    (frozen / "changes.py").write_text(changes)
    if fault:
        fault(frozen)
    ended, reports = [], []
    for workers in ((), ("-n", "2", *dist)):
        ended.append(run_pytest(*OUTPUTS, *workers))
        reports.append(json.loads((frozen / "out.json").read_bytes()))
        assert (frozen / "stamp.json").exists() == (verdicts == {Verdict.OK})
        (frozen / "stamp.json").unlink(missing_ok=True)
    assert {record["verdict"] for record in reports[0]["records"]} == verdicts
    assert reports[0]["complete"]
    for record in [*reports[0]["records"], *reports[1]["records"]]:
        if record["verdict"] == "ERROR":  # a traceback names addresses of its own process
            assert "RuntimeError: the extension is not built" in record.pop("detail")
    assert reports[1] == reports[0]
    assert (ended[1].returncode, line_of(ended[1])) == (ended[0].returncode, line_of(ended[0]))


def test_a_selection_has_no_unused_golden_and_no_stamp(frozen: Path, run_pytest) -> None:
    ended = run_pytest(*OUTPUTS, "-n", "2", "-k", "odd or golden-set")
    assert line_of(ended) == "PARITY PARTIAL: 13 of 37 checks ran, all passed."
    assert ended.returncode == 0
    assert not (frozen / "stamp.json").exists()


def test_a_worker_that_dies_is_an_error_and_takes_the_stamp(frozen: Path, run_pytest) -> None:
    (frozen / "stamp.json").write_text("{}")
    (frozen / "changes.py").write_text(WORKER_DIES)
    ended = run_pytest(*OUTPUTS, "-n", "2")
    assert ended.returncode == 1
    records = json.loads((frozen / "out.json").read_bytes())["records"]
    lost = [record for record in records if record["verdict"] == "ERROR"]
    assert lost
    assert all("crashed while running" in record["message"] for record in lost)
    assert {(record["case"], record["role"].split()[0]) for record in lost} == {("odd", "elements")}
    assert "ERROR" in line_of(ended)
    assert not (frozen / "stamp.json").exists()
