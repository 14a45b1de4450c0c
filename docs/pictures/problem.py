"""Draw the first page's picture: the neighbours of one point by distance, and by correlation.

``python docs/pictures/problem.py`` writes problem-light.svg and problem-dark.svg beside itself, the
same bytes each time. Every neighbour in it is computed by `covertreex.cover_tree`.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from covertreex import CoverTree, Matern52, cover_tree
from covertreex._files import replacing

HERE = Path(__file__).parent
KERNEL = Matern52(lengthscale=0.35)
POINTS, INDUCING, K, SIDE = 500, 24, 16, 0.3
GRID = 81
"""Places a side of the field of correlations."""

LOOKS = {
    "light": {"ink": "#1f2328", "faint": "#9aa3ad", "paper": "#ffffff", "field": "#0072B2"},
    "dark": {"ink": "#e6e8eb", "faint": "#79818b", "paper": "#131416", "field": "#56B4E9"},
}
FOUND, EXPLAINED = "#E69F00", "#CC79A7"
"""Neighbours and inducing points, by Okabe and Ito; told apart by their shapes too."""


def scene() -> tuple[np.ndarray, CoverTree, int]:
    """Points in a square, their tree, and the query: of the inner ones, where most is at stake."""
    points = np.random.default_rng(3).uniform(size=(POINTS, 2))
    tree = cover_tree(points, KERNEL, inducing_count=INDUCING, seed=5)
    inner = np.flatnonzero((np.abs(points - 0.5) < 0.5 - SIDE).all(axis=1))
    plain, residual = nearest(cover_tree(points), inner), nearest(tree, inner)
    shared = (plain[:, :, None] == residual[:, None, :]).sum(axis=(1, 2))
    return points, tree, int(inner[shared.argmin()])


def nearest(tree: CoverTree, ids: np.ndarray) -> np.ndarray:
    """Neighbours of each id, itself left out: (q, K)."""
    found = tree.knn(ids, k=K + 1, return_distances=False)
    return np.stack([row[row != i][:K] for row, i in zip(found, ids, strict=True)])


def field(tree: CoverTree, query: int, centre: np.ndarray) -> np.ndarray:
    """Absolute residual correlation of the query with each place of a grid, shape (GRID, GRID)."""
    steps = np.linspace(-SIDE, SIDE, GRID)
    places = centre + np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    indices, distances = tree.knn(places, k=len(tree))
    of_query = distances[indices == query]  # each place's distance to it, place by place
    return (1.0 - of_query**2).reshape(GRID, GRID)


def panel(axes: Axes, points: np.ndarray, query: int, found: np.ndarray, look: dict) -> None:
    """Draw the points, and lines from the query to its neighbours."""
    for i in found:
        axes.plot(*points[[query, i]].T, color=FOUND, linewidth=1.0, alpha=0.8, zorder=2)
    seen = points[(np.abs(points - points[query]) < 1.05 * SIDE).all(axis=1)]
    axes.plot(*seen.T, ".", color=look["faint"], markersize=5, zorder=1)
    axes.plot(*points[found].T, "o", color=FOUND, markeredgecolor=look["paper"], markersize=8)
    axes.plot(
        *points[query],
        "*",
        color=look["ink"],
        markeredgecolor=look["paper"],
        markersize=17,
        zorder=5,
    )
    axes.set_xlim(points[query, 0] - SIDE, points[query, 0] + SIDE)
    axes.set_ylim(points[query, 1] - SIDE, points[query, 1] + SIDE)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color(look["faint"])


def picture(look: dict) -> Figure:
    """Two panels: nearest by distance, nearest by residual correlation."""
    points, tree, query = scene()
    plain, residual = nearest(cover_tree(points), [query])[0], nearest(tree, [query])[0]
    figure = Figure(figsize=(8.0, 4.9), layout="constrained", facecolor="none")
    left, right = figure.subplots(1, 2)
    panel(left, points, query, plain, look)
    panel(right, points, query, residual, look)
    inducing = points[tree.residual.inducing_indices]
    for axes in (left, right):
        axes.set_facecolor(look["paper"])
        axes.plot(
            *inducing.T, "D", color=EXPLAINED, markeredgecolor=look["paper"], markersize=8, zorder=4
        )
    shades = LinearSegmentedColormap.from_list("field", [look["paper"], look["field"]])
    centre = points[query]
    low, high = centre - SIDE, centre + SIDE
    right.imshow(
        field(tree, query, centre),
        origin="lower",
        extent=(low[0], high[0], low[1], high[1]),
        cmap=shades,
        vmin=0.0,
        vmax=1.0,
        alpha=0.75,
        interpolation="bilinear",
        zorder=0,
    )
    left.set_title("nearest by distance", color=look["ink"], fontsize=13)
    right.set_title("nearest by residual correlation", color=look["ink"], fontsize=13)
    handles = [
        mpl.lines.Line2D([], [], linestyle="none", marker=marker, color=colour, markersize=size)
        for marker, colour, size in (
            ("*", look["ink"], 13), ("o", FOUND, 8), ("D", EXPLAINED, 8), (".", look["faint"], 7),
        )
    ]  # fmt: skip
    names = ["the point", f"its {K} neighbours", "inducing points", "other points"]
    figure.legend(
        handles, names, loc="outside lower center", ncols=4, frameon=False, labelcolor=look["ink"],
        fontsize=11, handletextpad=0.2, columnspacing=1.4,
    )  # fmt: skip
    return figure


def main(folder: Path = HERE) -> int:
    """Write both pictures."""
    with mpl.rc_context({"svg.hashsalt": "problem"}):
        for name, look in LOOKS.items():
            held = io.BytesIO()
            picture(look).savefig(held, format="svg", dpi=60, metadata={"Date": None})
            with replacing(folder / f"problem-{name}.svg", force=True) as file:
                file.write(held.getvalue())
    return 0


if __name__ == "__main__":
    sys.exit(main())
