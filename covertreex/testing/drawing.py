"""Heat map and histogram of a failed array, as SVG of a few lines that follow the page's colours.

Colours are classes of the page's style sheet, never attributes, so both drawings obey light and
dark and the page's content security policy. Units are CSS pixels at the drawing's natural size.
"""

from __future__ import annotations

import math
from itertools import groupby

from markupsafe import Markup

from covertreex.testing.pictures import CELLS, LEVELS, Picture, cell_of

SIDE = 256.0
"""The longer side of a heat map, unless its cells would become larger than `LARGEST`."""
LARGEST, STRIP = 24.0, 24.0
BAR, TOP, PLOT = 288.0, 18.0, 110.0
FEW = 8
"""Up to so many bars carry their count."""

_PATH = Markup('<path class="heat-{}" d="{}"/>')
_BAR = Markup('<rect class="bar" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>')
_COUNT = Markup('<text class="middle" x="{:.1f}" y="{:.1f}">{}</text>')
_TICK = Markup(
    '<text class="middle" x="{:.1f}" y="147">2<tspan class="power" dy="-5">{}</tspan></text>'
)


def heat_map(picture: Picture) -> Markup:
    """Draw the cells by level, and a ring around the one with the worst element."""
    rows, columns = len(picture.heat), len(picture.heat[0])
    width = min(SIDE, columns * LARGEST)
    height = STRIP if rows == 1 else min(SIDE, rows * LARGEST)
    row, column = cell_of(picture.worst, picture.shape)
    x, y = (column + 0.5) * width / columns, (row + 0.5) * height / rows
    radius = max(5.0, 0.5 * min(width / columns, height / rows) - 3.0)
    return Markup(
        '<svg class="heat" role="img" aria-label="Where the elements differ" '
        'width="{w}" height="{h}" viewBox="-8 -8 {w} {h}">'
        '<svg width="{width:g}" height="{height:g}" viewBox="0 0 {columns} {rows}" '
        'preserveAspectRatio="none" shape-rendering="crispEdges">{cells}</svg>'
        '<rect class="frame" x="-.5" y="-.5" width="{fw:g}" height="{fh:g}"/>'
        '<circle class="halo" cx="{x:g}" cy="{y:g}" r="{radius:g}"/>'
        '<circle class="ring" cx="{x:g}" cy="{y:g}" r="{radius:g}"/></svg>'
    ).format(
        w=f"{width + 16:g}", h=f"{height + 16:g}", width=width, height=height, fw=width + 1,
        fh=height + 1, rows=rows, columns=columns, cells=_cells(picture), x=x, y=y, radius=radius,
    )  # fmt: skip


def _cells(picture: Picture) -> Markup:
    """One path a level, one rectangle a run of equal cells in a row."""
    paths: list[list[str]] = [[] for _ in LEVELS]
    for row, line in enumerate(picture.heat):
        column = 0
        for level, run in groupby(line):
            length = len(list(run))
            paths[int(level)].append(f"M{column} {row}h{length}v1h-{length}z")
            column += length
    drawn = ((level, "".join(path)) for level, path in enumerate(paths) if path)
    return Markup("").join(_PATH.format(level, data) for level, data in drawn)


def histogram(picture: Picture) -> Markup:
    """Draw the counts, on a logarithmic scale, over the powers of two of the distance."""
    counts = {low.bit_length() - 1: count for low, count in picture.histogram}
    first, last = min(counts), max(counts)
    step = min(BAR / (last - first + 1), 40.0)
    tallest = math.log10(max(counts.values()) + 1)
    bars = []
    for power, count in counts.items():
        height = max(2.0, PLOT * math.log10(count + 1) / tallest)
        x, y = (power - first) * step, TOP + PLOT - height
        bars.append(_BAR.format(x, y, max(step - 1.5, 1.0), height))
        if len(counts) <= FEW:
            bars.append(_COUNT.format(x + step / 2, y - 4, _compact(count)))
    return Markup(
        '<svg class="histogram" role="img" aria-label="Histogram of the distances" '
        'width="304" height="160" viewBox="-8 0 304 160">{}{}'
        '<line class="frame" x1="0" x2="{:.1f}" y1="{:g}" y2="{:g}"/></svg>'
    ).format(Markup("").join(bars), _ticks(first, last, step), BAR, TOP + PLOT, TOP + PLOT)


def _ticks(first: int, last: int, step: float) -> Markup:
    """Label every power where there is room, else about six of them."""
    stride = max(1, math.ceil(30.0 / step), math.ceil((last - first + 1) / 8))
    powers = range(first, last + 1, stride)
    return Markup("").join(_TICK.format((p - first + 0.5) * step, p) for p in powers)


def _compact(count: int) -> str:
    """Write a count in at most five characters."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**4, "k")):
        if count >= size:
            return f"{count / (1000 if unit == 'k' else size):.3g}{unit}"
    return f"{count:,}"


def caption(picture: Picture) -> str:
    """Say what the heat map is a map of."""
    shape = " x ".join(f"{size:,}" for size in picture.shape) or "one value"
    shape += " in a row" if len(picture.shape) == 1 else ""
    down, across = len(picture.heat), len(picture.heat[0])
    coarse = max(down, across) == CELLS and math.prod(picture.shape) > down * across
    cells = f", in {down} x {across} cells" if coarse else ""
    return f"{shape}{cells}; the ring holds the worst element"
