"""A backend's copies: what keeps its certificate, what is refused, and what nobody may write to."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest

from covertreex import RBF, CoverTree, Runtime, _rust, build_residual_backend, cover_tree
from covertreex.errors import ConfigurationError, CovertreexError, NonFiniteError, ParameterError
from covertreex.metrics.euclidean import euclidean_knn, euclidean_radius
from covertreex.metrics.residual.core import residual_knn, residual_radius

POINTS = _rust.normals(5, 2 * 2_000).reshape(2_000, 2)
COPIES = {
    "pickled": lambda thing: pickle.loads(pickle.dumps(thing)),  # noqa: S301 - our own bytes
    "pickled as of old": lambda thing: pickle.loads(pickle.dumps(thing, protocol=2)),  # noqa: S301
    "deep": copy.deepcopy,
    "shallow": copy.copy,
}


def built(**options):
    options = {"seed": 3, "inducing_count": 24, "block_dtype": "float64"} | options
    return build_residual_backend(POINTS, **options)


@pytest.fixture(scope="module")
def backend():
    return built()


def arrays(thing):
    return [value for value in vars(thing).values() if isinstance(value, np.ndarray)]


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_nobody_writes_to_the_arrays_of_a_copy(copied, backend):
    own = copied(backend)
    assert own.certified
    assert len(arrays(own)) == 7
    for tree in (
        copied(cover_tree(POINTS[:50], RBF(), inducing_count=4)),
        copied(cover_tree(POINTS)),
    ):
        for array in [*arrays(own), *arrays(tree), *arrays(tree.residual or tree)]:
            assert not array.flags.writeable
        assert len(arrays(tree)) == 2
        assert tree.indexes.points is tree.points
        assert tree.indexes.residual is tree.residual
        assert tree.knn(k=3)[1].tobytes() == tree.knn(tree.ids, k=3)[1].tobytes()
    with pytest.raises(ValueError, match="read-only"):
        own.v_matrix[0, 0] = 1.0


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_copy_of_a_copy_keeps_the_certificate(copied, backend):
    assert replace(copied(backend), chunk_size=64).certified


def test_a_copy_that_changes_nothing_of_the_metric_keeps_the_certificate(backend):
    other = replace(backend, chunk_size=64)
    assert other.certified
    assert other.chunk_size == 64
    assert other.v_matrix is backend.v_matrix
    with pytest.warns(match="float32"):
        narrow = built(block_dtype="float32")
    narrowed = replace(backend, block_dtype="float32")
    assert narrowed.certified  # rounded once, as by the stage
    assert narrowed.v_matrix.tobytes() == narrow.v_matrix.tobytes()
    assert narrowed.p_diag.tobytes() == narrow.p_diag.tobytes()
    less = cover_tree(POINTS, RBF(), inducing_count=24).insert(POINTS[:3] + 0.1).delete([1])
    assert replace(less.residual, chunk_size=64).certified


CHANGES = {
    "v": lambda own: {"v_matrix": own.v_matrix.copy()},
    "p": lambda own: {"p_diag": own.p_diag * 0.5},
    "kernel": lambda own: {"kernel": RBF(lengthscale=2.0)},
    "points": lambda own: {"points": own.points + 1.0},
    "scaled": lambda own: {"scaled": own.scaled + 1.0},
    "cholesky": lambda own: {"cholesky": own.cholesky * 2.0},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_copy_that_changes_the_metric_loses_the_certificate(change, backend):
    other = replace(backend, **change(backend))
    assert not other.certified
    assert not replace(other, chunk_size=64).certified
    assert replace(other, v_matrix=backend.v_matrix).evidence is None


def test_a_v_that_was_rounded_is_not_the_factor_in_float64(backend):
    narrowed = replace(backend, block_dtype="float32")
    assert not replace(narrowed, block_dtype="float64").certified


def turned(backend):
    """Another V of the same width and the same distances: the rows turned in their space."""
    width = backend.v_matrix.shape[1]
    turn, _ = np.linalg.qr(_rust.normals(1, width * width).reshape(width, width))
    return replace(backend, v_matrix=backend.v_matrix @ turn)


@pytest.mark.parametrize("own", [turned, lambda given: replace(given, p_diag=given.p_diag * 0.5)])
@pytest.mark.parametrize("engine", ["python-numba", "rust-hilbert"])
def test_rows_of_new_points_are_not_mixed_with_a_v_of_ones_own(own, engine, backend, tmp_path):
    runtime = Runtime(engine=engine)
    ids = np.arange(len(POINTS))
    tree = CoverTree(runtime, own(backend), backend.points, ids, len(ids))
    again = CoverTree.load(tree.save(tmp_path / "own.covertree"))
    new = POINTS[7:8] + 0.5
    for searched in (tree, again, pickle.loads(pickle.dumps(tree))):  # noqa: S301
        for job in (
            lambda of: of.knn(new, k=3),
            lambda of: of.radius(new, 0.5),
            lambda of: of.insert(new),
        ):
            with pytest.raises(ConfigurationError, match="not those of its factor"):
                job(searched)
        assert searched.knn([7], k=3)[0].shape == (1, 3)


OVERFLOWS = {
    "v in float32": ("float32", {"v_matrix": 1e300}, "v_matrix.astype"),
    "p in float32": ("float32", {"p_diag": 1e300}, "p_diag.astype"),
    "row in float32": ("float32", {"v_matrix": 1e25}, "row 0 of v_matrix"),
    "row in float64": ("float64", {"v_matrix": 1e200}, "row 0 of v_matrix"),
    "p in float64": ("float64", {"p_diag": 1e200}, "p_diag holds"),
    "infinite v": ("float64", {"v_matrix": np.inf}, "v_matrix[0, 0] is inf"),
    "nan in p": ("float64", {"p_diag": np.nan}, "p_diag[0] is nan"),
}


@pytest.mark.parametrize("name", OVERFLOWS)
def test_what_overflows_is_refused(name, backend):
    dtype, factors, words = OVERFLOWS[name]
    given = {
        array: np.full_like(getattr(backend, array), factors.get(array, 1.0))
        for array in ("v_matrix", "p_diag")
    }
    with pytest.raises(NonFiniteError) as refusal:
        replace(backend, block_dtype=dtype, **given)
    assert words in str(refusal.value)
    with pytest.raises(NonFiniteError):
        built(block_dtype=dtype, **given)


def test_a_variance_below_zero_is_refused_but_for_rounding(backend):
    with pytest.raises(ParameterError, match=r"p_diag\[0\] is -0.0214; .* of 2000 are not"):
        replace(backend, p_diag=-backend.p_diag)
    rounded = backend.p_diag.copy()
    rounded[7] = -1e-12
    assert replace(backend, p_diag=rounded).p_diag[7] == backend.eps


def test_large_rows_that_hold_are_taken(backend):
    large = replace(backend, v_matrix=np.full_like(backend.v_matrix, 1e150))
    found = residual_knn(large, [0], 3, engine="rust-hilbert")[1]
    assert np.isfinite(found).all()


def test_an_index_of_another_metric_is_refused(backend):
    tree = cover_tree(POINTS, RBF(), inducing_count=24, seed=3)
    plain = cover_tree(POINTS)
    index, flat = (of.indexes.searched_by(of.runtime) for of in (tree, plain))
    own = tree.residual
    others = {
        "another backend": (backend, index),
        "another V": (replace(own, v_matrix=own.v_matrix.copy()), index),
        "another kernel": (replace(own, kernel=RBF(variance=2.0)), index),
        "float32": (replace(own, block_dtype="float32"), index),
        "the Euclidean index": (own, flat),
    }
    for metric, given in others.values():
        with pytest.raises(ConfigurationError, match="index was built of other arrays"):
            residual_knn(metric, [1, 2], 3, index=given)
        with pytest.raises(ConfigurationError, match="index was built of other arrays"):
            residual_radius(metric, [1, 2], 0.5, index=given)
    for points, given in ((plain.points.copy(), flat), (plain.points, index)):
        with pytest.raises(ConfigurationError, match="index was built of another array"):
            euclidean_knn(points, [1, 2], 3, index=given)
        with pytest.raises(ConfigurationError, match="index was built of another array"):
            euclidean_radius(points, [1, 2], 0.5, index=given)
    scanned = residual_knn(own, [1, 2], 3)
    found = residual_knn(replace(own, chunk_size=64), [1, 2], 3, index=index)
    assert [array.tobytes() for array in found] == [array.tobytes() for array in scanned]
    assert issubclass(ConfigurationError, CovertreexError)


def test_a_runtime_of_another_metric_is_refused_however_it_comes(backend):
    for tree in (cover_tree(POINTS), cover_tree(POINTS, RBF(), inducing_count=4)):
        other = {"euclidean": "residual_correlation"}.get(tree.runtime.metric, "euclidean")
        runtime = Runtime(metric=other)
        for change in (
            lambda of, how: replace(of, runtime=how),
            lambda of, how: of.searched_by(how),
            lambda of, how: CoverTree(how, of.residual, of.points, of.ids, of.next_id),
        ):
            with pytest.raises(ConfigurationError, match="metric"):
                change(tree, runtime)
