"""Whether float32 blocks can resolve residual correlations, and the warning where they cannot."""

from __future__ import annotations

import sys
import warnings
from types import FrameType

import numpy as np
import numpy.typing as npt

from ...errors import ResidualPrecisionWarning
from .._arguments import Block

FLOAT32_RESOLUTION = 2.0**-7
"""A point whose rho moves by more than this with one float32 rounding counts as unresolved."""


def unresolved(p_diag: Block, variance: float) -> npt.NDArray[np.bool_]:
    """Tell which points the dtype of their residual variances cannot resolve.

    One unit in the last place of a float32 covariance moves rho at point i by about
    ``2**-24 * variance / p_i``; a point is unresolved where that exceeds 2**-7. In float64 every
    point is resolved.

    Parameters
    ----------
    p_diag : ndarray of float32 or float64, shape (q,)
        Residual variances, above zero.
    variance : float
        Of the kernel.

    Returns
    -------
    ndarray of bool, shape (q,)
    """
    if p_diag.dtype == np.float64:
        return np.zeros(len(p_diag), np.bool_)
    step = 2.0**-24 * variance / p_diag.astype(np.float64)
    beyond: npt.NDArray[np.bool_] = step > FLOAT32_RESOLUTION
    return beyond


def warn_of_precision(p_diag: Block, variance: float) -> None:
    """Warn whoever called this package where some of these points are unresolved."""
    count, n = int(unresolved(p_diag, variance).sum()), len(p_diag)
    if count:
        warnings.warn(
            f"float32 blocks cannot resolve {count} of {n} points ({count / n:.1%}): their "
            "residual variance p_diag is so small that one rounding of a float32 covariance moves "
            f"rho by more than {FLOAT32_RESOLUTION:.1g}, so their neighbours are partly noise; "
            'remedy: block_dtype="float64"',
            ResidualPrecisionWarning,
            stacklevel=_levels_within(),
        )


def _levels_within() -> int:
    """Count the frames up to the first one outside this package, from the caller of this."""
    frame: FrameType | None = sys._getframe(1)
    level = 1
    while frame is not None and frame.f_globals.get("__name__", "").startswith("covertreex."):
        frame, level = frame.f_back, level + 1
    return level
