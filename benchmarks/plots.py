"""Two pictures: how right against how fast, and what a query costs against the number of points."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .recipe import Recipe
from .row import Row

PICTURES, KINDS = ("recall-speed", "cost-size"), ("svg", "png")
COLOURS = ("#3366aa", "#cc5522", "#228855", "#8855aa", "#997700", "#555555", "#bb3366")


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
    for at, row in enumerate(shown):
        marker = "o" if row.job.endswith("64") else "^"
        label = f"{row.who}, {row.job.removeprefix('gold-')}"
        colour = COLOURS[at % len(COLOURS)]
        axes.plot([row.rate or 0.0], [row.truth or 0.0], marker, color=colour, label=label)
    axes.set_xscale("log")
    axes.set_ylim(0.0, 1.05)
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def cost_size(rows: Sequence[Row]) -> Figure | None:
    """Microseconds a query over the number of points, beside a line of slope one half."""
    shown = [row for row in rows if row.job == "size" and row.rate]
    if len(shown) < 2:
        return None
    sizes = [row.figures["n"] for row in shown]
    costs = [1e6 / (row.rate or 1.0) for row in shown]
    figure, axes = _axes("cost of an exact query", "points", "microseconds a query, k = 50")
    half = [costs[-1] * (n / sizes[-1]) ** 0.5 for n in sizes]
    linear = [costs[0] * n / sizes[0] for n in sizes]
    axes.loglog(sizes, costs, "o-", color=COLOURS[0], label="rust-hilbert")
    axes.loglog(sizes, half, "--", color="#888888", label="N^0.5")
    axes.loglog(sizes, linear, ":", color="#bbbbbb", label="N")
    axes.legend(fontsize=8, frameon=False)
    return figure
