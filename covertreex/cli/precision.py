"""Which precision given points need, under a kernel: the figures, and one sentence of advice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..metrics._arguments import F64

if TYPE_CHECKING:
    from ..metrics.residual.backend import ResidualBackend

__all__ = ["Precision", "precision_of"]

_FEW = 0.01
"""Share of points without right neighbours that somebody short of memory may put up with."""

_EXPLAINS_NOTHING = 0.99
"""Median residual variance, as a share of the variance, above which there is little to gain."""


@dataclass(frozen=True)
class Precision:
    """Figures of some points.

    Attributes
    ----------
    n, d : int
        Points and coordinates.
    duplicates : int
        Points that another one before them equals.
    unresolved_share : float
        Share of points that float32 blocks cannot resolve, `ResidualBackend.unresolved_share`.
    median_p_diag : float
        Median residual variance, as a share of the variance: what the inducing points leave.
    """

    n: int
    d: int
    duplicates: int
    unresolved_share: float
    median_p_diag: float

    @property
    def advice(self) -> str:
        """What to do, in one sentence."""
        if self.median_p_diag > _EXPLAINS_NOTHING:
            return (
                "The inducing points explain less than 1 % of the variance of most points, so the "
                "metric is little more than the kernel; check the lengthscale, or take more of "
                "them by --inducing."
            )
        if self.unresolved_share > _FEW:
            return (
                "Stay with float64 blocks, the default: float32 cannot resolve "
                f"{self.unresolved_share:.1%} of these points."
            )
        if self.duplicates:
            return (
                "Drop the duplicates: they are each other's nearest neighbours, at distance 0, "
                "and add nothing to a conditioning set."
            )
        return (
            "float32 blocks, half the memory, resolve all but "
            f"{self.unresolved_share:.2%} of these points (never the inducing ones); float64, the "
            "default, resolves all."
        )


def precision_of(backend: ResidualBackend) -> Precision:
    """Take the figures of a backend of float64 blocks."""
    n, d = backend.points.shape
    p: F64 = backend.p_diag.astype(np.float64)
    return Precision(
        n=n,
        d=d,
        duplicates=n - len(np.unique(backend.points, axis=0)),
        unresolved_share=replace(backend, block_dtype="float32").unresolved_share,
        median_p_diag=float(np.median(p)) / backend.kernel.variance,
    )
