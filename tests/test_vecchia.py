"""Conditioning sets and the likelihood with them, against dense covariances; bad input."""

import doctest
import importlib
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from parity.inputs import normals
from vecchia_truth import covariance, divergence, log_density, vecchia_covariance

from covertreex import RBF, Matern12, Matern32, Matern52, Runtime, build_residual_backend
from covertreex.errors import (
    ConfigurationError,
    DtypeError,
    FactorError,
    IndexRangeError,
    NonFiniteError,
    ParameterError,
    ShapeError,
)
from covertreex.metrics.residual.core import compute_residual_distances
from covertreex.vecchia import Vecchia, conditioning_sets
from covertreex.vecchia.regression import Regression, woodbury

COORDS = normals(1, 240).reshape(120, 2)
Y = normals(2, 120)
KERNEL_3D = Matern32(lengthscale=0.6, variance=0.9)
KERNEL = Matern52(lengthscale=(0.7, 1.1), variance=1.3)


@st.composite
def models(draw):
    """Points, a kernel, a response and a noise that keeps the exact covariance well conditioned."""
    n, d = draw(st.integers(1, 30)), draw(st.integers(1, 3))
    coords = normals(draw(st.integers(0, 2**32)), n * d).reshape(n, d)
    if draw(st.booleans()):
        coords = np.round(coords)  # duplicates
    kind = draw(st.sampled_from([RBF, Matern12, Matern32, Matern52]))
    variance = draw(st.sampled_from([1.0, 0.3, 1e-6, 1e6]))
    kernel = kind(lengthscale=draw(st.sampled_from([0.2, 1.0, 5.0])), variance=variance)
    noise = variance * draw(st.sampled_from([1e-3, 0.1, 2.0]))
    y = np.sqrt(variance) * normals(draw(st.integers(0, 2**32)), n)
    return coords, kernel, noise, y


ORDERS = st.sampled_from(["maxmin", "hilbert", "random", "natural"])


@given(models(), ORDERS, st.integers(0, 12))
def test_all_predecessors_give_the_exact_likelihood(model, order, inducing):
    coords, kernel, noise, y = model
    found = Vecchia(coords, kernel, noise=noise, k=30, order=order, inducing_count=inducing)
    exact = log_density(y, covariance(coords, kernel, noise))
    assert found.log_likelihood(y) == pytest.approx(exact, rel=1e-9, abs=1e-8)
    logs = np.linalg.slogdet(covariance(coords, kernel, noise))[1]
    assert found.log_determinant == pytest.approx(logs, rel=1e-9, abs=1e-8)


@given(models(), ORDERS, st.integers(0, 12), st.integers(1, 6))
def test_few_neighbours_give_the_dense_approximation(model, order, inducing, k):
    coords, kernel, noise, y = model
    found = Vecchia(coords, kernel, noise=noise, k=k, order=order, inducing_count=inducing, seed=3)
    ids, explained = found.order, 0.0
    if inducing:
        backend = build_residual_backend(
            coords, seed=3, inducing_count=inducing, kernel=kernel, block_dtype="float64"
        )
        v = backend.v_matrix[ids]
        explained = v @ v.T
    whole = covariance(coords[ids], kernel, noise)
    sigma = explained + vecchia_covariance(whole - explained, found.neighbours)
    assert found.log_likelihood(y) == pytest.approx(log_density(y[ids], sigma), rel=1e-8, abs=1e-7)
    if not inducing:
        loss = 0.5 * (found.log_determinant - np.linalg.slogdet(whole)[1])
        assert loss == pytest.approx(divergence(whole, sigma), rel=1e-6, abs=1e-7)
        assert loss > -1e-9


def test_more_neighbours_lose_less():
    exact = np.linalg.slogdet(covariance(COORDS, KERNEL, 0.01))[1]
    losses = [Vecchia(COORDS, KERNEL, noise=0.01, k=k).log_determinant - exact for k in (1, 4, 16)]
    assert losses[0] > 4 * losses[1] > 16 * losses[2] > 0.0


