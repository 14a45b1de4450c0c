"""The whole pipeline on a few small data sets, as one digest: what must be the same everywhere.

Run as a program it prints that digest, for a process with another environment: ``python
tests/pipeline.py``. Points are exact multiples of 2**-53 from integer draws, 4 kernels x 2 dtypes.
"""

import hashlib
import json
import sys
import warnings
from itertools import product

import numpy as np
from parity.inputs import normals

from covertreex import ResidualPrecisionWarning, build_residual_backend
from covertreex.kernels import KERNELS
from covertreex.metrics.euclidean import euclidean_knn, euclidean_radius
from covertreex.metrics.residual.core import (
    compute_residual_distances,
    residual_knn,
    residual_radius,
)

N, D, INDUCING, K = 211, 3, 37, 9
CONFIGURATIONS = tuple(product(sorted(KERNELS), ("float32", "float64")))


def digest(engine, *, chunk_size=512, threads=None, order="C"):
    """SHA-256 of every array of the pipeline, by an engine, in one way of running it."""
    points = np.asarray(normals(5, N * D).reshape(N, D), order=order)
    seen = hashlib.sha256()
    for kernel, block_dtype in CONFIGURATIONS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResidualPrecisionWarning)
            backend = build_residual_backend(
                points,
                seed=3,
                inducing_count=INDUCING,
                kernel=kernel,
                lengthscale=0.75,
                chunk_size=chunk_size,
                block_dtype=block_dtype,
                engine=engine,
                threads=threads,
            )
        ids = np.arange(0, N, 5)
        options = {"engine": engine, "threads": threads}
        outside = np.asarray(points[:20] * 1.25, order=order)
        for array in (
            backend.inducing_indices,
            backend.cholesky,
            backend.v_matrix,
            backend.p_diag,
            compute_residual_distances(ids, np.arange(N), backend=backend, **options),
            *residual_knn(backend, ids, K, **options),
            *residual_knn(backend, outside, K, **options),
            *residual_knn(backend, ids, K, limits=ids, **options),
            *residual_radius(backend, ids, 0.8, limits=ids, **options),
        ):
            seen.update(array.tobytes())
    points = np.ascontiguousarray(points)
    for array in (
        *euclidean_knn(points, outside, K, **options),
        *euclidean_radius(points, ids, 1.0, limits=ids, **options),
    ):
        seen.update(array.tobytes())
    return seen.hexdigest()


if __name__ == "__main__":
    json.dump({engine: digest(engine) for engine in sys.argv[1:]}, sys.stdout)
