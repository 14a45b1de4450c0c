"""What each stage should have given, exactly or to 200 bits, and how far it may be from that.

Sums of products are exact (`Dyadic`, integers times a power of two); exp and sqrt come from mpmath.
u is the unit roundoff, 2**-53 or 2**-24, and gamma(n) = n u / (1 - n u) bounds n roundings (Higham,
*Accuracy and Stability of Numerical Algorithms*, 2nd edition, 2002, lemma 3.1). Every bound holds
in any order of summation, with or without fma: it is not what the engines agree on.

Shapes: q queries, c columns, m inducing points.
"""

import math
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
from mpmath import mpf

BITS = 200
U = {"float32": 2.0**-24, "float64": 2.0**-53}
SMALLEST = {"float32": 2.0**-149, "float64": 2.0**-1074}


def gamma(n, unit=U["float64"]):
    """Bound of n roundings, itself rounded up."""
    return np.nextafter(n * unit / (1.0 - n * unit), np.inf)


def ulp(true):
    """The distance of neighbouring float64 numbers where `true` lies; 2**-1074 below 2**-1021."""
    return mpf(2) ** max(mpmath.frexp(true)[1] - 53, -1074) if true else mpf(2) ** -1074


def ulp_error(found, true):
    """|found - true| in ULP of the true value; an infinity counts as 2**1024."""
    return float(abs((mpf(2) ** 1024 if found == math.inf else mpf(found)) - true) / ulp(true))


@dataclass(frozen=True)
class Dyadic:
    """An array of numbers ``whole * 2**exponent``: exact, however far apart they lie."""

    whole: Any
    exponent: int

    @classmethod
    def of(cls, values):
        """Return float32 or float64 numbers, exactly."""
        mantissas, exponents = np.frexp(np.asarray(values, np.float64))
        exponents = np.where(mantissas == 0.0, 0, exponents)
        lowest = int(exponents.min(initial=0)) - 53
        whole = (mantissas * 2.0**53).astype(np.int64).astype(object)
        return cls(whole << (exponents - 53 - lowest).astype(object), lowest)

    @property
    def T(self):  # noqa: N802 - as NumPy calls it
        return Dyadic(self.whole.T, self.exponent)

    def __abs__(self):
        return Dyadic(abs(self.whole), self.exponent)

    def __mul__(self, other):
        return Dyadic(self.whole * other.whole, self.exponent + other.exponent)

    def __matmul__(self, other):
        return Dyadic(self.whole @ other.whole, self.exponent + other.exponent)

    def __add__(self, other):
        lowest, mine, theirs = self._aligned(other)
        return Dyadic(mine + theirs, lowest)

    def __sub__(self, other):
        lowest, mine, theirs = self._aligned(other)
        return Dyadic(mine - theirs, lowest)

    def maximum(self, other):
        """The larger of two, element by element."""
        lowest, mine, theirs = self._aligned(other)
        return Dyadic(np.maximum(mine, theirs), lowest)

    def over(self, other):
        """Quotients, as the nearest float64; 0 / 0 counts as 0."""
        _, mine, theirs = self._aligned(other)
        return np.frompyfunc(_quotient, 2, 1)(mine, theirs).astype(np.float64)

    def _aligned(self, other):
        lowest = min(self.exponent, other.exponent)
        shifts = (self.exponent - lowest, other.exponent - lowest)
        return lowest, self.whole << shifts[0], other.whole << shifts[1]


def _quotient(a, b):
    return a / b if b else (math.inf if a else 0.0)


def squared_distance(a, b):
    """Squared distance of two scaled points, as mpmath numbers."""
    return mpmath.fsum((mpf(x) - mpf(y)) ** 2 for x, y in zip(a, b, strict=True))


def kernel_value(kernel, variance, s):
    """Covariance at squared scaled distance s."""
    if kernel == "rbf":
        return variance * mpmath.exp(-s / 2)
    r = mpmath.sqrt(MATERN[kernel] * s)
    return variance * matern_factor(kernel, r) * mpmath.exp(-r)


MATERN = {"matern12": 1, "matern32": 3, "matern52": 5}
"""What stands beside s under the root."""


