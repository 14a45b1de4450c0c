"""What the tree stages take, checked alike for both engines, and what they return."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..metrics._arguments import F64, I64, Block, as_choice, as_integer, as_points
from ..metrics._stage_arguments import check_knn

TreeArrays: TypeAlias = tuple[I64, I64, npt.NDArray[np.int32], I64, I64, F64, int]
"""``order``, ``parent``, ``level``, ``first``, ``last``, ``radius`` and ``floor``."""

NEVER = -(2**31)
"""The level of a point that is the centre of no net."""

BATCH_ORDERS = ("natural", "hilbert")


def check_hilbert_order(u: Any) -> tuple[F64]:
    """Argument of ``hilbert_order``."""
    return (as_points(u, "u"),)


def check_euclidean_tree(
    u: Any, batch_order: Any, mis_seed: Any, max_centres: Any
) -> tuple[F64, str, int, int]:
    """Arguments of ``euclidean_tree``."""
    return as_points(u, "u"), *_growth(batch_order, mis_seed, max_centres)


def check_residual_tree(
    u: Any,
    v: Any,
    p: Any,
    kernel: Any,
    variance: Any,
    eps: Any,
    batch_order: Any,
    mis_seed: Any,
    max_centres: Any,
) -> tuple[F64, Block, Block, str, float, float, str, int, int]:
    """Arguments of ``residual_tree``: those of a search among the points themselves."""
    points = check_knn(u, v, p, u, v, p, kernel, variance, eps, 1, 1)[3:9]
    return *points, *_growth(batch_order, mis_seed, max_centres)


def _growth(batch_order: Any, mis_seed: Any, max_centres: Any) -> tuple[str, int, int]:
    return (
        as_choice(batch_order, "batch_order", BATCH_ORDERS),
        as_integer(mis_seed, "mis_seed", 0, 2**64 - 1),
        as_integer(max_centres, "max_centres", 1, 2**63 - 1),
    )
