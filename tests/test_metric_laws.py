"""Laws that a metric and a search keep whatever the data, each for both engines.

sqrt(1 - |rho|) is a distance between lines: the smaller of |x - y| and |x + y|, over sqrt(2), of
unit vectors x and y with x . y = rho. So it is symmetric and obeys the triangle inequality, which
rounding may break, but by no more than `triangle_slack`.
"""

import numpy as np
import pytest
import strategies as some
from agreement import ENGINES, build
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from oracle import U, gamma
from parity.cases import CASES
from parity.inputs import make_inputs

from covertreex.metrics.residual.core import compute_residual_distances, residual_knn

ENGINE = st.sampled_from(ENGINES)


def distances_of(problem, engine, **changes):
    """The backend of a problem, and all its distances (n, n)."""
    backend = build(problem.points, engine, **{**problem.options, **changes})
    every = np.arange(len(backend.points))
    return backend, compute_residual_distances(every, every, backend=backend, engine=engine)


def same_bits(a, b):
    return a.tobytes() == b.tobytes()


@given(problem=some.problems(), engine=ENGINE)
def test_distances_are_symmetric_and_within_0_and_1(problem, engine, tried):
    tried["symmetry and range"] += 1
    _, distances = distances_of(problem, engine)
    assert same_bits(distances, np.ascontiguousarray(distances.T))
    assert ((distances >= 0.0) & (distances <= 1.0)).all()  # so none is NaN
    assert not np.signbit(distances).any()


@given(problem=some.problems(), engine=ENGINE)
def test_a_float64_self_distance_is_0_unless_p_is_floored(problem, engine, tried):
    tried["self-distance"] += 1
    backend, distances = distances_of(problem, engine, block_dtype="float64")
    floored = backend.p_diag <= backend.eps
    assert (np.diag(distances)[~floored] == 0.0).all()


def test_a_floored_p_leaves_a_self_distance_above_0():
    """So the exception in the law above is needed: what is left there lies below the floor."""
    case = CASES["p_diag_floor_f64"]
    backend = build(
        make_inputs(case)["points"], ENGINES[1], seed=case.seed, inducing_count=case.inducing,
        lengthscale=case.lengthscale, block_dtype=case.block_dtype,
    )  # fmt: skip
    floored = np.flatnonzero(backend.p_diag <= backend.eps)
    assert 0 < floored.size < case.n
    own = [compute_residual_distances([i], [i], backend=backend)[0, 0] for i in floored]
    assert max(own) > 0.0


def triangle_slack(backend):
    """One number a point: d(i, k) exceeds d(i, j) + d(j, k) by no more than the largest of theirs.

    Write M for the covariance of the m inducing points (jitter included) and any three points, w
    for the variance. The computed factor and V are exact for M plus a perturbation with elements of
    at most e: gamma(m + 3) w by theorem 10.3 and lemma 8.4 of Higham (2002), rows of L and V being
    no longer than sqrt(w) but for that perturbation, and the kernels' own error, below (d + 10) u w
    (`oracle.kernel_range`, where s exp(-s / 2) / 2 and r^2 (1 + r) exp(-r) / 3 are below 1).
    K - V V^T is the Schur complement of that sum, so it lies above -(m + 3) e in the order of
    symmetric matrices, as the least value of a quadratic form that does (Boyd and Vandenberghe,
    *Convex Optimization*, appendix A.5.5). The blocks round V, K, the chain and the difference, at
    most f = (m + 6) u_b w an element; the floor of p only adds to the diagonal. With
    eta = ((m + 3) e + 3 f) / p added to its diagonal, the 3 x 3 matrix of computed correlations is
    therefore positive semidefinite: over 1 + eta it holds cosines, whose distances obey the
    inequality. Each differs by at most eta + 8 u_b under the root from what was computed, and
    |sqrt a - sqrt b| <= sqrt |a - b|.
    """
    d, m, w = backend.points.shape[1], backend.inducing_indices.size, backend.kernel.variance
    u, u_b = U["float64"], U[backend.block_dtype]
    e = 1.01 * (gamma(m + 3) + (d + 10) * u) * w
    f = 1.01 * (gamma(m + 6, u_b) + gamma(m + 6)) * w
    eta = ((m + 3) * e + 3.0 * f) / backend.p_diag.astype(np.float64)
    return 3.0 * (np.sqrt(eta + 8.0 * u_b) + 4.0 * u)


