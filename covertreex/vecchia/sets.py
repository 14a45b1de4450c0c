"""Conditioning sets: of each point in an ordering, its nearest among those before it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .._options import as_kernel, as_runtime, expect_usual
from ..api import PCCT
from ..kernels import Kernel
from ..metrics._arguments import F64, I64, as_integer, as_points
from ..metrics.residual.backend import ResidualBackend, build_residual_backend
from ..metrics.residual.rows import with_rows
from ..runtime import Runtime
from .orderings import as_order

__all__ = ["conditioning_sets"]


def conditioning_sets(
    coords: npt.ArrayLike,
    kernel: Kernel | None = None,
    *,
    k: int,
    order: str | npt.ArrayLike = "natural",
    inducing_count: int = 512,
    seed: int = 0,
    runtime: Runtime | None = None,
) -> I64:
    """Find the k nearest predecessors of each point in an ordering, exactly.

    Parameters
    ----------
    coords : array_like of real numbers, shape (n, d)
        Coordinates, one row a point.
    kernel : Kernel, optional
        Nearest by its residual correlation, ``sqrt(1 - |rho|)``; by default by the Euclidean
        distance of the coordinates as they are.
    k : int
        Most neighbours of a point, at least 1.
    order : {"natural", "maxmin", "hilbert", "random"} or array_like of int, shape (n,)
        The ordering: ids, each once; by default as given. The first two by name look at the
        coordinates divided by the kernel's lengthscales.
    inducing_count : int, default 512
        Number of inducing points, n where there are fewer; only with a kernel.
    seed : int, default 0
        Of the draw of the inducing points, and of the order "random", within [0, 2**64).
    runtime : Runtime, optional
        Engine, threads and hints; they change no bit. Its metric is not looked at.

    Returns
    -------
    ndarray of int64, shape (n, min(k, max(n - 1, 1)))
        Row i is of the point at position i: *positions* below i, nearest first, equals in order;
        -1 where there are fewer. ``order[neighbours]`` are ids, where it is not -1.

    Raises
    ------
    ShapeError, DtypeError, NonFiniteError, IndexRangeError, ParameterError
        If an argument does not fit.
    ConfigurationError
        If ``inducing_count`` is given without a kernel.
    FactorError
        If the inducing covariance is not positive definite.

    Examples
    --------
    >>> from covertreex.vecchia import conditioning_sets
    >>> conditioning_sets([[0.0], [4.0], [1.0], [3.0]], k=2)
    array([[-1, -1],
           [ 0, -1],
           [ 0,  1],
           [ 1,  2]])
    """
    points, how = as_points(coords, "coords"), as_runtime(runtime)
    if kernel is None:
        expect_usual({"inducing_count": inducing_count}, conditioning_sets)
        ordered = points[as_order(order, points, seed, how.threads)]
        return euclidean_sets(np.ascontiguousarray(ordered), k, how)
    metric = residual_metric(points, as_kernel(kernel), inducing_count, seed, how)
    ids = as_order(order, metric.scaled, seed, how.threads)
    return residual_sets(with_rows(metric, ids), k, how)


def residual_metric(
    points: F64, kernel: Kernel, inducing_count: int, seed: int, runtime: Runtime
) -> ResidualBackend:
    """Return the metric of the points by id: their order moves no inducing point."""
    return build_residual_backend(
        points,
        seed=seed,
        inducing_count=inducing_count,
        kernel=kernel,
        block_dtype="float64",
        engine=runtime.resolved_engine,
        threads=runtime.threads,
    )


def residual_sets(ordered: ResidualBackend, k: int, runtime: Runtime) -> I64:
    """Conditioning sets under the metric of points that are in their order already."""
    tree = PCCT(runtime.with_updates(metric="residual_correlation")).fit(
        ordered.points, backend=ordered
    )
    return tree.knn(k=_most(k, len(tree)), return_distances=False, predecessor_mode=True)


def euclidean_sets(ordered: F64, k: int, runtime: Runtime) -> I64:
    """Conditioning sets of points that are in their order already."""
    tree = PCCT(runtime.with_updates(metric="euclidean")).fit(ordered)
    return tree.knn(k=_most(k, len(tree)), return_distances=False, predecessor_mode=True)


def _most(k: object, n: int) -> int:
    """As many neighbours as there can be: the last point has n - 1 predecessors."""
    return min(as_integer(k, "k", 1), max(n - 1, 1))
