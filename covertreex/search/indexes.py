"""The indexes of a tree's points: which one a runtime's hints ask for, built once and kept.

None of them changes an answer: an index returns the bits of the scan, and where there is none the
scan is what runs. There is one for the Euclidean metric; and, for the residual metric, one for each
layout, where blocks are float64 and V is the contract's own: bounds are proven for nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from ..metrics._arguments import F64, I64
from ..metrics._engines import engine_named
from ..metrics.residual.backend import ResidualBackend
from ..runtime import Runtime
from .tree import build_residual_tree, build_tree

if TYPE_CHECKING:
    from .._rust import EuclideanIndex, SearchIndex

__all__ = ["Indexes"]

Layout: TypeAlias = tuple[bool | None, str]
"""Of a tree of scaled coordinates (True), of the metric (False) or of none; and the batch order."""

F32: TypeAlias = npt.NDArray[np.float32]
IndexParts: TypeAlias = tuple[I64, I64, I64, F32, F32, F32, F32]
"""What a residual index is made of: `covertreex._rust.SearchIndex.parts`."""

_LEAF = 512, 2048
_LEAVES = 64
_CENTRES = 8
"""Points of a leaf, leaves to aim at, and centres of the tree for each leaf."""


class Stored(NamedTuple):
    """An index that is to be made of stored parts, if these mean what they did."""

    revision: int
    make: Callable[[], SearchIndex | None]

    @property
    def usable(self) -> bool:
        """Whether this engine's bounds are of that revision."""
        return self.revision == index_revision()


class Indexes:
    """The indexes of one set of points.

    Parameters
    ----------
    points : ndarray of float64, shape (n, d)
        Coordinates.
    residual : ResidualBackend or None
        The metric and its rows of these points; None for the Euclidean metric.
    mis_seed : int
        Seed of the trees that points are laid out by.
    """

    def __init__(self, points: F64, residual: ResidualBackend | None, mis_seed: int) -> None:
        self.points, self.residual, self.mis_seed = points, residual, mis_seed
        self._euclidean: EuclideanIndex | None = None
        self._residual: dict[Layout, SearchIndex | None] = {}
        self._stored: dict[Layout, Stored] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Residual indexes travel as their parts; the Euclidean one is built where it arrives."""
        stored = {layout: stored.make() for layout, stored in self._stored.items() if stored.usable}
        parts = {
            layout: None if index is None else index.parts
            for layout, index in (stored | self._residual).items()
        }
        given = self.points, self.residual, self.mis_seed
        return {"given": given, "parts": parts, "revision": index_revision() if parts else 0}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(*state["given"])  # type: ignore[misc]
        for layout, parts in state["parts"].items():
            make = partial(_remade, state["given"][1], parts)
            self.store(layout, Stored(state["revision"], make))

    def prepare(self, runtime: Runtime) -> None:
        """Build what searches with this runtime want."""
        self.searched_by(runtime)

    def searched_by(self, runtime: Runtime) -> EuclideanIndex | SearchIndex | None:
        """Return the index that a search with this runtime uses; None for a scan."""
        return self.euclidean(runtime) or self.residual_correlation(runtime)

    def euclidean(self, runtime: Runtime) -> EuclideanIndex | None:
        """Return the index of the coordinates; None where the hints ask for none."""
        if self.residual is not None or not _wanted(runtime):
            return None
        if self._euclidean is None:
            from .._rust import EuclideanIndex

            self._euclidean = EuclideanIndex(self.points, threads=runtime.threads)
        return self._euclidean

    def residual_correlation(self, runtime: Runtime) -> SearchIndex | None:
        """Return the index of the metric; None where hints ask for none, or none can pay."""
        metric = self.residual
        if metric is None or not metric.certified or not _wanted(runtime):
            return None
        if metric.block_dtype != "float64":
            return None
        layout = _layout(runtime)
        if layout not in self._residual:
            stored = self._stored.get(layout)
            usable = stored is not None and stored.usable
            self._residual[layout] = (
                stored.make() if stored and usable else self._built(metric, layout, runtime)
            )
        return self._residual[layout]

    def store(self, layout: Layout, stored: Stored) -> None:
        """Let an index of this layout be made so, when first needed, instead of built."""
        self._stored[layout] = stored

    def kept(self, runtime: Runtime) -> tuple[Layout, SearchIndex | None] | None:
        """Return the residual index of a runtime, None for a scan, unless there is none yet."""
        layout = _layout(runtime)
        there = layout in self._residual or layout in self._stored
        return (layout, self.residual_correlation(runtime)) if there and _wanted(runtime) else None

    def _built(
        self, metric: ResidualBackend, layout: Layout, runtime: Runtime
    ) -> SearchIndex | None:
        from .._rust import SearchIndex

        order, cuts = self._laid_out(metric, layout, runtime)
        index = SearchIndex(
            *_measured(metric), metric.certified, order, cuts, threads=runtime.threads
        )
        return index if index.regions else None  # bounds that cannot pay leave the scan

    def _laid_out(
        self, metric: ResidualBackend, layout: Layout, runtime: Runtime
    ) -> tuple[I64 | None, I64 | None]:
        """Return an order of the rows, and where its leaves begin; None for the index's own."""
        static, batch_order = layout
        n = len(self.points)
        if static is None:
            return (None if batch_order == "hilbert" else np.arange(n)), None
        size = min(max(n // _LEAVES, _LEAF[0]), _LEAF[1])
        centres = max(_LEAVES, _CENTRES * n // size)
        grow = (
            partial(build_tree, metric.scaled) if static else partial(build_residual_tree, metric)
        )
        tree = grow(
            mis_seed=self.mis_seed,
            batch_order=batch_order,
            max_centres=centres,
            engine=runtime.resolved_engine,
            threads=runtime.threads,
        )
        return tree.order, tree.leaves(size)[:-1]


def made_of(metric: ResidualBackend, parts: IndexParts) -> SearchIndex:
    """Make the index of these parts, of the points of a metric.

    Raises
    ------
    ShapeError, ParameterError
        If the parts are those of other points.
    """
    from .._rust import SearchIndex

    return SearchIndex.from_parts(*_measured(metric), parts)


def _remade(metric: ResidualBackend, parts: IndexParts | None) -> SearchIndex | None:
    return None if parts is None else made_of(metric, parts)


def index_revision() -> int:
    """Return what the engine's bounds mean by an index's parts: those of another are of no use."""
    from .._rust import SearchIndex

    return SearchIndex.REVISION


def _measured(metric: ResidualBackend) -> tuple[F64, F64, F64, str, float]:
    """Scaled coordinates, V, p and kernel, as an index takes them: it refuses float32."""
    return (
        metric.scaled,
        cast(F64, metric.v_matrix),
        cast(F64, metric.p_diag),
        metric.kernel.name,
        metric.kernel.variance,
    )


def _layout(runtime: Runtime) -> Layout:
    return runtime.residual_use_static_euclidean_tree, runtime.resolved_batch_order


def _wanted(runtime: Runtime) -> bool:
    """Whether the engine has indexes and the hints want one; an engine that is not there raises."""
    engine = runtime.resolved_engine
    engine_named(engine)
    return runtime.enable_sparse_traversal and engine != "python-numba"
