"""The page, as text: what is on it for each verdict, that it is inert, and that it stands alone.

It is well-formed XML, so that a tree can be read; `browser_page.py` looks at it in a browser.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
import toy_faults
from toy_pair import EXACT, ROWS, STAGES, make_suite

from covertreex.testing import Record, Suite, Summary, Verdict
from covertreex.testing.page import ABSENT, DRAWN, KINDS, NEAR, render_page
from covertreex.testing.records import FROZEN

Page = ElementTree.Element


def read(summary: Summary) -> Page:
    return ElementTree.fromstring(render_page(summary))  # noqa: S314  (our own page)


def text(found: Page | None) -> str:
    assert found is not None
    return " ".join("".join(found.itertext()).split())


def tables(page: Page, kind: str) -> list[list[Page]]:
    """The rows of a table by the id of its section or by its class, each a list of cells."""
    table = page.find(f".//table[@class='{kind}']")
    if table is None:
        table = page.find(f".//section[@aria-labelledby='{kind}']//table")
    assert table is not None
    return [list(row) for row in table.findall(".//tr")]


def matrix(page: Page) -> dict[str, list[Page]]:
    return {text(cells[0]): cells[1:] for cells in tables(page, "matrix")}


@pytest.fixture
def green(tmp_path: Path, freeze, snapshot) -> Summary:
    suite = toy_faults.as_frozen(tmp_path)
    freeze(suite)
    return toy_faults.summary_of(suite, snapshot)


@pytest.fixture
def red(tmp_path: Path, freeze, snapshot) -> Summary:
    freeze(toy_faults.as_frozen(tmp_path))
    toy_faults.damage(tmp_path)
    return toy_faults.summary_of(toy_faults.as_checked(tmp_path), snapshot)


def test_a_green_page(green: Summary) -> None:
    page = read(green)
    assert page.get("lang") == "en"
    assert text(page.find(".//title")) == "PARITY OK: elements against rows"
    assert text(page.find(".//h1")) == "PARITY OK"
    assert f"PARITY OK: {text(page.find('.//header/p'))}" == green.line()
    heading, *rows = tables(page, "matrix")
    columns = ["case", "gram", "nearest", "elements", "max |Δ|", "noise floor"]
    assert [text(cell) for cell in heading] == columns
    assert [text(cells[0]) for cells in rows] == list(toy_faults.CASES)
    assert {cell.get("class") for cells in rows for cell in cells[1:3]} == {"cell ok"}
    assert {text(cell) for cells in rows for cell in cells[1:3]} == {"✓ 0"}
    single = green.records[[r.case for r in green.records].index("single")]
    assert single.noise is not None
    assert text(matrix(page)["single"][-1]) not in ("-", "0")
    assert [text(cells[0]) for cells in tables(page, "totals")[1:]] == ["g", "s", "index", "value"]
    assert "both engines add in the same order" in text(tables(page, "policy")[1][-1])
    assert page.find(".//article") is None
    facts = {text(div[0]): text(div[1]) for div in page.findall(".//dl[@id='facts']/div")}
    assert facts["checks"] == "61 of 61"
    assert (facts["reference"], facts["candidate"], facts["level"]) == ("rows", "elements", "toy")
    assert facts["set of goldens"] == "OK"
    assert {"Python", "numpy"} <= set(facts)


FOUND = {
    Verdict.MISSING: ("value of odd (reference, elements, elements on frozen inputs)", "is gone"),
    Verdict.GOLDEN_DAMAGED: ("value of single (reference, elements,", "SHA-256"),
    Verdict.INPUT_CHANGED: (
        "g, s, index, value of moved (reference, elements,",
        "inputs have SHA-256",
    ),
    Verdict.REFERENCE_DRIFTED: ("index of odd (reference)", "elements differ"),
    Verdict.CANDIDATE_DIVERGED: ("g of wide (elements, elements on frozen inputs)", "1,351 of 8,1"),
    Verdict.ERROR: ("index, value of small (elements, elements on frozen inputs)", toy_faults.SAID),
}


@pytest.mark.parametrize("verdict", FOUND, ids=str)
def test_each_verdict_has_its_section_and_its_cell(red: Summary, verdict: Verdict) -> None:
    page, (subject, message) = read(red), FOUND[verdict]
    articles = [a for a in page.findall(".//article") if subject in text(a.find("h3"))]
    assert len(articles) == 1
    said = text(articles[0])
    assert str(verdict) in text(articles[0].find("h3"))
    assert message in said
    case = subject.split(" of ")[1].split()[0]
    assert f"Reproduce run --only '{case}'" in said
    cells = [cell for cell in matrix(page)[case] if cell.get("class") not in (None, "cell ok")]
    links = {link.get("href") for cell in cells for link in cell.findall("a")}
    anchors = {f"#{article.get('id')}" for article in page.findall(".//article")}
    assert links
    assert links <= anchors
    listed = text(page.find(".//article/details/pre"))
    assert "unused value/stray.npy: the manifest does not list it" in listed
    assert all(text(cell)[0] in "≠~»!∅✗" for cell in cells)


def test_no_verdict_is_without_colour_sign_and_meaning() -> None:
    assert set(KINDS) == set(Verdict)
    signs = [sign for _, sign, _ in (*KINDS.values(), NEAR, ABSENT)]
    assert len(set(signs)) == len(signs)


def test_what_is_shown_of_a_divergence(red: Summary) -> None:
    page = read(red)
    (article,) = (a for a in page.findall(".//article") if "g of wide" in text(a.find("h3")))
    facts = {text(div[0]): text(div[1]) for div in article.findall(".//dl/div")}
    assert facts["first stage concerned"] == "gram"
    assert facts["differing"] == "1,351 of 8,100"
    assert facts["allowed"] == "0 ULP, rtol 0, atol 0"
    assert text(article.find(".//caption")) == "Worst element, at index [3, 5]"
    golden, found = [[text(cell) for cell in row] for row in article.findall(".//tbody/tr")]
    assert (golden[0], golden[2][:4]) == ("golden", "0x3f")
    assert found == ["found", "nan", "0x7ff8000000000000"]
    assert len(article.findall(".//svg[@class='heat']/svg/path")) >= 3
    assert len(article.findall(".//svg[@class='histogram']/rect")) >= 2
    single = next(a for a in page.findall(".//article") if "s of single" in text(a.find("h3")))
    noise = {text(div[0]): text(div[1]) for div in single.findall(".//dl/div")}["noise floor"]
    assert float(noise) > 0


def test_what_follows_from_an_earlier_stage_is_told_apart_and_last(tmp_path, freeze, snapshot):
    freeze(make_suite(tmp_path))
    gram = {**ROWS, "gram": lambda points: {**ROWS["gram"](points), "s": points[:, 0] * 3 + 1}}
    summary = toy_faults.summary_of(make_suite(tmp_path, candidates={"it": gram}), snapshot)
    page = read(summary)
    heads = [text(article.find("h3")) for article in page.findall(".//article")]
    assert [head.split(" of ")[0].split()[-1] for head in heads] == ["s"] * 3 + ["value"] * 3
    kinds = [cell.get("class") for cell in matrix(page)["odd"][:2]]
    assert kinds == ["cell candidate", "cell candidate follows"]
    assert "6 findings in 9 checks; 3 of them behind a stage" in text(page)


def hostile(suite: Suite) -> Summary:
    """Every text that a page shows, as an attack."""
    evil = '"><script>alert(1)</script><img src=http://x onerror=alert(1)>&'
    stages = [replace(stage, name=evil + stage.name) for stage in STAGES]
    policy = replace(EXACT, rows=(replace(EXACT.rows[0], reason=evil),))
    machine = {"level": evil, evil: [evil]}
    bad = replace(
        suite, stages=stages, policy=policy, cpu=lambda: machine, reproduce=lambda _: evil,
        candidates={evil: ROWS}, reference=(evil + "r", ROWS),
    )  # fmt: skip
    fields = {"first_stage": evil, "message": evil, "detail": evil + "\nmore"}
    record = Record(evil, "s", evil, stages[0].name, Verdict.CANDIDATE_DIVERGED, **fields)
    return Summary(bad, [record], [evil], others=[evil])


def test_what_a_page_shows_stays_text(tmp_path: Path) -> None:
    source = render_page(hostile(make_suite(tmp_path)))
    page = ElementTree.fromstring(source)  # noqa: S314
    assert "<script" not in source
    assert "<img" not in source
    assert source.count("&lt;script&gt;") >= 12
    assert {element.tag for element in page.iter()}.isdisjoint({"script", "img", "iframe", "link"})
    names = {name for element in page.iter() for name in element.keys()}  # noqa: SIM118
    assert not {name for name in names if name.startswith("on") or name in ("style", "src")}


@pytest.mark.parametrize("make", ["green", "red"])
def test_a_page_stands_alone(make: str, request: pytest.FixtureRequest) -> None:
    page = read(request.getfixturevalue(make))
    policy = page.find(".//meta[@http-equiv='Content-Security-Policy']")
    style = page.find(".//style")
    assert policy is not None
    assert style is not None
    digest = base64.b64encode(hashlib.sha256((style.text or "").encode()).digest()).decode()
    assert policy.get("content") == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert not re.search(r"url\(|@import|@font-face", style.text or "")
    ids = {element.get("id") for element in page.iter()}
    for element in page.iter():
        assert not {"src", "action", "data", "xlink:href"} & set(element.keys())
        if (link := element.get("href")) is not None:
            assert link[0] == "#"
            assert link[1:] in ids
    for row in page.findall(".//tbody/tr"):
        assert row[0].get("scope") == "row"


def many(suite: Suite, change: Callable[[Record], Record]) -> Summary:
    cases = {f"case_{number}": 0 for number in range(400)}
    suite = replace(suite, cases=cases)
    return Summary(suite, [change(Record(*vars(c).values(), "gram")) for c in suite.all_checks()])


def test_a_page_of_thousands_of_failures_opens(tmp_path: Path, red: Summary) -> None:
    picture = next(record.picture for record in red.failed if record.output == "g")
    fault = {"verdict": Verdict.CANDIDATE_DIVERGED, "picture": picture, "first_stage": "gram"}
    summary = many(make_suite(tmp_path), lambda record: replace(record, **fault))
    page = read(summary)
    assert len(page.findall(".//article")) == DRAWN
    links = {a.get("href") for a in page.findall(".//td/a")}
    ids = {f"#{element.get('id')}" for element in page.iter()}
    assert links <= ids
    assert len(links) > DRAWN
    assert len(render_page(summary)) < 2_000_000


def test_a_run_in_part_and_within_the_policy(green: Summary) -> None:
    some = [replace(r, max_ulp=3, differing=1) for r in green.records if r.role == "elements"]
    page = read(replace(green, records=[r for r in some if r.output == "g"]))
    assert text(page.find(".//h1")) == "PARITY PARTIAL"
    assert page.find(".//header").get("class") == "partial"  # type: ignore[union-attr]
    assert [text(cell) for cell in matrix(page)["odd"][:2]] == ["≈ 3", "- not run"]
    frozen = [r for r in green.records if r.role == "elements" + FROZEN]
    assert "not looked at" in text(read(replace(green, records=frozen)))


def test_a_strict_problem_and_other_tests_are_shown(green: Summary) -> None:
    page = read(replace(green, problems=["row 1 is loose"], strict=True, others=["test_x.py::y"]))
    assert text(page.find(".//h1")) == "PARITY FAILED"
    assert text(page.find(".//ul[@class='problems']")) == "row 1 is loose"
    assert text(page.find(".//section[@aria-labelledby='others']//li")) == "test_x.py::y"
