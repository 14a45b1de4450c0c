"""The compressed cover tree: its laws, its definition, and the same arrays from both engines."""

import math
from dataclasses import fields, replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from agreement import answer, assert_same, build
from hypothesis import given, settings
from hypothesis import strategies as st
from parity.inputs import normals
from strategies import DTYPES, KERNELS, SEEDS, coordinates
from test_float_environment import FloatEnvironment
from tree_laws import broken_laws, naive_nets

from covertreex import _rust
from covertreex.errors import CovertreexError, DtypeError, FloatEnvironmentError, ParameterError
from covertreex.metrics.residual.core import compute_residual_distances
from covertreex.search import _tree_loops, _tree_numba, build_residual_tree, build_tree
from covertreex.search.tree import NEVER, CompressedTree

ORDERS = st.sampled_from(["natural", "hilbert"])
NAMES = [field.name for field in fields(CompressedTree)]


def euclidean(points):
    """All distances, by the reference's chain."""
    points = np.ascontiguousarray(points)
    distances = np.empty((len(points), len(points)))
    _tree_loops.distance_block(points, np.arange(len(points)), distances)
    return distances


def correlated(backend):
    ids = np.arange(len(backend.points))
    return compute_residual_distances(ids, ids, backend=backend)


def arrays(tree):
    return tuple(np.asarray(getattr(tree, name)) for name in NAMES)


def both(grow, *arguments, **options):
    """The reference's tree, after the Rust engine has given the same one, every bit of it."""
    reference, candidate = (
        grow(*arguments, engine=engine, **options) for engine in ("python-numba", "rust-hilbert")
    )
    assert_same(arrays(reference), arrays(candidate))
    return reference


def check(tree, distances, seed, most):
    assert broken_laws(tree, distances) == []
    parent, level, floor = naive_nets(distances, seed, most)
    assert (tree.parent.tolist(), tree.level.tolist(), tree.floor) == (parent, level, floor)


def clusters(n, d=2):
    """Clusters within clusters, with duplicates."""
    scale = np.array([8.0, 1.0, 2.0**-9, 0.0])[np.arange(n) % 4, None]
    middle = normals(5, 6 * d).reshape(6, d)[np.arange(n) % 6] * 20.0
    return middle + scale * normals(6, n * d).reshape(n, d)


POINTS = {
    "one": np.array([[3.0, 4.0]]),
    "two": np.array([[0.0], [1.0]]),
    "two alike": np.ones((2, 3)),
    "all alike": np.full((40, 2), 0.3),
    "powers of two": 2.0 ** np.arange(-30.0, 30.0)[:, None],
    "grid": np.stack(np.meshgrid(*[np.arange(5.0)] * 3), -1).reshape(-1, 3)[:70],
    "clusters": clusters(61),
    "many coordinates": normals(2, 40 * 70).reshape(40, 70),
    "far": normals(3, 90).reshape(30, 3) * 1e200,
    "near": normals(3, 90).reshape(30, 3) * 1e-161,
}


@pytest.mark.parametrize("most", [1, 4, None])
@pytest.mark.parametrize("name", POINTS)
def test_trees_of_chosen_points(name, most):
    points = POINTS[name]
    tree = both(build_tree, points, mis_seed=9, max_centres=most)
    check(tree, euclidean(points), 9, most or len(points))


@settings(max_examples=40, deadline=None)
@given(st.data(), SEEDS, ORDERS)
def test_euclidean_trees(data, seed, batch_order):
    n, d = data.draw(st.integers(1, 60)), data.draw(st.integers(1, 4))
    points = data.draw(coordinates(n, d))
    most = data.draw(st.integers(1, n + 1))
    options = {"mis_seed": seed, "batch_order": batch_order, "max_centres": most}
    check(both(build_tree, points, **options), euclidean(points), seed, most)


@settings(max_examples=25, deadline=None)
@given(st.data(), SEEDS, ORDERS, KERNELS, DTYPES)
def test_residual_trees(data, seed, batch_order, kernel, block_dtype):
    n, d = data.draw(st.integers(1, 50)), data.draw(st.integers(1, 3))
    points = data.draw(coordinates(n, d))
    backend = build(points, None, seed=1, inducing_count=5, kernel=kernel, block_dtype=block_dtype)
    most = data.draw(st.integers(1, n + 1))
    options = {"mis_seed": seed, "batch_order": batch_order, "max_centres": most}
    check(both(build_residual_tree, backend, **options), correlated(backend), seed, most)


