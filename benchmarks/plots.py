"""Two pictures: how right against how fast, and what a query costs against the number of points."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator, StrMethodFormatter

from .recipe import Recipe
from .row import Row

PICTURES, KINDS = ("recall-speed", "cost-size"), ("svg", "png")
COLOURS = ("#3366aa", "#cc5522", "#228855", "#8855aa", "#997700", "#555555", "#bb3366")
MARKERS = {"float64": "o", "float32": "^"}


def clear(directory: Path) -> None:
    """Remove the pictures of an earlier run."""
    for name in PICTURES:
        for kind in KINDS:
            (directory / f"{name}.{kind}").unlink(missing_ok=True)


def plot_all(rows: Sequence[Row], directory: Path, gold: Recipe) -> list[Path]:
    """Write every picture there are rows for, as SVG and PNG; return the files."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name, figure in zip(PICTURES, (recall_speed(rows, gold), cost_size(rows)), strict=True):
        if figure is None:
            continue
        for kind in KINDS:
            path = directory / f"{name}.{kind}"
            figure.savefig(path, dpi=160, bbox_inches="tight")
            written.append(path)
    return written


def _axes(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7.2, 4.6))
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    return figure, axes


def recall_speed(rows: Sequence[Row], gold: Recipe) -> Figure | None:
    """Recall against float64 over queries a second, for the gold jobs, of the size of `gold`."""
    shown = [row for row in rows if row.job.startswith("gold") and row.truth is not None]
    if not shown:
        return None
    figure, axes = _axes(
        f"gold: {gold.n:,} points, k = {gold.k}",
        "queries a second",
        f"recall@{gold.k} against float64",
    )
    colours = dict(zip(dict.fromkeys(row.who for row in shown), COLOURS, strict=False))
    for row in shown:
        marker = MARKERS[row.job.removeprefix("gold-")]
        axes.plot([row.rate or 0.0], [row.truth or 0.0], marker, color=colours[row.who],
                  markersize=8, markeredgecolor="white")  # fmt: skip
    axes.set_xscale("log")
    axes.margins(x=0.08)
    _plain(axes.xaxis)
    lowest = min(row.truth or 0.0 for row in shown)
    bottom = max(0.0, math.floor(10.0 * lowest - 0.5) / 10.0)
    axes.set_ylim(bottom, 1.0 + 0.05 * (1.0 - bottom))
    axes.legend(handles=_keys(colours), fontsize=8, frameon=False, loc="center left",
                bbox_to_anchor=(1.0, 0.5))  # fmt: skip
    return figure


def _keys(colours: Mapping[str, str]) -> list[Line2D]:
    """Return the legend: a colour is a contender, a marker a precision."""
    who = [
        Line2D([], [], color=colour, marker="s", linestyle="", label=name)
        for name, colour in colours.items()
    ]
    return who + [
        Line2D([], [], color="#555555", marker=marker, linestyle="", label=dtype)
        for dtype, marker in MARKERS.items()
    ]


def _plain(axis: Axis) -> None:
    """Write numbers as 20,000 and not as powers of ten, also where an axis spans no decade."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axis.set_minor_formatter(NullFormatter())


def cost_size(rows: Sequence[Row]) -> Figure | None:
    """Microseconds a query over the number of points, beside growth as the root and as N."""
    shown = [row for row in rows if row.job == "size" and row.rate]
    if len(shown) < 2:
        return None
    sizes = [row.figures["n"] for row in shown]
    costs = [1e6 / (row.rate or 1.0) for row in shown]
    figure, axes = _axes("cost of an exact query", "points", "microseconds a query, k = 50")
    axes.loglog(sizes, costs, "o-", color=COLOURS[0], label="rust-hilbert")
    for power, style, label in ((0.5, "--", r"as $\sqrt{N}$"), (1.0, ":", "as N")):
        growth = [costs[0] * (n / sizes[0]) ** power for n in sizes]
        axes.loglog(sizes, growth, style, color="#777777", label=label)
    _plain(axes.yaxis)
    axes.set_xticks(sizes, [f"{n:,.0f}" for n in sizes], fontsize=9)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.legend(fontsize=8, frameon=False)
    return figure
