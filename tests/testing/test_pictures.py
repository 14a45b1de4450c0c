"""Where elements differ: cells against a plain loop, and what must never be lost or overstated."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace

import numpy as np
import pytest

from covertreex.testing import Rule, compare
from covertreex.testing.bits import BLOCK
from covertreex.testing.drawing import caption, heat_map, histogram
from covertreex.testing.pictures import CELLS, Picture, cell_of, matrix_of

SHAPES = [(), (1,), (7,), (64,), (65,), (1000,), (3, 4), (64, 64), (65, 130), (200, 3), (5, 7, 90)]


def differing(shape: tuple[int, ...], places: np.ndarray) -> Picture:
    """The picture of zeros of which some are ones."""
    actual = np.zeros(shape)
    actual.reshape(-1)[places] = 1.0
    picture = compare(np.zeros(shape), actual).picture
    assert picture is not None
    return picture


def by_hand(shape: tuple[int, ...], places: np.ndarray) -> list[str]:
    """The levels, element by element."""
    rows, columns = matrix_of(shape)
    down, across = min(CELLS, rows), min(CELLS, columns)
    hit, size = np.zeros((down, across)), np.zeros((down, across))
    wanted = set(places.tolist())
    for place in range(rows * columns):
        cell = place // columns * down // rows, place % columns * across // columns
        size[cell] += 1
        hit[cell] += place in wanted
    bounds = [(1.0, "5"), (0.5, "4"), (0.1, "3"), (0.01, "2"), (1e-300, "1"), (0.0, "0")]
    share = hit / size
    level = lambda value: next(name for bound, name in bounds if value >= bound)  # noqa: E731
    return ["".join(level(value) for value in row) for row in share]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("share", [0.003, 0.3, 1.0])
def test_each_cell_has_its_level(shape: tuple[int, ...], share: float) -> None:
    size = math.prod(shape)
    rng = np.random.default_rng(size)
    places = rng.choice(size, max(1, int(size * share)), replace=False)
    picture = differing(shape, places)
    assert list(picture.heat) == by_hand(shape, places)
    down, across = cell_of(picture.worst, shape)
    assert picture.heat[down][across] != "0", "the ring is where something differs"


def test_one_element_of_millions_is_seen_and_all_but_one_is_not_all() -> None:
    shape = (2000, 2000)
    assert math.prod(shape) > 2 * BLOCK
    last = np.array([math.prod(shape) - 1])
    heat = differing(shape, last).heat
    assert sum(line.count("0") for line in heat) == CELLS * CELLS - 1
    assert heat[-1][-1] == "1"
    heat = differing(shape, np.arange(last[0])).heat
    assert {level for line in heat for level in line} == {"4", "5"}
    assert heat[-1][-1] == "4"


def test_only_a_failure_has_a_picture() -> None:
    one, other = np.ones(5), np.nextafter(np.ones(5), 2)
    assert compare(one, one).picture is None
    assert compare(one, other, Rule(max_ulp=1)).picture is None
    assert compare(one, other[:4]).picture is None
    assert compare(np.zeros((0, 3)), np.zeros((0, 3))).picture is None
    assert compare(one, other).picture is not None


@pytest.mark.parametrize("shape", [(), (9,), (65, 130)], ids=str)
def test_a_picture_travels_as_json(shape: tuple[int, ...]) -> None:
    picture = differing(shape, np.array([0]))
    assert Picture.of(json.loads(json.dumps(asdict(picture)))) == picture


def test_a_drawing_shows_what_the_picture_holds() -> None:
    picture = differing((2, 3), np.array([0, 1, 5]))
    drawn = heat_map(picture)
    assert '<path class="heat-5" d="M0 0h2v1h-2zM2 1h1v1h-1z"/>' in drawn
    assert '<path class="heat-0" d="M2 0h1v1h-1zM0 1h2v1h-2z"/>' in drawn
    assert caption(picture) == "2 x 3; the ring holds the worst element"
    assert caption(differing((9,), np.array([1]))).startswith("9 in a row")
    assert "in 64 x 50 cells" in caption(differing((100, 50), np.array([1])))
    assert caption(differing((), np.array([0]))).startswith("one value")
    bars = histogram(replace(picture, histogram=((1, 3), (1 << 63, 12_345))))
    assert bars.count('class="bar"') == 2
    assert ">3</text>" in bars
    assert ">12.3k</text>" in bars
    assert '<tspan class="power" dy="-5">0</tspan>' in bars


def test_a_drawing_stays_small() -> None:
    places = np.flatnonzero(np.indices((64, 64)).sum(axis=0) % 2)
    assert len(heat_map(differing((64, 64), places))) < 100_000
    assert len(heat_map(differing((64, 64), np.arange(4096)))) < 3_000
