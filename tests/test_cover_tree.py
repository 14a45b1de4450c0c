"""`covertreex.cover_tree`: one call for what `build_residual_backend` and `PCCT` do in two."""

import numpy as np
import pytest
from parity.inputs import normals

import covertreex
from covertreex import PCCT, Kernel, Matern12, Matern52, Runtime, build_residual_backend, cover_tree
from covertreex.errors import ConfigurationError, CovertreexError, DtypeError, ParameterError

POINTS = normals(9, 3 * 200).reshape(200, 3)
V, P = normals(4, 200 * 5).reshape(200, 5) / 8.0, np.full(200, 0.75)


def bits(tree) -> list[bytes]:
    return [array.tobytes() for array in tree.knn(k=7)]


@pytest.mark.parametrize("kernel", [Matern52(0.5, variance=2.0), Matern12((0.5, 1.0, 3.0))])
@pytest.mark.parametrize("options", [{}, {"engine": "python-numba"}, {"threads": 1}], ids=str)
def test_it_is_the_two_steps_in_one(kernel: Kernel, options: dict) -> None:
    runtime = Runtime(**options)
    given = {"seed": 3, "inducing_count": 11, "kernel": kernel}
    backend = build_residual_backend(POINTS, block_dtype="float64", **given)
    tree = cover_tree(POINTS, mis_seed=5, **given, **options)
    assert bits(tree) == bits(PCCT(runtime).fit(POINTS, backend=backend))
    assert tree.runtime == runtime
    assert tree.mis_seed == 5
    assert tree.residual.block_dtype == "float64"
    assert tree.residual.inducing_indices.tolist() == backend.inducing_indices.tolist()


def test_no_kernel_is_the_euclidean_metric() -> None:
    tree = cover_tree(POINTS)
    assert tree.runtime == Runtime(metric="euclidean")
    assert bits(tree) == bits(PCCT(Runtime(metric="euclidean")).fit(POINTS))


def test_the_inducing_points_are_no_more_than_the_points() -> None:
    assert cover_tree(POINTS, Matern52()).residual.inducing_indices.size == 200


def test_a_v_of_ones_own() -> None:
    tree = cover_tree(POINTS, Matern52(), v_matrix=V, p_diag=P)
    backend = build_residual_backend(
        POINTS, seed=0, inducing_count=512, kernel=Matern52(), block_dtype="float64",
        v_matrix=V, p_diag=P)  # fmt: skip
    assert bits(tree) == bits(PCCT().fit(POINTS, backend=backend))
    assert not tree.residual.certified


def test_engine_and_threads_replace_those_of_the_runtime() -> None:
    runtime = Runtime(engine="rust-natural", threads=2, metric="euclidean")
    assert cover_tree(POINTS, runtime=runtime).runtime == runtime
    tree = cover_tree(POINTS, runtime=runtime, engine="python-numba", threads=1)
    assert tree.runtime == Runtime(engine="python-numba", threads=1, metric="euclidean")


REFUSED = {
    "a kernel by name": ({"kernel": "matern52"}, DtypeError, "Matern52(lengthscale=0.5"),
    "a kernel's class": ({"kernel": Matern52}, DtypeError, "give an object"),
    "two metrics": (
        {"kernel": Matern52(), "runtime": Runtime(metric="euclidean")}, ConfigurationError,
        "drop one of the two"),
    "inducing points": ({"inducing_count": 7}, ConfigurationError, "inducing_count given without"),
    "a V": ({"v_matrix": V, "p_diag": P}, ConfigurationError, "v_matrix and p_diag given without"),
    "a V in lists": ({"v_matrix": V.tolist()}, ConfigurationError, "v_matrix given without"),
    "a dtype": ({"block_dtype": "float32"}, ConfigurationError, "block_dtype given without"),
    "a seed": ({"seed": 1}, ConfigurationError, "seed given without"),
    "half a V": ({"kernel": Matern52(), "p_diag": P}, ConfigurationError, "belong together"),
    "no runtime": ({"runtime": "default"}, DtypeError, "give a Runtime"),
    "an engine": ({"engine": "rust-hilbrt"}, ParameterError, "did you mean 'rust-hilbert'"),
    "threads": ({"threads": 0}, ParameterError, "threads is 0"),
    "no inducing point": (
        {"kernel": Matern52(), "inducing_count": 0}, ParameterError, "inducing_count is 0"),
    "a seed of the tree": ({"mis_seed": -1}, ParameterError, "mis_seed is -1"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused(name: str) -> None:
    options, kind, words = REFUSED[name]
    with pytest.raises(kind) as refusal:
        cover_tree(POINTS, **options)
    assert isinstance(refusal.value, CovertreexError)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_tree_is_searched_by_another_runtime_of_its_metric_alone() -> None:
    tree = cover_tree(POINTS)
    assert PCCT(Runtime(metric="euclidean", threads=1), tree).tree.runtime.threads == 1
    for search in (tree.searched_by, lambda runtime: PCCT(runtime, tree)):
        with pytest.raises(ConfigurationError, match="metric"):
            search(Runtime())


def test_the_public_names_are_there() -> None:
    for name in covertreex.__all__:
        assert getattr(covertreex, name) is not None
    assert covertreex.load == covertreex.CoverTree.load
