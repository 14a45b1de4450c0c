"""What a backend's certificate is of, so that a copy keeps it that changes none of that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .backend import ResidualBackend

__all__ = ["Evidence"]

_NAMES = (
    "points", "kernel", "inducing_indices", "v_matrix", "p_diag", "scaled", "scaled_inducing",
    "cholesky",
)  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class Evidence:
    """The objects that a certified backend is made of, in the order of their names."""

    parts: tuple[Any, ...]

    @classmethod
    def of(cls, backend: ResidualBackend) -> Evidence:
        """Take down what a backend is made of."""
        return cls(tuple(getattr(backend, name) for name in _NAMES))

    def covers(self, backend: ResidualBackend, dtype: str) -> bool:
        """Whether a backend is given the very same, and V is not widened to the block dtype.

        A V that was rounded to float32 is not that of the factor in float64.
        """
        given = (getattr(backend, name) for name in _NAMES)
        same = all(own is other for own, other in zip(self.parts, given, strict=True))
        return same and np.can_cast(dtype, backend.v_matrix.dtype)