@pytest.mark.parametrize("scale", [1e150, 1e-200])
def test_a_v_of_extreme_length_has_a_tree(scale):
    backend = build(clusters(40), None, seed=1, inducing_count=5, block_dtype="float64")
    backend = replace(backend, v_matrix=normals(4, 40 * 5).reshape(40, 5) * scale)
    tree = both(build_residual_tree, backend, mis_seed=3, max_centres=40)
    assert sorted(tree.order.tolist()) == list(range(40))


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("level", _rust.levels())
def test_larger_trees_are_the_same_at_every_level_with_any_threads(level, threads):
    points = clusters(3_000, 3)  # boxes deep enough to fork, nets of several batches
    metric = build(points, None, seed=1, inducing_count=9, block_dtype="float64")
    v, p, options = metric.v_matrix[:900], metric.p_diag[:900], ("hilbert", 4, 600)
    residual = (points[:900], v, p, "rbf", 1.0, 1e-9, *options)
    for stage, arguments in (
        ("euclidean_tree", (points, "natural", 4, 3_000)),
        ("residual_tree", residual),
        ("hilbert_order", (points,)),
    ):
        held = {} if stage == "hilbert_order" else {"level": level}
        expected = answer(getattr(_tree_numba, stage), *arguments, threads=1)
        found = answer(getattr(_rust, stage), *arguments, threads=threads, **held)
        again = answer(getattr(_tree_numba, stage), *arguments, threads=threads)
        for one in (found, again):
            assert_same(*(tuple(map(np.asarray, each)) for each in (expected, one)))


def test_the_seed_chooses_the_centres_and_the_batch_order_only_the_layout():
    points = clusters(200)
    trees = [both(build_tree, points, mis_seed=seed) for seed in (1, 1, 2)]
    assert_same(arrays(trees[0]), arrays(trees[1]))
    assert trees[0].level.tolist() != trees[2].level.tolist()
    natural = both(build_tree, points, mis_seed=1, batch_order="natural")
    for name in ("parent", "level", "radius"):
        assert getattr(natural, name).tobytes() == getattr(trees[0], name).tobytes()
    assert natural.order.tolist() != trees[0].order.tolist()


def test_distances_are_the_contracts_chain():
    points = clusters(30, 3)
    found = euclidean(points)
    for i, j in np.ndindex(found.shape):
        s = 0.0
        for d in (points[i] - points[j]).tolist():
            s = float(Fraction(d) * Fraction(d) + Fraction(s))  # an fma: rounded once
        assert found[i, j] == math.sqrt(s)


def plant_parent(tree):
    deep = int(np.flatnonzero(tree.last - tree.first == 1)[-1])
    parent = tree.parent.copy()
    parent[deep] = next(at for at in tree.order if at not in (parent[deep], deep))
    return replace(tree, parent=parent)


def plant_level(tree, at, level):
    levels = tree.level.copy()
    levels[at] = level
    return replace(tree, level=levels)


def plant(tree, name, at, value):
    array = getattr(tree, name).copy()
    array[at] = value
    return replace(tree, **{name: array})


def swap_leaves(tree):
    """Two childless nodes of one level, under other parents, change places altogether."""
    childless = np.flatnonzero(tree.last - tree.first == 1)
    one, other = next(
        (a, b)
        for a in childless
        for b in childless[::-1]
        if tree.level[a] == tree.level[b] and tree.parent[a] != tree.parent[b]
    )
    parent, first, last, order = (
        getattr(tree, name).copy() for name in ("parent", "first", "last", "order")
    )
    for array in (parent, first, last):
        array[[one, other]] = array[[other, one]]
    order[first[[one, other]]] = one, other
    return replace(tree, parent=parent, first=first, last=last, order=order)


@pytest.mark.parametrize(
    ("law", "fault"),
    {
        "once": lambda tree: plant(tree, "order", 3, tree.order[4]),
        "one root": lambda tree: plant(tree, "parent", tree.order[5], -1),
        "ranges": plant_parent,
        "nesting": lambda tree: plant_level(tree, tree.order[0], NEVER),
        "covering": lambda tree: plant_level(tree, tree.order[1], -40),
        "separation": lambda tree: plant_level(tree, slice(None), tree.level + 1),
        "nearest parent": swap_leaves,
        "radius": lambda tree: plant(
            tree, "radius", tree.order[0], np.nextafter(tree.radius.max(), 0.0)
        ),
    }.items(),
)
def test_a_broken_tree_is_noticed(law, fault):
    points = normals(8, 2 * 60).reshape(60, 2)
    tree, distances = build_tree(points, mis_seed=2), euclidean(points)
    assert broken_laws(tree, distances) == []
    assert law in broken_laws(fault(tree), distances)


