"""`covertreex.sklearn`: scikit-learn's own checks, and the answers of the tree behind it."""

import json
import os
import pickle
import subprocess
import sys
from itertools import pairwise
from textwrap import dedent

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from parity.inputs import normals
from sklearn.base import clone
from sklearn.cluster import DBSCAN
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from covertreex import Matern32, Matern52, cover_tree
from covertreex.errors import CovertreexError
from covertreex.sklearn import ResidualNeighbors, _without_itself

X = normals(3, 2 * 120).reshape(120, 2)
KERNEL = Matern52(0.8)

CHECKS = """
    import json
    from sklearn.utils.estimator_checks import check_estimator
    from covertreex.sklearn import ResidualNeighbors

    for estimator in (ResidualNeighbors(), ResidualNeighbors(2, mode="connectivity")):
        for result in check_estimator(estimator, on_fail=None, on_skip=None):
            found = result["check_name"], result["status"], repr(result["exception"])
            print(json.dumps(found))
"""


def run(code: str, **environment: str) -> str:
    command = [sys.executable, "-W", "error", "-c", dedent(code)]
    ended = subprocess.run(
        command, check=False, timeout=120, capture_output=True, text=True,
        env=os.environ | environment)  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_scikit_learns_checks_pass_without_exception() -> None:
    # The variable, read when SciPy is imported, lets the check of its array API run too.
    results = [json.loads(line) for line in run(CHECKS, SCIPY_ARRAY_API="1").splitlines()]
    assert len(results) > 80
    assert [result for result in results if result[1] != "passed"] == []


@pytest.fixture(scope="module")
def fitted() -> ResidualNeighbors:
    return ResidualNeighbors(4, kernel=KERNEL, inducing_count=7, random_state=3).fit(X)


@pytest.fixture(scope="module")
def tree():
    return cover_tree(X, KERNEL, inducing_count=7, seed=3)


def test_neighbours_are_those_of_the_tree(fitted, tree) -> None:
    queries = X[:9] + 0.125
    indices, distances = tree.knn(queries, k=4)
    for found in (fitted.kneighbors(queries), fitted.kneighbors(queries, 4)):
        np.testing.assert_array_equal(found[0], distances)
        np.testing.assert_array_equal(found[1], indices)
    only = fitted.kneighbors(queries, return_distance=False)
    np.testing.assert_array_equal(only, indices)


def test_without_queries_a_point_is_not_its_own_neighbour(fitted, tree) -> None:
    distances, indices = fitted.kneighbors()
    everyone, far = tree.knn(k=len(X))
    for row in range(len(X)):
        others = everyone[row] != row
        assert indices[row].tolist() == everyone[row][others][:4].tolist()
        assert distances[row].tolist() == far[row][others][:4].tolist()


def test_neighbours_at_distance_zero_before_the_point_itself() -> None:
    alike = np.repeat(X[:3], 5, axis=0)
    found = ResidualNeighbors(2, kernel=KERNEL, inducing_count=2).fit(alike).kneighbors()
    assert found[1][3].tolist() == [0, 1]  # the third of five duplicates: itself is fourth
    assert found[1][0].tolist() == [1, 2]
    assert (found[0] == 0.0).all()


@given(st.data(), st.integers(1, 6), st.integers(1, 9))
def test_a_row_without_itself(data, count, n) -> None:
    """The first `count` others of any order of all points, whether the point is among them."""
    orders = np.array([data.draw(st.permutations(range(n + count))) for _ in range(n)])
    indices, distances = orders[:, : count + 1], np.sort(normals(1, n * (count + 1)).reshape(n, -1))
    found, far = _without_itself(indices, distances)
    for row in range(n):
        places = [at for at in range(count + 1) if indices[row, at] != row][:count]
        assert found[row].tolist() == indices[row, places].tolist()
        assert far[row].tolist() == distances[row, places].tolist()


@pytest.mark.parametrize("queries", [None, X[:9] * 0.9])
def test_graphs_hold_the_neighbours(fitted, queries) -> None:
    distances, indices = fitted.kneighbors(queries)
    for mode, weights in (("distance", distances), ("connectivity", np.ones_like(distances))):
        graph = fitted.kneighbors_graph(queries, mode=mode)
        assert graph.format == "csr"
        assert graph.shape == (len(indices), 120)
        for row in range(len(indices)):
            part = slice(graph.indptr[row], graph.indptr[row + 1])
            assert graph.indices[part].tolist() == indices[row].tolist()
            assert graph.data[part].tolist() == weights[row].tolist()


def test_distances_of_zero_are_stored_in_graphs(fitted) -> None:
    graph = fitted.transform(X)
    assert graph.nnz == 120 * 5
    assert (graph.data[::5] == 0.0).all()
    plain = clone(fitted).set_params(mode="connectivity").fit(X).transform(X)
    assert plain.nnz == 120 * 4
    assert (plain.data == 1.0).all()


@pytest.mark.parametrize("queries", [None, X[:9] * 0.9])
@pytest.mark.parametrize("radius", [0.0, 0.3, None, 1.0])
def test_radius_neighbours_are_those_of_the_tree(fitted, tree, queries, radius) -> None:
    distances, indices = fitted.radius_neighbors(queries, radius)
    offsets, all_indices, all_distances = tree.radius(queries, 0.5 if radius is None else radius)
    assert len(distances) == len(indices) == len(offsets) - 1
    for row, (start, stop) in enumerate(pairwise(offsets)):
        others = all_indices[start:stop] != (row if queries is None else -1)
        assert indices[row].tolist() == all_indices[start:stop][others].tolist()
        assert distances[row].tolist() == all_distances[start:stop][others].tolist()
    only = fitted.radius_neighbors(queries, radius, return_distance=False)
    assert [row.tolist() for row in only] == [row.tolist() for row in indices]


