"""Each point regressed on its conditioning set, and rows of values whitened by that.

Everything is in the ordering's positions. With B the unit triangle that subtracts each point's
regression, and D the conditional variances, the approximate precision is ``B^T D^-1 B``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import FactorError
from ..kernels import Kernel
from ..metrics import _numba_loops as formulas
from ..metrics._arguments import F64, I64
from ..metrics._numba_threads import check_environment, over_rows
from . import _loops as loops

_TILE_NUMBERS = 2**17
"""Numbers of a tile's pairs, about: one megabyte."""


class Regression(NamedTuple):
    """Neighbours (n, k), coefficients (n, k), 0 beside -1, and conditional variances (n,)."""

    neighbours: I64
    coefficients: F64
    variances: F64

    def whitened(self, values: F64, start: int = 0, stop: int | None = None) -> F64:
        """Rows ``start`` to ``stop`` of ``D^-1/2 B values``, values (n, w)."""
        stop = len(values) if stop is None else stop
        out = np.empty((stop - start, values.shape[1]))
        loops.whitened(values, *self, start, stop, out)
        return out

    def unwhitened_transposed(self, white: F64) -> F64:
        """``B^T D^-1/2 white``, (n,)."""
        out = np.zeros(white.size)
        loops.precision_times(white, *self, out)
        return out


def regress(
    scaled: F64,
    v: F64,
    kernel: Kernel,
    noise: float,
    neighbours: I64,
    order: I64,
    threads: int | None,
) -> Regression:
    """Regress each point on its neighbours under ``k(x, x') - v . v' + noise``.

    Parameters
    ----------
    scaled : ndarray of float64, shape (n, d)
        Scaled coordinates.
    v : ndarray of float64, shape (n, m)
        What the inducing points explain; m may be 0.
    kernel : Kernel
        Its lengthscale is in ``scaled`` already.
    noise : float
        Variance of the nugget.
    neighbours : ndarray of int64, shape (n, k)
        Positions below each point's own, -1 behind them.
    order : ndarray of int64, shape (n,)
        Ids, to name a point that fails.
    threads : int, optional
        Number of threads; changes no bit.

    Returns
    -------
    Regression

    Raises
    ------
    FactorError
        If the covariance of a set is not positive definite to its rounding.
    """
    (n, k), d = neighbours.shape, scaled.shape[1]
    pairs = (k + 1) * (k + 2) // 2
    resolution = 2.0**-52 * (kernel.variance + noise)
    coefficients, variances = np.zeros((n, k)), np.empty(n)
    origin, kind = np.zeros((1, d)), formulas.KINDS[kernel.name]

    def task(start: int, stop: int) -> None:
        apart = np.zeros((d, stop - start, pairs))
        loops.differences(scaled, neighbours, start, stop, apart)
        covariances = np.empty((1, apart[0].size))
        # A difference against the origin has the bits of the two points: one formula, no copy.
        formulas.kernel_rows(origin, apart.reshape(d, -1), kind, kernel.variance, 0, 1, covariances)
        failed = loops.conditionals(
            covariances.reshape(stop - start, pairs), v, neighbours, noise, resolution,
            start, stop, coefficients, variances,
        )  # fmt: skip
        if failed >= 0:
            raise FactorError(_not_positive_definite(failed, neighbours, order, noise))

    over_rows(task, n, max(1, _TILE_NUMBERS // (pairs * d)), threads)
    return Regression(neighbours, coefficients, variances)


def woodbury(regression: Regression, v: F64, threads: int | None) -> F64:
    """Lower Cholesky factor (m, m) of ``I + V^T B^T D^-1 B V``, summed in order of position."""
    n, m = v.shape
    inner, tile = np.eye(m), 512
    check_environment()
    for first in range(0, n if m else 0, tile):
        rows = np.empty((min(tile, n - first), m))

        def whiten(start: int, stop: int, first: int = first, rows: F64 = rows) -> None:
            loops.whitened(v, *regression, first + start, first + stop, rows[start:stop])

        def add(start: int, stop: int, rows: F64 = rows) -> None:
            loops.add_products(rows, start, stop, inner)

        over_rows(whiten, len(rows), 64, threads)
        over_rows(add, m, 16, threads)
    lower: F64 = np.zeros((m, m))
    row = formulas.cholesky(inner, 0.0, lower)
    if row >= 0:
        raise FactorError(
            f"the inducing points' precision is not positive definite: pivot {row} of its Cholesky "
            "factor is not above zero; add noise, or use fewer inducing points"
        )
    return lower


def _not_positive_definite(at: int, neighbours: I64, order: I64, noise: float) -> str:
    near = neighbours[at][neighbours[at] >= 0]
    beside = f" and its {near.size} nearest, point {order[near[0]]} first," if near.size else ""
    return (
        f"the covariance of point {order[at]}{beside} is not positive definite to the rounding of "
        f"float64 with noise={noise!r}; add noise, drop duplicates, or use a shorter lengthscale"
    )
