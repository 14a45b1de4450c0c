"""The Rust metric pair by pair, which searches use, against the goldens of the block and of k-NN.

V and p_diag are computed, and held against their goldens, of which the store keeps only some rows.
"""

from functools import cache

import numpy as np
import pytest
from parity.cases import CASES
from parity.inputs import make_inputs
from parity.suite import SUITE

from covertreex import _rust
from covertreex.errors import EngineUnavailableError, IndexRangeError

LARGE = ("gold_slice", "p_diag_floor")  # one pass over V for each pair: minutes
SMALL = [name for name in CASES if not name.startswith(LARGE)]
LEVELS = _rust.levels()
STOPPING = ("rank_512",)

each_case = pytest.mark.parametrize("case", SMALL)
each_level = pytest.mark.parametrize("level", LEVELS)


@cache
def model(case):
    """Inputs of a case, and the leading arguments of the metric's functions."""
    inputs = make_inputs(CASES[case])
    u, kernel = inputs["scaled"], (str(inputs["kernel"]), float(inputs["variance"]))
    u_z = np.ascontiguousarray(u[golden("inducing_indices", case)])
    chol = _rust.cholesky(u_z, *kernel)
    v, p = _rust.project(u, u_z, chol, *kernel, str(inputs["block_dtype"]))
    for output, array in (("v_matrix", v), ("p_diag", p)):
        assert SUITE.store.read(f"{output}/{case}").is_bitwise(array)
    return inputs, (u, v, p, *kernel, float(inputs["eps"]))


def golden(output, case):
    """A golden that is kept whole."""
    read = SUITE.store.read(f"{output}/{case}")
    assert read.entry.rows is None
    return read.array


def neighbours(squared, k):
    """Ids and distances of the k smallest of (distance, id)."""
    distances = np.sqrt(squared)
    nearest = np.argsort(distances, kind="stable")[:k]
    return nearest, distances[nearest]


@each_level
@each_case
def test_a_pair_has_the_bits_of_the_golden(case, level):
    inputs, arguments = model(case)
    columns = inputs["chunk_indices"].tolist()
    found = [
        [_rust.distance_idx(*arguments, i, j, level=level) for j in columns]
        for i in inputs["query_indices"].tolist()
    ]
    assert np.array(found).tobytes() == golden("distances", case).tobytes()


@each_level
@each_case
def test_a_batch_has_the_bits_of_the_golden(case, level):
    inputs, arguments = model(case)
    columns = inputs["chunk_indices"]
    found = [
        _rust.distances_sq_batch(*arguments, query, columns, None, level=level)
        for query in inputs["query_indices"].tolist()
    ]
    assert np.sqrt(found).tobytes() == golden("distances", case).tobytes()
    assert np.max(found) <= _rust.max_distance_hint() == 1.0


def stops(case, level):
    """Check the neighbours that a batch with ``kth`` finds; count the pairs that it stopped."""
    inputs, arguments = model(case)
    k = int(inputs["k"])
    every = np.arange(len(inputs["points"]))
    wanted = zip(golden("knn_indices", case), golden("knn_distances", case), strict=True)
    stopped = 0
    for query, (indices, distances) in zip(inputs["query_indices"].tolist(), wanted, strict=True):
        exact = _rust.distances_sq_batch(*arguments, query, every, None, level=level)
        kth = exact[indices].max()  # not the k-th smallest: two may have the same root
        found = _rust.distances_sq_batch(*arguments, query, every, kth, level=level)
        inside = np.isfinite(found)
        assert (exact[~inside] > kth).all()
        assert found[inside].tobytes() == exact[inside].tobytes()
        own_indices, own_distances = neighbours(found, k)
        assert own_indices.tobytes() == indices.tobytes()
        assert own_distances.tobytes() == distances.tobytes()
        stopped += np.count_nonzero(~inside)
    return stopped


@each_level
@each_case
def test_neighbours_with_a_kth_value_are_those_of_the_golden(case, level):
    stops(case, level)


@each_level
def test_some_pairs_do_stop(level):
    for case in STOPPING:
        assert stops(case, level) > 0, case


@each_level
@pytest.mark.parametrize("outside", [-1, 64, 2**62, -(2**63)])
def test_an_index_outside_is_an_error(outside, level):
    _, arguments = model("seed_arange64_f64")
    refused = rf"\[{{}}\] is {outside}; wanted a row index in 0..64"
    ids = np.array([63, 0, outside])
    with pytest.raises(IndexRangeError, match="i" + refused.format(0)):
        _rust.distance_idx(*arguments, outside, 0, level=level)
    with pytest.raises(IndexRangeError, match="j" + refused.format(0)):
        _rust.distance_idx(*arguments, 0, outside, level=level)
    with pytest.raises(IndexRangeError, match="query" + refused.format(0)):
        _rust.distances_sq_batch(*arguments, outside, ids[:2], None, level=level)
    with pytest.raises(IndexRangeError, match="idxs" + refused.format(2)):
        _rust.distances_sq_batch(*arguments, 0, ids, None, level=level)


def test_a_level_that_is_none_is_unknown_and_another_is_not_available():
    _, arguments = model("seed_arange64_f64")
    lacking = ({"baseline", "avx2", "avx512", "neon"} - set(LEVELS)).pop()
    for level, fault in (("nonsense", "unknown"), (lacking, "not available on this CPU")):
        said = f'level "{level}" is {fault}; wanted one of .*"baseline"'
        with pytest.raises(EngineUnavailableError, match=said):
            _rust.distance_idx(*arguments, 0, 0, level=level)