def matern_factor(kernel, r):
    """What stands before exp(-r)."""
    return {"matern12": 1, "matern32": 1 + r, "matern52": 1 + r + r * r / 3}[kernel]


def squared_distance_range(s, d):
    """Between which numbers a computed s lies: d + 2 roundings of terms that all are positive."""
    spread, slack = mpf(gamma(d + 2)), (d + 2) * mpf(SMALLEST["float64"])
    return max(s * (1 - spread) - slack, mpf(0)), s * (1 + spread) + slack


def kernel_range(kernel, variance, nearest, farthest):
    """Between which numbers a computed covariance lies, s being between two numbers.

    All kernels fall with s, so the ends of s give the ends of the covariance. exp is off by 1 ULP,
    at most 2 u or 2**-1074; the roundings after it are 1 (RBF, Matern-1/2), 3 (Matern-3/2: a sum,
    two products) or 5 (Matern-5/2: three of the polynomial, two products), and those before it at
    most two of r = sqrt(c s). A product that underflows adds at most variance * 2**-1074.
    """
    u, smallest = mpf(U["float64"]), mpf(SMALLEST["float64"])
    if kernel == "rbf":
        roundings, near, far = 1, nearest / 2, farthest / 2
        least = most = mpf(1)
    else:
        roundings = MATERN[kernel]
        near = mpmath.sqrt(MATERN[kernel] * nearest * (1 - u)) * (1 - u)
        far = mpmath.sqrt(MATERN[kernel] * farthest * (1 + u)) * (1 + u)
        least, most = (matern_factor(kernel, r) for r in (far, near))
    high, low = mpmath.exp(-near), mpmath.exp(-far)
    slack = (variance + 1) * smallest
    return (
        variance * least * (low * (1 - 2 * u) - smallest) * (1 - u) ** roundings - slack,
        variance * most * (high * (1 + 2 * u) + smallest) * (1 + u) ** roundings + slack,
    )


STRAIN = {"rbf": "(1 + s / 2)"} | dict.fromkeys(MATERN, "(1 + r)")


def strained_ulps(kernel, variance, s, found, true):
    """|found - true| in ULP times one more than what multiplies a relative error of s, or of r.

    An ULP of a subnormal exp, times its factor, may be many of the covariance: it is the unit.
    """
    factor, strain = 1, 1 + s / 2
    if kernel != "rbf":
        r = mpmath.sqrt(MATERN[kernel] * s)
        factor, strain = matern_factor(kernel, r), 1 + r
    unit = max(ulp(true), variance * factor * mpf(SMALLEST["float64"]))
    return float(abs(mpf(found) - true) / (unit * strain))


def share_of_range(found, true, low, high):
    """How far `found` is from `true` on the way to that end of its range; above 1 is outside."""
    if found == true:
        return 0.0
    room = (high if found > true else low) - true
    return float((mpf(found) - true) / room) if room else math.inf


def cholesky_residual(covariance, jitter, lower, rows):
    """|A + jitter I - L L^T| of some rows of the lower triangle, its bound, and |L| |L^T|.

    Column j (from 0) ends j + 1 roundings of its sum in a division or a root, one more; the jitter
    adds another: gamma(j + 3), Higham lemma 8.4 and theorem 10.3.
    """
    column = np.arange(len(lower))
    jittered = Dyadic.of(covariance[rows]) + Dyadic.of(jitter * np.eye(len(lower))[rows])
    factor, some = Dyadic.of(lower), Dyadic.of(lower[rows])
    sums = abs(some) @ abs(factor).T
    bound = Dyadic.of(gamma(column + 3)) * sums + _slack(len(lower))
    below = Dyadic((column <= np.asarray(rows)[:, None]).astype(int).astype(object), 0)
    return abs(jittered - some @ factor.T) * below, bound, sums


def substitution_residual(rows, lower, v):
    """|K - V L^T|, its bound, and |V| |L^T|: gamma(j + 1) in column j, Higham lemma 8.4."""
    factor, found = Dyadic.of(lower), Dyadic.of(v)
    sums = abs(found) @ abs(factor).T
    bound = Dyadic.of(gamma(np.arange(len(lower)) + 1)) * sums + _slack(len(lower))
    return abs(Dyadic.of(rows) - found @ factor.T), bound, sums


