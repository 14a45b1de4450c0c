"""Euclidean neighbours of the Rust engine against a sorted full scan by the definition.

The oracle is Numba's fma chain over all pairs and NumPy's stable sort; every answer must have its
bits, at each CPU level, with any number of threads, indexed or not.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numba import njit
from parity.inputs import normals
from strategies import SEEDS, THREADS, coordinates
from test_float_environment import FloatEnvironment, refused

from covertreex import _rust
from covertreex.errors import (
    DtypeError,
    EngineUnavailableError,
    ParameterError,
    ShapeError,
)
from covertreex.metrics._numba_loops import fma

LEVELS = st.sampled_from([*_rust.levels(), None])
# Above the number from which the functions index, above a task's queries, above a probe.
MANY = 300


@njit(fastmath=False)
def _squared(u_q, u, out):
    for i in range(len(u_q)):
        for j in range(len(u)):
            s = 0.0
            for c in range(u.shape[1]):
                difference = u_q[i, c] - u[j, c]
                s = fma(difference, difference, s)
            out[i, j] = s


def distances_of(u_q, u):
    """All distances (q, n), by definition."""
    out = np.empty((len(u_q), len(u)))
    _squared(u_q, u, out)
    return np.sqrt(out)


def sorted_scan(u_q, u, limits=None):
    """For each query the ids and distances of all points below its limit, by (distance, id)."""
    limits = np.full(len(u_q), len(u)) if limits is None else limits
    for row, limit in zip(distances_of(u_q, u), limits, strict=True):
        order = np.argsort(row[:limit], kind="stable")
        yield order, row[order]


def knn_oracle(u_q, u, k, limits=None):
    indices, distances = np.full((len(u_q), k), -1), np.full((len(u_q), k), np.inf)
    for i, (ids, row) in enumerate(sorted_scan(u_q, u, limits)):
        indices[i, : len(ids)], distances[i, : len(ids)] = ids[:k], row[:k]
    return indices, distances


def radius_oracle(u_q, u, radii, limits=None):
    hits = [
        (ids[row <= radius], row[row <= radius])
        for radius, (ids, row) in zip(radii, sorted_scan(u_q, u, limits), strict=True)
    ]
    offsets = np.cumsum([0, *(len(ids) for ids, _ in hits)])
    return offsets, *(np.concatenate([hit[part] for hit in hits]) for part in (0, 1))


def assert_same(found, wanted):
    for array, other in zip(found, wanted, strict=True):
        assert (array.dtype, array.shape) == (other.dtype, other.shape)
        assert array.tobytes() == other.tobytes()


def check(u_q, u, k, radii, limits=None, **options):
    """Hold both functions and both methods to the oracle."""
    index = _rust.EuclideanIndex(u, threads=options.get("threads"))
    wanted = knn_oracle(u_q, u, k, limits)
    assert_same(_rust.euclidean_knn(u_q, u, k, limits, **options), wanted)
    assert_same(index.knn(u_q, k, limits, **options), wanted)
    wanted = radius_oracle(u_q, u, radii, limits)
    assert_same(_rust.euclidean_radius(u_q, u, radii, limits, **options), wanted)
    assert_same(index.radius(u_q, radii, limits, **options), wanted)


@st.composite
def anywhere(draw, n, d):
    """Points (n, d), of all magnitudes, or where squares overflow or underflow."""
    edge = st.sampled_from([1.0, 1e160, 1.7e308, 1e-160, 5e-324])
    far = SEEDS.map(lambda seed: np.tanh(normals(seed, n * d)).reshape(n, d))
    anything = arrays(np.float64, (n, d), elements=st.floats(allow_nan=False, allow_infinity=False))
    return draw(st.one_of(coordinates(n, d), st.builds(np.multiply, far, edge), anything))


@st.composite
def searches(draw):
    """Arguments of `check`: radii that are distances, limits or none."""
    n, d = draw(st.sampled_from([1, 2, 23, 25, 49, 200, MANY])), draw(st.sampled_from([1, 2, 3, 5]))
    q = draw(st.sampled_from([1, 5, MANY]))
    u, k = draw(anywhere(n, d)), draw(st.integers(1, n))
    u_q = np.resize(u, (q, d)) if draw(st.booleans()) else draw(anywhere(q, d))
    seed = draw(SEEDS)
    places = np.abs(normals(seed, q)) * n % n
    radii = distances_of(u_q, u)[np.arange(q), places.astype(int)]
    radii[:: draw(st.sampled_from([1, 3, 5000]))] = draw(st.sampled_from([0.0, -1.0, 1.5, np.inf]))
    limits = (np.abs(normals(seed ^ 1, q)) * n).astype(np.int64) % (n + 1)
    return u_q, u, k, radii, draw(st.sampled_from([None, limits]))


@given(searches(), THREADS, LEVELS)
def test_an_answer_is_that_of_a_sorted_scan(search, threads, level):
    check(*search, threads=threads, level=level)


@pytest.mark.parametrize("level", _rust.levels())
@pytest.mark.parametrize("d", [1, 2, 3, 8, 50])
def test_large_searches_too(d, level):
    """Several tasks, boxes that pay and boxes that do not, ties at every distance for d = 1."""
    u = normals(7, 3_000 * d).reshape(3_000, d)
    u = np.round(u * 50.0) if d == 1 else u
    u_q = np.ascontiguousarray(u[::-7])
    radii = np.full(len(u_q), 2.0 if d == 1 else 0.1)
    check(u_q, u, 10, radii, threads=2, level=level)
    limits = np.ascontiguousarray(np.arange(3_000)[::-7])
    check(u_q, u, 30, radii, limits, threads=2, level=level)


def test_distances_that_a_root_merges_are_ties():
    """Squares one ulp apart have one root: the lower id is the nearer, though its square is not."""
    near = np.sqrt(np.nextafter(1.0, 0.0))
    u = np.array([[1.0, 2.0**-26], [1.0, 0.0], [near, 0.0]] * 40)
    u_q = np.zeros((1, 2))
    squares, roots = np.empty((1, 120)), distances_of(u_q, u)
    _squared(u_q, u, squares)
    assert squares[0, 0] > squares[0, 1]
    assert roots[0, 0] == roots[0, 1]
    check(u_q, u, 40, np.ones(1))
    indices, _ = _rust.EuclideanIndex(u).knn(u_q, 120)
    merged = indices[0][roots[0, indices[0]] == 1.0]
    assert (np.diff(merged) > 0).all()


@pytest.mark.parametrize("fault", FloatEnvironment.FAULTS)
@pytest.mark.parametrize("threads", [1, 2, None])
def test_a_thread_that_rounds_otherwise_is_refused(fault, threads):
    u = normals(1, 900).reshape(MANY, 3)
    index, radii = _rust.EuclideanIndex(u), np.ones(MANY)
    for call in (
        lambda: _rust.EuclideanIndex(u, threads=threads),
        lambda: index.knn(u, 2, threads=threads),
        lambda: index.radius(u, radii, threads=threads),
        lambda: _rust.euclidean_knn(u, u, 2, threads=threads),
        lambda: _rust.euclidean_radius(u, u, radii, threads=threads),
    ):
        with FloatEnvironment(fault), refused(fault):
            call()


U = np.arange(12.0).reshape(6, 2)
ONES, LIMITS = np.ones(6), np.full(6, 6)


@pytest.mark.parametrize(
    ("error", "said", "arguments", "options"),
    [
        (ParameterError, "k is 0; wanted 1 <= k <= n = 6", (U, 0), {}),
        (ParameterError, "k is 7; wanted 1 <= k <= n = 6", (U, 7), {}),
        (ParameterError, "threads is 0", (U, 1), {"threads": 0}),
        (EngineUnavailableError, 'level "sse9" is unknown', (U, 1), {"level": "sse9"}),
        (ShapeError, r"u_q has shape \(4, 3\); wanted \(4, 2\)", (U.reshape(4, 3), 1), {}),
        (ShapeError, r"u_q has shape \[6\]", (ONES, 1), {}),
        (DtypeError, "u_q is an array of float32", (U.astype(np.float32), 1), {}),
        (DtypeError, "u_q is an array that is not C-contiguous", (U[:, ::-1], 1), {}),
        (DtypeError, "limits is an array of float64", (U, 1, ONES), {}),
        (ShapeError, r"limits has shape \(5,\); wanted \(6,\)", (U, 1, LIMITS[:5]), {}),
        (ParameterError, "limits is 7 at 0; wanted 0 <= limit <= n = 6", (U, 1, LIMITS + 1), {}),
        (ParameterError, "limits is -1 at 0", (U, 1, LIMITS - 7), {}),
        (ShapeError, r"radii has shape \(5,\); wanted \(6,\)", (U, ONES[:5]), {}),
        (DtypeError, "radii is an array of int64", (U, LIMITS), {}),
        (ParameterError, "radii is NaN at 0; wanted distances", (U, ONES * np.nan), {}),
    ],
)
def test_what_does_not_fit_is_refused(error, said, arguments, options):
    index = _rust.EuclideanIndex(U)
    of_knn = isinstance(arguments[1], int)
    method, function = (
        (index.knn, _rust.euclidean_knn) if of_knn else (index.radius, _rust.euclidean_radius)
    )
    for call in (method, lambda u_q, *rest, **options: function(u_q, U, *rest, **options)):
        with pytest.raises(error, match=said):
            call(*arguments, **options)


def test_points_without_coordinates_are_refused_and_no_points_are_none():
    with pytest.raises(ShapeError, match=r"u has shape \(5, 0\); wanted .* d >= 1"):
        _rust.EuclideanIndex(np.zeros((5, 0)))
    index = _rust.EuclideanIndex(np.zeros((0, 2)))
    assert index.shape == (0, 2)
    found = index.radius(U, ONES)
    assert [array.tolist() for array in found] == [[0] * 7, [], []]
    with pytest.raises(ParameterError, match="k is 1"):
        index.knn(U, 1)
