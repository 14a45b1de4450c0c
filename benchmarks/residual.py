"""The jobs under the residual metric: gold, its relatives, factor, predecessors, size, threads.

Each job yields rows. What an engine of this project returns is compared with the contract's full
scan, the Numba reference's, bit for bit before it is timed; a difference ends the run.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from covertreex.api import CoverTree
from covertreex.metrics.residual.backend import ResidualBackend

from .dense import DenseScan, lapack_factor
from .progress import Progress
from .recall import WrongAnswerError, expect_same, recall
from .recipe import F64, GOLD, GOLD_32, I64, Recipe, quick, relatives
from .row import Row
from .timing import Pairs, in_turns, seconds_of, timed

REFERENCE, FAST = "python-numba", "rust-hilbert"
ENGINES = (FAST, "rust-natural", REFERENCE)
SIZES = (8_192, 16_384, 32_768, 65_536, 131_072, 262_144, 524_288)
CHECKED = 64
"""Queries that are compared with the full scan where all of them would take minutes."""


@dataclass(frozen=True)
class Settings:
    """How much to do."""

    turns: int
    small: bool
    progress: Progress

    def sized(self, recipe: Recipe) -> Recipe:
        """Return the recipe, or its small relative."""
        return quick(recipe) if self.small else recipe


class Contest:
    """A recipe made ready: metric, rival, the contract's answer and the true one."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.backend: ResidualBackend = recipe.backend()
        self.rival = DenseScan.of(recipe, self.backend.v_matrix, self.backend.p_diag)

    @cached_property
    def scan(self) -> tuple[I64, F64]:
        """The contract's full scan."""
        return self.tree(REFERENCE).knn(self.recipe.ids, k=self.recipe.k)

    @cached_property
    def true(self) -> I64:
        """Neighbours in float64, by LAPACK and NumPy: no code of this project."""
        wide = replace(self.recipe, block_dtype="float64")
        inducing = self.backend.points[self.backend.inducing_indices]
        return DenseScan.of(wide, *lapack_factor(wide, inducing)).knn(wide.ids, wide.k)

    def tree(self, engine: str, threads: int | None = None) -> CoverTree:
        """Fit the points."""
        return self.recipe.tree(engine, self.backend, threads)

    def dense(self) -> I64:
        """Run the rival."""
        return self.rival.knn(self.recipe.ids, self.recipe.k)

    def row(self, who: str, pairs: Pairs, found: I64, **more: Any) -> Row:
        """Return a contender's line."""
        return Row(
            job=self.recipe.name,
            who=who,
            pairs=pairs,
            count=len(self.recipe.ids),
            contract=recall(found, self.scan[0]),
            truth=recall(found, self.true),
            **more,
        )

    def control(self, settings: Settings) -> Pairs:
        """Time the rival against itself; its first run warms it up."""
        self.dense()
        with settings.progress(f"{self.recipe.name}: rival", settings.turns) as advance:
            return in_turns(self.dense, self.dense, settings.turns, advance)

    def engine(
        self,
        engine: str,
        settings: Settings,
        control: Pairs,
        aim: float | None,
        threads: int | None = None,
    ) -> Row:
        """Check an engine's answer, then time it."""
        build, tree = timed(partial(self.tree, engine, threads))
        ids, k = self.recipe.ids, self.recipe.k
        found = tree.knn(ids, k=k)
        expect_same(f"{self.recipe.name} {engine}", found, self.scan)
        with settings.progress(f"{self.recipe.name}: {engine}", settings.turns) as advance:
            pairs = in_turns(self.dense, lambda: tree.knn(ids, k=k), settings.turns, advance)
        figures = {"build s": build}
        return self.row(engine, pairs, found[0], aim=aim, control=control.band, figures=figures)


def gold(settings: Settings) -> Iterator[Row]:
    """Every engine beside the dense scan, in float64 and in float32."""
    aims = {
        ("float64", FAST): 20.0,
        ("float64", REFERENCE): 1.0,
        ("float32", FAST): 1.5,
    }
    for recipe in map(settings.sized, (GOLD, GOLD_32)):
        contest = Contest(recipe)
        control = contest.control(settings)
        yield contest.row("dense BLAS scan", control, contest.dense(), note="A/A: the rival itself")
        yield _threaded(contest, settings)
        for engine in ENGINES:
            aim = aims.get((recipe.block_dtype, engine))
            yield contest.engine(engine, settings, control, aim)


def _threaded(contest: Contest, settings: Settings) -> Row:
    def threaded() -> I64:
        return contest.rival.threaded(contest.recipe.ids, contest.recipe.k)

    found = threaded()
    pairs = in_turns(contest.dense, threaded, settings.turns)
    return contest.row("dense BLAS scan, blocks on threads", pairs, found)


