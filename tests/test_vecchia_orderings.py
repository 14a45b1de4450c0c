"""Orderings: against their definitions, with ties, duplicates and one point; bad input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from parity.inputs import normals
from vecchia_truth import maxmin_by_definition

from covertreex.errors import DtypeError, NonFiniteError, ParameterError, ShapeError
from covertreex.metrics._residual_numba import inducing_rows
from covertreex.vecchia import hilbert_order, maxmin_order, random_order


@st.composite
def grids(draw):
    """Points with many ties and duplicates, whose squared distances are exact."""
    n, d = draw(st.integers(1, 70)), draw(st.integers(1, 4))
    whole = draw(arrays(np.float64, (n, d), elements=st.integers(-2, 2).map(float)))
    return whole * 2.0 ** draw(st.sampled_from([0, -3, 600, -600]))


@given(grids(), st.data())
def test_maxmin_is_its_definition_with_ties(coords, data):
    first = data.draw(st.integers(0, len(coords) - 1))
    unit = np.ldexp(coords, -int(np.frexp(np.abs(coords).max())[1]))
    assert maxmin_order(coords, first=first).tolist() == maxmin_by_definition(unit, first)


@pytest.mark.parametrize(("n", "d"), [(9, 1), (300, 2), (257, 3), (200, 6)])
def test_maxmin_is_its_definition_over_many_boxes(n, d):
    coords = normals(n, n * d).reshape(n, d)
    order = maxmin_order(coords)
    assert order.tolist() == maxmin_by_definition(coords, order[0])
    assert order[0] == ((coords - coords.mean(axis=0)) ** 2).sum(axis=1).argmin()


def test_maxmin_puts_duplicates_last_by_id():
    coords = np.repeat([[0.0], [8.0], [2.0]], [1_000, 1, 1_000], axis=0)
    order = maxmin_order(coords, first=3)
    assert order[:3].tolist() == [3, 1_000, 1_001]
    assert order[3:].tolist() == sorted(order[3:].tolist())


def test_maxmin_is_quasi_linear():
    """In the plane a point enters few boxes: 100 times fewer distances than all."""
    coords = normals(1, 200_000).reshape(-1, 2)
    order = maxmin_order(coords)  # 10**10 / 2 distances of a scan would outlast the tests
    assert np.array_equal(np.sort(order), np.arange(100_000))


@given(grids())
def test_orders_are_permutations_of_one_dtype(coords):
    n = len(coords)
    for order in (maxmin_order(coords), hilbert_order(coords), random_order(n, 3)):
        assert order.dtype == np.int64
        assert np.array_equal(np.sort(order), np.arange(n))


def test_hilbert_walks_to_neighbours(engine):
    """Along the curve through a full grid each step is to a cell that touches the last."""
    grid = np.stack(np.meshgrid(np.arange(8.0), np.arange(8.0)), axis=-1).reshape(-1, 2)
    walk = grid[hilbert_order(grid, engine=engine)]
    assert np.array_equal(np.abs(np.diff(walk, axis=0)).sum(axis=1), np.ones(63))


def test_random_order_does_not_begin_with_the_inducing_points_of_its_seed():
    together = [
        set(random_order(60, seed)[:20]) & set(inducing_rows(seed, 60, 20)) for seed in range(50)
    ]
    assert 5 < np.mean([len(both) for both in together]) < 9  # 20 * 20 / 60 by chance


def test_random_order_is_frozen_and_uniform():
    assert random_order(8, 7).tolist() == [1, 0, 3, 4, 6, 2, 5, 7]
    first = np.bincount([random_order(5, seed)[0] for seed in range(2_000)], minlength=5)
    assert np.all(np.abs(first - 400) < 80)  # 4.5 standard deviations


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: maxmin_order([0.0, 1.0]), ShapeError, "reshape"),
        (lambda: maxmin_order([[np.nan]]), NonFiniteError, "finite"),
        (lambda: maxmin_order([[0.0]], first=1), ParameterError, "first is 1"),
        (lambda: hilbert_order([["a"]]), DtypeError, "real numbers"),
        (lambda: hilbert_order([[1.0]], threads=0), ParameterError, "threads is 0"),
        (lambda: hilbert_order([[1.0]], engine="cuda"), ParameterError, "engine is 'cuda'"),
        (lambda: random_order(0, 1), ParameterError, "n is 0"),
        (lambda: random_order(3, -1), ParameterError, "seed is -1"),
    ],
)
def test_bad_input_is_named(call, error, says):
    with pytest.raises(error, match=says):
        call()
