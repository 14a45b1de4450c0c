"""The Rust engine, its searches answered by the indexes that trees search, for goldens to hold.

The stages `knn` and `radius` of an engine are scans. Here an index of the same arrays answers in
their place wherever one does for a tree: in float64, where V and p are those of the factor, as they
are in every case. It may decline (few points, many pivots), and then scans; with cuts as small as
these it seldom does.
"""

from collections import Counter
from types import SimpleNamespace

import numpy as np

from covertreex import _rust
from covertreex.metrics import _residual_rust as scans
from covertreex.metrics._stage_arguments import (
    check_euclidean_knn,
    check_euclidean_radius,
    check_knn,
    check_radius,
)

LEAF = 64
"""Points of a region."""

searched = Counter()
"""How many searches had bounds to search by, and how many were scans."""


def _index(points, kernel, variance):
    index = _rust.SearchIndex(
        *points, kernel, variance, True, cuts=np.arange(0, len(points[0]), LEAF)
    )
    searched["by bounds" if index.regions else "by scan"] += 1
    return index


def _knn(*arguments, **options):
    u_q, v_q, p_q, u, v, p, kernel, variance, eps, k, chunk, limits = check_knn(*arguments)
    if v.dtype != np.float64:
        return scans.knn(*arguments, **options)
    index = _index((u, v, p), kernel, variance)
    return index.knn(u_q, v_q, p_q, eps, k, chunk, limits, **options)


def _radius(*arguments, **options):
    u_q, v_q, p_q, u, v, p, kernel, variance, eps, radii, chunk, limits = check_radius(*arguments)
    if v.dtype != np.float64:
        return scans.radius(*arguments, **options)
    index = _index((u, v, p), kernel, variance)
    return index.radius(u_q, v_q, p_q, eps, radii, chunk, limits, **options)


def _euclidean_knn(*arguments):
    u_q, u, k, limits = check_euclidean_knn(*arguments)
    return _rust.EuclideanIndex(u).knn(u_q, k, limits)


def _euclidean_radius(*arguments):
    u_q, u, radii, limits = check_euclidean_radius(*arguments)
    return _rust.EuclideanIndex(u).radius(u_q, radii, limits)


ENGINE = SimpleNamespace(
    **{name: getattr(scans, name) for name in scans.__all__}
    | {
        "knn": _knn,
        "radius": _radius,
        "euclidean_knn": _euclidean_knn,
        "euclidean_radius": _euclidean_radius,
    }
)
