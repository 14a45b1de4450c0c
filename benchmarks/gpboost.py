"""GPBoost's neighbours by residual correlation, as far as its API lets one see them.

GPBoost finds each point's neighbours among its predecessors inside its likelihood and does not
hand them out, so their recall cannot be stood beside the time. Timed is one evaluation of the
likelihood with neighbours by residual correlation, less the same with Euclidean neighbours.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from .recipe import F64, GOLD
from .residual import FAST, Contest, Settings
from .row import Row
from .timing import seconds_of

K = 30


def gpboost(settings: Settings) -> Iterator[Row]:
    """All points' neighbours among their predecessors, k = 30: GPBoost, then this project."""
    n = 1_024 if settings.small else 4_096
    points = GOLD.points[:n]
    try:
        library = importlib.import_module("gpboost")
    except ModuleNotFoundError as error:
        yield Row(job="gpboost", who="GPBoost", note=f"not here: {error}")
        return
    with settings.progress("GPBoost", 2) as advance:
        times = {}
        for name in ("full_scale_vecchia", "full_scale_vecchia_correlation_based"):
            times[name] = _likelihood(library, points, name)
            advance()
    by_correlation = times["full_scale_vecchia_correlation_based"] - times["full_scale_vecchia"]
    note = "its API does not show the neighbours: no recall"
    yield Row(job="gpboost", who="GPBoost", samples=[by_correlation], count=n, note=note)
    contest = Contest(replace(GOLD, name="gpboost", n=n, queries=n, k=K))
    tree = contest.tree(FAST)
    seen = contest.sampled(tree.knn(k=K, predecessor_mode=True), predecessors=True)
    own = seconds_of(lambda: tree.knn(k=K, predecessor_mode=True))
    ratio = by_correlation / own
    seen["note"] = f"{ratio:.0f} x GPBoost; {seen['note']}"
    yield Row(
        job="gpboost", who=FAST, samples=[own], count=n, figures={"ratio": ratio}, **seen
    )  # fmt: skip


def _likelihood(library: Any, points: F64, approximation: str) -> float:
    y = np.random.default_rng(1).normal(size=len(points))
    model = library.GPModel(
        gp_coords=points, cov_function="gaussian", gp_approx=approximation, likelihood="gaussian",
        num_ind_points=GOLD.inducing, num_neighbors=K, vecchia_ordering="none",
        ind_points_selection="random", seed=1,
    )  # fmt: skip
    parameters = np.array([0.01, 1.0, 1.0])
    return seconds_of(lambda: model.neg_log_likelihood(cov_pars=parameters, y=y))