@given(problem=some.problems(most=30), engine=ENGINE)
def test_the_triangle_inequality_holds_within_its_certified_rounding(problem, engine, tried):
    tried["triangle"] += 1
    backend, distances = distances_of(problem, engine)
    assert (triangle_excess(distances, triangle_slack(backend)) <= 0.0).all()


def triangle_excess(distances, slack):
    """By how much each triple (i, j, k) breaks the inequality and its slack."""
    allowed = distances[:, :, None] + distances[None, :, :]
    allowed += np.maximum(np.maximum(slack[:, None, None], slack[None, :, None]), slack)
    return distances[:, None, :] - allowed


@pytest.mark.parametrize(("block_dtype", "fault"), [("float32", 0.1), ("float64", 1e-4)])
def test_the_certified_rounding_is_tight_where_p_is_not_small(block_dtype, fault):
    """A distance that is too long by so little, on a straight way, is found."""
    points = np.concatenate([np.arange(8.0) * 50.0, [3.0, 3.4, 3.8]])[:, None]
    backend = build(points, ENGINES[0], seed=3, inducing_count=1, block_dtype=block_dtype)
    ids = np.arange(8, 11)
    distances = compute_residual_distances(ids, ids, backend=backend)
    slack = triangle_slack(backend)[ids]
    assert (triangle_excess(distances, slack) <= 0.0).all()
    distances[0, 2] = distances[0, 1] + distances[1, 2] + fault
    assert triangle_excess(distances, slack)[0, 1, 2] > 0.0


@given(data=st.data(), problem=some.problems(), engine=ENGINE)
def test_an_answer_does_not_depend_on_how_it_is_asked_for(data, problem, engine, tried):
    tried["invariance"] += 1
    backend = build(problem.points, engine, **problem.options)
    n = len(backend.points)
    ids = data.draw(arrays(np.int64, data.draw(some.SIZES), elements=st.integers(0, n - 1)))
    k = data.draw(st.integers(1, n))
    order = np.array(data.draw(st.permutations(range(ids.size))), np.int64)
    found, distances = residual_knn(backend, ids, k, engine=engine)
    other = build(
        problem.points, engine, **{**problem.options, "chunk_size": data.draw(some.CHUNKS)}
    )
    again = residual_knn(other, ids[order], k, engine=engine, threads=data.draw(some.THREADS))
    assert same_bits(again[0], found[order])
    assert same_bits(again[1], distances[order])
    block = compute_residual_distances(ids, np.arange(n), backend=backend, engine=engine)
    turned = compute_residual_distances(
        ids[order],
        np.arange(n)[::-1],
        backend=other,
        engine=engine,
        threads=data.draw(some.THREADS),
    )
    assert same_bits(turned, np.ascontiguousarray(block[order, ::-1]))
    for row, neighbours, near in zip(block, found.tolist(), distances.tolist(), strict=True):
        expected = sorted(zip(row.tolist(), range(n), strict=True))[:k]
        assert list(zip(near, neighbours, strict=True)) == expected


@given(data=st.data(), problem=some.problems(most=30), engine=ENGINE)
def test_a_repeated_point_has_the_same_row(data, problem, engine, tried):
    tried["duplicates"] += 1
    n = len(problem.points)
    copies = data.draw(arrays(np.int64, n, elements=st.integers(0, n - 1)))
    repeated = np.asarray(problem.points)[copies]
    backend, distances = distances_of(problem._replace(points=repeated), engine)
    first = np.array([copies.tolist().index(copy) for copy in copies.tolist()])
    assert same_bits(distances, distances[first])
    for array in (backend.v_matrix, backend.p_diag):
        assert same_bits(array, array[first])
    by_id = residual_knn(backend, np.arange(n), n, engine=engine)
    by_coordinates = residual_knn(backend, repeated, n, engine=engine)
    for one, other in zip(by_id, by_coordinates, strict=True):
        assert same_bits(one, one[first])
        assert same_bits(one, other)
