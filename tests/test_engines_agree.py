"""Rust at its best level against Numba on generated inputs: equal bits, stage by stage and whole.

50 fixed examples a stage in a plain run, 1,000 random ones with ``--thorough``.
"""

import math

import numpy as np
import pytest
import strategies as some
from agreement import ENGINES, answer, assert_same, assert_stage_agrees, build
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from covertreex.metrics.residual.core import compute_residual_distances, residual_knn


@given(seed=some.SEEDS, count=st.integers(0, 300))
def test_draws(seed, count, tried):
    tried["draws"] += 1
    for stage in ("splitmix64", "uniforms", "normals"):
        assert_stage_agrees(stage, seed, count)


@given(seed=some.SEEDS, n=st.integers(1, 500), m=st.integers(1, 600))
def test_inducing_rows(seed, n, m, tried):
    tried["inducing_rows"] += 1
    (found,) = assert_stage_agrees("inducing_rows", seed, n, m)
    assert len(set(found.tolist())) == min(m, n)


EXPONENTS = st.one_of(
    st.floats(-750.0, 715.0),
    st.floats(-746.5, -708.0),  # subnormal results, and the lower clamp
    st.integers(-1_077, 1_025).map(lambda k: (k - 0.5) * math.log(2.0)),  # where k changes
    st.floats(allow_nan=False),
)


@given(
    x=st.integers(1, 200).flatmap(
        lambda n: some.anyhow(arrays(np.float64, n, elements=EXPONENTS, fill=st.nothing()))
    )
)
def test_exp(x, tried):
    tried["exp"] += 1
    assert_stage_agrees("exp", x)


@given(data=st.data(), kernel=some.KERNELS, variance=some.VARIANCES, dtype=some.DTYPES)
def test_kernel_block(data, kernel, variance, dtype, tried):
    tried["kernel_block"] += 1
    q, c, d = data.draw(st.tuples(some.SIZES, some.SIZES, st.integers(1, 8)))
    points = data.draw(some.coordinates(q + c, d))
    u_q, u_c = (data.draw(some.anyhow(st.just(part))) for part in (points[:q], points[q:]))
    threads = data.draw(some.THREADS)
    assert_stage_agrees("kernel_block", u_q, u_c, kernel, variance, dtype, threads=threads)


@given(data=st.data(), m=some.SIZES, d=st.integers(1, 4))
def test_cholesky(data, m, d, tried):
    tried["cholesky"] += 1
    u_z = data.draw(some.anyhow(some.coordinates(m, d)))
    kernel, variance = data.draw(some.KERNELS), data.draw(some.VARIANCES)
    assert_stage_agrees("cholesky", u_z, kernel, variance, threads=data.draw(some.THREADS))


@given(data=st.data(), n=some.SIZES, m=some.SIZES, d=st.integers(1, 4))
def test_project(data, n, m, d, tried):
    tried["project"] += 1
    points = data.draw(some.coordinates(n + m, d))
    lower = data.draw(some.anyhow(some.factors(m)))
    u, u_z = (data.draw(some.anyhow(st.just(part))) for part in (points[:n], points[n:]))
    kernel = (data.draw(some.KERNELS), data.draw(some.VARIANCES), data.draw(some.DTYPES))
    assert_stage_agrees("project", u, u_z, lower, *kernel, threads=data.draw(some.THREADS))


@given(data=st.data(), dtype=some.DTYPES, m=some.SIZES)
def test_dot_block(data, dtype, m, tried):
    tried["dot_block"] += 1
    q, c = data.draw(st.tuples(some.SIZES, some.SIZES))
    v_q, v_c = (data.draw(some.anyhow(some.rows(n, m, dtype))) for n in (q, c))
    assert_stage_agrees("dot_block", v_q, v_c, threads=data.draw(some.THREADS))


RADII = st.one_of(st.sampled_from([0.0, 1.0, math.inf, -1.0]), st.floats(0.0, 1.0))


@given(data=st.data(), dtype=some.DTYPES, n=some.SIZES, eps=st.floats(1e-150, 1e150))
def test_distance_block(data, dtype, n, eps, tried):
    tried["distance_block"] += 1
    q, c = data.draw(st.tuples(some.SIZES, some.SIZES))
    p = data.draw(some.anyhow(some.variances_left(n, dtype)))
    ids = [data.draw(arrays(np.int64, size, elements=st.integers(0, n - 1))) for size in (q, c)]
    kernel, dot = (data.draw(some.anyhow(some.rows(q, c, dtype))) for _ in range(2))
    radii = data.draw(arrays(np.float64, q, elements=RADII))
    threads = data.draw(some.THREADS)
    distances, mask = assert_stage_agrees(
        "distance_block_no_gate", p, *ids, kernel, dot, radii, eps, threads=threads
    )
    assert (mask == (distances <= radii[:, None])).all()
    assert ((distances >= 0.0) & (distances <= 1.0)).all()
    assert not np.signbit(distances).any()


@given(data=st.data(), dtype=some.DTYPES, n=some.SIZES, m=some.SIZES, d=st.integers(1, 4))
def test_knn(data, dtype, n, m, d, tried):
    tried["knn"] += 1
    q = data.draw(some.SIZES)
    u, v = data.draw(some.coordinates(q + n, d)), data.draw(some.rows(q + n, m, dtype))
    p = data.draw(some.variances_left(q + n, dtype))
    kernel = (data.draw(some.KERNELS), data.draw(some.VARIANCES))
    eps, k = data.draw(st.floats(1e-150, 1e150)), data.draw(st.integers(1, n))
    chunk, threads = data.draw(some.CHUNKS), data.draw(some.THREADS)
    limits = data.draw(some.limits(q, n))
    radii = data.draw(arrays(np.float64, q, elements=RADII))
    rows = (u[:q], v[:q], p[:q], u[q:], v[q:], p[q:], *kernel, eps)
    indices, distances = assert_stage_agrees("knn", *rows, k, chunk, limits, threads=threads)
    assert ((indices == -1) == np.isinf(distances)).all()
    offsets, *_ = assert_stage_agrees("radius", *rows, radii, chunk, limits, threads=threads)
    near = (distances <= radii[:, None]) & (indices >= 0)
    assert (np.diff(offsets) >= near.sum(axis=1)).all()


