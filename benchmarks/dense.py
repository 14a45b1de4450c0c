"""The rival of every search: a dense scan on BLAS, as a NumPy user writes it.

Blocks of queries against all points: two GEMMs (inner products of V, squared distances), the kernel
by NumPy, ``argpartition``, a sort of the k. `seconds` is on one clock: its GEMMs take all threads
of the BLAS, its element-wise passes one, which is what NumPy does. `threaded` gives blocks to
threads instead, so that the element-wise passes run in parallel too: the strongest scan that NumPy
has to offer.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg
from threadpoolctl import threadpool_limits

from .recipe import F64, I64, Recipe

BLOCK = 128
Array = npt.NDArray[Any]


def covariances(kernel: str, squared: Array) -> Array:
    """Covariances from squared distances, which are used up; NumPy and BLAS alone."""
    if kernel == "rbf":
        squared *= -0.5
        return np.exp(squared, out=squared)
    r = np.sqrt(squared * {"matern12": 1.0, "matern32": 3.0, "matern52": 5.0}[kernel])
    polynomial = {"matern12": 1.0, "matern32": 1.0 + r, "matern52": 1.0 + r + r * r / 3.0}[kernel]
    return np.asarray(polynomial * np.exp(-r))


def squared_distances(u_q: Array, u: Array) -> Array:
    """Squared distances, by one GEMM."""
    squared = np.asarray(u_q @ u.T)
    squared *= -2.0
    squared += (u_q * u_q).sum(axis=1)[:, None]
    squared += (u * u).sum(axis=1)
    np.maximum(squared, 0.0, out=squared)
    return squared


@dataclass(frozen=True)
class DenseScan:
    """V, p and scaled coordinates in one dtype, and what a search needs of the recipe."""

    u: Array
    v: Array
    p: Array
    kernel: str

    @classmethod
    def of(cls, recipe: Recipe, v: Array, p: Array) -> DenseScan:
        """Take V and p of a backend, so that both search the same metric."""
        u = (recipe.points / recipe.lengthscale).astype(v.dtype)
        return cls(u, v, p, recipe.kernel)

    def block(self, rows: I64, columns: I64 | slice = slice(None)) -> Array:
        """``|rho|`` of some points against all, or against `columns`, in the dtype of V."""
        rho = covariances(self.kernel, squared_distances(self.u[rows], self.u[columns]))
        rho -= self.v[rows] @ self.v[columns].T
        rho /= np.sqrt(self.p[rows])[:, None]
        rho /= np.sqrt(self.p[columns])
        return np.asarray(np.abs(rho, out=rho))

    def knn(self, rows: I64, k: int, *, predecessors: bool = False) -> I64:
        """Ids of the k largest ``|rho|`` of each row, -1 where there are fewer."""
        found = np.empty((len(rows), k), np.int64)
        for start in range(0, len(rows), BLOCK):
            part = rows[start : start + BLOCK]
            found[start : start + BLOCK] = self._largest(self.block(part), part, k, predecessors)
        return found

    def threaded(self, rows: I64, k: int) -> I64:
        """Give the same answer, blocks of queries side by side."""
        parts = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
        with threadpool_limits(1), ThreadPoolExecutor(os.cpu_count()) as pool:
            return np.concatenate(list(pool.map(lambda part: self.knn(part, k), parts)))

    @staticmethod
    def _largest(rho: Array, rows: I64, k: int, predecessors: bool) -> I64:
        if predecessors:
            rho[np.arange(rho.shape[1]) >= rows[:, None]] = -1.0
        near = np.argpartition(-rho, k - 1, axis=1)[:, :k]
        value = np.take_along_axis(rho, near, axis=1)
        order = np.argsort(-value, axis=1, kind="stable")
        near = np.take_along_axis(near, order, axis=1)
        return np.where(np.take_along_axis(value, order, axis=1) < 0.0, -1, near)


def lapack_factor(recipe: Recipe, inducing: F64) -> tuple[F64, F64]:
    """Return V and p_diag in float64, by BLAS and LAPACK."""
    u, z = recipe.points / recipe.lengthscale, inducing / recipe.lengthscale
    k_zz = covariances(recipe.kernel, squared_distances(z, z))
    k_zz[np.diag_indices_from(k_zz)] += 1e-6
    lower = scipy.linalg.cholesky(k_zz, lower=True, overwrite_a=True, check_finite=False)
    k_zx = covariances(recipe.kernel, squared_distances(z, u))
    v = scipy.linalg.solve_triangular(
        lower, k_zx, lower=True, overwrite_b=True, check_finite=False
    ).T
    p = np.maximum(1.0 - np.einsum("ij,ij->i", v, v), 1e-9)
    return np.ascontiguousarray(v), p
