"""What the hints of a `Runtime` choose: which index is searched, with the scan's bits always."""

import pickle
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from parity import indexed
from parity.inputs import normals

from covertreex import PCCT, Runtime, _rust, build_residual_backend
from covertreex.search import indexes

N = 2_600
POINTS = normals(7, 2 * N).reshape(N, 2)
ASKED = np.arange(0, N, 37)
HINTS = [
    {"enable_sparse_traversal": sparse, "residual_use_static_euclidean_tree": static,
     "batch_order": order}
    for sparse, static, order in product((True, False), (None, True, False),
                                         (None, "natural", "hilbert"))
]  # fmt: skip


@pytest.fixture(scope="module")
def backend():
    return build_residual_backend(POINTS, seed=3, inducing_count=48, block_dtype="float64")


def bits(found):
    return [array.tobytes() for array in found]


def answers(tree):
    """All jobs: ids, new coordinates, predecessors, radius."""
    return [
        *bits(tree.knn(ASKED, k=12)),
        *bits(tree.knn(POINTS[:40] * 0.9, k=5)),
        *bits(tree.knn(ASKED, k=12, predecessor_mode=True)),
        *bits(tree.radius(ASKED[:20], 0.6)),
        *bits(tree.radius(ASKED[:20], 0.6, predecessor_mode=True)),
    ]


@pytest.fixture(scope="module")
def scanned(backend):
    """The reference's answers, under both metrics."""
    return {
        metric: answers(PCCT(Runtime(engine="python-numba", metric=metric)).fit(POINTS, **given))
        for metric, given in (("residual_correlation", {"backend": backend}), ("euclidean", {}))
    }


@pytest.mark.parametrize("hints", HINTS, ids=lambda hints: "-".join(map(str, hints.values())))
@pytest.mark.parametrize("engine", ["rust-hilbert", "rust-natural"])
def test_every_combination_of_hints_gives_the_bits_of_the_scan(engine, hints, backend, scanned):
    tree = PCCT(Runtime(engine=engine, **hints)).fit(POINTS, mis_seed=5, backend=backend)
    assert answers(tree) == scanned["residual_correlation"]
    plain = PCCT(Runtime(engine=engine, metric="euclidean", **hints)).fit(POINTS)
    assert answers(plain) == scanned["euclidean"]


def residual_index(tree):
    return tree.indexes.residual_correlation(tree.runtime)


def fitted(backend, **options):
    return PCCT(Runtime(**options)).fit(backend.points, backend=backend)


def test_goldens_hold_the_indexes_of_both_metrics():
    rows, scans = np.arange(0, 1_000, 9), indexed.scans
    u = np.ascontiguousarray(POINTS[:1_000])
    chosen = np.ascontiguousarray(u[::100])
    factor = scans.cholesky(chosen, "rbf", 1.0)
    points = u, *scans.project(u, chosen, factor, "rbf", 1.0, "float64")
    queries = [array[rows] for array in points]
    indexed.searched.clear()
    for stage, asked in (("knn", 5), ("radius", np.full(len(rows), 0.5))):
        arguments = (*queries, *points, "rbf", 1.0, 1e-9, asked, 256)
        found = getattr(indexed.ENGINE, stage)(*arguments)
        assert bits(found) == bits(getattr(scans, stage)(*arguments))
    assert indexed.searched == {"by bounds": 2}


def test_hints_do_what_they_say(backend):
    assert residual_index(fitted(backend)).regions
    assert residual_index(fitted(backend, enable_sparse_traversal=False)) is None
    assert residual_index(fitted(backend, engine="python-numba")) is None
    static = {
        value: residual_index(fitted(backend, residual_use_static_euclidean_tree=value)).regions
        for value in (None, True, False)
    }
    assert static[None] != static[True] != static[False] != static[None]
    plain = PCCT(Runtime(metric="euclidean", enable_sparse_traversal=False)).fit(POINTS)
    assert plain.indexes.euclidean(plain.runtime) is None
    assert plain.knn(k=2)[0].shape == (N, 2)
    assert plain.indexes._euclidean is None


def test_rust_natural_lays_points_out_by_id(backend, monkeypatch):
    orders = []

    def kept(*arguments, **options):
        orders.append(arguments[6])
        return index(*arguments, **options)

    index = _rust.SearchIndex
    monkeypatch.setattr(_rust, "SearchIndex", kept)
    fitted(backend, engine="rust-natural")
    fitted(backend, engine="rust-hilbert", batch_order="natural")
    fitted(backend, engine="rust-natural", batch_order="hilbert")
    assert [order is None or np.array_equal(order, np.arange(N)) for order in orders] == [True] * 3
    assert [order is None for order in orders] == [False, False, True]


