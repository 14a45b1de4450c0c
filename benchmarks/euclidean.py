"""Euclidean k-NN beside the libraries people use for it, pykdtree first: it is the rival.

Recall is against this project's full scan for a sample of queries, and against pykdtree for all.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from covertreex import PCCT, Runtime

from .recall import WrongAnswerError, expect_same, recall
from .recipe import F64, I64
from .residual import CHECKED, FAST, REFERENCE, Settings
from .row import Row
from .timing import in_turns, timed

K = 10
Search = Callable[[F64], tuple[I64, F64]]


def _pykdtree(points: F64) -> Search:
    tree = importlib.import_module("pykdtree.kdtree").KDTree(points)
    return lambda queries: tuple(reversed(tree.query(queries, k=K)))


def _scipy(points: F64) -> Search:
    tree = importlib.import_module("scipy.spatial").cKDTree(points)
    return lambda queries: tuple(reversed(tree.query(queries, k=K, workers=os.cpu_count())))


def _sklearn(points: F64) -> Search:
    neighbors = importlib.import_module("sklearn.neighbors")
    model = neighbors.NearestNeighbors(n_neighbors=K, algorithm="kd_tree", n_jobs=os.cpu_count())
    model.fit(points)
    return lambda queries: tuple(reversed(model.kneighbors(queries)))


def _mlpack(points: F64) -> Search:
    knn = importlib.import_module("mlpack").knn
    own = points.copy()  # it sorts in place what it is given, and does not keep it alive
    model = knn(reference=own, tree_type="kd")["output_model"]

    def search(queries: F64, _held: F64 = own) -> tuple[I64, F64]:
        asked = queries.copy()
        found = knn(input_model=model, query=asked, k=K)
        return found["neighbors"].astype(np.int64), found["distances"]

    return search


def _own(engine: str) -> Callable[[F64], Search]:
    def fit(points: F64) -> Search:
        tree = PCCT(Runtime(engine=engine, metric="euclidean")).fit(points)
        return lambda queries: tree.knn(queries, k=K)

    return fit


RIVAL = "pykdtree"
RIVALS: dict[str, Callable[[F64], Search]] = {
    RIVAL: _pykdtree,
    "SciPy cKDTree": _scipy,
    "scikit-learn kd_tree": _sklearn,
    "mlpack kd": _mlpack,
}


def euclidean(settings: Settings) -> Iterator[Row]:
    """Points of three coordinates, k = 10: kd-trees of libraries, then this project's tree.

    One million points, and 100,000 others as queries.
    """
    n, q = (20_000, 5_000) if settings.small else (1_000_000, 100_000)
    points = np.random.default_rng(42).normal(size=(n, 3))
    queries = np.random.default_rng(43).normal(size=(q, 3))
    try:
        rival = _pykdtree(points)
    except ModuleNotFoundError as error:
        yield Row(job="euclidean", who=RIVAL, note=f"not here, and it is the rival: {error}")
        return
    true, distances = rival(queries)
    few = slice(None, None, max(1, q // CHECKED))
    scan = _own(REFERENCE)(points)(queries[few])
    control = None
    for who, fit in {**RIVALS, FAST: _own(FAST)}.items():
        try:
            build, search = timed(partial(fit, points))
        except ModuleNotFoundError as error:
            yield Row(job="euclidean", who=who, note=f"not here: {error}")
            continue
        found: tuple[Any, Any] = search(queries)
        if who == FAST:
            expect_same(f"euclidean {FAST}", (found[0][few], found[1][few]), scan)
            _expect_near(found[1], distances)
        turns = settings.turns if who in (FAST, RIVAL) else 1
        with settings.progress(f"euclidean: {who}", turns) as advance:
            pairs = in_turns(partial(rival, queries), partial(search, queries), turns, advance)
        control = control or pairs.band
        ids = np.asarray(found[0])
        note = f"A/A: the rival itself; recall scan over {len(scan[0])} queries, recall truth"
        yield Row(
            job="euclidean", who=who, pairs=pairs, count=q, control=control,
            contract=recall(ids[few], scan[0]), truth=recall(ids, true),
            aim=1.0 if who == FAST else None, figures={"build s": build},
            note=f"{note} against pykdtree" if who == RIVAL else "",
        )  # fmt: skip


def _expect_near(found: F64, distances: F64) -> None:
    worst = float(np.abs(found - distances).max())
    if not worst <= 1e-12:
        raise WrongAnswerError(f"euclidean {FAST}: distances differ from {RIVAL}'s by {worst:.1e}")
