"""A V and p_diag that a caller gives, rounded once to the block dtype, refused where they overflow.

V is (n, m), p_diag (n,). By Cauchy and Schwarz no inner product of two rows exceeds the squared
length of the longer, so rows whose squared lengths are finite have finite blocks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import NonFiniteError, ParameterError
from .._arguments import finite

_ROOM = 4.0
"""What a squared length stays below the largest number by: more than rounding makes of a chain."""

_ROUNDING = 1e3
"""Floors below zero that `variance - |v|^2` may be rounded to: the jitter, 1e-6 of the variance."""


def bounded_rows(v: npt.NDArray[Any], dtype: str) -> npt.NDArray[Any]:
    """Cast V to the block dtype.

    Raises
    ------
    NonFiniteError
        If an entry is not finite, as given or as cast, or the squared length of a row is not.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        rows = v.astype(dtype, copy=False)
        squares = np.einsum("ij,ij->i", rows, rows)
    long = ~(squares <= np.finfo(dtype).max / _ROOM)  # NaN and infinity make it so too
    if long.any():
        finite(v, "v_matrix")
        finite(rows, f"v_matrix.astype({dtype!r})")
        raise NonFiniteError(
            f"row {int(long.argmax())} of v_matrix is so long that inner products overflow {dtype} "
            f"({int(long.sum())} of {len(rows)} rows are); scale the problem down"
        )
    return rows


def bounded_variances(p: npt.NDArray[Any], floor: float, dtype: str) -> npt.NDArray[Any]:
    """Cast p_diag to the block dtype, none of it below the floor.

    Raises
    ------
    NonFiniteError
        If an entry is not finite, as given or as cast, or the product of two would not be.
    ParameterError
        If an entry is farther below zero than rounding puts it.
    """
    wide = finite(p, "p_diag").astype(np.float64, copy=False)
    negative = wide < -_ROUNDING * floor
    if negative.any():
        at = int(negative.argmax())
        raise ParameterError(
            f"p_diag[{at}] is {wide[at]:.3g}; a residual variance is at least 0, but for rounding "
            f"({int(negative.sum())} of {wide.size} are not): is it that of this V?"
        )
    with np.errstate(over="ignore"):
        cast = np.maximum(wide, floor).astype(dtype, copy=False)
    variances = finite(cast, f"p_diag.astype({dtype!r})")
    most = float(variances.max())
    if not np.isfinite(most * most):
        raise NonFiniteError(f"p_diag holds {most:.3g}, whose square overflows; scale it down")
    return variances
