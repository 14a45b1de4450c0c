"""What right neighbours are worth: Vecchia's approximation against the exact Gaussian process.

``python examples/vecchia.py --out pictures`` draws two sets of points, and for m neighbours a point
stands the loss of each approximation beside the others: its Kullback-Leibler divergence from the
exact process, per point, at the true parameters. GPBoost gets the same points in the same order,
the same parameters and number of neighbours, and as many inducing points, its own. ``--quick`` is
small, for the tests; all takes minutes, nearly all of them GPBoost's.

GPBoost hands out likelihoods alone. That of a response of zeros gives its log determinant; with
inducing points the trace is estimated by the likelihoods of draws from the exact process (with
signs for normals). Bars are two standard errors, and a point that they do not resolve is left out.

What is seen. Inducing points are worth most: 7 to 14 times less loss in five dimensions. Which
neighbours are taken beside them is worth less: by residual correlation the loss is a sixth to a
quarter smaller there, and a tenth in the plane up to 10 neighbours. From 40 neighbours on in the
plane Euclidean neighbours lose 2 to 10 times less, and at 80 even without inducing points less.
Max-min loses no more than a Hilbert curve. GPBoost's losses are ours: without inducing points to
all digits, with them within its bars.
"""

from __future__ import annotations

import argparse
import io
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gpboost
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from scipy.linalg import cholesky, solve_triangular
from scipy.sparse import csr_array, eye_array

from covertreex import Matern32, Matern52
from covertreex._files import refuse_existing, replacing
from covertreex.errors import OutputExistsError
from covertreex.kernels import Kernel
from covertreex.metrics._residual_numba import kernel_block
from covertreex.vecchia import Vecchia, maxmin_order

SIGNS = 8
"""Draws to estimate a trace by."""


@dataclass(frozen=True)
class Setting:
    """Points drawn uniformly in a cube of side one, and the process on them."""

    title: str
    dimensions: int
    kernel: Kernel
    noise: float


SETTINGS = (
    Setting("plane, lengthscale 0.1, Matern-3/2", 2, Matern32(lengthscale=0.1), 0.1),
    Setting("5 dimensions, lengthscale 1, Matern-5/2", 5, Matern52(lengthscale=1.0), 0.01),
)


class Exact:
    """The exact process: its covariance as a factor, and the divergence of others from it."""

    def __init__(self, setting: Setting, n: int, inducing: int) -> None:
        self.setting, self.inducing = setting, inducing
        generator = np.random.default_rng(1)
        self.coords = generator.uniform(size=(n, setting.dimensions))
        self.maxmin = maxmin_order(setting.kernel.scale(self.coords))
        scaled, of = setting.kernel.scale(self.coords), setting.kernel
        covariance = kernel_block(scaled, scaled, of.name, of.variance, "float64")
        self.factor = cholesky(covariance + setting.noise * np.eye(n), lower=True)
        self.log_determinant = 2.0 * float(np.log(np.diag(self.factor)).sum())
        self.signs = generator.choice([-1.0, 1.0], size=(SIGNS, n))

    def log_likelihood(self, y: np.ndarray) -> float:
        """Log density of a response."""
        white = solve_triangular(self.factor, y, lower=True)
        squares = float(white @ white)
        return -0.5 * (squares + self.log_determinant + y.size * math.log(2.0 * math.pi))

    def divergence(self, model: Vecchia) -> float:
        """Half of the log determinants' difference, and of trace less n, per point."""
        n, k = model.neighbours.shape
        there = model.neighbours >= 0
        rows = np.repeat(np.arange(n), k).reshape(n, k)
        regression = csr_array(
            (model.coefficients[there], (rows[there], model.neighbours[there])), shape=(n, n)
        )
        deviations = np.sqrt(model.variances)[:, None]
        white = (eye_array(n, format="csr") - regression) @ self.factor[model.order] / deviations
        trace = float((white**2).sum())
        if model.v_matrix.shape[1]:
            v = model.v_matrix
            explained = (v - regression @ v) / deviations
            inner = cholesky(np.eye(v.shape[1]) + explained.T @ explained, lower=True)
            trace -= float((solve_triangular(inner, explained.T @ white, lower=True) ** 2).sum())
        return 0.5 * (model.log_determinant - self.log_determinant + trace - n) / n