@given(st.integers(1, 90), st.integers(1, 100), SEEDS)
@settings(max_examples=40, deadline=None)
def test_leaves_cut_the_order_along_the_tree(n, most, seed):
    tree = build_tree(clusters(n), mis_seed=seed)
    bounds = tree.leaves(most)
    assert bounds[0] == 0
    assert bounds[-1] == n
    sizes = np.diff(bounds)
    assert (sizes >= 1).all()
    assert (sizes <= most).all()
    for start, stop in pairwise(bounds):
        members = tree.order[start:stop]
        tops = [at for at in members if tree.parent[at] not in members]
        # One subtree, or whole siblings, or a node that is cut with the first of its children.
        assert len(tops) == 1 or len({tree.parent[at] for at in tops}) == 1
        cut = [at for at in members if tree.last[at] > stop]
        assert cut in ([], [members[0]])
    whole = np.flatnonzero(tree.last - tree.first <= most)
    crossed = [at for at in whole for bound in bounds if tree.first[at] < bound < tree.last[at]]
    assert crossed == []


def test_leaves_are_well_filled():
    tree = build_tree(normals(1, 4_000 * 3).reshape(-1, 3))
    for most in (32, 100, 500):
        assert len(tree.leaves(most)) - 1 < 2.5 * 4_000 / most


def test_hilbert_order_is_a_permutation_along_a_curve(engine):
    stages = _tree_numba if engine == "python-numba" else _rust
    side = np.arange(8.0)
    grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    order = stages.hilbert_order(grid)
    assert sorted(order.tolist()) == list(range(64))
    assert (np.abs(np.diff(grid[order], axis=0)).sum(axis=1) == 1.0).all()


REFUSED = {
    "mis_seed": [-1, 2**64, 1.5, True],
    "max_centres": [0, -1, 2.0],
    "batch_order": ["morton", None],
    "threads": [0, 1025],
}


@pytest.mark.parametrize(("name", "value"), [(k, v) for k, vs in REFUSED.items() for v in vs])
def test_options_that_do_not_fit_are_refused_alike(name, value):
    backend = build([[0.0], [1.0]], None, seed=1, inducing_count=1)
    for grow, points in ((build_tree, [[0.0], [1.0]]), (build_residual_tree, backend)):
        said = [
            answer(grow, points, engine=engine, **{name: value})
            for engine in ("python-numba", "rust-hilbert")
        ]
        assert issubclass(said[0][0], CovertreexError)
        assert name in said[0][1]
        assert said[0] == said[1]


@pytest.mark.parametrize("points", [[], [1.0, 2.0], [[np.nan]], [["a"]], [[True]], [[1j]]])
def test_points_that_are_none_are_refused(points, engine):
    with pytest.raises(CovertreexError, match="scaled"):
        build_tree(points, engine=engine)


def test_other_things_are_refused(engine):
    with pytest.raises(DtypeError, match="build_residual_backend"):
        build_residual_tree([[0.0]], engine=engine)
    with pytest.raises(ParameterError, match="engine"):
        build_tree([[0.0]], engine="fortran")
    with pytest.raises(ParameterError, match="max_size"):
        build_tree([[0.0]], engine=engine).leaves(0)


def test_the_extension_itself_refuses():
    u = np.ones((3, 2))
    with pytest.raises(ParameterError, match="natural"):
        _rust.euclidean_tree(u, "morton", 1, 3)
    with pytest.raises(CovertreexError, match="v has shape"):
        _rust.residual_tree(u, u[:2], np.ones(3), "rbf", 1.0, 1e-9, "natural", 1, 3)
    with pytest.raises(OverflowError):
        _rust.euclidean_tree(u, "natural", -1, 3)


@pytest.mark.parametrize("fault", FloatEnvironment.FAULTS)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_wrong_float_environment_is_refused(fault, threads, engine):
    points = clusters(50)
    backend = build(points, None, seed=1, inducing_count=5, block_dtype="float64")
    for grow, what in ((build_tree, points), (build_residual_tree, backend)):
        before = grow(what, engine=engine, threads=threads)
        with FloatEnvironment(fault), pytest.raises(FloatEnvironmentError):
            grow(what, engine=engine, threads=threads)
        assert_same(arrays(before), arrays(grow(what, engine=engine, threads=threads)))