@given(data=st.data(), n=some.SIZES, d=st.integers(1, 8))
def test_euclidean_searches(data, n, d, tried):
    tried["euclidean"] += 1
    q = data.draw(some.SIZES)
    u = data.draw(some.coordinates(q + n, d))
    u_q, u = (data.draw(some.anyhow(st.just(part))) for part in (u[:q], u[q:]))
    limits, threads = data.draw(some.limits(q, n)), data.draw(some.THREADS)
    k = data.draw(st.integers(1, n))
    indices, distances = assert_stage_agrees("euclidean_knn", u_q, u, k, limits, threads=threads)
    visible = np.full(q, n) if limits is None else limits
    assert ((indices >= 0).sum(axis=1) == np.minimum(visible, k)).all()
    radii = data.draw(st.sampled_from([distances[:, 0], distances[:, -1], np.zeros(q)]))
    assert_stage_agrees("euclidean_radius", u_q, u, radii, limits, threads=threads)


@st.composite
def searches(draw, n, d, points):
    """Queries by id or by coordinates, and k."""
    q = draw(some.SIZES)
    queries = draw(
        st.one_of(
            arrays(draw(st.sampled_from([np.int64, np.uint8, np.int32])), (q, 1),
                   elements=st.integers(0, n - 1)),
            some.anyhow(some.coordinates(q, d)),
            st.just(points * 0.75),
        )
    )  # fmt: skip
    return queries, draw(st.integers(1, n))


@given(data=st.data(), problem=some.problems(), threads=st.tuples(some.THREADS, some.THREADS))
def test_the_whole_pipeline(data, problem, threads, tried):
    tried["pipeline"] += 1
    n, d = problem.points.shape
    queries, k = data.draw(searches(n, d, problem.points))
    ids = data.draw(arrays(np.int64, data.draw(some.SIZES), elements=st.integers(0, n - 1)))

    def everything(engine, workers, chunk_size):
        options = {**problem.options, "chunk_size": chunk_size, "threads": workers}
        backend = build(problem.points, engine, **options)
        how = {"engine": engine, "threads": workers}
        return (
            backend.inducing_indices,
            backend.cholesky,
            backend.v_matrix,
            backend.p_diag,
            compute_residual_distances(ids, ids[::-1], backend=backend, **how),
            *residual_knn(backend, queries, k, **how),
        )

    chunks = (problem.options["chunk_size"], data.draw(some.CHUNKS))
    answers = [
        answer(everything, engine, workers, chunk)
        for engine, workers, chunk in zip(ENGINES, threads, chunks, strict=True)
    ]
    assert_same(*answers)


WRONG_OPTIONS = {
    "variance": [0.0, -1.0, math.nan, math.inf, 2.0**61, True, "1"],
    "lengthscale": [0.0, -2.0, math.nan, math.inf, (), (1.0,) * 9, 1e-320, "1"],
    "inducing_count": [0, -1, 1.5, True],
    "seed": [-1, 2**64, 0.5],
    "kernel": ["cubic", 3, ""],
    "block_dtype": ["float16", "nonsense", "int64"],
    "chunk_size": [0, 1.0],
    "threads": [0, -1, 1.0],
}
WRONG_OPTION = st.sampled_from(sorted(WRONG_OPTIONS)).flatmap(
    lambda name: st.tuples(st.just(name), st.sampled_from(WRONG_OPTIONS[name]))
)


@given(problem=some.problems(most=9), wrong=WRONG_OPTION)
def test_refusals_to_build(problem, wrong, tried):
    tried["refusals"] += 1
    points = problem.points + 2.0**-20  # so that a lengthscale of 1e-320 overflows every one
    name, value = wrong
    said = [answer(build, points, e, **{**problem.options, name: value}) for e in ENGINES]
    assert isinstance(said[0][0], type)
    assert_same(*said)


WRONG_BLOCKS = {
    "p_diag": [np.array([1.0, 0.0]), np.array([1.0, np.nan]), np.ones((2, 1)), [1, 2], np.ones(0)],
    "query_indices": [[2], [-1], [0.0], np.zeros((2, 2), int), []],
    "chunk_indices": [[0, 2], [True, False], "01"],
    "kernel_block": [np.ones((2, 1)), np.ones((1, 2), np.float32), np.ones((1, 2), int), None],
    "dot_block": [np.ones(2), np.ones((1, 2)) * 1j],
    "radii": [[math.nan], [1.0, 1.0], ["a"]],
    "eps": [0.0, -1.0, math.nan, math.inf, 1e-200, [1.0]],
}


@pytest.mark.parametrize("name", WRONG_BLOCKS)
def test_refusals_of_a_block(name):
    good = {
        "p_diag": np.ones(2), "query_indices": [0], "chunk_indices": [0, 1],
        "kernel_block": np.ones((1, 2)), "dot_block": np.ones((1, 2)), "radii": [1.0], "eps": 1e-9,
    }  # fmt: skip
    assert assert_stage_agrees("distance_block_no_gate", *good.values()) is not None
    for value in WRONG_BLOCKS[name]:
        assert (
            assert_stage_agrees("distance_block_no_gate", *{**good, name: value}.values()) is None
        )
