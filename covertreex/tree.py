"""`CoverTree`: points made ready for searching; more of them, fewer of them, and as a file.

n points, each known by its id: 0 to n - 1 when fitted, and never another afterwards. Rows are
where points stand in the arrays; ids ascend with them, so an order by row is an order by id.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ._options import expect_runtime
from .errors import ConfigurationError, ParameterError
from .metrics._arguments import F64, I64, as_points, as_switch
from .metrics._engines import engine_named
from .metrics.residual.backend import ResidualBackend, frozen_again, owned
from .metrics.residual.precision import warn_of_precision
from .metrics.residual.rows import with_points, with_rows
from .runtime import Runtime
from .search.indexes import Indexes
from .searches import Neighbourhoods, Searches, rows_of
from .storage.trees import load_tree, save_tree

__all__ = ["CoverTree", "Neighbourhoods"]


@dataclass(frozen=True, eq=False, repr=False)
class CoverTree(Searches):
    """Points made ready for searching; what `PCCT.fit` returns. It never changes.

    Attributes
    ----------
    runtime : Runtime
        Options of the search, unless a `PCCT` brings its own.
    residual : ResidualBackend or None
        The metric and its points, row by row; None for the Euclidean metric.
    points : ndarray of float64, shape (n, d)
        Coordinates, row by row.
    ids : ndarray of int64, shape (n,)
        The id of each row, ascending.
    next_id : int
        The id that the next point inserted gets. No id is given twice.
    mis_seed : int
        Seed of the cover trees that indexes are laid out by.
    indexes : Indexes
        What makes searches of these points fast, built when first needed.
    """

    runtime: Runtime
    residual: ResidualBackend | None
    points: F64
    ids: I64
    next_id: int
    mis_seed: int = 0
    indexes: Indexes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        metric = "euclidean" if self.residual is None else "residual_correlation"
        if expect_runtime(self.runtime).metric != metric:
            raise ConfigurationError(
                f"the tree was fitted with metric={metric!r}, but the runtime says "
                f"{self.runtime.metric!r}; give one of the tree's metric, or fit again"
            )
        object.__setattr__(self, "indexes", Indexes(self.points, self.residual, self.mis_seed))

    def __setstate__(self, state: dict[str, Any]) -> None:
        frozen_again(self, state)  # pickling and deep copies leave arrays open to changes

    def __repr__(self) -> str:
        n, d = self.points.shape
        metric = "Euclidean" if self.residual is None else repr(self.residual.kernel)
        return f"CoverTree(n={n}, d={d}, metric={metric}, engine={self.runtime.resolved_engine!r})"

    def searched_by(self, runtime: Runtime) -> CoverTree:
        """Return this tree, its indexes with it, for another runtime.

        Raises
        ------
        ConfigurationError
            If the runtime is of another metric.
        """
        tree = replace(self, runtime=runtime)
        object.__setattr__(tree, "indexes", self.indexes)
        return tree

    def insert(self, points: npt.ArrayLike) -> CoverTree:
        """Return a tree of these points too; they get the ids from `next_id` on.

        Under the residual metric the inducing points and their factor stay, so every distance
        between the points that were there stays, and the answer is that of a scan of all points.
        To choose inducing points among the new ones too, build a new backend.

        Parameters
        ----------
        points : array_like of real numbers, shape (q, d)
            Coordinates of the new points.

        Returns
        -------
        CoverTree
            With the new points behind the others; this tree stays as it is.

        Raises
        ------
        ShapeError, DtypeError, NonFiniteError
            If points do not fit.
        ConfigurationError
            If the rows of V are the caller's own, so that there is none for a new point.

        Warns
        -----
        ResidualPrecisionWarning
            If float32 blocks cannot resolve some of the new points.
        """
        new = as_points(points, "points", columns=self.points.shape[1])
        stop = self.next_id + len(new)
        ids = np.concatenate([self.ids, np.arange(self.next_id, stop)])
        if self.residual is None:
            together = owned(np.concatenate([self.points, new]))
            return replace(self, points=together, ids=owned(ids), next_id=stop)
        stages, workers = engine_named(self.runtime.resolved_engine), self.runtime.threads
        residual = with_points(self.residual, new, stages, workers)
        warn_of_precision(residual.p_diag[len(self) :], residual.kernel.variance)
        return replace(
            self, residual=residual, points=residual.points, ids=owned(ids), next_id=stop
        )

    def delete(self, ids: npt.ArrayLike) -> CoverTree:
        """Return a tree without these points; the others keep their ids.

        Under the residual metric an inducing point that is deleted goes on shaping the metric: it
        is no neighbour any more, but no distance between other points changes.

        Parameters
        ----------
        ids : array_like of int, shape (q,) or (q, 1)
            Ids of points that are there, each once, not all of them.

        Returns
        -------
        CoverTree
            Without the points; this tree stays as it is.

        Raises
        ------
        ShapeError, DtypeError, IndexRangeError, ParameterError
            If ids do not fit, name a point that is not there or one twice, or name all.
        """
        gone = rows_of(self, ids, "ids")
        keep = np.ones(len(self), np.bool_)
        keep[gone] = False
        if keep.sum() != len(self) - gone.size:
            named, counts = np.unique(gone, return_counts=True)
            twice = int(self.ids[named[counts > 1][0]])
            raise ParameterError(f"ids names point {twice} more than once; name each once")
        if not keep.any():
            raise ParameterError(f"ids names all {len(self)} points; a tree keeps at least one")
        rows = np.flatnonzero(keep)
        left = owned(self.ids[rows])
        if self.residual is None:
            return replace(self, points=owned(self.points[rows]), ids=left)
        residual = with_rows(self.residual, rows)
        return replace(self, residual=residual, points=residual.points, ids=left)

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write the tree to a file that `load` reads and other programs can, by its description.

        The file appears whole or not at all. It holds no code; ``docs/file-format.md`` in the
        project describes it.

        Parameters
        ----------
        path : path-like
            Where the file is to stand, by convention ``*.covertree``.
        force : bool, default False
            Whether a file that is there may be replaced. Trees mapped from it stay as they are.

        Returns
        -------
        Path
            The path.

        Raises
        ------
        OutputExistsError
            If the path is taken and ``force`` is not set, or is a directory.
        FileAccessError
            If the file cannot be written.
        """
        target = Path(path)
        save_tree(self, target, force=as_switch(force, "force"))
        return target

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        runtime: Runtime | None = None,
        mmap: bool = True,
        verify: bool = True,
    ) -> CoverTree:
        """Read a tree that `save` wrote; it answers with the same bits.

        Parameters
        ----------
        path : path-like
            The file.
        runtime : Runtime, optional
            Options of the search, of the tree's metric; by default those it was saved with.
        mmap : bool, default True
            Whether to map the file instead of reading it into memory: pages are read when first
            needed and shared with other processes. The file must then not be changed in place
            while the tree lives; replacing or deleting it is safe.
        verify : bool, default True
            Whether to read everything once and compare it with its checksums. Without it only the
            header and the sizes are checked, in time that does not depend on the points: bytes
            of the arrays that were changed go unnoticed, and give wrong answers.

        Returns
        -------
        CoverTree

        Raises
        ------
        FileFormatError
            If the file is none of covertreex, damaged, cut short, or newer than this version.
        FileAccessError
            If it is not there or may not be read.
        ConfigurationError
            If the runtime is of another metric than the tree.

        Examples
        --------
        >>> import tempfile
        >>> from covertreex import CoverTree, Matern52, cover_tree
        >>> tree = cover_tree([[0.0], [1.0], [3.0], [9.0]], Matern52(), inducing_count=1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = tree.save(f"{folder}/points.covertree")
        ...     again = CoverTree.load(path)
        >>> bool((again.knn(k=2)[1] == tree.knn(k=2)[1]).all())
        True
        """
        mapped, checked = as_switch(mmap, "mmap"), as_switch(verify, "verify")
        tree = load_tree(Path(path), mapped=mapped, verify=checked)
        return tree if runtime is None else tree.searched_by(runtime)
