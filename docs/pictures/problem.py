"""Draw the first page's pictures: the neighbours of one point by distance, and by correlation.

``python docs/pictures/problem.py`` writes nearest-by-{distance,correlation}-{light,dark}.svg beside
itself, the same bytes each time. Every neighbour in them is computed by `covertreex.cover_tree`.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from covertreex import CoverTree, Matern52, cover_tree
from covertreex._files import replacing

HERE = Path(__file__).parent
KERNEL = Matern52(lengthscale=0.35)
POINTS, INDUCING, K, SIDE = 500, 24, 16, 0.3
SPAN = np.array([-1.0, 1.0])
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


def panel(title: str, found: np.ndarray, look: dict[str, str], shaded: bool) -> Figure:
    """Draw the points, lines from the query to its neighbours, and the field if it is asked for."""
    points, tree, query = scene()
    centre, paper = points[query], look["paper"]
    figure = Figure(figsize=(4.0, 4.3), layout="constrained", facecolor="none")
    axes = figure.subplots()
    axes.set_facecolor(paper)
    axes.set_title(title, color=look["ink"], fontsize=15)
    if shaded:
        axes.imshow(
            field(tree, query, centre),
            origin="lower",
            extent=(*(centre[0] + SIDE * SPAN), *(centre[1] + SIDE * SPAN)),
            cmap=LinearSegmentedColormap.from_list("field", [paper, look["field"]]),
            vmin=0.0,
            vmax=1.0,
            alpha=0.75,
            interpolation="bilinear",
            zorder=0,
        )
    for i in found:
        axes.plot(*points[[query, i]].T, color=FOUND, linewidth=1.0, alpha=0.8, zorder=2)
    near = points[(np.abs(points - centre) < 1.05 * SIDE).all(axis=1)]
    for at, marker, colour, size in (
        (near, ".", look["faint"], 5),
        (points[found], "o", FOUND, 8),
        (points[tree.residual.inducing_indices], "D", EXPLAINED, 8),
        (points[[query]], "*", look["ink"], 17),
    ):
        edge = colour if marker == "." else paper
        axes.plot(*at.T, marker, color=colour, markeredgecolor=edge, markersize=size)
    axes.set_xlim(centre[0] + SIDE * SPAN)
    axes.set_ylim(centre[1] + SIDE * SPAN)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color(look["faint"])
    return figure


def main(folder: Path = HERE) -> int:
    """Write both panels in both looks."""
    points, tree, query = scene()
    with mpl.rc_context({"svg.hashsalt": "problem"}):
        for name, look in LOOKS.items():
            for kind, title, metric in (
                ("distance", "nearest by distance", cover_tree(points)),
                ("correlation", "nearest by residual correlation", tree),
            ):
                figure = panel(title, nearest(metric, [query])[0], look, metric is tree)
                held = io.BytesIO()
                figure.savefig(held, format="svg", dpi=72, metadata={"Date": None})
                with replacing(folder / f"nearest-by-{kind}-{name}.svg", force=True) as file:
                    file.write(held.getvalue())
    return 0


if __name__ == "__main__":
    sys.exit(main())
