"""The compressed cover tree: nested nets of the points, as arrays that both engines give alike.

A net of level i is a set of points, its centres, pairwise more than ``2 ** i`` apart, such that
every point lies within ``2 ** i`` of one; each net contains the one above it. A tree is a function
of the distances, the seed and the order of siblings: neither the engine nor the number of threads
changes it. ``src/tree.rs`` states the definition in full.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DtypeError
from ..metrics._arguments import F64, I64, as_integer, as_points
from ..metrics._engines import DEFAULT_ENGINE, engine_named
from ..metrics.residual.backend import ResidualBackend
from ._tree_arguments import NEVER

__all__ = ["NEVER", "CompressedTree", "build_residual_tree", "build_tree", "stages_named"]

_CENTRES = 4096


@dataclass(frozen=True, eq=False, repr=False)
class CompressedTree:
    """A compressed cover tree over n points; all arrays but ``order`` are indexed by id.

    Attributes
    ----------
    order : ndarray of int64, shape (n,)
        Ids, depth first: each node before its descendants, children by ascending level and then in
        the batch order. What lies below a node at any one level is a range that starts at the node.
    parent : ndarray of int64, shape (n,)
        Id of the nearest centre of the net above, within ``2 ** (level + 1)``; -1 for the root.
    level : ndarray of int32, shape (n,)
        Level of the net that the point joined, the highest that has it; `NEVER` for a point that
        is no centre: a duplicate, at distance 0 of its parent, or a point below the floor.
    first, last : ndarray of int64, shape (n,)
        The descendants of a node, itself first, are ``order[first:last]``.
    radius : ndarray of float64, shape (n,)
        Largest distance from a node to one of its descendants.
    floor : int
        Points that are no centre lie within ``2 ** floor`` of their parent; `NEVER`, for distance
        0, where the tree is complete.
    """

    order: I64
    parent: I64
    level: npt.NDArray[np.int32]
    first: I64
    last: I64
    radius: F64
    floor: int

    def __len__(self) -> int:
        return self.order.size

    def __repr__(self) -> str:
        centres = int((self.level != NEVER).sum())
        return f"CompressedTree(n={len(self)}, centres={centres}, radius={self.radius.max():g})"

    def leaves(self, max_size: int) -> I64:
        """Cut ``order`` along the tree into ranges of at most ``max_size`` points.

        A subtree that fits stays whole; subtrees that follow one another below the same node share
        a range as long as they fit.

        Parameters
        ----------
        max_size : int
            Most points of a range, at least 1.

        Returns
        -------
        ndarray of int64, shape (ranges + 1,)
            Bounds: range i is ``order[bounds[i]:bounds[i + 1]]``.
        """
        most = as_integer(max_size, "max_size", 1)
        order, last = self.order, self.last
        cuts = [0]
        ends = [len(self)]  # of the nodes being cut, innermost last
        at = end = 0  # the open range is [cuts[-1], end); `at` is the next node to place
        while ends:
            if at == ends[-1]:
                ends.pop()
                if end > cuts[-1]:
                    cuts.append(end)
                continue
            after = int(last[order[at]])
            if after - at > most:  # cut it: its own point comes first, then its children
                if end > cuts[-1]:
                    cuts.append(end)
                ends.append(after)
                after = at + 1
            elif after - cuts[-1] > most:
                cuts.append(end)
            at = end = after
        return np.array(cuts)


def build_tree(
    scaled: npt.ArrayLike,
    *,
    mis_seed: int = 0,
    batch_order: str = "hilbert",
    max_centres: int | None = None,
    engine: str | None = None,
    threads: int | None = None,
) -> CompressedTree:
    """Build the tree of scaled coordinates under the Euclidean metric.

    Parameters
    ----------
    scaled : array_like of real numbers, shape (n, d)
        Coordinates divided by their lengthscales, finite.
    mis_seed : int, default 0
        Seed of the priorities that choose a net's centres, within [0, 2**64).
    batch_order : {"hilbert", "natural"}, default "hilbert"
        Order of siblings: along a Hilbert curve, or by id. The nets are the same.
    max_centres : int, optional
        End the tree before the first net of more centres; by default it is complete.
    engine : str, optional
        Engine that builds it. Every engine gives the same arrays.
    threads : int, optional
        Number of threads; by default one for each core. Changes no bit.

    Returns
    -------
    CompressedTree

    Raises
    ------
    ShapeError, DtypeError, NonFiniteError, ParameterError
        If an argument does not fit.

    Examples
    --------
    >>> from covertreex.search import build_tree
    >>> tree = build_tree([[0.0], [1.0], [8.0], [9.0]], mis_seed=3)
    >>> tree
    CompressedTree(n=4, centres=4, radius=9)
    >>> tree.order[tree.leaves(2)[:-1]]
    array([3, 0])
    """
    points = as_points(scaled, "scaled")
    stage = stages_named(engine).euclidean_tree
    most = len(points) if max_centres is None else max_centres
    return CompressedTree(*stage(points, batch_order, mis_seed, most, threads=threads))


def build_residual_tree(
    backend: ResidualBackend,
    *,
    mis_seed: int = 0,
    batch_order: str = "hilbert",
    max_centres: int = _CENTRES,
    engine: str | None = None,
    threads: int | None = None,
) -> CompressedTree:
    """Build the tree of a backend's points under its residual-correlation metric.

    No bound is sound for this distance as it is rounded, so each centre is compared with each
    point: ``n * max_centres`` distances of m products each.

    Parameters
    ----------
    backend : ResidualBackend
        The metric and its points.
    mis_seed, batch_order, engine, threads
        As for `build_tree`; a Hilbert curve runs through the scaled coordinates.
    max_centres : int, default 4096
        End the tree before the first net of more centres. With n the tree is complete.

    Returns
    -------
    CompressedTree

    Raises
    ------
    ShapeError, DtypeError, ParameterError
        If an argument does not fit.
    """
    if not isinstance(backend, ResidualBackend):
        raise DtypeError(
            f"backend is of type {type(backend).__name__}; give what build_residual_backend returns"
        )
    kernel = backend.kernel
    points = (backend.scaled, backend.v_matrix, backend.p_diag)
    metric = (kernel.name, kernel.variance, backend.eps)
    stage = stages_named(engine).residual_tree
    growth = (batch_order, mis_seed, max_centres)
    return CompressedTree(*stage(*points, *metric, *growth, threads=threads))


def stages_named(engine: str | None) -> Any:
    """Return the module of an engine's trees and orders."""
    engine_named(engine)  # known, and there
    name = DEFAULT_ENGINE if engine is None else engine
    module = "_tree_numba" if name == "python-numba" else "_tree_rust"
    stages: ModuleType = importlib.import_module(f".{module}", __package__)
    return stages
