"""The oracle of the jobs: every distance, sorted; and a tree walked beside it.

Residual distances are the stages' blocks over the rows of all points there ever were, projected at
once; Euclidean ones are exact fused steps. Both are held to the truth elsewhere: here it is about
who is found, in which order, under which id.
"""

import warnings
from fractions import Fraction

import numpy as np

from covertreex import PCCT, ResidualPrecisionWarning, Runtime
from covertreex.metrics import _residual_numba as stages
from covertreex.metrics.residual.rows import projected_rows


def fused_square(d, s):
    """``fma(d, d, s)``, by fractions."""
    if np.isinf(d) or np.isinf(s):
        return np.inf
    try:
        return float(Fraction(d) ** 2 + Fraction(s))
    except OverflowError:
        return np.inf


def every_distance(backend, queries, points):
    """Distances (q, n) of coordinates; backend None is the Euclidean metric."""
    if backend is None:
        s = np.zeros((len(queries), len(points)))
        with np.errstate(over="ignore"):
            for a, b in zip(queries.T, points.T, strict=True):
                s = np.frompyfunc(fused_square, 2, 1)(a[:, None] - b, s).astype(np.float64)
        return np.sqrt(s)
    rows = projected_rows(backend, np.vstack([queries, points]), stages, 1)
    of, to = np.arange(len(queries)), np.arange(len(queries), len(rows.u))
    kernel = backend.kernel.name, backend.kernel.variance, backend.block_dtype
    blocks = (
        stages.kernel_block(rows.u[of], rows.u[to], *kernel),
        stages.dot_block(rows.v[of], rows.v[to]),
    )
    radii = np.full(len(of), np.inf)
    return stages.distance_block_no_gate(rows.p, of, to, *blocks, radii, backend.eps)[0]


class Walk:
    """A tree and a plain list of points, changed alike and asked alike."""

    def __init__(self, points, backend, engine, threads=None):
        metric = "euclidean" if backend is None else "residual_correlation"
        self.runtime = Runtime(engine=engine, metric=metric, threads=threads)
        self.tree = PCCT(self.runtime).fit(points, backend=backend)
        self.backend = backend
        self.points = np.array(points, np.float64)  # of every id that ever was
        self.ids = np.arange(len(points))  # of those that are there

    def insert(self, points):
        with warnings.catch_warnings():  # whatever the precision
            warnings.simplefilter("ignore", ResidualPrecisionWarning)
            self.tree = self.tree.insert(points)
        first = len(self.points)
        self.points = np.vstack([self.points, points])
        self.ids = np.concatenate([self.ids, np.arange(first, len(self.points))])

    def delete(self, ids):
        self.tree = self.tree.delete(ids)
        self.ids = np.array([i for i in self.ids if i not in set(ids)])

    def expected(self, queries, predecessors):
        """For each query its (distance, id) in order."""
        by_id = queries is None or queries.dtype.kind in "iu"
        ids = self.ids if queries is None else queries
        coordinates = self.points[ids] if by_id else ids
        distances = every_distance(self.backend, coordinates, self.points[self.ids])
        return [
            sorted(
                (d, j)
                for d, j in zip(row.tolist(), self.ids.tolist(), strict=True)
                if not predecessors or j < ids[i]
            )
            for i, row in enumerate(distances)
        ]

    def assert_equal_to_scan(self, queries, k, radius, predecessors=False):
        """Ask for the k nearest and for all within `radius(pairs)`, one radius for each query."""
        expected = self.expected(queries, predecessors)
        padded = [(pairs + [(np.inf, -1)] * k)[:k] for pairs in expected]
        indices, distances = self.tree.knn(queries, k=k, predecessor_mode=predecessors)
        assert distances.tolist() == [[d for d, _ in row] for row in padded]
        assert indices.tolist() == [[j for _, j in row] for row in padded]

        radii = [radius(pairs) for pairs in expected]
        inside = [[p for p in row if p[0] <= r] for row, r in zip(expected, radii, strict=True)]
        found = self.tree.radius(queries, radii, predecessor_mode=predecessors)
        assert found.offsets.tolist() == np.cumsum([0, *map(len, inside)]).tolist()
        assert found.distances.tolist() == [d for row in inside for d, _ in row]
        assert found.indices.tolist() == [j for row in inside for _, j in row]
        assert len(self.tree) == len(self.ids)
        for array in (indices, found.offsets, found.indices):
            assert array.dtype == np.int64
