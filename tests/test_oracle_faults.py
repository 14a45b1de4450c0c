"""The oracle itself: its exact numbers are exact, and each bound is close enough to be broken."""

import math
from fractions import Fraction
from functools import cache

import mpmath
import numpy as np
import oracle
import pytest
from mpmath import mpf
from oracle import Dyadic, U
from parity.inputs import normals

from covertreex.metrics import _residual_numba as engine

POINTS = normals(3, 40).reshape(20, 2)
Z = POINTS[:9]
ROWS = np.arange(9)


@cache
def lower():
    return engine.cholesky(Z, "rbf", 1.5)


@cache
def v_and_p():
    return engine.project(POINTS, Z, lower(), "rbf", 1.5, "float64")


@pytest.fixture(autouse=True)
def precision():
    with mpmath.workprec(oracle.BITS):
        yield


def fractions(values):
    return [Fraction(value) for value in np.ravel(values).tolist()]


def of(dyadic):
    return [Fraction(whole) * Fraction(2) ** dyadic.exponent for whole in np.ravel(dyadic.whole)]


def test_dyadic_numbers_are_exact():
    a = np.array([1e-300, -3.5, 0.0, 5e-324, 1e300, 2.0**-1022]).reshape(2, 3)
    b = normals(1, 6).reshape(2, 3)
    x, y = fractions(a), fractions(b)
    assert of(Dyadic.of(a)) == x
    assert of(Dyadic.of(a) + Dyadic.of(b)) == [p + q for p, q in zip(x, y, strict=True)]
    assert of(Dyadic.of(a) - Dyadic.of(b)) == [p - q for p, q in zip(x, y, strict=True)]
    assert of(Dyadic.of(a) * Dyadic.of(b)) == [p * q for p, q in zip(x, y, strict=True)]
    assert of(Dyadic.of(a).maximum(Dyadic.of(b))) == [max(*p) for p in zip(x, y, strict=True)]
    assert of(abs(Dyadic.of(a))) == [abs(p) for p in x]
    dots = [sum(x[3 * i + k] * y[3 * j + k] for k in range(3)) for i in (0, 1) for j in (0, 1)]
    assert of(Dyadic.of(a) @ Dyadic.of(b).T) == dots
    assert Dyadic.of([3.0, 0.0, 1.0]).over(Dyadic.of([2.0, 0.0, 0.0])).tolist() == [1.5, 0, np.inf]


def test_an_ulp_is_the_spacing_of_the_true_value():
    for x in (1.0, 1.5, math.nextafter(2.0, 0.0), 2.0, 1e-310, 5e-324, 1e300):
        assert oracle.ulp(mpf(x)) == mpf(float(np.spacing(x)))
        assert oracle.ulp_error(float(np.nextafter(x, np.inf)), mpf(x)) == 1.0
    assert oracle.ulp_error(0.0, mpf(2) ** -1076) == 0.25
    assert oracle.ulp_error(math.inf, mpf(2) ** 1024 - mpf(2) ** 970) == 0.5


def test_gamma_is_not_below_its_value():
    for unit in U.values():
        for n in (1, 2, 3, 64, 1_080):
            exact = n * Fraction(unit) / (1 - n * Fraction(unit))
            assert (
                exact <= Fraction(float(oracle.gamma(n, unit))) <= exact * (1 + Fraction(2.0**-51))
            )


def share_of_kernel(name, ulps):
    s, variance = 2.75, 1.5
    found = engine.kernel_block(np.array([[math.sqrt(s)]]), np.zeros((1, 1)), name, 1.5, "float64")
    exact = oracle.squared_distance([math.sqrt(s)], [0.0])
    true = oracle.kernel_value(name, mpf(variance), exact)
    ends = oracle.kernel_range(name, variance, *oracle.squared_distance_range(exact, 1))
    return oracle.share_of_range(off_by(found, ulps)[0, 0], true, *ends)


def share_of_distance(ulps):
    found, _ = engine.distance_block_no_gate(
        np.array([0.5, 0.625]), [0], [1], np.array([[0.75]]), np.array([[0.5]]), [1.0], 1e-9
    )
    rho = oracle.correlation(0.75, 0.5, 0.5, 0.625, 1e-9)
    ends = oracle.distance_range(rho, "float64")
    return oracle.share_of_range(off_by(found, ulps)[0, 0], oracle.distance_of(rho), *ends)


def share_of_squared_distance(ulps):
    a, b = POINTS[0], POINTS[1]
    found = off_by(np.array([math.fsum((a - b) ** 2)]), ulps)[0]
    exact = oracle.squared_distance(a, b)
    return oracle.share_of_range(found, exact, *oracle.squared_distance_range(exact, 2))


def share_of_factor(ulps):
    covariance = engine.kernel_block(Z, Z, "rbf", 1.5, "float64")
    found = off_by(lower(), ulps)
    error, bound, _ = oracle.cholesky_residual(covariance, 1e-6 * 1.5, found, ROWS)
    return error.over(bound).max()


def share_of_v(ulps):
    rows = engine.kernel_block(POINTS, Z, "rbf", 1.5, "float64")
    error, bound, _ = oracle.substitution_residual(rows, lower(), off_by(v_and_p()[0], ulps))
    return error.over(bound).max()


def share_of_p(ulps):
    v, p = v_and_p()
    error, bound = oracle.residual_variance(1.5, v, p + ulps * np.spacing(1.5))
    return error.over(bound).max()


def share_of_dot(dtype, ulps):
    v = v_and_p()[0].astype(dtype)
    error, bound, _ = oracle.dot_error(v, v, off_by(engine.dot_block(v, v), ulps))
    return error.over(bound).max()


def off_by(array, ulps):
    """The same array, every element so many ULP up."""
    return (array + ulps * np.spacing(array)).astype(array.dtype)


SHARES = {
    "squared distance": (share_of_squared_distance, 5),
    "rbf": (lambda ulps: share_of_kernel("rbf", ulps), 8),
    "matern12": (lambda ulps: share_of_kernel("matern12", ulps), 10),
    "matern32": (lambda ulps: share_of_kernel("matern32", ulps), 12),
    "matern52": (lambda ulps: share_of_kernel("matern52", ulps), 14),
    "factor": (share_of_factor, 16),
    "V": (share_of_v, 16),
    "p_diag": (share_of_p, 16),
    "dot float32": (lambda ulps: share_of_dot("float32", ulps), 16),
    "dot float64": (lambda ulps: share_of_dot("float64", ulps), 16),
    "distance": (share_of_distance, 4),
}


@pytest.mark.parametrize("name", SHARES)
def test_a_few_ulp_break_each_bound(name):
    share, ulps = SHARES[name]
    assert 0.0 <= share(0) <= 1.0
    assert share(ulps) > 1.0
    assert share(-ulps) > 1.0


def test_the_true_metric_is_the_reference_to_its_last_digits():
    v, p = oracle.true_metric(POINTS.tolist(), Z.tolist(), "rbf", 1.5)
    for true, found in zip((v, p), v_and_p(), strict=True):
        assert np.allclose(np.array(true, np.float64), found, rtol=0.0, atol=1e-9)
    shorter, _ = oracle.true_metric(POINTS.tolist(), (Z * 0.999).tolist(), "rbf", 1.5)
    assert not np.allclose(np.array(shorter, np.float64), v_and_p()[0], rtol=0.0, atol=1e-9)
