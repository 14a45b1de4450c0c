"""Residual-correlation neighbours by the conventions of scikit-learn.

An adapter: `ResidualNeighbors` checks what scikit-learn wants checked and asks a
`covertreex.CoverTree`. n points fitted, q queries, d features.
"""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from .api import cover_tree
from .errors import MissingDependencyError, ParameterError
from .kernels import Kernel, Matern52
from .metrics._arguments import F64, I64, as_choice, as_integer, as_radius

try:
    from joblib import effective_n_jobs
    from scipy.sparse import csr_array
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise MissingDependencyError(
        f"covertreex.sklearn needs scikit-learn 1.6 or later ({error}); "
        "pip install covertreex[sklearn]"
    ) from error

__all__ = ["ResidualNeighbors"]

MODES = ("connectivity", "distance")


class ResidualNeighbors(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Nearest neighbours by residual correlation, as an estimator of scikit-learn.

    In a pipeline it is a transformer like `sklearn.neighbors.KNeighborsTransformer`: it turns
    coordinates into the sparse graph that estimators with ``metric="precomputed"`` take.

    Parameters
    ----------
    n_neighbors : int, default 5
        Neighbours of each query.
    radius : float, default 0.5
        Radius of `radius_neighbors`, within [0, 1].
    kernel : Kernel, optional
        Covariance function; None for ``Matern52()``, of lengthscale 1 and variance 1, which suits
        coordinates that were standardised.
    inducing_count : int, default 512
        Number of inducing points; n of them if there are fewer points.
    block_dtype : {"float64", "float32"}, default "float64"
        Precision of the metric's blocks; see `covertreex.cover_tree`.
    mode : {"distance", "connectivity"}, default "distance"
        What `transform` returns; see `kneighbors_graph`.
    engine : {"python-numba", "rust-hilbert", "rust-natural"}, optional
        Every engine gives the same bits.
    random_state : int, RandomState instance or None, default 0
        An int is the seed of the inducing points' draw itself; else the seed is drawn.
    n_jobs : int, optional
        Number of threads; None for one a core, negative as in scikit-learn. Changes no bit.

    Attributes
    ----------
    tree_ : covertreex.CoverTree
        The fitted points; ids are rows of X.
    n_features_in_, n_samples_fit_ : int
        Features and points seen by `fit`.
    feature_names_in_ : ndarray of str, shape (d,)
        Names of the features, where X had such.

    Examples
    --------
    >>> import numpy as np
    >>> from covertreex import Matern52
    >>> from covertreex.sklearn import ResidualNeighbors
    >>> X = np.linspace(0.0, 9.0, 40).reshape(-1, 1)
    >>> neighbours = ResidualNeighbors(2, kernel=Matern52(0.5), inducing_count=4).fit(X)
    >>> neighbours.kneighbors(X[:2], return_distance=False)
    array([[0, 2],
           [1, 2]])
    >>> neighbours.kneighbors_graph().shape
    (40, 40)
    """

    def __init__(
        self,
        n_neighbors: int = 5,
        *,
        radius: float = 0.5,
        kernel: Kernel | None = None,
        inducing_count: int = 512,
        block_dtype: str = "float64",
        mode: Literal["distance", "connectivity"] = "distance",
        engine: str | None = None,
        random_state: Any = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.radius = radius
        self.kernel = kernel
        self.inducing_count = inducing_count
        self.block_dtype = block_dtype
        self.mode = mode
        self.engine = engine
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:  # noqa: N803, ARG002
        """Make points ready for searching.

        Parameters
        ----------
        X : array_like of real numbers, shape (n, d)
            Coordinates.
        y : ignored
            As scikit-learn's pipelines want it.

        Returns
        -------
        ResidualNeighbors
            This estimator.

        Raises
        ------
        ValueError
            If X does not fit, as scikit-learn says it, or a parameter does not, as a
            `covertreex.errors.CovertreexError`.
        """
        as_integer(self.n_neighbors, "n_neighbors", 1)
        as_choice(self.mode, "mode", MODES)
        as_radius(self.radius, 1)
        points = validate_data(self, X, dtype=np.float64, order="C")
        self.tree_ = cover_tree(
            points,
            Matern52() if self.kernel is None else self.kernel,
            engine=self.engine,
            inducing_count=self.inducing_count,
            seed=_seed(self.random_state),
            block_dtype=self.block_dtype,
            threads=None if self.n_jobs is None else effective_n_jobs(self.n_jobs),
        )
        self.n_samples_fit_ = self._n_features_out = len(points)
        return self

    def transform(self, X: npt.ArrayLike) -> csr_array:  # noqa: N803
        """Return the graph of the neighbours of new points; see `kneighbors_graph`.

        A point that was fitted counts as its own neighbour. As in scikit-learn, there is one
        neighbour more in mode ``"distance"``, for estimators that leave the point itself out.

        Parameters
        ----------
        X : array_like of real numbers, shape (q, d)
            Coordinates.

        Returns
        -------
        csr_array of float64, shape (q, n)
        """
        check_is_fitted(self)
        most = self.n_neighbors + (self.mode == "distance")
        return self.kneighbors_graph(X, n_neighbors=most, mode=self.mode)

    def kneighbors(
        self,
        X: npt.ArrayLike | None = None,  # noqa: N803
        n_neighbors: int | None = None,
        return_distance: bool = True,
    ) -> tuple[F64, I64] | I64:
        """Find the nearest fitted points of each query.

        Parameters
        ----------
        X : array_like of real numbers, shape (q, d), optional
            Coordinates; None for the fitted points, each without itself.
        n_neighbors : int, optional
            By default that of the estimator.
        return_distance : bool, default True
            Whether to return the distances too.

        Returns
        -------
        neigh_dist : ndarray of float64, shape (q, n_neighbors)
            ``sqrt(1 - |rho|)``, within [0, 1], ascending; only with ``return_distance``.
        neigh_ind : ndarray of int64, shape (q, n_neighbors)
            Rows of the points that were fitted; equal distances in order of row.

        Raises
        ------
        ValueError
            If X does not fit, or there are fewer points than neighbours.
        NotFittedError
            Before `fit`.
        """
        check_is_fitted(self)
        queries = self._queries(X)
        others = self.n_samples_fit_ - (queries is None)
        count = self.n_neighbors if n_neighbors is None else n_neighbors
        count = as_integer(count, "n_neighbors", 1, max(others, 1))
        if queries is not None:
            indices, distances = self.tree_.knn(queries, k=count)
        elif others:
            indices, distances = _without_itself(*self.tree_.knn(k=count + 1))
        else:
            raise ParameterError(
                "n_samples = 1 was fitted, a point without another; give X, or fit more points"
            )
        return (distances, indices) if return_distance else indices

    def kneighbors_graph(
        self,
        X: npt.ArrayLike | None = None,  # noqa: N803
        n_neighbors: int | None = None,
        mode: Literal["connectivity", "distance"] = "connectivity",
    ) -> csr_array:
        """Return the graph of the nearest neighbours.

        Parameters
        ----------
        X, n_neighbors
            See `kneighbors`.
        mode : {"connectivity", "distance"}, default "connectivity"
            Whether an edge weighs 1, or the distance. Distances of 0 are stored.

        Returns
        -------
        csr_array of float64, shape (q, n)
            Entries of a row by distance, nearest first.

        Raises
        ------
        ValueError, NotFittedError
            See `kneighbors`.
        """
        weigh = as_choice(mode, "mode", MODES)
        distances, indices = self.kneighbors(X, n_neighbors)
        weights = distances if weigh == "distance" else np.ones_like(distances)
        rows, count = indices.shape
        starts = np.arange(0, indices.size + 1, count)
        return csr_array(
            (weights.ravel(), indices.ravel(), starts), shape=(rows, self.n_samples_fit_)
        )

    def radius_neighbors(
        self,
        X: npt.ArrayLike | None = None,  # noqa: N803
        radius: float | None = None,
        return_distance: bool = True,
    ) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.object_]] | npt.NDArray[np.object_]:
        """Find all fitted points within a radius of each query.

        Parameters
        ----------
        X, return_distance
            See `kneighbors`.
        radius : float, optional
            Largest distance, at least 0; by default that of the estimator.

        Returns
        -------
        neigh_dist : ndarray of object, shape (q,)
            An array of float64 for each query, ascending; only with ``return_distance``.
        neigh_ind : ndarray of object, shape (q,)
            An array of int64 for each query.

        Raises
        ------
        ValueError, NotFittedError
            See `kneighbors`.
        """
        check_is_fitted(self)
        queries = self._queries(X)
        found = self.tree_.radius(queries, self.radius if radius is None else radius)
        offsets, indices, distances = found
        if queries is None:
            own = np.repeat(np.arange(self.n_samples_fit_), np.diff(offsets))
            others = indices != own
            offsets = np.concatenate([[0], np.cumsum(others)])[offsets]
            indices, distances = indices[others], distances[others]
        near = _cut(indices, offsets)
        return (_cut(distances, offsets), near) if return_distance else near

    def _queries(self, X: npt.ArrayLike | None) -> F64 | None:  # noqa: N803
        """Coordinates as scikit-learn checks them, or None for the points that were fitted."""
        if X is None:
            return None
        queries: F64 = validate_data(self, X, dtype=np.float64, order="C", reset=False)
        return queries

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # distances are float64
        return tags


def _seed(random_state: Any) -> int:
    if isinstance(random_state, int | np.integer):
        return as_integer(random_state, "random_state", 0, 2**64 - 1)
    return int(check_random_state(random_state).randint(2**31 - 1))


def _without_itself(indices: I64, distances: F64) -> tuple[I64, F64]:
    """Drop from row i the neighbour i, or the farthest where i has nearer ones enough."""
    others = indices != np.arange(len(indices))[:, None]
    others[others.all(axis=1), -1] = False
    shape = len(indices), indices.shape[1] - 1
    return indices[others].reshape(shape), distances[others].reshape(shape)


def _cut(flat: npt.NDArray[Any], offsets: I64) -> npt.NDArray[np.object_]:
    pieces = np.empty(len(offsets) - 1, dtype=np.object_)
    for at, piece in enumerate(np.split(flat, offsets[1:-1])):
        pieces[at] = piece  # a slice would take pieces of one length for a matrix
    return pieces