def kernels(settings: Settings) -> Iterator[Row]:
    """Other kernels and lengthscales, float64."""
    for recipe in map(settings.sized, relatives(GOLD)):
        contest = Contest(recipe)
        control = contest.control(settings)
        aim = 5.0 if (recipe.kernel, recipe.lengthscale) == ("matern52", 1.0) else 1.3
        yield contest.engine(FAST, settings, control, aim)


def threads(settings: Settings) -> Iterator[Row]:
    """Run the gold job with 1 and 2 threads, the rival's BLAS with as many."""
    contest = Contest(settings.sized(GOLD))
    for count in (1, 2):
        with threadpool_limits(count):
            control = contest.control(settings)
            row = contest.engine(FAST, settings, control, None, threads=count)
        yield replace(row, job="threads", who=f"{FAST}, {count} of {os.cpu_count()}")


def factor(settings: Settings) -> Iterator[Row]:
    """V, p_diag and the index, beside the same V and p_diag by BLAS and LAPACK."""
    recipe = settings.sized(GOLD)
    backend = recipe.backend()
    inducing = backend.points[backend.inducing_indices]
    v, _ = lapack_factor(recipe, inducing)
    worst = float(np.abs(v - backend.v_matrix).max())
    if worst > 1e-6:
        raise WrongAnswerError(f"V differs from LAPACK's by {worst:.1e}")

    def rival() -> object:
        return lapack_factor(recipe, inducing)

    def whole() -> object:
        return recipe.tree(FAST, recipe.backend())

    for who, run, aim in (
        ("LAPACK way", rival, None),
        ("factor alone", recipe.backend, None),
        (f"factor + index, {FAST}", whole, 1.0),
    ):
        run()
        with settings.progress(f"factor: {who}", settings.turns) as advance:
            pairs = in_turns(rival, run, settings.turns, advance)
        note = "A/A: the rival itself" if run is rival else f"V within {worst:.0e} of LAPACK's"
        yield Row(job="factor", who=who, pairs=pairs, count=recipe.n, aim=aim, note=note)


def predecessors(settings: Settings) -> Iterator[Row]:
    """Do the Vecchia job: for every point its 30 nearest among those before it."""
    recipe = replace(settings.sized(GOLD), name="predecessors", k=30)
    recipe = replace(recipe, queries=recipe.n)
    contest = Contest(recipe)
    rows = recipe.ids
    few = rows[:: max(1, len(rows) // CHECKED)]
    wanted = contest.tree(REFERENCE).knn(few, k=recipe.k, predecessor_mode=True)
    tree = contest.tree(FAST)
    found = tree.knn(few, k=recipe.k, predecessor_mode=True)
    expect_same("predecessors", found, wanted)

    def dense() -> I64:
        return contest.rival.knn(rows, recipe.k, predecessors=True)

    def own() -> object:
        return tree.knn(k=recipe.k, predecessor_mode=True)

    truth = recall(found[0], contest.rival.knn(few, recipe.k, predecessors=True))
    turns = 1 if not settings.small else settings.turns
    own()
    with settings.progress("predecessors", turns) as advance:
        pairs = in_turns(dense, own, turns, advance)
    yield Row(
        job="predecessors", who=FAST, pairs=pairs, count=len(rows), contract=1.0, truth=truth,
        aim=20.0, note=f"recalls over {len(few)} points; the rival's answer is the truth here",
    )  # fmt: skip


def sizes(settings: Settings) -> Iterator[Row]:
    """Cost of a query against the number of points."""
    costs = {}
    for n in SIZES[:3] if settings.small else SIZES:
        recipe = replace(GOLD, name="size", n=n)
        backend = recipe.backend()
        build, tree = timed(partial(recipe.tree, FAST, backend))
        few = recipe.ids[:: len(recipe.ids) // CHECKED]
        wanted = recipe.tree(REFERENCE, backend).knn(few, k=recipe.k)
        expect_same(f"size {n}", tree.knn(few, k=recipe.k), wanted)
        search = partial(tree.knn, recipe.ids, k=recipe.k)
        search()
        with settings.progress(f"{n} points", settings.turns) as advance:
            times = []
            for _ in range(settings.turns):
                times.append(seconds_of(search))
                advance()
        costs[n] = float(np.median(times))
        yield Row(
            job="size", who=f"{n} points", seconds=costs[n], count=len(recipe.ids), contract=1.0,
            note=f"recall over {len(few)} queries", figures={"n": n, "build s": build},
        )  # fmt: skip
    first = 32_768 if 32_768 in costs else min(costs)
    last = max(costs)
    if last > first:
        slope = math.log(costs[last] / costs[first]) / math.log(last / first)
        met = "met" if slope <= 0.5 else "MISSED"
        note = f"from {first} to {last} points cost grows as N^{slope:.2f}; aim N^0.5: {met}"
        yield Row(job="size", who="growth", note=note, figures={"exponent": slope})
