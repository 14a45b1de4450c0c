"""The jobs under the residual metric: gold, its relatives, factor, predecessors, size, threads.

Each job yields rows. What an engine of this project returns is compared with the contract's full
scan, the Numba reference's, bit for bit before it is timed, and in float64 with a search by LAPACK
and NumPy that shares no code with this project; a difference ends the run.
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
from .recall import WrongAnswerError, expect_same, expect_true, recall, true_recall
from .recipe import F64, GOLD, GOLD_32, I64, Recipe, quick, relatives
from .row import Row
from .timing import Pairs, in_turns, seconds_of, timed

REFERENCE, FAST = "python-numba", "rust-hilbert"
ENGINES = (FAST, "rust-natural", REFERENCE)
SIZES = (8_192, 16_384, 32_768, 65_536, 131_072, 262_144, 524_288)
CHECKED = 64
"""Queries that are compared with the full scan where all of them would take minutes."""
LONG_TURNS = 2
"""Pairs of a job whose rival takes half a minute a run."""
TRUTH_LIMIT = 131_072
"""The most points that are searched by LAPACK's V too: both V are 512 MiB there."""


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
    def truth(self) -> DenseScan:
        """The search in float64, by LAPACK and NumPy: no code of this project."""
        wide = replace(self.recipe, block_dtype="float64")
        inducing = self.backend.points[self.backend.inducing_indices]
        return DenseScan.of(wide, *lapack_factor(wide, inducing))

    @cached_property
    def true(self) -> I64:
        """The true neighbours."""
        return self.truth.knn(self.recipe.ids, self.recipe.k)

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
            truth=true_recall(self.truth, self.recipe.ids, found, self.true),
            **more,
        )

    def sampled(self, found: tuple[I64, F64], *, predecessors: bool = False) -> dict[str, Any]:
        """Check some rows of an answer to all queries; return both recalls over them, and a note.

        There is no truth where a second V would fill the memory.
        """
        name, k = self.recipe.name, self.recipe.k
        at = slice(None, None, max(1, len(self.recipe.ids) // CHECKED))
        few, part = self.recipe.ids[at], (found[0][at], found[1][at])
        scan = self.tree(REFERENCE).knn(few, k=k, predecessor_mode=predecessors)
        expect_same(name, part, scan)
        contract, truth = recall(part[0], scan[0]), None
        if self.recipe.n <= TRUTH_LIMIT:
            true = self.truth.knn(few, k, predecessors=predecessors)
            truth = true_recall(self.truth, few, part[0], true)
            expect_true(name, truth)
        return {"contract": contract, "truth": truth, "note": f"recalls over {len(few)} queries"}

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
        row = self.row(engine, pairs, found[0], aim=aim, control=control.band, figures=figures)
        if self.recipe.block_dtype == "float64":
            expect_true(row.name, row.truth or 0.0)
        return row


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

    control = None
    for who, run, aim in (
        ("LAPACK way", rival, None),
        ("factor alone", recipe.backend, None),
        (f"factor + index, {FAST}", whole, 1.0),
    ):
        run()
        with settings.progress(f"factor: {who}", settings.turns) as advance:
            pairs = in_turns(rival, run, settings.turns, advance)
        control = control or pairs.band
        note = "A/A: the rival itself" if run is rival else f"V within {worst:.0e} of LAPACK's"
        yield Row(
            job="factor", who=who, pairs=pairs, count=recipe.n, aim=aim, control=control, note=note
        )


def predecessors(settings: Settings) -> Iterator[Row]:
    """Do the Vecchia job: for every point its 30 nearest among those before it."""
    recipe = replace(settings.sized(GOLD), name="predecessors", k=30)
    contest = Contest(replace(recipe, queries=recipe.n))
    rows = contest.recipe.ids
    tree = contest.tree(FAST)

    def dense() -> I64:
        return contest.rival.knn(rows, recipe.k, predecessors=True)

    def own() -> tuple[I64, F64]:
        return tree.knn(k=recipe.k, predecessor_mode=True)

    seen = contest.sampled(own(), predecessors=True)
    few = not settings.small and settings.turns > LONG_TURNS
    turns = LONG_TURNS if few else settings.turns
    dense()
    with settings.progress("predecessors: rival", turns) as advance:
        control = in_turns(dense, dense, turns, advance)
    with settings.progress(f"predecessors: {FAST}", turns) as advance:
        pairs = in_turns(dense, own, turns, advance)
    if few:
        seen["note"] += f"; {turns} pairs only, a dense run takes half a minute"
    yield Row(
        job="predecessors", who=FAST, pairs=pairs, count=len(rows), aim=20.0,
        control=control.band, **seen,
    )  # fmt: skip


def sizes(settings: Settings) -> Iterator[Row]:
    """Cost of a query against the number of points."""
    costs = {}
    for n in SIZES[:3] if settings.small else SIZES:
        row = _size(replace(GOLD, name=f"size {n}", n=n), settings)
        costs[n] = row.time or 0.0
        yield row
    first = 32_768 if 32_768 in costs else min(costs)
    last = max(costs)
    if last > first:
        slope = math.log(costs[last] / costs[first]) / math.log(last / first)
        met = "met" if slope <= 0.5 else "MISSED"
        note = f"from {first} to {last} points cost grows as N^{slope:.2f}; aim N^0.5: {met}"
        yield Row(job="size", who="growth", note=note, figures={"exponent": slope})


def _size(recipe: Recipe, settings: Settings) -> Row:
    contest = Contest(recipe)
    build, tree = timed(partial(contest.tree, FAST))
    search = partial(tree.knn, recipe.ids, k=recipe.k)
    seen = contest.sampled(search())
    samples = []
    with settings.progress(f"{recipe.n} points", settings.turns) as advance:
        for _ in range(settings.turns):
            samples.append(seconds_of(search))
            advance()
    return Row(
        job="size", who=f"{recipe.n} points", samples=samples, count=len(recipe.ids),
        figures={"n": recipe.n, "build s": build}, **seen,
    )  # fmt: skip
