"""What must be exact is exact; the order of neighbours; the whole pipeline beside its true value.

The last says what a float64 case is worth as the truth beside a float32 one.
"""

import math
from fractions import Fraction

import mpmath
import numpy as np
import oracle
import pytest
import subjects
from mpmath import mpf
from parity.inputs import normals, splitmix64
from subjects import some

from covertreex.metrics import _residual_numba as engine


def pytest_generate_tests(metafunc):
    if "run" in metafunc.fixturenames:
        thorough = metafunc.config.getoption("thorough")
        subjects.parametrize(metafunc, largest=1_000_000 if thorough else 300_000)


@pytest.fixture(scope="module")
def run(request):
    with mpmath.workprec(oracle.BITS):
        yield subjects.Run(request.param)


DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@DTYPES
def test_a_chain_of_integers_is_exact_as_long_as_they_fit(dtype, stages):
    largest = 2 ** (8 if dtype is np.float32 else 22)  # 128 products stay below 2**23, 2**51
    a, b = (
        (splitmix64(seed, 20 * 128).reshape(20, 128) % largest).astype(np.int64) - largest // 2
        for seed in (1, 2)
    )
    found = stages.dot_block(a.astype(dtype), b.astype(dtype))
    assert (found.astype(np.int64) == a @ b.T).all()


@DTYPES
def test_a_chain_of_one_product_is_that_product_rounded_once(dtype, stages):
    a, b = (normals(seed, 60).astype(dtype).reshape(60, 1) for seed in (1, 2))
    assert stages.dot_block(a, b).tobytes() == (a * b.T).tobytes()


@DTYPES
def test_a_chain_rounds_a_product_and_its_sum_together(dtype, stages):
    """``fma(a, b, -fl(a b))`` is the exact error of a product: no chain but this one gives it."""
    a, b = (normals(seed, 60).astype(dtype) for seed in (1, 2))
    rounded = a * b
    left = np.stack([-rounded, a], axis=1)
    right = np.stack([np.ones_like(b), b], axis=1)
    for i, found in enumerate(np.diag(stages.dot_block(left, right)).tolist()):
        exact = Fraction(float(a[i])) * Fraction(float(b[i])) - Fraction(float(rounded[i]))
        assert Fraction(found) == exact


@DTYPES
@pytest.mark.parametrize("pivot", [math.sqrt(3.0), 1.0])
def test_what_is_left_is_floored_at_its_share_of_the_variance(pivot, dtype, stages):
    """A pivot of sqrt(variance) leaves 0, or a rounding of it, and a smaller one less than that."""
    u = np.zeros((1, 1))
    _, p = stages.project(u, u, np.array([[pivot]]), "rbf", 3.0, np.dtype(dtype).name)
    assert p.tobytes() == np.array([1e-9 * 3.0], dtype).tobytes()


def test_neighbours_are_the_smallest_distances_by_id(run):
    case, rows = run.case, run("query_indices")
    rows = rows[some(len(rows), 6)]
    v, every = run("v_matrix"), np.arange(case.n)
    kernel = engine.kernel_block(
        run("scaled")[rows], run("scaled"), case.kernel, case.variance, case.block_dtype
    )
    distances, _ = engine.distance_block_no_gate(
        run("p_diag"), rows, every, kernel, engine.dot_block(v[rows], v),
        np.full(len(rows), np.inf), float(run("eps")),
    )  # fmt: skip
    chosen = some(case.queries, 6)
    for row, ids, found in zip(
        distances, run("knn_indices")[chosen], run("knn_distances")[chosen], strict=True
    ):
        expected = sorted(zip(row.tolist(), every.tolist(), strict=True))[: case.k]
        assert list(zip(found.tolist(), ids.tolist(), strict=True)) == expected


def true_distances(run, rows):
    """Distances (q, n) of some queries, nothing rounded but to 200 bits."""
    case, u = run.case, run("scaled")
    v, p = oracle.true_metric(u.tolist(), run.u_z.tolist(), case.kernel, case.variance)
    eps = mpf(float(run("eps")))
    distances = []
    for i in rows.tolist():
        row = []
        for j in range(case.n):
            s = oracle.squared_distance(u[i], u[j])
            residual = oracle.kernel_value(case.kernel, mpf(case.variance), s)
            residual -= mpmath.fdot(v[i], v[j])
            scale = mpmath.sqrt(max(p[i] * p[j], eps**2))
            row.append(oracle.distance_of(abs(residual) / scale))
        distances.append(row)
    return distances


def test_float64_neighbours_are_the_true_ones(run, figure):
    """Up to ties: true distances less than an ULP of 1 apart may be one float64 number."""
    chosen = some(run.case.queries, 4)
    ids, found = (run.wide(name)[chosen].tolist() for name in ("knn_indices", "knn_distances"))
    errors, missed = [], 0
    for row, neighbours, distances in zip(
        true_distances(run, run("query_indices")[chosen]), ids, found, strict=True
    ):
        farthest = sorted(row)[run.case.k - 1] + mpf(2) ** -52
        missed += sum(row[j] > farthest for j in neighbours)
        errors += [abs(mpf(d) - row[j]) for j, d in zip(neighbours, distances, strict=True)]
    assert missed == 0
    figure("float64 neighbours", "false ones, ties apart", missed, None, len(errors))
    figure("float64 pipeline", "absolute error of a neighbour's distance", max(errors), None,
           len(errors))  # fmt: skip
