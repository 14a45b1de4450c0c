"""Every job looks at the answers it times: each fault that is planted in one ends the run."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from benchmarks import euclidean, gpboost, residual
from benchmarks.dense import DenseScan
from benchmarks.plots import clear, plot_all
from benchmarks.progress import Progress
from benchmarks.recall import WrongAnswerError, expect_true, true_recall
from benchmarks.recipe import GOLD
from benchmarks.row import Row
from benchmarks.timing import Pairs
from covertreex.tree import CoverTree

TINY = replace(GOLD, n=512, inducing=32, queries=128, k=20)


@pytest.fixture
def settings(monkeypatch):
    """Two turns of jobs that are smaller still than the quick ones."""
    shrunk = {"n": TINY.n, "inducing": TINY.inducing, "queries": TINY.queries, "k": TINY.k}
    monkeypatch.setattr(residual, "quick", lambda recipe: replace(recipe, **shrunk))
    monkeypatch.setattr(residual, "GOLD", TINY)
    monkeypatch.setattr(residual, "SIZES", (512, 1_024))
    return residual.Settings(2, True, Progress(Console(quiet=True)))


@pytest.fixture
def spoil(monkeypatch):
    """Return a function that spoils the second row of every answer to many queries."""

    def plant(engines):
        knn = CoverTree.knn

        def spoiled(tree, queries=None, **options):
            ids, distances = knn(tree, queries, **options)
            if tree.runtime.engine in engines and len(ids) > residual.CHECKED:
                ids = ids.copy()
                ids[::2] = ids[::2, ::-1]
            return ids, distances

        monkeypatch.setattr(CoverTree, "knn", spoiled)

    return plant


@pytest.mark.parametrize("job", [residual.gold, residual.predecessors, residual.sizes])
def test_a_wrong_row_in_the_timed_answer_ends_the_run(job, settings, spoil):
    rows = list(job(settings))
    assert {row.contract for row in rows if row.who.startswith("rust")} <= {1.0}
    spoil({residual.FAST})
    with pytest.raises(WrongAnswerError):
        list(job(settings))


def test_what_stands_beside_gpboost_is_checked(settings, spoil, monkeypatch):
    monkeypatch.setattr(gpboost, "GOLD", TINY)
    monkeypatch.setattr(gpboost, "_likelihood", lambda *_: 1.0)
    monkeypatch.setitem(sys.modules, "gpboost", sys)
    _, own = gpboost.gpboost(settings)
    assert (own.contract, own.truth) == (1.0, 1.0)
    spoil({residual.FAST})
    with pytest.raises(WrongAnswerError, match="gpboost"):
        list(gpboost.gpboost(settings))


@pytest.mark.parametrize("job", [residual.gold, residual.predecessors, residual.sizes])
def test_an_answer_that_all_engines_share_is_held_against_the_truth(job, settings, monkeypatch):
    knn = CoverTree.knn

    def farther(tree, queries=None, *, k, **options):
        """Leave the nearest out: every engine does the same wrong thing."""
        found = knn(tree, queries, k=k + 1, **options)
        return found[0][:, 1:], found[1][:, 1:]

    monkeypatch.setattr(CoverTree, "knn", farther)
    with pytest.raises(WrongAnswerError, match="against the truth"):
        list(job(settings))


def test_sizes_keep_their_samples(settings):
    row = next(residual.sizes(settings))
    assert len(row.as_json()["samples"]) == 2
    assert row.time == np.median(row.samples)
    assert (row.contract, row.truth) == (1.0, 1.0)


def test_no_truth_is_computed_where_a_second_v_would_fill_the_memory(settings, monkeypatch):
    monkeypatch.setattr(residual, "TRUTH_LIMIT", 512)
    small, large, _ = residual.sizes(settings)
    assert (small.truth, large.truth) == (1.0, None)


def test_every_aim_has_a_control(settings):
    aimed = [row for job in (residual.gold, residual.factor, residual.predecessors)
             for row in job(settings) if row.aim is not None]  # fmt: skip
    assert {row.job for row in aimed} == {"gold-float64", "gold-float32", "factor", "predecessors"}
    assert all(row.control is not None and row.control != (1.0, 1.0) for row in aimed)


def test_a_long_predecessor_job_says_that_it_has_few_pairs(settings):
    long = replace(settings, small=False, turns=7)
    (row,) = residual.predecessors(long)
    assert len(row.pairs.samples) == residual.LONG_TURNS
    assert "2 pairs only" in row.note
    (row,) = residual.predecessors(replace(settings, turns=3))
    assert len(row.pairs.samples) == 3


def test_ties_are_true_neighbours_and_others_are_not():
    u = np.array([[0.0], [1.0], [60.0], [70.0], [80.0]])  # the last three are all at |rho| = 0
    scan = DenseScan(u, np.zeros((5, 1)), np.ones(5), "rbf")
    row, true = np.array([0]), np.array([[0, 1, 2]])
    assert true_recall(scan, row, np.array([[0, 1, 4]]), true) == 1.0
    assert true_recall(scan, row, np.array([[0, 4, 4]]), true) == pytest.approx(2 / 3)
    assert true_recall(scan, row, np.array([[0, 2]]), np.array([[0, 1]])) == 0.5
    assert true_recall(scan, row, np.array([[0, 2]]), np.array([[0, -1]])) == 0.5
    assert true_recall(scan, row, np.array([[0, -1]]), np.array([[0, 1]])) == 0.5
    expect_true("x", 0.9991)
    with pytest.raises(WrongAnswerError, match=r"0\.9980"):
        expect_true("x", 0.998)


def without(monkeypatch, *missing):
    for module in missing:
        monkeypatch.setitem(sys.modules, module, None)


def test_a_missing_rival_is_excused(settings, monkeypatch):
    without(monkeypatch, "pykdtree", "pykdtree.kdtree")
    (row,) = euclidean.euclidean(settings)
    assert row.who == "pykdtree"
    assert "not here" in row.note


@pytest.fixture
def scipy_for_pykdtree(monkeypatch):
    """Let SciPy's tree stand in for pykdtree's, and the others be missing."""
    monkeypatch.setattr(euclidean, "_pykdtree", euclidean._scipy)
    monkeypatch.setitem(euclidean.RIVALS, euclidean.RIVAL, euclidean._scipy)
    without(monkeypatch, "mlpack", "sklearn.neighbors")


def test_euclidean_recall_is_of_our_scan_and_of_the_rival(
    settings, monkeypatch, scipy_for_pykdtree
):
    rows = {row.who: row for row in euclidean.euclidean(settings)}
    own, rival = rows[residual.FAST], rows[euclidean.RIVAL]
    assert (own.contract, own.truth) == (1.0, 1.0)
    assert own.control == rival.control == rival.pairs.band
    assert "recall truth against pykdtree" in rival.note
    own_engine = euclidean._own

    def shifted(engine):
        """Leave the nearest out of the scan."""
        fit = own_engine(engine)
        if engine != residual.REFERENCE:
            return fit
        return lambda points: lambda queries: tuple(part + 1 for part in fit(points)(queries))

    monkeypatch.setattr(euclidean, "_own", shifted)
    with pytest.raises(WrongAnswerError, match="full scan"):
        list(euclidean.euclidean(settings))


def test_pictures_name_the_size_that_was_run(tmp_path):
    pairs = Pairs([(2.0, 1.0)])
    rows = [
        Row(job=f"gold-{dtype}", who="us", pairs=pairs, count=9, truth=0.9)
        for dtype in ("float64", "float32")
    ]
    rows += [Row(job="size", who=str(n), samples=[n], count=1, figures={"n": n}) for n in (4, 8)]
    assert len(plot_all(rows, tmp_path, TINY)) == 4
    assert "512 points, k = 20" in (tmp_path / "recall-speed.svg").read_text()
    clear(tmp_path)
    assert not list(tmp_path.iterdir())
