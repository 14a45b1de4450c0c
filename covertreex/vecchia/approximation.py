"""`Vecchia`: a Gaussian process approximated by conditioning sets, and its log-likelihood.

A point's density given all points before it is replaced by that given its conditioning set. With
inducing points the same is done to the process that they leave, and what they explain is kept
whole: a full-scale approximation.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from .._options import as_kernel, as_runtime
from ..errors import ConfigurationError, IndexRangeError, ParameterError, ShapeError
from ..kernels import Kernel
from ..metrics._arguments import (
    F64,
    I64,
    as_choice,
    as_integer,
    as_points,
    finite,
    native,
    real_array,
)
from ..metrics.residual.backend import owned
from ..metrics.residual.rows import with_rows
from ..runtime import Runtime
from . import _loops as loops
from .orderings import as_order
from .regression import regress, woodbury
from .sets import euclidean_sets, residual_metric, residual_sets

__all__ = ["Vecchia"]

METRICS = ("euclidean", "residual_correlation")
_MOST = 30
"""Neighbours of a point where no k is given."""


class Vecchia:
    """A Gaussian process of mean zero, approximated point by point in an ordering.

    Without inducing points this is the approximation of Vecchia (1988) to the distribution of the
    response y, nugget and all. With m of them, ``y ~ N(0, V V^T + R)``: V (n, m) is what the
    inducing points explain, and R the approximation of Vecchia to what they leave, with the nugget.

    Parameters
    ----------
    coords : array_like of real numbers, shape (n, d)
        Coordinates, one row a point.
    kernel : Kernel
        Covariance function, with lengthscale and variance.
    noise : float, default 0.0
        Variance of the nugget, in squared units of the response, at least 0.
    k : int, optional
        Most neighbours of a point, at least 1; by default 30.
    order : {"maxmin", "hilbert", "random", "natural"} or array_like of int, shape (n,)
        The ordering, by the scaled coordinates: see `maxmin_order`, `hilbert_order`,
        `random_order`; "natural" is as given; or ids, each once.
    inducing_count : int, default 0
        Number of inducing points; 0 for the plain approximation, n where there are fewer points.
    metric : {"euclidean", "residual_correlation"}, optional
        What makes a predecessor near: the distance of the scaled coordinates, or the correlation
        that the inducing points leave; by default the latter where there are inducing points.
    neighbours : array_like of int, shape (n, k), optional
        Conditioning sets of your own instead, as `conditioning_sets` returns them; then neither
        ``k`` nor ``metric`` is given.
    seed : int, default 0
        Of the draw of the inducing points, and of the order "random", within [0, 2**64).
    runtime : Runtime, optional
        Engine, threads and hints; they change no bit. Its metric is not looked at.

    Attributes
    ----------
    order : ndarray of int64, shape (n,)
        Ids in their ordering.
    neighbours : ndarray of int64, shape (n, k)
        Positions of each position's conditioning set, below its own; -1 behind them.
    coefficients : ndarray of float64, shape (n, k)
        Regression of each point on its set; 0 beside -1.
    variances : ndarray of float64, shape (n,)
        Variance of each point given its set, nugget included, in squared units of the response.
    v_matrix : ndarray of float64, shape (n, m)
        What the inducing points explain, position by position; m is 0 without them.
    log_determinant : float
        Of the approximate covariance of y.

    Raises
    ------
    ShapeError, DtypeError, NonFiniteError, IndexRangeError, ParameterError
        If an argument does not fit.
    ConfigurationError
        If neighbours are to be near by residual correlation, but there are no inducing points; or
        ``k`` or ``metric`` is given beside ``neighbours``.
    FactorError
        If the covariance of a point and its set is not positive definite to the rounding of
        float64; the message names the point. Noise mends it.

    Notes
    -----
    Vecchia, *Estimation and model identification for continuous spatial processes*, J. R. Stat.
    Soc. B 50 (1988); Katzfuss and Guinness, *A general framework for Vecchia approximations of
    Gaussian processes*, Statistical Science 36 (2021); with inducing points, Gyger, Furrer and
    Sigrist, *Vecchia-inducing-points full-scale approximations for Gaussian processes* (2025).
    Memory is O(n (k + m)), time O(n (k**3 + m k**2 + m**2)) beside the search.

    Examples
    --------
    >>> import numpy as np
    >>> from covertreex import Matern52
    >>> from covertreex.vecchia import Vecchia
    >>> coords = np.linspace(0.0, 9.0, 40).reshape(-1, 1)
    >>> model = Vecchia(coords, Matern52(lengthscale=2.0), noise=0.1, k=5)
    >>> model
    Vecchia(n=40, k=5, inducing=0, noise=0.1)
    >>> round(model.log_likelihood(np.sin(coords[:, 0])), 2)
    -7.03
    """

    def __init__(
        self,
        coords: npt.ArrayLike,
        kernel: Kernel,
        *,
        noise: float = 0.0,
        k: int | None = None,
        order: str | npt.ArrayLike = "maxmin",
        inducing_count: int = 0,
        metric: str | None = None,
        neighbours: npt.ArrayLike | None = None,
        seed: int = 0,
        runtime: Runtime | None = None,
    ) -> None:
        points, how = as_points(coords, "coords"), as_runtime(runtime)
        of = as_kernel(kernel)
        self.kernel, self.noise = of, _noise(noise)
        inducing = as_integer(inducing_count, "inducing_count", 0)
        near, most = _metric(metric, inducing), _MOST if k is None else k
        _expect_one_of_two(neighbours, k=k, metric=metric)
        sets = None if neighbours is None else _sets(neighbours, len(points))
        scaled = of.scale(points)
        self.order: I64 = owned(as_order(order, scaled, seed, how.threads))
        ordered = np.ascontiguousarray(scaled[self.order])
        self.v_matrix: F64 = np.empty((len(points), 0))
        if inducing:
            left = with_rows(residual_metric(points, of, inducing, seed, how), self.order)
            self.v_matrix = np.asarray(left.v_matrix, np.float64)  # float64 already: not copied
            if sets is None and near == "residual_correlation":
                sets = residual_sets(left, most, how)
        if sets is None:
            sets = euclidean_sets(ordered, most, how)
        self._regression = regress(
            ordered, self.v_matrix, of, self.noise, sets, self.order, how.threads
        )
        self._woodbury = woodbury(self._regression, self.v_matrix, how.threads)
        self.neighbours, self.coefficients, self.variances = map(owned, self._regression)

    def __repr__(self) -> str:
        n, k = self.neighbours.shape
        return f"Vecchia(n={n}, k={k}, inducing={self.v_matrix.shape[1]}, noise={self.noise!r})"

    @property
    def log_determinant(self) -> float:
        """Logarithm of the determinant of the approximate covariance of y."""
        inner = np.log(np.diagonal(self._woodbury))
        return math.fsum(np.log(self.variances)) + 2.0 * math.fsum(inner)

    def log_likelihood(self, y: npt.ArrayLike) -> float:
        """Log density of a response under the approximation.

        Parameters
        ----------
        y : array_like of real numbers, shape (n,)
            Response of each point, by id, its mean subtracted.

        Returns
        -------
        float
            In nats; the same bits for any number of threads.

        Raises
        ------
        ShapeError, DtypeError, NonFiniteError
            If y does not fit.

        Notes
        -----
        By Woodbury's identity in the form of a ridge regression: with W the whitening of the
        residual process, ``y^T S^-1 y = |W (y - V a)|^2 + |a|^2`` at its minimum over a, where a
        rounding of a counts in second order alone.
        """
        response = _response(y, len(self.order))[self.order]
        explained = np.zeros(self.v_matrix.shape[1])
        if explained.size:
            white = self._regression.whitened(response[:, None])[:, 0]
            precise = self._regression.unwhitened_transposed(white)
            loops.transposed_times(self.v_matrix, precise, explained)
            loops.solve(self._woodbury, explained)
        left = np.empty(response.size)
        loops.less_product(self.v_matrix, explained, response, left)
        white = self._regression.whitened(left[:, None])[:, 0]
        squares = math.fsum(white * white) + math.fsum(explained * explained)
        return -0.5 * (squares + self.log_determinant + white.size * math.log(2.0 * math.pi))


def _metric(metric: str | None, inducing: int) -> str:
    if metric is None:
        return "residual_correlation" if inducing else "euclidean"
    near = as_choice(metric, "metric", METRICS)
    if near == "residual_correlation" and not inducing:
        raise ConfigurationError(
            "metric='residual_correlation' is what inducing points leave, but inducing_count is 0; "
            "give inducing points, or metric='euclidean'"
        )
    return near


def _expect_one_of_two(neighbours: object, **ways: object) -> None:
    """Refuse ways to find conditioning sets beside sets that are given: nothing would heed them."""
    odd = [name for name, value in ways.items() if value is not None]
    if odd and neighbours is not None:
        raise ConfigurationError(
            f"{' and '.join(odd)} given beside neighbours, the conditioning sets of your own; "
            f"leave {' and '.join(odd)} out, or neighbours"
        )


def _noise(noise: object) -> float:
    array = real_array(noise, "noise")
    if array.ndim != 0:
        raise ShapeError(f"noise has shape {array.shape}; give one number, a variance")
    value = float(finite(array.reshape(1), "noise")[0])
    if value < 0.0:
        raise ParameterError(f"noise is {value!r}; it is a variance, at least 0")
    return value


def _response(y: npt.ArrayLike, n: int) -> F64:
    array = real_array(y, "y")
    if array.shape != (n,):
        raise ShapeError(f"y has shape {array.shape}; give one number for each of {n} points")
    return finite(native(array, np.float64), "y")


def _sets(neighbours: npt.ArrayLike, n: int) -> I64:
    """Conditioning sets of the caller's own: positions below each row's, once each, then -1."""
    array = real_array(neighbours, "neighbours")
    if array.dtype.kind not in "iu" or array.ndim != 2 or len(array) != n or array.shape[1] == 0:
        raise ShapeError(
            f"neighbours has shape {array.shape} and dtype {array.dtype}; give integers of shape "
            f"({n}, k), positions before each point's own, -1 behind them"
        )
    wrong = (array < -1) | (array >= np.arange(n)[:, None])  # before a cast: 2**64 - 1 is not -1
    given = native(array, np.int64)
    ascending = np.sort(given, axis=1)
    twice = (ascending[:, 1:] == ascending[:, :-1]) & (ascending[:, 1:] >= 0)
    gap = (given[:, :-1] < 0) & (given[:, 1:] >= 0)
    bad = wrong.any(axis=1) | twice.any(axis=1) | gap.any(axis=1)
    if bad.any():
        at = int(bad.argmax())
        wanted = f"name positions within 0 and {at - 1}, each once, then -1"
        raise IndexRangeError(
            f"neighbours[{at}] is {array[at].tolist()}; "
            f"{wanted if at else 'nothing stands before the first position, so give -1 alone'} "
            f"({int(bad.sum())} of {n} rows do not)"
        )
    return given