def test_euclidean_sets_are_those_of_a_scan(engine):
    sets = conditioning_sets(COORDS, k=7, order="maxmin", runtime=Runtime(engine=engine))
    ids = Vecchia(COORDS, RBF(), noise=1.0, k=7).order
    apart = np.linalg.norm(COORDS[ids][:, None] - COORDS[ids], axis=2)
    for i, row in enumerate(sets):
        expected = np.argsort(apart[i, :i], kind="stable")[:7]
        assert row[: min(i, 7)].tolist() == expected.tolist()
        assert np.all(row[min(i, 7) :] == -1)


def test_residual_sets_are_those_of_a_scan(engine):
    runtime = Runtime(engine=engine)
    sets = conditioning_sets(
        COORDS, KERNEL, k=7, order="hilbert", inducing_count=16, seed=5, runtime=runtime
    )
    model = Vecchia(
        COORDS, KERNEL, noise=0.1, k=7, order="hilbert", inducing_count=16, seed=5, runtime=runtime
    )
    assert np.array_equal(model.neighbours, sets)
    backend = build_residual_backend(
        COORDS, seed=5, inducing_count=16, kernel=KERNEL, block_dtype="float64"
    )
    apart = compute_residual_distances(model.order, model.order, backend=backend)
    for i, row in enumerate(sets):
        assert row[: min(i, 7)].tolist() == np.argsort(apart[i, :i], kind="stable")[:7].tolist()
        assert np.all(row[min(i, 7) :] == -1)
    near = conditioning_sets(KERNEL.scale(COORDS), k=7, order=model.order)
    assert not np.array_equal(sets, near)  # the inducing points do change what is near


@pytest.mark.parametrize("inducing", [0, 24])
def test_no_thread_count_changes_a_bit(inducing):
    coords, y = normals(4, 9_000).reshape(-1, 3), normals(5, 3_000)

    def bits(threads):
        model = Vecchia(
            coords, KERNEL_3D, noise=0.01, k=12, inducing_count=inducing,
            runtime=Runtime(threads=threads),
        )  # fmt: skip
        return [
            model.log_likelihood(y).hex(), model.log_determinant.hex(),
            model.coefficients.tobytes(), model.variances.tobytes(), model.v_matrix.tobytes(),
            woodbury(Regression(*parts(model)), model.v_matrix, threads).tobytes(),
        ]  # fmt: skip

    def parts(model):
        return model.neighbours, model.coefficients, model.variances

    assert bits(1) == bits(2) == bits(7)


def test_own_neighbours_and_own_order():
    plain = Vecchia(COORDS, KERNEL, noise=0.1, k=5)
    again = Vecchia(COORDS, KERNEL, noise=0.1, order=plain.order, neighbours=plain.neighbours)
    assert again.log_likelihood(Y) == plain.log_likelihood(Y)
    alone = np.full((120, 1), -1)
    apart = Vecchia(COORDS, KERNEL, noise=0.1, neighbours=alone)
    assert apart.log_determinant == pytest.approx(120 * np.log(1.4))


def test_a_response_may_be_any_array():
    model = Vecchia(COORDS, KERNEL, noise=0.1, k=5)
    whole = np.arange(120) - 60
    assert model.log_likelihood(whole[::-1][::-1].astype(">f4")) == model.log_likelihood(whole)


@pytest.mark.parametrize("array", ["order", "neighbours", "coefficients", "variances"])
def test_what_a_model_holds_is_read_only(array):
    with pytest.raises(ValueError, match="read-only"):
        getattr(Vecchia(COORDS, KERNEL, noise=0.1, k=5), array)[0] = 0


def test_a_kernel_too_smooth_names_a_point():
    coords = np.vstack([COORDS, COORDS[17] + 1e-9])
    with pytest.raises(FactorError, match=r"point 120 and its 5 nearest, point 17 first,"):
        Vecchia(coords, Matern52(), k=5, order="natural")
    assert Vecchia(coords, Matern52(), noise=1e-6, k=5).log_likelihood(normals(1, 121))


def test_a_variance_that_is_rounding_is_none():
    """Covariance 1 - 2**-53: what is left, 2**-52, is above zero, but is one rounding."""
    coords = [[0.0], [1.5e-8]]
    assert covariance(coords, RBF(), 0.0)[0, 1] == 1.0 - 2.0**-53
    with pytest.raises(FactorError, match="point 1 and its 1 nearest, point 0 first,"):
        Vecchia(coords, RBF(), order="natural")


