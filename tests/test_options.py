"""`covertreex._options`: what every front is given beside points."""

from collections.abc import Callable

import dask.array as da
import numpy as np
import pandas as pd
import pytest

import covertreex.dask
from covertreex import CoverTree, Runtime, cover_tree
from covertreex.errors import ConfigurationError, DtypeError, ParameterError
from covertreex.vecchia import conditioning_sets

POINTS = np.arange(12.0).reshape(6, 2)
FRAME = pd.DataFrame(POINTS)

USUAL: dict[str, Callable[[], object]] = {
    "a dtype by type": lambda: cover_tree(POINTS, block_dtype=np.float64),
    "a dtype": lambda: cover_tree(POINTS, block_dtype=np.dtype("float64")),
    "an integer of NumPy": lambda: cover_tree(POINTS, inducing_count=np.int64(512), seed=np.int8()),
    "shards": lambda: covertreex.dask.shard(da.from_array(POINTS), block_dtype=np.float64),
    "sets": lambda: conditioning_sets(POINTS, k=1, inducing_count=512, seed=3),
}


@pytest.mark.parametrize("name", USUAL)
def test_a_default_may_be_given_in_every_spelling_without_a_kernel(name: str) -> None:
    assert USUAL[name]() is not None


REFUSED: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "a frame for V": (
        lambda: cover_tree(POINTS, v_matrix=FRAME), ConfigurationError,
        "v_matrix given without a kernel"),
    "a truth value for a seed": (
        lambda: cover_tree(POINTS, seed=False), ConfigurationError, "seed given without"),
    "another dtype": (
        lambda: cover_tree(POINTS, block_dtype=np.float32), ConfigurationError,
        "block_dtype given without"),
    "no dtype": (lambda: cover_tree(POINTS, block_dtype="f16"), ParameterError, "block_dtype is"),
    "inducing points for shards": (
        lambda: covertreex.dask.shard(da.from_array(POINTS), inducing_count=7),
        ConfigurationError, "inducing_count given without"),
    "inducing points for sets": (
        lambda: conditioning_sets(POINTS, k=3, inducing_count=-5), ConfigurationError,
        "inducing_count given without a kernel"),
    "a search by no runtime": (
        lambda: cover_tree(POINTS).searched_by("x"), DtypeError, "runtime is of type str"),
    "a search by nothing": (
        lambda: cover_tree(POINTS).searched_by(None), DtypeError, "runtime is of type NoneType"),
    "one override": (lambda: Runtime.from_profile("default", 5), DtypeError, "overrides is 5"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_front_does_not_take_is_refused(name: str) -> None:
    call, kind, words = REFUSED[name]
    with pytest.raises(kind, match=words):
        call()


def test_a_file_is_not_loaded_for_what_is_no_runtime(tmp_path) -> None:
    path = cover_tree(POINTS).save(tmp_path / "a")
    with pytest.raises(DtypeError, match="give a Runtime"):
        CoverTree.load(path, runtime="x")
