"""`covertreex.cover_tree`: one call for what `build_residual_backend` and `PCCT` do in two."""

import numpy as np
import pytest
from parity.inputs import normals

import covertreex
from covertreex import (
    PCCT,
    RBF,
    Kernel,
    Matern12,
    Matern52,
    ResidualPrecisionWarning,
    Runtime,
    build_residual_backend,
    cover_tree,
)
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


def test_a_warning_names_the_callers_line_and_an_insert_its_own_points() -> None:
    line = np.linspace(0.0, 9.0, 50).reshape(-1, 1)
    options = {"inducing_count": 12, "block_dtype": "float32"}
    with pytest.warns(ResidualPrecisionWarning, match="of 50 points") as seen:
        tree = cover_tree(line, RBF(3.0), **options)
    with pytest.warns(ResidualPrecisionWarning, match="2 of 2 points") as seen_later:
        tree.insert([[4.4], [4.6]])
    assert {warning.filename for warning in [*seen, *seen_later]} == {__file__}
    tree.insert([[1e6], [2e6]])  # a warning would be an error
    cover_tree(line, RBF(3.0), inducing_count=12).insert([[4.4]])


def test_a_tree_says_what_it_is() -> None:
    assert repr(cover_tree(POINTS)) == (
        "CoverTree(n=200, d=3, metric=Euclidean, engine='rust-hilbert')"
    )
    tree = cover_tree(POINTS, Matern52(0.5), inducing_count=3, engine="python-numba")
    assert "metric=Matern52(lengthscale=0.5, variance=1.0), engine='python-numba'" in repr(tree)


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


@pytest.mark.parametrize("kernel", [None, Matern52()])
@pytest.mark.parametrize(
    "coords", [None, POINTS[0], POINTS * np.inf, POINTS > 0], ids=["None", "flat", "inf", "bool"]
)
def test_what_is_wrong_with_coords_is_said_of_coords(coords: object, kernel: Kernel) -> None:
    with np.errstate(invalid="ignore"), pytest.raises(CovertreexError, match=r"^coords"):
        cover_tree(coords, kernel)


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
