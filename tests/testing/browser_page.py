"""The page in a real browser, headless: at a phone's and a desktop's width, light and dark.

Run by ``nox -s page``, for it needs Debian's Chromium. What is asserted is what the browser shows:
computed colours, boxes, and what it asked of the network.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import toy_faults
from playwright.sync_api import Browser, Page, sync_playwright

from covertreex.testing.page import render_page

SIZES = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1280, "height": 800}}
VIEWS = [(size, scheme) for size in SIZES for scheme in ("light", "dark")]

CONTRASTS = """() => {
  const shade = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = colour => {
    shade.clearRect(0, 0, 1, 1); shade.fillStyle = colour; shade.fillRect(0, 0, 1, 1);
    return shade.getImageData(0, 0, 1, 1).data;
  };
  const light = colour => [...rgb(colour)].slice(0, 3).reduce((sum, v, i) => {
    v /= 255;
    return sum + [0.2126, 0.7152, 0.0722][i] * (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  }, 0);
  const ground = element => {
    for (; element; element = element.parentElement) {
      const colour = getComputedStyle(element).backgroundColor;
      if (rgb(colour)[3] === 255) return colour;
    }
    throw new Error('no opaque background');
  };
  const found = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode, element = node.parentElement, style = getComputedStyle(element);
    if (!node.data.trim() || !element.getClientRects().length) continue;
    const pair = [element.closest('svg') ? style.fill : style.color, ground(element)].map(light).sort((a, b) => b - a);
    found.push([node.data.trim(), (pair[0] + 0.05) / (pair[1] + 0.05)]);
  }
  return found;
}"""  # noqa: E501  (JavaScript)
WIDTHS = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
COLOURS = """kind => [...document.querySelectorAll(`.matrix td.${kind}:not(.follows)`)]
  .map(cell => [getComputedStyle(cell).backgroundColor, cell.textContent.trim()])"""
PAINTED = """(selector) => [...document.querySelectorAll(selector)].map(element => {
  const box = element.getBoundingClientRect();
  return [box.width * box.height, getComputedStyle(element).fill];
})"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        yield opened
        opened.close()


@pytest.fixture(params=VIEWS, ids=lambda view: "-".join(view))
def show(request, browser: Browser, tmp_path: Path) -> Iterator[object]:
    """Open a text as a file; at the end nothing may have been logged, or asked of the network."""
    size, scheme = request.param
    context = browser.new_context(viewport=SIZES[size], color_scheme=scheme)
    page, heard, path = context.new_page(), [], tmp_path / "page.html"
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("dialog", lambda dialog: heard.append(dialog.message))
    page.on("request", lambda request: heard.append(request.url))

    def open_page(text: str) -> Page:
        path.write_text(text)
        page.goto(path.as_uri())
        return page

    yield open_page
    assert heard == [path.as_uri()]
    context.close()


@pytest.fixture
def green(tmp_path: Path, freeze, snapshot) -> str:
    suite = toy_faults.as_frozen(tmp_path)
    freeze(suite)
    return render_page(toy_faults.summary_of(suite, snapshot))


@pytest.fixture
def red(tmp_path: Path, freeze, snapshot) -> str:
    freeze(toy_faults.as_frozen(tmp_path))
    toy_faults.damage(tmp_path)
    return render_page(toy_faults.summary_of(toy_faults.as_checked(tmp_path), snapshot))


def test_a_green_page(show, green: str) -> None:
    page = show(green)
    assert page.title() == "PARITY OK: elements against rows"
    assert page.locator("h1").is_visible()
    assert page.locator("h1").inner_text() == "PARITY OK"
    assert page.locator(".matrix tbody th").all_inner_texts() == list(toy_faults.CASES)
    heads = page.locator(".matrix thead th").all_inner_texts()
    assert heads == ["case", "gram", "nearest", "elements", "max |Δ|", "noise floor"]
    cells = page.evaluate(COLOURS, "ok")
    assert {text for _, text in cells} == {"✓ 0"}
    assert len(cells) == 2 * len(toy_faults.CASES)
    assert page.locator("article").count() == 0
    assert page.locator("section:visible").count() == 3
    assert_readable(page)


