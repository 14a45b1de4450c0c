"""The Rust index against the full scan: the same bits, whatever is asked, by any route.

`SearchIndex` answers by bounds and gives to a sweep what bounds do not help; the scan is
`covertreex._rust.knn` and `radius`, which the goldens hold.
"""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from covertreex import _rust
from covertreex.errors import DtypeError, IndexRangeError, ParameterError, ShapeError

LEVELS = _rust.levels()
KERNELS = ("rbf", "matern12", "matern32", "matern52")
EPS = 1e-9


def coordinates(shape, n, d, seed=7):
    """Points of one of the shapes that searches meet."""
    u = _rust.normals(seed, n * d).reshape(n, d)
    if shape == "clusters":
        u = np.round(u) + 0.01 * u[::-1]
    elif shape == "grid":
        u = np.round(u * 4.0) / 4.0
    elif shape == "duplicates":
        u = u[np.arange(n) % (n // 3)]
    return np.ascontiguousarray(u)


class Model:
    """u, V and p of some points, and the scan of them."""

    def __init__(self, u, kernel="rbf", variance=1.0, inducing=48, seed=3):
        rows = _rust.inducing_rows(seed, len(u), inducing)
        u_z = np.ascontiguousarray(u[rows])
        self.u, self.kernel, self.variance = u, kernel, variance
        self.u_z, self.chol = u_z, _rust.cholesky(u_z, kernel, variance)
        self.data = self.project(u)

    def project(self, u):
        """Coordinates with their V and p."""
        v, p = _rust.project(u, self.u_z, self.chol, self.kernel, self.variance, "float64")
        return u, v, p

    def index(self, certified=True, **options):
        """Build the index."""
        return _rust.SearchIndex(*self.data, self.kernel, self.variance, certified, **options)

    def queries(self, ids):
        """Rows of points."""
        return tuple(np.ascontiguousarray(array[ids]) for array in self.data)

    def scan(self, queries, k, limits=None):
        """Find neighbours by the full scan."""
        metric = (self.kernel, self.variance, EPS * self.variance)
        return _rust.knn(*queries, *self.data, *metric, k, 256, limits)

    def scan_radius(self, queries, radii, limits=None):
        """Find all within radii by the full scan."""
        metric = (self.kernel, self.variance, EPS * self.variance)
        return _rust.radius(*queries, *self.data, *metric, radii, 256, limits)

    def knn(self, index, queries, k, limits=None, **options):
        """Find neighbours by the index."""
        return index.knn(*queries, EPS * self.variance, k, 256, limits, **options)


def same(found, wanted):
    """Whether all arrays have the same bytes."""
    return all(
        a.dtype == b.dtype and a.tobytes() == b.tobytes()
        for a, b in zip(found, wanted, strict=True)
    )


def cuts(n, size):
    """Cut every so many points."""
    return np.arange(0, n, size)


@pytest.fixture(scope="module")
def plain():
    """A model whose index pays, so that it keeps its bases."""
    model = Model(coordinates("normal", 2600, 2))
    index = model.index()
    assert index.regions
    return model, index


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("shape", ["normal", "clusters", "grid", "duplicates"])
def test_neighbours_are_those_of_the_scan(shape, kernel):
    model = Model(coordinates(shape, 1500, 2), kernel, variance=2.0**-20)
    index = model.index(cuts=cuts(1500, 300))
    queries = model.queries(np.arange(0, 1500, 7))
    for k in (1, 20, 300):
        assert same(model.knn(index, queries, k), model.scan(queries, k)), k


@given(data=st.data(), kernel=st.sampled_from(KERNELS))
def test_whatever_is_asked_is_answered_as_by_the_scan(data, kernel, tried):
    draw = data.draw
    n, d, seed = draw(st.integers(500, 1200)), draw(st.integers(1, 3)), draw(st.integers(0, 2**32))
    shape = draw(st.sampled_from(["normal", "clusters", "grid", "duplicates"]))
    u = coordinates(shape, n, d, seed) * draw(st.sampled_from([0.2, 1.0, 5.0]))
    model = Model(u, kernel, 2.0 ** draw(st.integers(-30, 30)), draw(st.integers(1, 40)), seed)
    index = model.index(cuts=cuts(n, draw(st.integers(60, n))), level=draw(st.sampled_from(LEVELS)))
    assume(index.regions)  # bounds that cannot pay leave nothing to test
    q = draw(st.integers(1, 120))
    ids = _rust.inducing_rows(seed + 1, n, q)
    queries, limits = model.queries(ids), draw(st.sampled_from([None, ids, n - ids]))
    if limits is None and draw(st.booleans()):
        queries = model.project(coordinates("normal", q, d, seed + 2))
    k = draw(st.integers(1, n // 6))
    assert same(model.knn(index, queries, k, limits), model.scan(queries, k, limits))
    radii = draw(st.sampled_from([0.0, 0.3, 0.9, 1.0])) + _rust.normals(seed, q) * 2.0**-6
    radii = np.maximum(radii, 0.0)
    found = index.radius(*queries, EPS * model.variance, radii, 256, limits)
    assert same(found, model.scan_radius(queries, radii, limits))
    tried["index"] += 1


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("threads", [1, 3])
def test_levels_threads_and_batches_change_nothing(level, threads, plain):
    model, _ = plain
    index = model.index(cuts=cuts(2600, 650), level=level, threads=threads)
    ids = np.arange(0, 2600, 61 if level == "baseline" else 3)
    wanted = model.scan(model.queries(ids), 12)
    for batch in (len(ids), 50, 1):
        for first in range(0, min(len(ids), 4 * batch), batch):
            part = slice(first, first + batch)
            found = model.knn(index, model.queries(ids[part]), 12, threads=threads)
            assert same(found, [array[part] for array in wanted])


@pytest.mark.parametrize("scale", [1.0, 0.02, 40.0])
def test_new_coordinates_are_searched(scale, plain):
    model, index = plain
    queries = model.project(scale * coordinates("normal", 300, 2, seed=8))
    assert same(model.knn(index, queries, 15), model.scan(queries, 15))


def test_limits_hold_and_what_is_missing_is_padded(plain):
    model, index = plain
    ids = np.arange(2600)
    found = model.knn(index, model.data, 10, ids)
    assert same(found, model.scan(model.data, 10, ids))
    assert (found[0] < ids[:, None]).all()
    assert (found[0][3, 3:] == -1).all()
    assert np.isinf(found[1][3, 3:]).all()


@pytest.mark.parametrize("limited", [False, True])
def test_radii_take_what_the_scan_takes(limited, plain):
    model, index = plain
    ids = np.arange(0, 2600, 9)
    queries, limits = model.queries(ids), ids if limited else None
    _, distances = model.scan(queries, 9)
    radii = np.ascontiguousarray(distances[:, 8])
    radii[:6] = [0.0, np.inf, 1.0, 0.999, 1e-9, 2.0]
    found = index.radius(*queries, EPS, radii, 256, limits)
    assert same(found, model.scan_radius(queries, radii, limits))


def test_an_order_and_cuts_of_any_kind_are_a_hint(plain):
    model, _ = plain
    queries = model.queries(np.arange(0, 2600, 11))
    wanted = model.scan(queries, 8)
    for order in (np.arange(2600), np.argsort(model.u[:, 0], kind="stable")):
        index = model.index(order=order, cuts=np.array([0, 900, 901, 2000]))
        assert [size for size, _ in index.regions] == [900, 1, 1099, 600]
        assert same(model.knn(index, queries, 8), wanted)


@pytest.mark.parametrize("shape", ["mixed", "hard"])
def test_queries_that_bounds_do_not_help_are_swept(shape):
    u = coordinates("normal", 2000, 2)
    model = Model(u, inducing=200)
    rows = _rust.inducing_rows(3, 2000, 200)  # their residuals are jitter: nothing is near them
    ids = np.arange(0, 2000, 5) if shape == "mixed" else rows
    index, queries = model.index(), model.queries(ids)
    assert same(model.knn(index, queries, 25), model.scan(queries, 25))
    limits = np.where(ids % 2, ids, 2000)
    assert same(model.knn(index, queries, 25, limits), model.scan(queries, 25, limits))


def test_without_a_certificate_there_are_no_bases():
    model = Model(coordinates("normal", 1200, 2))
    u, v, p = model.data
    wild = (u, v * 1.5, p * 0.01)  # no inner product has such a V
    index = _rust.SearchIndex(*wild, "rbf", 1.0, False)
    assert index.regions == []
    model.data = wild
    queries = model.queries(np.arange(100))
    assert same(model.knn(index, queries, 9), model.scan(queries, 9))
    radii = np.full(100, 0.5)
    found = index.radius(*queries, EPS, radii, 256)
    assert same(found, model.scan_radius(queries, radii))


def test_a_false_certificate_is_noticed_by_these_tests():
    model = Model(coordinates("normal", 2600, 2))
    u, v, p = model.data
    along = np.argsort(u[:, 0])
    ends = along[100:140], along[-140:-100]  # far apart, and correlated by what no basis sees
    extra = np.zeros((len(u), 40))
    for rows, sign in zip(ends, (1.0, -1.0), strict=True):
        extra[rows, np.arange(40)] = sign * (0.9 * np.sqrt(p[ends[0]] * p[ends[1]])) ** 0.5
    model.data = (u, np.hstack([v, extra]), p)
    index, queries = model.index(), model.queries(ends[0])
    assert not same(model.knn(index, queries, 12), model.scan(queries, 12))


def test_the_index_is_small_beside_v():
    model = Model(coordinates("normal", 6000, 2), inducing=256)
    assert model.index().nbytes <= 0.3 * model.data[1].nbytes


@pytest.mark.parametrize("n", [1, 2, 5])
def test_few_points_are_searched(n):
    model = Model(coordinates("normal", 9, 1)[:n], inducing=1)
    for k in range(1, n + 1):
        assert same(model.knn(model.index(), model.data, k), model.scan(model.data, k))


def test_hilbert_order_is_a_permutation_that_stays_near():
    u = coordinates("normal", 4000, 3)
    order = _rust.hilbert_order(u)
    assert np.array_equal(np.sort(order), np.arange(4000))
    step = np.linalg.norm(np.diff(u[order], axis=0), axis=1)
    assert np.median(step) < 0.2 * np.median(np.linalg.norm(np.diff(u, axis=0), axis=1))


def test_bad_input_is_refused(plain):
    model, index = plain
    queries = model.queries(np.arange(4))
    for k in (0, 2601):
        with pytest.raises(ParameterError, match="k is"):
            model.knn(index, queries, k)
    with pytest.raises(IndexRangeError, match="limits"):
        model.knn(index, queries, 2, np.array([0, 1, 2, 2601]))
    with pytest.raises(ShapeError, match="limits"):
        model.knn(index, queries, 2, np.array([0, 1, 2]))
    with pytest.raises(ShapeError, match="v_q"):
        model.knn(index, (queries[0], queries[1][:, :5].copy(), queries[2]), 2)
    with pytest.raises(DtypeError, match="v_q"):
        model.knn(index, (queries[0], queries[1].astype(np.float32), queries[2]), 2)
    with pytest.raises(ShapeError, match="radii"):
        index.radius(*queries, EPS, np.ones(3), 256)
    radii = np.array([1.0, np.nan, 1.0, 1.0])
    for within in (index, model.index(certified=False)):  # bounds, and a scan
        with pytest.raises(ParameterError, match="radii is NaN at 1"):
            within.radius(*queries, EPS, radii, 256)
    with pytest.raises(ParameterError, match="radii is NaN at 1"):
        model.scan_radius(queries, radii)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("order", [0, 1, 1]), ("order", [0, 1]), ("order", [0, 1, 3]), ("order", [0, 1, -1]),
        ("cuts", [1, 2]), ("cuts", [0, 3]), ("cuts", [0, 2, 2]), ("cuts", []), ("cuts", [0, 2, 1]),
    ],
)  # fmt: skip
def test_orders_and_cuts_that_are_none_are_refused(name, value):
    model = Model(coordinates("normal", 9, 1)[:3], inducing=1)
    with pytest.raises(ParameterError, match=f"{name} is"):
        model.index(**{name: np.array(value, dtype=np.int64)})
