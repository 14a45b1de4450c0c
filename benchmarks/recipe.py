"""The gold recipe and its relatives: points, metric, queries.

32,768 points N(0, 1) of NumPy's ``default_rng(42)``, d = 3, RBF, lengthscale 1, variance 1, 512
inducing points, 1,024 queries that are points, k = 50: as the field's benchmark has it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from covertreex import PCCT, ResidualPrecisionWarning, Runtime, build_residual_backend
from covertreex.api import CoverTree
from covertreex.kernels import Kernel, kernel_from_name
from covertreex.metrics.residual.backend import ResidualBackend

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A job to time; `name` is its key in records."""

    name: str
    n: int = 32_768
    d: int = 3
    inducing: int = 512
    queries: int = 1_024
    k: int = 50
    kernel: str = "rbf"
    lengthscale: float = 1.0
    block_dtype: str = "float64"

    @cached_property
    def points(self) -> F64:
        """Coordinates, shape (n, d)."""
        return np.random.default_rng(42).normal(size=(self.n, self.d))

    @cached_property
    def ids(self) -> I64:
        """The queries: ids of points, spread evenly."""
        return np.arange(self.queries, dtype=np.int64) * self.n // self.queries

    @property
    def covariance(self) -> Kernel:
        """The kernel, of variance 1."""
        return kernel_from_name(self.kernel, lengthscale=self.lengthscale, variance=1.0)

    def backend(self) -> ResidualBackend:
        """Build the metric: V and p_diag."""
        with warnings.catch_warnings():  # that float32 cannot see this data is what the table shows
            warnings.simplefilter("ignore", ResidualPrecisionWarning)
            return build_residual_backend(
                self.points,
                seed=42,
                inducing_count=self.inducing,
                kernel=self.covariance,
                block_dtype=self.block_dtype,
            )

    def tree(self, engine: str, backend: ResidualBackend, threads: int | None = None) -> CoverTree:
        """Fit the points."""
        runtime = Runtime(engine=engine, threads=threads)
        return PCCT(runtime).fit(self.points, backend=backend)


GOLD = Recipe(name="gold-float64")
GOLD_32 = replace(GOLD, name="gold-float32", block_dtype="float32")
LENGTHSCALES = (0.1, 0.3, 1.0, 3.0)
KERNELS = ("rbf", "matern52")


def quick(recipe: Recipe) -> Recipe:
    """Return a small relative that runs in seconds."""
    return replace(recipe, n=4_096, inducing=128, queries=256)


def relatives(recipe: Recipe, kernels: tuple[str, ...] = KERNELS) -> list[Recipe]:
    """Return the recipe with other kernels and lengthscales."""
    return [
        replace(recipe, name=f"{kernel}-{lengthscale:g}", kernel=kernel, lengthscale=lengthscale)
        for kernel in kernels
        for lengthscale in LENGTHSCALES
    ]