Loss = tuple[float, float]
"""Divergence per point, and two standard errors of it."""


def ours(exact: Exact, m: int, **options: Any) -> Loss:
    """Loss of this package's approximation."""
    setting = exact.setting
    model = Vecchia(exact.coords, setting.kernel, noise=setting.noise, k=m, **options)
    return exact.divergence(model), 0.0


def gpboosts(exact: Exact, m: int, *, approximation: str) -> Loss:
    """Loss of GPBoost's; in Vecchia's plain approximation the trace is n."""
    n = len(exact.coords)
    likelihood = gpboosts_likelihood(exact, approximation, num_neighbors=m)
    at_zero = likelihood(np.zeros(n))
    half = -at_zero - 0.5 * (n * math.log(2.0 * math.pi) + exact.log_determinant)
    if approximation == "vecchia":
        return half / n, 0.0
    traces = np.array([2.0 * (at_zero - likelihood(exact.factor @ z)) for z in exact.signs])
    error = traces.std(ddof=1) / np.sqrt(SIGNS)
    return float(half + 0.5 * (traces.mean() - n)) / n, float(error) / n


def gpboosts_likelihood(
    exact: Exact, approximation: str, **options: Any
) -> Callable[[np.ndarray], float]:
    """Return GPBoost's log-likelihood of a response at the true parameters."""
    setting, kernel = exact.setting, exact.setting.kernel
    model = gpboost.GPModel(
        gp_coords=exact.coords[exact.maxmin],
        cov_function="matern",
        cov_fct_shape={Matern32: 1.5, Matern52: 2.5}[type(kernel)],
        gp_approx=approximation,
        vecchia_ordering="none",
        num_ind_points=exact.inducing,
        ind_points_selection="random",
        likelihood="gaussian",
        seed=1,
        **options,
    )
    parameters = np.array([setting.noise, kernel.variance, kernel.lengthscale])
    return lambda y: -float(model.neg_log_likelihood(cov_pars=parameters, y=y[exact.maxmin]))


@dataclass(frozen=True)
class Line:
    """An approximation: what it is called, how it is drawn, how its loss is found."""

    label: str
    style: str
    colour: str
    loss: Callable[..., Loss]


def lines(inducing: int) -> tuple[Line, ...]:
    """Return all approximations; colours of Okabe and Ito, told apart by dash and marker too."""
    full = partial(ours, inducing_count=inducing)
    plain = partial(gpboosts, approximation="vecchia")
    correlated = partial(gpboosts, approximation="full_scale_vecchia_correlation_based")
    return (
        Line("Euclidean, max-min", "o-", "#0072B2", ours),
        Line("Euclidean, Hilbert", "o:", "#0072B2", partial(ours, order="hilbert")),
        Line("GPBoost, Euclidean", "x", "#D55E00", plain),
        Line("inducing + Euclidean, max-min", "s-", "#E69F00", partial(full, metric="euclidean")),
        Line("inducing + residual, max-min", "^-", "#000000", full),
        Line("inducing + residual, Hilbert", "^:", "#000000", partial(full, order="hilbert")),
        Line("GPBoost, inducing + residual", "D", "#D55E00", correlated),
    )


Results = dict[str, list[tuple[Line, list[Loss]]]]


def table(title: str, sizes: Sequence[int], rows: list[tuple[Line, list[Loss]]]) -> Table:
    """Losses in nats per point."""
    grid = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    grid.add_column("loss, nats per point")
    for m in sizes:
        grid.add_column(f"m = {m}", justify="right")
    for line, losses in rows:
        grid.add_row(line.label, *(f"{loss:.1e}" for loss, _ in losses))
        if any(error for _, error in losses):
            grid.add_row("  two standard errors", *(f"{error:.0e}" for _, error in losses))
    return grid


