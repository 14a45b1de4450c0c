"""Whole sessions that write the page and JUnit's file, in one process and with pytest-xdist."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
import toy_faults

CONFTEST = """
from pathlib import Path
import toy_faults
pytest_plugins = ["covertreex.testing.plugin"]

def pytest_parity_suite(config):
    return toy_faults.{}(Path(__file__).parent)
"""
BODY = """
def test_parity(parity_check, parity_suite, snapshot):
    parity_suite.check(parity_check, snapshot)
"""
OUTPUTS = ("--parity-html=out/page.html", "--junitxml=out/junit.xml")


@pytest.fixture
def project(tmp_path: Path, freeze) -> Path:
    freeze(toy_faults.as_frozen(tmp_path))
    (tmp_path / "conftest.py").write_text(CONFTEST.format("as_frozen"))
    (tmp_path / "test_body.py").write_text(BODY)
    return tmp_path


def junit(project: Path) -> dict[str, ElementTree.Element]:
    cases = ElementTree.parse(project / "out/junit.xml").iter("testcase")  # noqa: S314
    return {case.attrib["name"].removeprefix("test_parity"): case for case in cases}


def properties(case: ElementTree.Element) -> dict[str, str]:
    return {found.attrib["name"]: found.attrib["value"] for found in case.iter("property")}


def test_a_green_run(project: Path, run_pytest) -> None:
    ended = run_pytest(*OUTPUTS)
    assert ended.returncode == 0, ended.stdout
    assert "page: out/page.html" in ended.stdout.splitlines()
    page = (project / "out/page.html").read_text()
    assert "PARITY OK: elements against rows" in page
    assert not list((project / "out").glob(".*"))
    assert properties(junit(project)["[wide-g-elements]"]) == {
        "parity_verdict": "OK", "parity_stage": "gram", "parity_elements": "8100",
        "parity_differing": "0", "parity_max_ulp": "0", "parity_max_abs": "0.0",
    }  # fmt: skip


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_a_red_run(project: Path, run_pytest, workers: tuple[str, ...]) -> None:
    (project / "conftest.py").write_text(CONFTEST.format("as_checked"))
    ended = run_pytest(*OUTPUTS, *workers)
    assert ended.returncode == 1
    page = (project / "out/page.html").read_text()
    assert "PARITY FAILED: elements against rows" in page
    assert page.count('class="heat"') == page.count('class="histogram"') > 3
    assert "<script" not in page
    cases = junit(project)
    assert len(cases) == 61
    found = properties(cases["[wide-g-elements]"])
    assert found["parity_verdict"] == "CANDIDATE DIVERGED"
    assert (found["parity_first_stage"], found["parity_differing"]) == ("gram", "1351")
    assert properties(cases["[small-index-elements]"])["parity_verdict"] == "ERROR"
    failure = cases["[wide-g-elements]"].find("failure")
    assert failure is not None
    assert failure.attrib["message"].startswith("CANDIDATE DIVERGED: g of wide (elements)")
    assert "reproduce: run --only" in (failure.text or "")
    said = {value for case in cases.values() for value in properties(case).values()}
    assert not [value for value in said if value[:1] in ("{", "[")], "no JSON noise"
    assert "FAILED test_body.py::test_parity[wide-g-elements] - CANDIDATE" in ended.stdout


def test_the_reports_of_another_run_do_not_stay(project: Path, run_pytest) -> None:
    outputs = ("--parity-html=out/page.html", "--parity-json=out/report.json")
    files = {path.partition("=")[2] for path in outputs}
    run_pytest(*outputs)
    assert {name for name in files if (project / name).exists()} == files
    (project / "test_body.py").write_text("import none_such\n")
    assert run_pytest(*outputs).returncode == 2
    assert not [name for name in files if (project / name).exists()]


def test_a_run_that_reports_does_not_freeze(project: Path, run_pytest) -> None:
    ended = run_pytest("--freeze-reason=why", "--parity-html=out/page.html")
    assert ended.returncode == 4
    assert "does not freeze" in ended.stderr + ended.stdout
