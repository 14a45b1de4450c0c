"""The public functions against the same goldens as the stages: nothing is lost between the two.

What the API adds to the stages is glue: lengthscales, gathering rows, tiles, coordinates to ids.
"""

import warnings

import numpy as np
import pytest
from parity.cases import CASES
from parity.inputs import make_inputs
from parity.suite import SUITE

from covertreex import PCCT, ResidualPrecisionWarning, Runtime, build_residual_backend
from covertreex.kernels import KERNELS, kernel_from_name
from covertreex.metrics.residual.core import compute_residual_distances

# The API has no eps of its own.
API_CASES = [case for case in CASES.values() if case.eps is None]


def golden(output, case):
    return SUITE.store.read(f"{output}/{case.name}")


def build(case, points, engine):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResidualPrecisionWarning)
        return build_residual_backend(
            points,
            seed=case.seed,
            inducing_count=case.inducing,
            kernel=kernel_from_name(
                case.kernel, lengthscale=case.lengthscale, variance=case.variance
            ),
            block_dtype=case.block_dtype,
            chunk_size=100,
            engine=engine,
        )


@pytest.mark.parametrize("case", API_CASES, ids=lambda case: case.name)
def test_the_api_gives_the_goldens(case, engine):
    inputs = make_inputs(case)
    backend = build(case, inputs["points"], engine)
    assert backend.eps == inputs["eps"]
    for output, array in (
        ("inducing_indices", backend.inducing_indices),
        ("cholesky", backend.cholesky),
        ("v_matrix", backend.v_matrix),
        ("p_diag", backend.p_diag),
        (
            "distances",
            compute_residual_distances(
                inputs["query_indices"], inputs["chunk_indices"], backend=backend, engine=engine
            ),
        ),
    ):
        assert golden(output, case).is_bitwise(array), output

    tree = PCCT(Runtime(engine=engine)).fit(inputs["points"], backend=backend)
    by_id = tree.knn(inputs["query_indices"], k=case.k)
    by_coordinates = tree.knn(inputs["points"][inputs["query_indices"]], k=case.k)
    for indices, distances in (by_id, by_coordinates):
        assert golden("knn_indices", case).is_bitwise(indices)
        assert golden("knn_distances", case).is_bitwise(distances)


JOBS = {
    "predecessor": ("indices", "distances"),
    "radius": ("offsets", "indices", "distances"),
    "euclidean": ("indices", "distances"),
    "euclidean_radius": ("offsets", "indices", "distances"),
}


@pytest.mark.parametrize("case", API_CASES, ids=lambda case: case.name)
def test_the_api_gives_the_goldens_of_the_jobs(case, engine):
    inputs = make_inputs(case)
    ids, scaled = inputs["query_indices"], inputs["scaled"]
    backend = build(case, inputs["points"], engine)
    tree = PCCT(Runtime(engine=engine)).fit(inputs["points"], backend=backend)
    plain = PCCT(Runtime(engine=engine, metric="euclidean")).fit(scaled)
    nearest = tree.knn(ids, k=case.k)[1][:, -1]
    by_coordinates = plain.knn(scaled[ids], k=case.k)
    found = {
        "predecessor": tree.knn(ids, k=case.k, predecessor_mode=True),
        "radius": tree.radius(ids, np.minimum(case.radius, nearest)),
        "euclidean": by_coordinates,
        "euclidean_radius": plain.radius(ids, by_coordinates[1][:, -1], predecessor_mode=True),
    }
    for job, arrays in found.items():
        for name, array in zip(JOBS[job], arrays, strict=True):
            assert golden(f"{job}_{name}", case).is_bitwise(array), (job, name)


def test_the_cases_tell_rows_from_columns_and_carry_scales():
    assert any(case.queries != case.columns for case in API_CASES)
    assert any(case.lengthscale != 1.0 and case.variance != 1.0 for case in API_CASES) or (
        any(case.lengthscale != 1.0 for case in API_CASES)
        and any(case.variance != 1.0 for case in API_CASES)
    )
    assert any(isinstance(case.lengthscale, tuple) for case in API_CASES)
    assert any((make_inputs(case)["eps"] != 1e-9) and case.k > 1 for case in API_CASES)
    assert {case.kernel for case in API_CASES} == set(KERNELS)
