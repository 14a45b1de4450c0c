"""Bad input of the jobs: the same typed error from both engines, which says what to do."""

from dataclasses import replace

import numpy as np
import pytest

from covertreex import PCCT, Runtime, build_residual_backend
from covertreex.errors import (
    ConfigurationError,
    DtypeError,
    IndexRangeError,
    NonFiniteError,
    ParameterError,
    ShapeError,
)

POINTS = np.linspace(-2.0, 2.0, 60).reshape(20, 3)
V, P = np.ones((20, 4)), np.full(20, 0.5)


def build(**changes):
    arguments = {"seed": 5, "inducing_count": 6, "block_dtype": "float64"}
    return build_residual_backend(POINTS, **{**arguments, **changes})


@pytest.fixture(params=["residual_correlation", "euclidean"])
def tree(request, engine):
    """Twenty points, of which 4 and 19 were deleted; three came after."""
    backend = build() if request.param == "residual_correlation" else None
    fitted = PCCT(Runtime(engine=engine, metric=request.param)).fit(POINTS, backend=backend)
    return fitted.delete([4, 19]).insert(POINTS[:3] + 0.5)


BAD_JOBS = {
    "delete what never was": ("delete", ([3, 23],), IndexRangeError, r"ids\[1\] is 23"),
    "delete a negative id": ("delete", ([-1],), IndexRangeError, "within 0 and 22"),
    "delete again": ("delete", ([19],), IndexRangeError, r"ids\[0\] is 19, a point that"),
    "delete one twice": ("delete", ([5, 6, 5],), ParameterError, "point 5 more than once"),
    "delete all": ("delete", ([*range(4), *range(5, 19), 20, 21, 22],), ParameterError, "at least"),
    "delete by booleans": ("delete", (np.ones(21, bool),), DtypeError, "bool"),
    "delete by floats": ("delete", ([1.0],), DtypeError, "integer"),
    "delete nothing": ("delete", (np.zeros(0, int),), ShapeError, "empty"),
    "insert nan": ("insert", ([[0.0, np.nan, 0.0]],), NonFiniteError, r"points\[0, 1\] is nan"),
    "insert infinity": ("insert", ([[np.inf, 0.0, 0.0]],), NonFiniteError, "inf"),
    "insert another dimension": ("insert", (POINTS[:, :2],), ShapeError, r"\(q, 3\)"),
    "insert one point flat": ("insert", (POINTS[0],), ShapeError, "2-D"),
    "insert nothing": ("insert", (POINTS[:0],), ShapeError, "empty"),
    "insert booleans": ("insert", (POINTS > 0,), DtypeError, "bool"),
    "insert text": ("insert", (np.full((1, 3), "x"),), DtypeError, "<U1"),
    "radius negative": ("radius", ([0, 1], [0.5, -0.1]), ParameterError, r"radius\[1\] is -0.1"),
    "radius nan": ("radius", ([0], np.nan), NonFiniteError, "NaN"),
    "radius text": ("radius", ([0], "1"), DtypeError, "real numbers"),
    "radius boolean": ("radius", ([0], True), DtypeError, "bool"),
    "radius for others": ("radius", ([0, 1], [1.0, 1.0, 1.0]), ShapeError, "each of 2 queries"),
    "radius for all of others": ("radius", (None, [1.0, 1.0]), ShapeError, "each of 21 queries"),
    "radius of a deleted point": ("radius", ([4], 1.0), IndexRangeError, "was deleted"),
    "radius of boolean ids": ("radius", ([True], 1.0), DtypeError, "bool"),
    "radius of nothing": ("radius", (np.zeros(0, int), 1.0), ShapeError, "empty"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_JOBS)
def test_bad_jobs_are_refused(name, tree):
    job, arguments, error, message = BAD_JOBS[name]
    with pytest.raises(error, match=message):
        getattr(tree, job)(*arguments)
    assert len(tree) == 21


BAD_SEARCHES = {
    "k above the points there are": ({"k": 22}, ParameterError, "within 1 and 21"),
    "more predecessors than memory holds": (
        {"k": 2**31, "predecessor_mode": True}, ParameterError, "within 1 and 2147483647"),
    "a k beyond int64": (
        {"k": 2**70, "predecessor_mode": True}, ParameterError, "k is 1180591620717411303424"),
    "a deleted point": ({"queries": [0, 19], "k": 1}, IndexRangeError, r"queries\[1\] is 19"),
    "predecessors of coordinates": (
        {"queries": POINTS, "k": 1, "predecessor_mode": True}, ConfigurationError, "no place"),
    "a mode of no truth": ({"k": 1, "predecessor_mode": 1}, DtypeError, "True or False"),
    "distances of no truth": ({"k": 1, "return_distances": None}, DtypeError, "True or False"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_SEARCHES)
def test_bad_searches_are_refused(name, tree):
    arguments, error, message = BAD_SEARCHES[name]
    with pytest.raises(error, match=message):
        tree.knn(**arguments)


def test_more_neighbours_than_predecessors_are_padded(tree):
    indices, distances = tree.knn([0, 2, 5], k=6, predecessor_mode=True)
    assert (indices >= 0).sum(axis=1).tolist() == [0, 2, 4]  # 4 was deleted
    assert ((indices == -1) == np.isinf(distances)).all()
    assert sorted(indices[2].tolist()) == [-1, -1, 0, 1, 2, 3]
    wider = tree.knn(k=len(tree) + 3, predecessor_mode=True)  # than there are points
    narrow = tree.knn(k=len(tree), predecessor_mode=True)
    for padded, found, fill in zip(wider, narrow, (-1, np.inf), strict=True):
        assert (padded[:, : len(tree)] == found).all()
        assert (padded[:, len(tree) :] == fill).all()
        assert padded.dtype == found.dtype


BAD_MATRICES = {
    "rows of V": ({"v_matrix": V[:19], "p_diag": P}, ShapeError, r"\(19, 4\)"),
    "rows of p_diag": ({"v_matrix": V, "p_diag": P[:19]}, ShapeError, r"\(19,\)"),
    "a V alone": ({"v_matrix": V}, ConfigurationError, "both, or neither"),
    "a p_diag alone": ({"p_diag": P}, ConfigurationError, "both, or neither"),
    "nan in V": ({"v_matrix": V * np.nan, "p_diag": P}, NonFiniteError, "v_matrix"),
    "text for p_diag": ({"v_matrix": V, "p_diag": ["x"] * 20}, DtypeError, "p_diag"),
}


@pytest.mark.parametrize("name", BAD_MATRICES)
def test_a_v_and_p_diag_that_do_not_fit_are_refused(name, engine):
    arguments, error, message = BAD_MATRICES[name]
    with pytest.raises(error, match=message):
        build(engine=engine, **arguments)


def test_a_v_and_p_diag_of_ones_own_are_taken(engine):
    own = build(v_matrix=V.tolist(), p_diag=P * 0.0, engine=engine)
    other = replace(build(engine=engine), v_matrix=V, p_diag=P * 0.0)
    assert own.v_matrix.tobytes() == other.v_matrix.tobytes()
    assert own.p_diag.tobytes() == other.p_diag.tobytes()
    assert not own.v_matrix.flags.writeable


@pytest.mark.parametrize("job", ["knn", "radius", "insert"])
def test_a_v_of_another_width_has_no_rows_for_new_points(job, engine):
    tree = PCCT(Runtime(engine=engine)).fit(POINTS, backend=build(v_matrix=V, p_diag=P))
    arguments = {"knn": {"k": 1}, "radius": {"radius": 1.0}, "insert": {}}[job]
    with pytest.raises(ConfigurationError, match="not those of its factor"):
        getattr(tree, job)(POINTS + 0.5, **arguments)
    left = tree.delete([0]).knn([1], k=19)[0]
    assert sorted(left[0].tolist()) == list(range(1, 20))


def test_a_metric_and_a_backend_that_contradict_are_refused(engine):
    plain = PCCT(Runtime(engine=engine, metric="euclidean"))
    with pytest.raises(ConfigurationError, match="leave it out"):
        plain.fit(POINTS, backend=build())
    fitted = plain.fit(POINTS)
    with pytest.raises(ConfigurationError, match="fitted with metric='euclidean'"):
        PCCT(Runtime(engine=engine), fitted)
    with pytest.raises(ConfigurationError, match="has no tree"):
        plain.radius([0], 1.0)
