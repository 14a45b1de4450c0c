"""Rust against the frozen Numba goldens, and the test with which the project began."""

import numpy as np
import pytest

from covertreex import (
    PCCT,
    ResidualPrecisionWarning,
    Runtime,
    build_residual_backend,
)


def test_every_output_equals_its_golden(parity_check, parity_suite, snapshot):
    parity_suite.check(parity_check, snapshot)


def test_residual_numba_matches_rust_parity():
    points = np.arange(64, dtype=np.float64).reshape(-1, 1)
    with pytest.warns(ResidualPrecisionWarning):
        backend = build_residual_backend(
            points, seed=99, inducing_count=128, variance=1.0, lengthscale=1.0, chunk_size=64
        )
    queries = np.arange(64).reshape(-1, 1)
    found = {}
    for engine in ("python-numba", "rust-hilbert", "rust-natural"):
        tree = PCCT(Runtime(engine=engine)).fit(points, mis_seed=7, backend=backend)
        found[engine] = tree.knn(queries, k=64, return_distances=True)
    indices, distances = found.pop("python-numba")
    for other_indices, other_distances in found.values():
        assert (other_indices == indices).all()
        assert other_distances.tobytes() == distances.tobytes()
    own = distances[indices == queries]
    assert np.isclose(own, 0.2152, atol=1e-4).sum() == 54
