"""How far every stage of the reference is from the true value, and that it is within its bound.

The bounds stand in ``oracle.py``. Subjects are cases of the parity table and small generated ones;
with ``--thorough`` all cases and many more generated ones. The largest error of each stage is
printed at the end of the run. What holds for the reference holds for every engine of equal bits.
"""

import math

import mpmath
import numpy as np
import oracle
import pytest
import subjects
from mpmath import mpf
from oracle import Dyadic, U
from parity.inputs import uniforms
from subjects import some

from covertreex.metrics import _numba_loops
from covertreex.metrics import _residual_numba as engine


def pytest_generate_tests(metafunc):
    if "run" in metafunc.fixturenames:
        subjects.parametrize(metafunc)


@pytest.fixture(scope="module")
def run(request):
    with mpmath.workprec(oracle.BITS):
        yield subjects.Run(request.param)


def exp_arguments(count, thorough):
    """Breakpoints of the reduction and their neighbours, clamps, and dense samples of each kind."""
    breakpoints = (np.arange(-1077, 1026) - 0.5) * math.log(2.0)
    steps = np.arange(-40, 41) if thorough else np.arange(-2, 3)
    near = (breakpoints.view(np.int64)[:, None] + steps).view(np.float64).ravel()
    draws = uniforms(7, 4 * count).reshape(4, count)
    return np.concatenate([
        near,
        [-math.inf, -1e300, -746.0, -745.14, -745.13, -708.4, -5e-324, 0.0, 5e-324, 709.78, 709.79,
         710.0, 1e300, math.inf],
        draws[0] * 1_456.0 - 746.0,
        draws[1] * 40.0 - 746.0,  # subnormal results
        draws[2] * 2.0 - 1.0,
        np.copysign(2.0 ** (-60.0 * draws[3]), draws[0] - 0.5),
    ])  # fmt: skip


def test_exp_is_within_1_ulp_over_its_whole_range(thorough, figure):
    x = exp_arguments(100_000 if thorough else 3_000, thorough)
    errors = {"normal": [0.0], "subnormal": [0.0]}
    with mpmath.workprec(oracle.BITS):
        for argument, found in zip(x.tolist(), engine.exp(x).tolist(), strict=True):
            true = mpmath.exp(mpf(max(argument, -2_000.0)))  # 2**-2885 is zero to any float64
            error = oracle.ulp_error(found, min(true, mpf(2) ** 1024))
            assert error <= 1.0, argument
            assert found >= 0.0
            errors["subnormal" if true < mpf(2) ** -1022 else "normal"].append(error)
    for kind, found in errors.items():
        figure(f"exp, {kind} results", "ULP of the true value", max(found), max(found), len(found))


def pairs(run, thorough):
    """Each pair's true squared distance, the one computed, and the covariance made of it.

    The squared distances are no stage of their own; `_kernel_row` leaves them in its scratch. One
    that overflows has no error to speak of: it is infinite, and its covariance zero.
    """
    u, rows, columns = run("scaled"), run("query_indices"), run("chunk_indices")
    transposed = np.ascontiguousarray(u[columns].T)
    s, kernel = np.empty((2, len(columns)))
    kind = _numba_loops.KINDS[run.case.kernel]
    for i in some(len(rows), 24 if thorough else 6):
        at = u[rows[i]]
        _numba_loops._kernel_row(at, transposed, kind, run.case.variance, s, kernel)
        assert kernel.tobytes() == run.wide("kernel_block")[i].tobytes()
        for j in some(len(columns), 64 if thorough else 12):
            true = oracle.squared_distance(at, u[columns[j]])
            if oracle.squared_distance_range(true, run.case.d)[0] >= mpf(2) ** 1024:
                assert (s[j], kernel[j]) == (math.inf, 0.0)
            else:
                yield true, float(s[j]), float(kernel[j])


def test_squared_distances(run, thorough, figure):
    seen = []
    for true, found, _ in pairs(run, thorough):
        near, far = oracle.squared_distance_range(true, run.case.d)
        seen.append((oracle.ulp_error(found, true), oracle.share_of_range(found, true, near, far)))
    largest, share = np.max(seen, axis=0)
    assert share <= 1.0
    figure("squared distance", "ULP of the true value", largest, share, len(seen))