def _slack(m):
    """What underflow adds: m roundings of 2**-1074, times an element of L, at most 2**31."""
    return Dyadic.of((m + 2) * 2.0**-1040)


def residual_variance(variance, v, p):
    """|p - true p| given V, and its bound: m roundings of the chain and one of the difference."""
    rows = Dyadic.of(v)
    squares = Dyadic((rows.whole * rows.whole).sum(axis=1), 2 * rows.exponent)
    raw = Dyadic.of(variance) - squares
    true = raw.maximum(Dyadic.of(1e-9 * variance))
    bound = Dyadic.of(gamma(v.shape[1] + 1)) * squares + Dyadic.of(U["float64"]) * abs(raw)
    return abs(Dyadic.of(p) - true), bound + _slack(v.shape[1])


def dot_error(a, b, found):
    """|found - a b^T|, its bound gamma(m) |a| |b^T| (Higham, section 3.1), and |a| |b^T|."""
    dtype = found.dtype.name
    left, right = Dyadic.of(a), Dyadic.of(b).T
    sums = abs(left) @ abs(right)
    bound = Dyadic.of(gamma(a.shape[1], U[dtype])) * sums
    bound += Dyadic.of(a.shape[1] * SMALLEST[dtype])
    return abs(Dyadic.of(found) - left @ right), bound, sums


def in_u(error, sums, m, dtype="float64", scale=1.0):
    """The largest error in units of u * sums, u that of the dtype.

    Where m underflows, times what multiplies them, are more than u * sums, they are the unit.
    """
    least = Dyadic.of(m * (SMALLEST[dtype] / U[dtype]) * max(scale, 1.0))
    return error.over(sums.maximum(least)).max() / U[dtype]


def correlation(kernel, dot, p_i, p_j, eps):
    """|rho| of one element, of its inputs as they are."""
    return abs(mpf(kernel) - mpf(dot)) / mpmath.sqrt(max(mpf(p_i) * mpf(p_j), mpf(eps) ** 2))


def distance_of(rho):
    """``sqrt(1 - |rho|)``, 0 where rho is above 1."""
    return mpmath.sqrt(max(1 - rho, mpf(0)))


def distance_range(rho, dtype):
    """Between which numbers a computed distance lies, given the exact |rho| of its inputs.

    The computed |rho| carries a rounding of the block dtype (kernel - dot), one of the division,
    one of the root and half of the product under it; 1 - |rho| and its root add one and a half.
    The distance falls with |rho|, so the ends of one are the ends of the other.
    """
    u = mpf(U["float64"])
    spread = (1 + mpf(U[dtype])) * (1 + u) / ((1 - u) * mpmath.sqrt(1 - u)) - 1
    slack = mpf(SMALLEST[dtype])
    low = distance_of(rho * (1 + spread) + slack) * (1 - u) ** 2
    return low, distance_of(max(rho * (1 - spread) - slack, mpf(0))) * (1 + u) ** 2


def true_metric(u, u_z, kernel, variance):
    """V and p of every point, of exact kernels and an exact factor, as mpmath numbers."""
    jitter, least = mpf(1e-6 * variance), mpf(1e-9 * variance)
    variance = mpf(variance)

    def covariance(a, b):
        return kernel_value(kernel, variance, squared_distance(a, b))

    m = len(u_z)
    lower = [[mpf(0)] * m for _ in range(m)]
    for i in range(m):
        for j in range(i + 1):
            done = mpmath.fdot(lower[i][:j], lower[j][:j])
            s = covariance(u_z[i], u_z[j]) + (jitter if i == j else 0) - done
            lower[i][j] = mpmath.sqrt(s) if i == j else s / lower[j][j]
    v = [[] for _ in u]
    for point, row in zip(u, v, strict=True):
        for j in range(m):
            rest = covariance(point, u_z[j]) - mpmath.fdot(row, lower[j][:j])
            row.append(rest / lower[j][j])
    return v, [max(variance - mpmath.fdot(row, row), least) for row in v]
