"""Orderings of points: exact max-min, along a Hilbert curve, and random.

Each is an array (n,) of ids, int64, a permutation: ``order[i]`` is the point at position i. None
depends on the number of threads, the CPU or the version of NumPy.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ..errors import ParameterError
from ..metrics._arguments import F64, I64, as_choice, as_ids, as_integer, as_points, as_threads
from ..metrics._numba_loops import shuffle_front
from ..metrics._numba_threads import check_environment
from ..metrics._residual_numba import splitmix64
from ..search import _tree_loops as boxes
from ..search.tree import stages_named
from . import _loops as loops

__all__ = ["hilbert_order", "maxmin_order", "random_order"]

ORDERS = ("maxmin", "hilbert", "random", "natural")

_LEAF = 8
"""Points of a box at most."""


def maxmin_order(coords: npt.ArrayLike, *, first: int | None = None) -> I64:
    """Order points so that each is the one farthest from all before it, exactly.

    Parameters
    ----------
    coords : array_like of real numbers, shape (n, d)
        Coordinates; divide them by the lengthscales first where those differ (``Kernel.scale``).
    first : int, optional
        Id of the first point; by default the one nearest to the mean of all, equals by id.

    Returns
    -------
    ndarray of int64, shape (n,)
        Ids. Each next point has the largest distance to its nearest predecessor; equals by id.
        Duplicates come last, as soon as no other point is left.

    Raises
    ------
    ShapeError, DtypeError, NonFiniteError, ParameterError
        If an argument does not fit.

    Notes
    -----
    The ordering of Guinness, *Permutation and grouping methods for sharpening Gaussian process
    approximations*, Technometrics 60 (2018). A tree of boxes holds the largest distance below each
    box, so a new point enters only boxes that it can come nearer to than their farthest point: in
    few dimensions about n log n steps, as in Schaefer, Katzfuss and Owhadi, *Sparse Cholesky
    factorization by Kullback-Leibler minimization*, SIAM J. Sci. Comput. 43 (2021). In many
    dimensions no box is passed over, and it takes n**2 distances.

    Examples
    --------
    >>> from covertreex.vecchia import maxmin_order
    >>> maxmin_order([[0.0], [1.0], [2.0], [3.0], [4.0]])
    array([2, 0, 4, 1, 3])
    """
    points = _unit(as_points(coords, "coords"))
    n = len(points)
    start = _central(points) if first is None else as_integer(first, "first", 0, n - 1)
    check_environment()
    height = (-(-n // _LEAF) - 1).bit_length()
    ids = boxes.box_order(points, height)
    low, high = boxes.box_corners(points, ids, height)
    order: I64 = np.empty(n, np.int64)
    loops.maxmin(points, ids, low, high, start, order)
    return order


def hilbert_order(
    coords: npt.ArrayLike, *, engine: str | None = None, threads: int | None = None
) -> I64:
    """Order points along a Hilbert curve: near in the order is near in space.

    Parameters
    ----------
    coords : array_like of real numbers, shape (n, d)
        Coordinates; divide them by the lengthscales first where those differ (``Kernel.scale``).
    engine : str, optional
        Engine that computes it. Every engine gives the same order.
    threads : int, optional
        Number of threads; by default one for each core. Changes no bit.

    Returns
    -------
    ndarray of int64, shape (n,)
        Ids; points of one cell of the curve by id.

    Raises
    ------
    ShapeError, DtypeError, NonFiniteError, ParameterError
        If an argument does not fit.

    Notes
    -----
    Skilling, *Programming the Hilbert curve*, AIP Conf. Proc. 707 (2004); 64 bits in all, so a
    coordinate beyond the 64th is not looked at.

    Examples
    --------
    >>> from covertreex.vecchia import hilbert_order
    >>> hilbert_order([[0.0, 0.0], [9.0, 9.0], [0.0, 9.0], [9.0, 0.0]])
    array([0, 2, 1, 3])
    """
    points, workers = as_points(coords, "coords"), as_threads(threads)
    order: I64 = stages_named(engine).hilbert_order(points, threads=workers)
    return order


def random_order(n: int, seed: int) -> I64:
    """Order n points at random: a Fisher-Yates shuffle by SplitMix64.

    Parameters
    ----------
    n : int
        Number of points, at least 1.
    seed : int
        Within [0, 2**64).

    Returns
    -------
    ndarray of int64, shape (n,)
        Ids; the same for a seed with any version of NumPy.

    Raises
    ------
    ParameterError, DtypeError
        If an argument does not fit.

    Examples
    --------
    >>> from covertreex.vecchia import random_order
    >>> sorted(random_order(5, seed=1).tolist())
    [0, 1, 2, 3, 4]
    """
    order: I64 = np.arange(as_integer(n, "n", 1))
    draws = splitmix64(as_integer(seed, "seed", 0, 2**64 - 1), 2 * order.size)
    # The first n draws shuffle inducing points out of n: with them these would come first here.
    shuffle_front(order, draws[order.size :])
    return order


def as_order(order: str | npt.ArrayLike, points: F64, seed: int, threads: int | None) -> I64:
    """Return the ordering of that name, or the one given, which must be a permutation."""
    n = len(points)
    if isinstance(order, str):
        as_choice(order, "order", ORDERS)
        if order == "maxmin":
            return maxmin_order(points)
        if order == "hilbert":
            return hilbert_order(points, threads=threads)
        return random_order(n, seed) if order == "random" else np.arange(n)
    given = as_ids(order, "order", n)
    seen = np.bincount(given, minlength=n)
    if given.size != n or seen.max() > 1:
        wrong = int((seen != 1).argmax())
        raise ParameterError(
            f"order has {given.size} ids and names point {wrong} {seen[wrong]} times; name each of "
            f"the {n} points once"
        )
    return given


def _unit(points: F64) -> F64:
    """Scale by a power of two to an extent near one: no bit changes, and no square overflows."""
    extent = float((0.5 * points.max(axis=0) - 0.5 * points.min(axis=0)).max())
    scaled: F64 = np.ldexp(points, -math.frexp(extent)[1])
    return scaled


def _central(points: F64) -> int:
    """Id of the point nearest to the mean; sums are exactly rounded, so the CPU does not matter."""
    squared = np.zeros(len(points))
    for column in points.T:
        squared += (column - math.fsum(column) / len(points)) ** 2
    return int(squared.argmin())