def test_a_red_page(show, red: str) -> None:
    page = show(red)
    assert page.locator("h1").inner_text() == "PARITY FAILED"
    kinds = ("ok", "candidate", "reference", "golden", "error")
    shown = {kind: page.evaluate(COLOURS, kind) for kind in kinds}
    grounds = [{colour for colour, _ in cells} for cells in shown.values()]
    assert all(len(colours) == 1 for colours in grounds)
    assert len(set.union(*grounds)) == len(grounds), "a colour a kind"
    assert {text[0] for _, text in shown["candidate"]} == {"≠"}
    assert toy_faults.SAID in page.locator("article", has_text="ERROR").first.inner_text()
    assert page.locator("script").count() == 0
    wide = page.locator("article", has_text="g of wide")
    assert wide.locator("caption").inner_text() == "Worst element, at index [3, 5]"
    assert "0x7ff8000000000000" in wide.inner_text()
    for selector in (".heat path", ".histogram .bar"):
        painted = page.evaluate(PAINTED, selector)
        assert len(painted) > 5
        assert all(area > 0 and fill != "rgb(0, 0, 0)" for area, fill in painted)
    assert len({fill for _, fill in page.evaluate(PAINTED, ".legend rect")}) == 6
    assert_readable(page)


def test_a_cell_leads_to_its_failure(show, red: str) -> None:
    page = show(red)
    page.locator(".matrix tr", has_text="wide").locator("td a").first.click()
    target = page.locator(":target")
    assert "g of wide" in target.locator("h3").inner_text()
    assert target.bounding_box()["y"] < page.viewport_size["height"] / 2


def test_the_matrix_scrolls_in_its_own_box_and_names_its_rows(show, green: str) -> None:
    many = green.replace("<td>40</td>", f"<td>{'4' * 300}</td>")
    page = show(many)
    assert_no_sideways_scroll(page)
    name = page.locator(".matrix tbody th").first
    before = name.bounding_box()
    moved = page.locator(".scroll").first.evaluate("box => (box.scrollLeft = 200, box.scrollLeft)")
    assert moved == 200
    assert name.bounding_box()["x"] == pytest.approx(before["x"], abs=1.5)


def test_the_policy_of_the_page_stops_what_would_slip_through(browser: Browser, green: str) -> None:
    """A fault planted in the page itself: scripts, styles and requests are refused."""
    page = browser.new_page()
    evil = '<script>document.title = "run"</script><p id="it" style="color: red">it</p>'
    page.set_content(green.replace("<main>", f"<main>{evil}<img src='http://127.0.0.1:9/x'/>"))
    assert page.title() == "PARITY OK: elements against rows"
    assert page.locator("#it").evaluate("it => getComputedStyle(it).color") != "rgb(255, 0, 0)"
    page.close()


@pytest.mark.parametrize("css", [".note { color: #8a8a8a; }", "main { min-width: 2000px; }"])
def test_a_page_that_cannot_be_read_is_noticed(browser: Browser, green: str, css: str) -> None:
    page = browser.new_page(viewport=SIZES["desktop"], color_scheme="light", bypass_csp=True)
    page.set_content(green.replace("</style>", css + "</style>"))
    with pytest.raises(AssertionError):
        assert_readable(page)
    page.close()


def assert_readable(page: Page) -> None:
    assert_no_sideways_scroll(page)
    found = page.evaluate(CONTRASTS)
    assert len(found) > 50
    assert [(text, ratio) for text, ratio in found if ratio < 4.5] == []


def assert_no_sideways_scroll(page: Page) -> None:
    content, window = page.evaluate(WIDTHS)
    assert content <= window
