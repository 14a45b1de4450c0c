"""What the arrays of a stored tree must say, beside fitting their checksums and each other.

A file may be whole and yet be none that `CoverTree.save` writes. What no checksum can tell is told
here once, when a file is verified, so that no search meets it: n points of d coordinates, V (n, m).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import NonFiniteError, ParameterError
from ..metrics._arguments import finite
from ..metrics.residual.backend import ResidualBackend
from ..metrics.residual.given import bounded_rows, bounded_variances

if TYPE_CHECKING:
    from ..tree import CoverTree

__all__ = ["check_values"]

_NUMBERS = 2**22
"""Numbers that are looked at together, about: no array is copied whole, and Ctrl-C is heard."""


def check_values(tree: CoverTree) -> None:
    """Raise unless the arrays are such as a tree that was built has.

    Raises
    ------
    ParameterError
        If ids do not ascend, scaled coordinates are not those of the points, or a variance is below
        the floor.
    NonFiniteError
        If an array holds what is not finite, or what overflows.
    """
    ids = tree.ids
    if not (ids[0] >= 0 and ids[-1] < tree.next_id and (ids[1:] > ids[:-1]).all()):
        raise ParameterError(f"ids do not ascend below next_id={tree.next_id}")
    _check_in_parts(lambda points: finite(points, "points"), tree.points)
    if tree.residual is not None:
        _check_metric(tree.residual)


def _check_metric(metric: ResidualBackend) -> None:
    for rows in _parts(metric.points):
        if not np.array_equal(metric.scaled[rows], metric.kernel.scale(metric.points[rows])):
            raise ParameterError("scaled holds other coordinates than points by the lengthscale")
    _check_in_parts(lambda v: bounded_rows(v, metric.block_dtype), metric.v_matrix)
    p = metric.p_diag
    if not np.array_equal(bounded_variances(p, metric.eps, metric.block_dtype), p):
        raise ParameterError(f"p_diag holds {p.min()}, which is below its floor {metric.eps}")
    finite(metric.scaled_inducing, "scaled_inducing")
    if not (np.diagonal(finite(metric.cholesky, "cholesky")) > 0.0).all():
        raise ParameterError("cholesky has a pivot that is not above zero")
    chosen = metric.inducing_indices
    if chosen[0] < 0 or not (chosen[1:] > chosen[:-1]).all():
        raise ParameterError("inducing_indices do not ascend from 0")


def _check_in_parts(check: Callable[[Any], object], array: npt.NDArray[Any]) -> None:
    """Check some rows at a time; where some fail all at once, so that rows have their numbers."""
    try:
        for rows in _parts(array):
            check(array[rows])
    except NonFiniteError:
        check(array)
        raise


def _parts(array: npt.NDArray[Any]) -> Iterator[slice]:
    """Rows of an array, a few at a time."""
    step = max(1, _NUMBERS // array.shape[1])
    return (slice(first, first + step) for first in range(0, len(array), step))