@pytest.mark.parametrize("given", ["s", "coordinates"])
def test_kernels(given, run, thorough, figure):
    name, variance, seen = run.case.kernel, run.case.variance, []
    for true, s, found in pairs(run, thorough):
        near, far = oracle.squared_distance_range(true, run.case.d)
        if given == "s":
            true, near, far = (mpf(s),) * 3
        value = oracle.kernel_value(name, mpf(variance), true)
        ends = oracle.kernel_range(name, variance, near, far)
        error = oracle.strained_ulps(name, variance, true, found, value)
        seen.append((error, oracle.share_of_range(found, value, *ends)))
    largest, share = np.max(seen, axis=0)
    assert share <= 1.0
    unit = f"ULP of the true value * {oracle.STRAIN[name]}"
    figure(f"{name} given {given}", unit, largest, share, len(seen))


def test_the_factor_reproduces_the_covariance(run, thorough, figure):
    case, lower = run.case, run("cholesky")
    covariance = engine.kernel_block(run.u_z, run.u_z, case.kernel, case.variance, "float64")
    rows = some(len(lower), 32 if thorough else 16)
    error, bound, sums = oracle.cholesky_residual(covariance, 1e-6 * case.variance, lower, rows)
    share = error.over(bound).max()
    assert share <= 1.0
    assert (np.triu(lower, 1) == 0.0).all()
    largest = oracle.in_u(error, sums, len(lower), scale=lower.max())
    figure("Cholesky, A - L L'", "u |L| |L'|", largest, share, len(rows) * len(lower))


def test_v_solves_its_triangle_and_p_is_what_is_left(run, thorough, figure):
    case = run.case
    rows = some(case.n, 32 if thorough else 8)
    v, p = run.wide("v_matrix")[rows], run.wide("p_diag")[rows]
    u = run("scaled")[rows]
    kernels = engine.kernel_block(u, run.u_z, case.kernel, case.variance, "float64")
    lower = run("cholesky")
    error, bound, sums = oracle.substitution_residual(kernels, lower, v)
    share = error.over(bound).max()
    assert share <= 1.0
    largest = oracle.in_u(error, sums, v.shape[1], scale=lower.max())
    figure("V, K - V L'", "u |V| |L'|", largest, share, v.size)
    error, bound = oracle.residual_variance(case.variance, v, p)
    share = error.over(bound).max()
    assert share <= 1.0
    assert (p >= 1e-9 * case.variance).all()
    largest = error.over(Dyadic.of(case.variance)).max() / U["float64"]
    figure("p_diag", "u * variance", largest, share, p.size)


def test_float32_blocks_are_float64_rounded_once(run):
    for output in ("v_matrix", "p_diag", "kernel_block"):
        rounded = run.wide(output).astype(run.case.block_dtype)
        assert run(output).tobytes() == rounded.tobytes()


def test_dot_chains(run, thorough, figure):
    v, rows = run("v_matrix"), some(run.case.queries, 24 if thorough else 6)
    columns = some(run.case.columns, 64 if thorough else 24)
    found = run("dot_block")[np.ix_(rows, columns)]
    v_q, v_c = v[run("query_indices")[rows]], v[run("chunk_indices")[columns]]
    error, bound, sums = oracle.dot_error(v_q, v_c, found)
    share, dtype = error.over(bound).max(), found.dtype.name
    assert share <= 1.0
    what = f"dot chain, {dtype}"
    figure(what, "u |a| |b|", oracle.in_u(error, sums, v.shape[1], dtype), share, found.size)


def test_distances(run, thorough, figure):
    blocks = [run(name) for name in ("kernel_block", "dot_block", "distances")]
    p, dtype, eps = run("p_diag").astype(np.float64), run.case.block_dtype, float(run("eps"))
    p_q, p_c = p[run("query_indices")], p[run("chunk_indices")]
    far, near = [], []
    for i in some(run.case.queries, 24 if thorough else 6):
        for j in some(run.case.columns, 64 if thorough else 24):
            kernel, dot, distance = (float(block[i, j]) for block in blocks)
            rho = oracle.correlation(kernel, dot, p_q[i], p_c[j], eps)
            true = oracle.distance_of(rho)
            share = oracle.share_of_range(distance, true, *oracle.distance_range(rho, dtype))
            assert share <= 1.0, (i, j)
            assert 0.0 <= distance <= 1.0
            assert math.copysign(1.0, distance) == 1.0
            if rho <= 0.5:
                far.append((abs(mpf(distance) - true) / U[dtype], share))
            else:  # one rounding of rho is many of the distance: say which rho it stands for
                near.append((abs(1 - mpf(distance) ** 2 - min(rho, 1)) / rho / U[dtype], share))
    for what, unit, seen in (("<=", "u", far), (">", "u, as a relative change of rho", near)):
        if seen:
            largest, share = np.max(np.array(seen, np.float64), axis=0)
            figure(f"distance, {dtype}, |rho| {what} 1/2", unit, largest, share, len(seen))