@pytest.mark.parametrize("inducing", [0, 8])
def test_duplicates_want_noise(inducing):
    coords = np.repeat(COORDS, 2, axis=0)
    with pytest.raises(FactorError, match="add noise"):
        Vecchia(coords, RBF(), k=5, inducing_count=inducing)


GOOD = {"noise": 0.1, "k": 5}
UNSIGNED = np.full((120, 1), 2**64 - 1, np.uint64)


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"coords": COORDS[:, 0]}, ShapeError, "reshape(-1, 1)"),
        ({"coords": COORDS * np.nan}, NonFiniteError, "finite"),
        ({"kernel": "rbf"}, DtypeError, "Matern52(lengthscale=0.5)"),
        ({"kernel": RBF(lengthscale=(1.0, 2.0, 3.0))}, ShapeError, "3 lengthscales"),
        ({"noise": -1.0}, ParameterError, "noise is -1.0"),
        ({"noise": np.inf}, NonFiniteError, "noise[0] is inf"),
        ({"noise": [1.0]}, ShapeError, "one number"),
        ({"noise": "much"}, DtypeError, "real numbers"),
        ({"k": 0}, ParameterError, "k is 0"),
        ({"k": 1.5}, DtypeError, "give an integer"),
        ({"order": "minmax"}, ParameterError, "'maxmin'"),
        ({"order": np.zeros(120, int)}, ParameterError, "names point 0 120 times"),
        ({"order": np.arange(119)}, ParameterError, "119 ids and names point 119 0 times"),
        ({"order": np.arange(1, 121)}, IndexRangeError, "order[119] is 120"),
        ({"inducing_count": -1}, ParameterError, "inducing_count is -1"),
        ({"metric": "cosine"}, ParameterError, "'euclidean'"),
        ({"metric": "residual_correlation"}, ConfigurationError, "inducing_count is 0"),
        (
            {"k": None, "neighbours": np.zeros((120, 1), int)},
            IndexRangeError,
            "nothing stands before the first",
        ),
        ({"k": None, "neighbours": [[-1]] * 119}, ShapeError, "(120, k)"),
        ({"k": None, "neighbours": [[-1, -1]] * 119 + [[-1, 0]]}, IndexRangeError, "then -1"),
        ({"k": None, "neighbours": np.full((120, 1), -2)}, IndexRangeError, "120 of 120"),
        ({"k": None, "neighbours": np.full((120, 1), -1.0)}, ShapeError, "dtype float64"),
        (
            {"k": None, "neighbours": UNSIGNED},
            IndexRangeError,
            "neighbours[0] is [18446744073709551615]",
        ),
        ({"neighbours": [[-1]] * 120}, ConfigurationError, "k given beside neighbours"),
        (
            {"k": None, "metric": "euclidean", "neighbours": [[-1]] * 120},
            ConfigurationError,
            "metric given beside neighbours",
        ),
        ({"seed": -1, "order": "random"}, ParameterError, "seed is -1"),
        ({"runtime": "fast"}, DtypeError, "give a Runtime"),
    ],
)
def test_bad_input_is_named(changes, error, says):
    arguments = {"coords": COORDS, "kernel": KERNEL, **GOOD, **changes}
    with pytest.raises(error, match=re.escape(says)):
        Vecchia(**arguments)


@pytest.mark.parametrize(
    ("y", "error", "says"),
    [
        (Y[:5], ShapeError, "each of 120 points"),
        (Y[:, None], ShapeError, "(120, 1)"),
        (np.where(Y > 0, Y, np.nan), NonFiniteError, "finite"),
        (Y.astype(str), DtypeError, "real numbers"),
    ],
)
def test_a_bad_response_is_named(y, error, says):
    with pytest.raises(error, match=re.escape(says)):
        Vecchia(COORDS, KERNEL, **GOOD).log_likelihood(y)


def test_a_repeated_neighbour_is_refused():
    sets = np.full((120, 2), -1)
    sets[9] = 3
    with pytest.raises(IndexRangeError, match=re.escape("neighbours[9] is [3, 3]")):
        Vecchia(COORDS, KERNEL, noise=0.1, neighbours=sets)


@pytest.mark.parametrize("module", ["orderings", "sets", "approximation"])
def test_examples_in_docstrings_are_true(module):
    result = doctest.testmod(importlib.import_module(f"covertreex.vecchia.{module}"))
    assert result.attempted > 0
    assert result.failed == 0
