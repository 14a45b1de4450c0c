"""The jobs in both engines, equal to a sorted scan: k-NN, predecessors, radius, insert, delete."""

from dataclasses import replace

import numpy as np
import pytest
import strategies as some
from agreement import ENGINES, answer, build
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from parity.inputs import normals
from scan import Walk

from covertreex import PCCT, Runtime, searches, tree
from covertreex.errors import NonFiniteError, ShapeError
from covertreex.metrics._arguments import as_radius
from covertreex.metrics.residual.backend import certified

RADII = {
    "0": lambda pairs: 0.0,
    "infinite": lambda pairs: np.inf,
    "that of a neighbour": lambda pairs: pairs[len(pairs) // 2][0] if pairs else 0.5,
    "just below that": lambda pairs: float(np.nextafter(pairs[-1][0], 0.0)) if pairs else 0.5,
}


def rows_of(draw, walk):
    """Coordinates: points that are there, as they are, moved or shrunk to ties at 0."""
    picked = walk.points[draw(arrays(np.int64, draw(st.integers(1, 6)),
                                     elements=st.integers(0, len(walk.points) - 1)))]  # fmt: skip
    return picked * draw(st.sampled_from([1.0, 1.0, 0.5, 0.0]))


@given(data=st.data(), problem=some.problems(most=24), euclidean=st.booleans())
def test_every_job_is_a_sorted_scan(data, problem, euclidean, tried):
    tried["jobs"] += 1
    draw = data.draw
    walks = []
    for engine in ENGINES:
        backend = None if euclidean else answer(build, problem.points, engine, **problem.options)[0]
        if isinstance(backend, type):
            return  # a FactorError, the same from both: see test_engines_agree
        walks.append(Walk(problem.points, backend, engine, threads=draw(some.THREADS)))
    first = walks[0]
    for step in [*draw(st.lists(st.sampled_from(["insert", "delete", "ask"]), max_size=4)), "ask"]:
        ids = draw(st.lists(st.sampled_from(first.ids.tolist()), min_size=1, max_size=5))
        points, queries = rows_of(draw, first), draw(st.sampled_from(["all", "ids", "points"]))
        k, radius = draw(st.integers(1, len(first.ids))), draw(st.sampled_from(sorted(RADII)))
        predecessors = draw(st.booleans()) and queries != "points"
        asked = {"all": None, "ids": np.array(ids), "points": points}[queries]
        for walk in walks:
            if step == "insert":
                walk.insert(points)
            elif step == "delete" and len(set(ids)) < len(walk.ids):
                walk.delete(sorted(set(ids)))
            elif step == "ask":
                walk.assert_equal_to_scan(asked, k, RADII[radius], predecessors)


POINTS = np.vstack([normals(3, 120).reshape(60, 2), normals(3, 40).reshape(20, 2)])


def walked(engine, metric):
    """A walk that needs every rule: ties, few predecessors, deleted first and last ids."""
    options = {"seed": 2, "inducing_count": 9, "kernel": "matern32", "block_dtype": "float64"}
    backend = build(POINTS, engine, **options) if metric == "residual" else None
    walk = Walk(POINTS, backend, engine)
    walk.insert(POINTS[50:60] + 0.125)
    walk.delete([0, 7, 61, 89])
    walk.insert(POINTS[:3])
    return walk


def assert_walk_is_right(walk):
    for predecessors in (False, True):
        walk.assert_equal_to_scan(None, 6, RADII["that of a neighbour"], predecessors)
        walk.assert_equal_to_scan(walk.ids[::-5], 60, RADII["infinite"], predecessors)
    walk.assert_equal_to_scan(POINTS[:4] * 0.5, 6, RADII["0"])


METRICS = pytest.mark.parametrize("metric", ["residual", "euclidean"])


@METRICS
def test_a_walk_is_right(metric, engine):
    walk = walked(engine, metric)
    assert walk.tree.ids.tolist() == walk.ids.tolist()
    assert walk.tree.next_id == 93
    assert walk.tree.ids[-3:].tolist() == [90, 91, 92]  # 89 is not given again
    assert_walk_is_right(walk)


def limited(change):
    """Both searches with limits that went through a fault."""

    def plant(monkeypatch):
        for name in ("nearest_rows", "_radius"):
            inner = getattr(searches, name)

            def faulty(searched, queries, how, limits, inner=inner):
                return inner(searched, queries, how, None if limits is None else change(limits))

            monkeypatch.setattr(searches, name, faulty)

    return plant


def spoiled(name, change):
    """One function of the module with its result changed."""

    def plant(monkeypatch):
        inner = getattr(searches, name)
        monkeypatch.setattr(searches, name, lambda *given: change(*inner(*given)))

    return plant


def padded_with_zero(monkeypatch):
    monkeypatch.setattr(tree.CoverTree, "_ids_of", lambda self, rows: self.ids[np.maximum(rows, 0)])


def rows_for_ids(monkeypatch):
    monkeypatch.setattr(tree.CoverTree, "_ids_of", lambda self, rows: rows)


def p_forgotten(monkeypatch):
    inner = tree.with_points

    def faulty(backend, points, *how):
        grown = inner(backend, points, *how)
        old = np.arange(len(grown.points)) < len(backend.points)
        return certified(replace(grown, p_diag=np.where(old, grown.p_diag, 1.0)))

    monkeypatch.setattr(tree, "with_points", faulty)


def ids_shifted(monkeypatch):
    inner = tree.CoverTree.delete
    monkeypatch.setattr(
        tree.CoverTree,
        "delete",
        lambda self, ids: replace(left := inner(self, ids), ids=np.arange(len(left))),
    )


def v_of_others(monkeypatch):
    inner = tree.with_rows
    monkeypatch.setattr(tree, "with_rows", lambda backend, rows: certified(replace(
        inner(backend, rows), v_matrix=backend.v_matrix[: len(rows)])))  # fmt: skip


FAULTS = {
    "the predecessor rule is ignored": limited(lambda limits: limits * 0 + limits.max()),
    "a point is its own predecessor": limited(lambda limits: np.minimum(limits + 1, limits.max())),
    "padded with 0": padded_with_zero,
    "rows for ids": rows_for_ids,
    "an insert forgets p": p_forgotten,
    "a delete shifts ids": ids_shifted,
    "a delete keeps the V of others": v_of_others,
    "ties in reverse": spoiled("nearest_rows", lambda i, d: (np.where(
        d == np.roll(d, 1, axis=1), np.roll(i, 1, axis=1), i), d)),
    "the first within a radius is lost": spoiled("_radius", lambda o, i, d: (
        np.maximum(o - 1, 0), i[1:], d[1:])),
    "within a radius by id": spoiled("_radius", lambda o, i, d: (o, np.sort(i), d)),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_caught(name, engine, monkeypatch):
    FAULTS[name](monkeypatch)
    walk = walked(engine, "residual")
    with pytest.raises(AssertionError):
        assert_walk_is_right(walk)


@METRICS
def test_the_order_of_changes_does_not_matter(metric, engine):
    def answers(*steps):
        walk = walked(engine, metric)
        for step, what in steps:
            getattr(walk, step)(what)
        found = walk.tree.knn(k=5), walk.tree.radius(None, 0.9)
        return [walk.tree.ids.tobytes(), *(a.tobytes() for arrays in found for a in arrays)]

    new = POINTS[:7] * 0.75
    together = answers(("delete", [3, 40, 90]), ("insert", new))
    assert answers(("insert", new), ("delete", [40, 90, 3])) == together
    assert answers(("delete", [90]), ("insert", new[:2]), ("delete", [3]), ("delete", [40]),
                   ("insert", new[2:])) == together  # fmt: skip


def test_a_tree_stays_as_it_is(engine):
    walk = walked(engine, "residual")
    before, tree_before = walk.tree.knn(k=4), walk.tree
    walk.insert(POINTS[:5])
    walk.delete([1, 2])
    after = tree_before.knn(k=4)
    assert [a.tobytes() for a in after] == [a.tobytes() for a in before]
    for owner in (walk.tree, walk.tree.residual):
        for array in (owner.points, getattr(owner, "ids", owner.points)):
            assert not array.flags.writeable


def test_the_euclidean_tree_keeps_its_own_copy_of_the_points(engine):
    points = POINTS.copy()
    fitted = PCCT(Runtime(engine=engine, metric="euclidean")).fit(points)
    points[:] = 0.0
    assert (fitted.points == POINTS).all()
    assert not fitted.points.flags.writeable


def test_an_infinite_distance_is_a_neighbour_and_no_padding(engine):
    far = np.array([[1e300], [-1e300], [0.0], [1e300]])
    fitted = PCCT(Runtime(engine=engine, metric="euclidean")).fit(far)
    indices, distances = fitted.knn([0], k=4)
    assert indices.tolist() == [[0, 3, 1, 2]]
    assert distances.tolist() == [[0.0, 0.0, np.inf, np.inf]]
    assert fitted.radius([0], np.inf).indices.tolist() == [0, 3, 1, 2]
    assert fitted.knn([2], k=3, predecessor_mode=True)[0].tolist() == [[0, 1, -1]]


def test_pcct_searches_a_tree_with_its_own_runtime(engine):
    fitted = walked("python-numba", "residual").tree
    own = PCCT(Runtime(engine=engine, threads=2), fitted)
    for mine, its in (
        (own.knn(k=3, predecessor_mode=True), fitted.knn(k=3, predecessor_mode=True)),
        (own.radius([1, 2], 0.75), fitted.radius([1, 2], 0.75)),
    ):
        assert [a.tobytes() for a in mine] == [a.tobytes() for a in its]
    ids_alone = own.knn(k=3, return_distances=False)
    assert ids_alone.tobytes() == fitted.knn(k=3)[0].tobytes()


def test_radii_may_be_one_or_one_for_each_query():
    with pytest.raises(NonFiniteError, match="radius holds NaN"):
        as_radius(np.nan, 3)
    with pytest.raises(ShapeError, match="radius has shape"):
        as_radius([0.5, 1.0], 3)
    assert as_radius(0.5, 3).tolist() == [0.5, 0.5, 0.5]
    assert as_radius([0, 1, np.inf], 3).tolist() == [0.0, 1.0, np.inf]