def picture(sizes: Sequence[int], results: Results) -> Figure:
    """One panel a setting: loss against the number of neighbours, both logarithmic."""
    figure = Figure(figsize=(7.2, 5.0), layout="constrained")
    panels = figure.subplots(1, len(results))
    for axes, (title, rows) in zip(panels, results.items(), strict=True):
        for line, losses in rows:
            shown = [(m, *loss) for m, loss in zip(sizes, losses, strict=True) if loss[0] > loss[1]]
            at, values, errors = np.array(shown).reshape(-1, 3).T
            joined = line.style[1:]  # GPBoost's, in our max-min order, are markers on our lines
            axes.errorbar(
                at,
                values,
                errors if errors.any() else None,
                fmt=line.style,
                label=line.label,
                color=line.colour,
                markersize=6 if joined else 9,
                markerfacecolor=line.colour if joined == "-" else "none",
                linewidth=1.6,
                capsize=4,
                zorder=2 if joined else 3,
            )
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks(sizes, labels=[str(m) for m in sizes])
        axes.minorticks_off()
        axes.set_xlabel("neighbours a point, m")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    panels[0].set_ylabel("loss: KL divergence per point (nats)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return figure


def write(figure: Figure, paths: Sequence[Path], *, force: bool) -> None:
    """Write the picture in each path's format, the same bytes each time."""
    with mpl.rc_context({"svg.hashsalt": "vecchia"}):
        for path in paths:
            held = io.BytesIO()
            kind = path.suffix[1:]
            figure.savefig(
                held, format=kind, dpi=160, metadata={"Date": None} if kind == "svg" else {}
            )
            with replacing(path, force=force) as file:
                file.write(held.getvalue())


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write the pictures; 1 if they are there already."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="folder for vecchia.svg and vecchia.png")
    parser.add_argument("--force", action="store_true", help="replace pictures that are there")
    parser.add_argument("--quick", action="store_true", help="few points, in seconds")
    options = parser.parse_args(arguments)
    console = Console()
    kinds = () if options.out is None else ("svg", "png")
    paths = [options.out / f"vecchia.{kind}" for kind in kinds]
    try:
        for path in paths:
            refuse_existing(path, force=options.force)
    except OutputExistsError as error:
        console.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        return 1
    n, inducing, sizes = (200, 30, (5, 10)) if options.quick else (2_000, 200, (5, 10, 20, 40, 80))
    results = {setting.title: run(setting, n, inducing, sizes, console) for setting in SETTINGS}
    for title, rows in results.items():
        console.print(table(f"{title}: {n:,} points, {inducing} inducing", sizes, rows))
    if paths:
        options.out.mkdir(parents=True, exist_ok=True)
        write(picture(sizes, results), paths, force=options.force)
        console.print(f"wrote {' and '.join(map(str, paths))}", soft_wrap=True)
    return 0


def run(
    setting: Setting, n: int, inducing: int, sizes: Sequence[int], console: Console
) -> list[tuple[Line, list[Loss]]]:
    """Measure a setting, and print that GPBoost's exact process is this one."""
    exact, rows = Exact(setting, n, inducing), lines(inducing)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task(setting.title, total=len(rows) * len(sizes))
        losses: list[list[Loss]] = []
        for line in rows:
            losses.append([])
            for m in sizes:
                losses[-1].append(line.loss(exact, m))
                progress.advance(task)
    y = exact.factor @ exact.signs[0]
    console.print(
        f"{setting.title}, noise {setting.noise}: exact log-likelihood of a draw "
        f"{exact.log_likelihood(y):.6f}, GPBoost's {gpboosts_likelihood(exact, 'none')(y):.6f}",
        soft_wrap=True,
    )
    return list(zip(rows, losses, strict=True))


if __name__ == "__main__":
    sys.exit(main())