@pytest.mark.parametrize("changed", ["dtype", "v_matrix", "replaced"])
def test_bounds_are_used_for_nothing_they_are_not_proven_for(changed, backend):
    options = {"seed": 3, "inducing_count": 48, "block_dtype": "float64"}
    if changed == "dtype":
        with pytest.warns(match="float32 blocks cannot resolve"):
            other = build_residual_backend(POINTS, **options | {"block_dtype": "float32"})
    elif changed == "v_matrix":
        v, p = backend.v_matrix * 1.5, backend.p_diag * 0.01  # no inner product has such a V
        other = build_residual_backend(POINTS, **options, v_matrix=v, p_diag=p)
    else:
        other = replace(backend, p_diag=backend.p_diag * 0.5)
    assert other.certified is (changed == "dtype")
    tree = fitted(other)
    assert residual_index(tree) is None
    slow = fitted(other, engine="python-numba")
    if changed == "dtype":
        assert answers(tree) == answers(slow)
    for asked in ({}, {"predecessor_mode": True}):
        assert bits(tree.knn(ASKED, k=12, **asked)) == bits(slow.knn(ASKED, k=12, **asked))
        assert bits(tree.radius(ASKED, 0.6, **asked)) == bits(slow.radius(ASKED, 0.6, **asked))


def test_an_index_is_built_once_and_never_for_other_points(backend, scanned, monkeypatch):
    built = []
    index = _rust.SearchIndex

    class Counted:
        REVISION, from_parts = index.REVISION, index.from_parts

        def __new__(cls, *given, **options):
            built.append(1)
            return index(*given, **options)

    monkeypatch.setattr(_rust, "SearchIndex", Counted)
    tree = fitted(backend)
    assert len(built) == 1  # by fit
    for runtime in (Runtime(threads=1), Runtime(threads=2)):
        PCCT(runtime, tree).knn(ASKED, k=3)
    assert len(built) == 1
    PCCT(Runtime(batch_order="natural"), tree).knn(ASKED, k=3)
    PCCT(Runtime(batch_order="natural"), tree).knn(ASKED, k=3)
    assert len(built) == 2
    more = tree.insert(POINTS[:50] + 0.01)
    less = more.delete(np.arange(0, N, 3))
    assert more.residual.certified
    assert less.residual.certified
    assert len(built) == 2  # by the first search
    for changed in (more, less):
        asked = changed.ids[::37]
        slow = changed.searched_by(Runtime(engine="python-numba"))
        assert bits(changed.knn(asked, k=12)) == bits(slow.knn(asked, k=12))
    assert len(built) == 4
    again = pickle.loads(pickle.dumps(tree))  # noqa: S301 - our own bytes
    assert answers(again) == scanned["residual_correlation"]
    assert len(built) == 4  # what was pickled took its index along


def test_a_wrong_index_is_noticed_by_these_tests(backend, scanned, monkeypatch):
    def of_other_points(u, v, p, kernel, variance, *rest, **options):
        order, *parts = index(u, v, p, kernel, variance, *rest, **options).parts
        turned = np.ascontiguousarray(order[::-1])
        return index.from_parts(u, v, p, kernel, variance, (turned, *parts))

    index = _rust.SearchIndex
    monkeypatch.setattr(_rust, "SearchIndex", of_other_points)
    assert answers(fitted(backend)) != scanned["residual_correlation"]


def test_a_false_certificate_is_noticed_by_these_tests(backend):
    along = np.argsort(POINTS[:, 0])
    ends = along[100:140], along[-140:-100]  # far apart, and correlated by what no basis sees
    extra, p = np.zeros((N, 40)), backend.p_diag
    for rows, sign in zip(ends, (1.0, -1.0), strict=True):
        extra[rows, np.arange(40)] = sign * (0.9 * np.sqrt(p[ends[0]] * p[ends[1]])) ** 0.5
    wild = replace(backend, v_matrix=np.hstack([backend.v_matrix, extra]))
    wanted = fitted(wild).knn(ends[0], k=12)
    object.__setattr__(wild, "certified", True)
    assert bits(fitted(wild).knn(ends[0], k=12)) != bits(wanted)


def test_an_index_that_bounds_cannot_help_is_not_kept():
    few = normals(3, 400).reshape(100, 4)
    backend = build_residual_backend(few, seed=1, inducing_count=8, block_dtype="float64")
    assert residual_index(fitted(backend)) is None


def test_layouts_follow_the_seed_and_the_tree(backend):
    seen = set()
    for seed in (1, 2):
        made = indexes.Indexes(POINTS, backend, seed)
        index = made.residual_correlation(Runtime(residual_use_static_euclidean_tree=True))
        seen.add(tuple(index.regions))
    assert len(seen) == 2
