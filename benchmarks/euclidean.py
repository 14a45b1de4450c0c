"""Euclidean k-NN beside the libraries people use for it; each answer is compared with SciPy's."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from covertreex import PCCT, Runtime

from .recall import WrongAnswerError, recall
from .recipe import F64, I64
from .residual import FAST, REFERENCE, Settings
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
    model = knn(reference=points, tree_type="kd")["output_model"]

    def search(queries: F64) -> tuple[I64, F64]:
        found = knn(input_model=model, query=queries, k=K)
        return found["neighbors"].astype(np.int64), found["distances"]

    return search


def _own(engine: str) -> Callable[[F64], Search]:
    def fit(points: F64) -> Search:
        tree = PCCT(Runtime(engine=engine, metric="euclidean")).fit(points)
        return lambda queries: tree.knn(queries, k=K)

    return fit


RIVALS: dict[str, Callable[[F64], Search]] = {
    "pykdtree": _pykdtree,
    "SciPy cKDTree": _scipy,
    "scikit-learn kd_tree": _sklearn,
    "mlpack kd": _mlpack,
}


def euclidean(settings: Settings) -> Iterator[Row]:
    """One million points of three coordinates, 100,000 other points as queries, k = 10."""
    n, q = (20_000, 5_000) if settings.small else (1_000_000, 100_000)
    points = np.random.default_rng(42).normal(size=(n, 3))
    queries = np.random.default_rng(43).normal(size=(q, 3))
    rival = _pykdtree(points)
    true, distances = rival(queries)
    for who, fit in {**RIVALS, FAST: _own(FAST)}.items():
        try:
            build, search = timed(partial(fit, points))
        except ModuleNotFoundError as error:
            yield Row(job="euclidean", who=who, note=f"not here: {error}")
            continue
        found: tuple[Any, Any] = search(queries)
        if who == FAST:
            _expect(points, queries, found, distances)
        turns = settings.turns if who in (FAST, "pykdtree") else 1
        with settings.progress(f"euclidean: {who}", turns) as advance:
            pairs = in_turns(partial(rival, queries), partial(search, queries), turns, advance)
        yield Row(
            job="euclidean", who=who, pairs=pairs, count=q,
            contract=recall(np.asarray(found[0]), true), aim=1.0 if who == FAST else None,
            figures={"build s": build},
        )  # fmt: skip


def _expect(points: F64, queries: F64, found: tuple[I64, F64], distances: F64) -> None:
    """Our ids are the reference engine's, and our distances agree with another library's."""
    few = slice(None, None, max(1, len(queries) // 64))
    wanted = _own(REFERENCE)(points)(queries[few])
    for one, other in zip(found, wanted, strict=True):
        if one[few].tobytes() != other.tobytes():
            raise WrongAnswerError(f"euclidean {FAST}: not the answer of the contract's full scan")
    worst = float(np.abs(found[1] - distances).max())
    if worst > 1e-12:
        raise WrongAnswerError(f"euclidean {FAST}: distances differ from pykdtree's by {worst:.1e}")