def test_pipelines_take_its_graph_as_precomputed() -> None:
    labels = (X[:, 0] > 0).astype(int)
    graph = ResidualNeighbors(9, kernel=Matern32(2.0), inducing_count=2)
    for last in (
        KNeighborsClassifier(7, metric="precomputed"),
        KNeighborsRegressor(7, metric="precomputed"),
    ):
        pipeline = make_pipeline(StandardScaler(), clone(graph), last).fit(X[:90], labels[:90])
        found = pipeline.predict(X[90:])
        scaler = StandardScaler().fit(X[:90])
        tree = cover_tree(scaler.transform(X[:90]), Matern32(2.0), inducing_count=2)
        near = tree.knn(scaler.transform(X[90:]), k=7, return_distances=False)
        votes = labels[near].mean(axis=1)
        expected = votes if isinstance(last, KNeighborsRegressor) else (votes > 0.5).astype(int)
        np.testing.assert_allclose(found, expected)
    clusters = make_pipeline(clone(graph), DBSCAN(eps=0.3, metric="precomputed")).fit_predict(X)
    assert len(clusters) == 120


def test_its_parameters_can_be_searched() -> None:
    pipeline = make_pipeline(
        ResidualNeighbors(9, inducing_count=2), KNeighborsClassifier(3, metric="precomputed")
    )
    kernels = [Matern52(0.1), Matern32((2.0, 2.0))]
    search = GridSearchCV(pipeline, {"residualneighbors__kernel": kernels}, cv=2)
    search.fit(X, (X[:, 0] > 0).astype(int))
    assert search.best_params_["residualneighbors__kernel"] in kernels


def test_it_is_cloned_and_pickled(fitted) -> None:
    twin = clone(fitted)
    assert twin.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        twin.kneighbors()
    again = pickle.loads(pickle.dumps(fitted))  # noqa: S301
    np.testing.assert_array_equal(again.kneighbors()[0], fitted.kneighbors()[0])


def test_seeds_and_threads() -> None:
    def inducing(state: object) -> list[int]:
        one = ResidualNeighbors(inducing_count=5, random_state=state).fit(X)
        return one.tree_.residual.inducing_indices.tolist()

    assert inducing(3) == cover_tree(
        X, Matern52(), inducing_count=5, seed=3).residual.inducing_indices.tolist()  # fmt: skip
    draws = [inducing(np.random.RandomState(seed)) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
    for jobs, threads in ((None, None), (1, 1), (2, 2), (-1, joblib.cpu_count())):
        assert ResidualNeighbors(n_jobs=jobs).fit(X).tree_.runtime.threads == threads


REFUSED = {
    "n_neighbors": ({"n_neighbors": 0}, "n_neighbors is 0"),
    "a fraction of a neighbour": ({"n_neighbors": 2.5}, "n_neighbors is 2.5"),
    "mode": ({"mode": "distances"}, "did you mean 'distance'"),
    "engine": ({"engine": "rust"}, "engine is 'rust'"),
    "kernel": ({"kernel": "matern52"}, "give an object"),
    "inducing_count": ({"inducing_count": 0}, "inducing_count is 0"),
    "block_dtype": ({"block_dtype": "float16"}, "block_dtype is 'float16'"),
    "random_state": ({"random_state": -1}, "random_state is -1"),
    "radius": ({"radius": "a"}, "radius is of dtype"),
    "a radius below zero": ({"radius": -0.5}, "radius[0] is -0.5"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_parameters_that_do_not_fit_are_refused_by_fit(name: str) -> None:
    options, words = REFUSED[name]
    with pytest.raises(CovertreexError) as refusal:
        ResidualNeighbors(**options).fit(X)
    assert words in str(refusal.value)


def test_more_neighbours_than_points_are_refused(fitted) -> None:
    assert fitted.kneighbors(X[:1], 120)[1].shape == (1, 120)
    assert fitted.kneighbors(None, 119)[1].shape == (120, 119)
    for queries, count in ((X[:1], 121), (None, 120), (None, 0)):
        with pytest.raises(CovertreexError, match="n_neighbors is"):
            fitted.kneighbors(queries, count)
    with pytest.raises(CovertreexError, match="did you mean 'distance'"):
        fitted.kneighbors_graph(mode="distanc")
    with pytest.raises(CovertreexError, match="n_samples = 1"):
        ResidualNeighbors(1).fit(X[:1]).kneighbors()


def test_without_scikit_learn_one_line_names_the_extra() -> None:
    said = run("""
        import sys
        sys.modules["sklearn"] = None
        import covertreex
        from covertreex.errors import MissingDependencyError
        try:
            import covertreex.sklearn
        except MissingDependencyError as error:
            print(error)
        """)
    assert said.count("\n") == 1
    assert "pip install covertreex[sklearn]" in said


def test_the_package_does_not_import_it() -> None:
    said = run("""
        import sys
        import covertreex
        covertreex.cover_tree, covertreex.load
        print(sorted({"sklearn", "scipy", "joblib", "numba"} & set(sys.modules)))
        """)
    assert said == "[]\n"
