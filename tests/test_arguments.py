"""Bad input ends in the same typed error from both engines; odd but good arrays are accepted."""

from dataclasses import replace

import numpy as np
import pytest

from covertreex import (
    PCCT,
    RBF,
    Matern52,
    Runtime,
    build_residual_backend,
    configure_residual_correlation,
    cover_tree,
    reset_residual_metric,
)
from covertreex.errors import (
    ConfigurationError,
    CovertreexError,
    DtypeError,
    IndexRangeError,
    InputError,
    NonFiniteError,
    ParameterError,
    ShapeError,
)
from covertreex.metrics.residual.core import compute_residual_distances

POINTS = np.linspace(-2.0, 2.0, 90).reshape(30, 3)


def build(points=POINTS, *, engine=None, **changes):
    arguments = {"seed": 5, "inducing_count": 6, "block_dtype": "float64", "engine": engine}
    return build_residual_backend(points, **{**arguments, **changes})


def with_value(value):
    points = POINTS.copy()
    points[3, 1] = value
    return points


BAD_POINTS = {
    "nan": (with_value(np.nan), NonFiniteError, r"points\[3, 1\] is nan"),
    "infinite": (with_value(np.inf), NonFiniteError, r"points\[3, 1\] is inf"),
    "one-dimensional": (POINTS[:, 0], ShapeError, r"reshape\(-1, 1\)"),
    "three-dimensional": (POINTS[None], ShapeError, r"\(1, 30, 3\)"),
    "no rows": (POINTS[:0], ShapeError, "empty"),
    "no columns": (POINTS[:, :0], ShapeError, "empty"),
    "scalar": (3.0, ShapeError, r"shape \(\)"),
    "text": (np.full((3, 2), "x"), DtypeError, "<U1"),
    "objects": (np.full((3, 2), None), DtypeError, "object"),
    "complex": (POINTS + 1j, DtypeError, "complex128"),
    "boolean": (POINTS > 0, DtypeError, "bool"),
    "ragged": ([[1.0], [1.0, 2.0]], ShapeError, "not an array"),
    "None": (None, DtypeError, "object"),
}


@pytest.mark.parametrize("name", BAD_POINTS)
def test_bad_points_are_refused(name, engine):
    points, error, message = BAD_POINTS[name]
    with pytest.raises(error, match=message):
        build(points, engine=engine)


BAD_OPTIONS = {
    "lengthscale 0": ({"lengthscale": 0.0}, ParameterError, "positive and finite"),
    "lengthscale negative": ({"lengthscale": -1.0}, ParameterError, "positive and finite"),
    "lengthscale nan": ({"lengthscale": np.nan}, ParameterError, "positive and finite"),
    "lengthscale text": ({"lengthscale": "1"}, DtypeError, "real number"),
    "lengthscale of another length": ({"lengthscale": (1.0, 2.0)}, ShapeError, "3 coordinates"),
    "lengthscale empty": ({"lengthscale": ()}, ShapeError, "lengthscale"),
    "lengthscale so short that coordinates overflow": (
        {"lengthscale": 1e-320}, NonFiniteError, "overflow"),
    "variance 0": ({"variance": 0.0}, ParameterError, "variance"),
    "variance negative": ({"variance": -1.0}, ParameterError, "variance"),
    "variance too small": ({"variance": 2.0**-61}, ParameterError, "2\\*\\*-60"),
    "variance too large": ({"variance": 2.0**61}, ParameterError, "2\\*\\*60"),
    "variance infinite": ({"variance": np.inf}, ParameterError, "variance"),
    "variance boolean": ({"variance": True}, DtypeError, "variance"),
    "no inducing points": ({"inducing_count": 0}, ParameterError, "at least 1"),
    "inducing count a float": ({"inducing_count": 2.5}, DtypeError, "integer"),
    "seed negative": ({"seed": -1}, ParameterError, "seed"),
    "seed too large": ({"seed": 2**64}, ParameterError, "seed"),
    "chunk size 0": ({"chunk_size": 0}, ParameterError, "chunk_size"),
    "threads 0": ({"threads": 0}, ParameterError, "threads"),
    "unknown kernel": ({"kernel": "cubic"}, ParameterError, "matern12, matern32, matern52, rbf"),
    "kernel of another type": ({"kernel": 3}, DtypeError, "kernel"),
    "two variances": ({"kernel": RBF(), "variance": 1.0}, ConfigurationError, "carries"),
    "unknown block dtype": ({"block_dtype": "float16"}, ParameterError, "'float32' or 'float64'"),
    "block dtype of no kind": ({"block_dtype": "f4,,("}, ParameterError, "block_dtype"),
    "no block dtype": ({"block_dtype": None}, ParameterError, "block_dtype"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_OPTIONS)
def test_bad_options_of_the_backend_are_refused(name, engine):
    options, error, message = BAD_OPTIONS[name]
    with pytest.raises(error, match=message):
        build(engine=engine, **options)


def test_an_unknown_engine_is_refused():
    with pytest.raises(ParameterError, match="'python-numba', 'rust-hilbert', 'rust-natural'"):
        build(engine="fortran")


BAD_QUERIES = {
    "k 0": ([0], 0, ParameterError, "k is 0"),
    "k above n": ([0], 31, ParameterError, "within 1 and 30"),
    "k a float": ([0], 2.0, DtypeError, "integer"),
    "k boolean": ([0], True, DtypeError, "integer"),
    "negative id": ([0, -1], 1, IndexRangeError, r"queries\[1\] is -1"),
    "id above n": ([30], 1, IndexRangeError, "within 0 and 29"),
    "unsigned id above n": (np.array([2**63], np.uint64), 1, IndexRangeError, "within 0 and 29"),
    "ids in two columns": (np.zeros((2, 2), np.int64), 1, ShapeError, r"\(2, 2\)"),
    "no ids": (np.zeros(0, np.int64), 1, ShapeError, "empty"),
    "coordinates of another dimension": (np.zeros((2, 2)), 1, ShapeError, r"\(q, 3\)"),
    "coordinates in one dimension": (np.zeros(3), 1, ShapeError, "2-D"),
    "coordinates with nan": (np.full((1, 3), np.nan), 1, NonFiniteError, "nan"),
    "boolean queries": (np.array([True]), 1, DtypeError, "bool"),
}


@pytest.mark.parametrize("name", BAD_QUERIES)
def test_bad_queries_are_refused(name, engine):
    queries, k, error, message = BAD_QUERIES[name]
    tree = PCCT(Runtime(engine=engine)).fit(POINTS, backend=build(engine=engine))
    with pytest.raises(error, match=message):
        tree.knn(queries, k=k)


def block_arguments(dtype=np.float64):
    return {
        "p_diag": np.full(5, 0.5, dtype),
        "query_indices": np.array([0, 4]),
        "chunk_indices": np.array([1, 2, 3]),
        "kernel_block": np.full((2, 3), 0.75, dtype),
        "dot_block": np.full((2, 3), 0.5, dtype),
        "radii": np.array([0.5, np.inf]),
        "eps": 1e-9,
    }


BAD_BLOCKS = {
    "radius nan": ({"radii": np.array([0.5, np.nan])}, NonFiniteError, "NaN"),
    "radii of another length": ({"radii": np.zeros(3)}, ShapeError, "radii"),
    "p_diag nan": ({"p_diag": np.full(5, np.nan)}, NonFiniteError, "p_diag"),
    "p_diag 0": ({"p_diag": np.zeros(5)}, ParameterError, "p_diag"),
    "p_diag in two dimensions": ({"p_diag": np.ones((5, 1))}, ShapeError, "p_diag"),
    "query id outside": ({"query_indices": np.array([0, 5])}, IndexRangeError, "query_indices"),
    "chunk id outside": ({"chunk_indices": np.array([1, 2, -3])}, IndexRangeError, "chunk_indices"),
    "ids of a float dtype": ({"query_indices": np.array([0.0, 1.0])}, DtypeError, "integer"),
    "kernel of another shape": ({"kernel_block": np.ones((3, 2))}, ShapeError, "kernel_block"),
    "dot of another dtype": ({"dot_block": np.ones((2, 3), np.float32)}, DtypeError, "dot_block"),
    "kernel of an integer dtype": ({"kernel_block": np.ones((2, 3), int)}, DtypeError, "float32"),
    "eps 0": ({"eps": 0.0}, ParameterError, "eps"),
    "eps whose square is zero": ({"eps": 1e-200}, ParameterError, "eps"),
}


@pytest.mark.parametrize("name", BAD_BLOCKS)
def test_bad_arguments_of_the_distance_block_are_refused(name, stages):
    changes, error, message = BAD_BLOCKS[name]
    with pytest.raises(error, match=message):
        stages.distance_block_no_gate(**(block_arguments() | changes))


def test_the_distance_block_returns_what_the_formula_says(stages):
    distances, mask = stages.distance_block_no_gate(**block_arguments())
    assert (distances == np.sqrt(1 - 0.25 / 0.5)).all()
    assert (mask == [[False] * 3, [True] * 3]).all()


LAYOUTS = {
    "Fortran order": np.asfortranarray,
    "strided": lambda a: np.repeat(np.repeat(a, 2, axis=0), 3, axis=-1)[::2, ..., ::3],
    "reversed": lambda a: a[::-1].copy()[::-1],
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "read-only": lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
    "nested list": lambda a: a.tolist(),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_of_points_and_queries_changes_no_bit(layout, engine):
    change = LAYOUTS[layout]
    plain, changed = build(engine=engine), build(change(POINTS), engine=engine)
    assert changed.v_matrix.tobytes() == plain.v_matrix.tobytes()
    assert changed.p_diag.tobytes() == plain.p_diag.tobytes()
    runtime = Runtime(engine=engine)
    tree = PCCT(runtime).fit(change(POINTS), backend=plain)
    for queries in (np.arange(0, 30, 4).reshape(-1, 1), POINTS[:7] + 0.25):
        expected = PCCT(runtime).fit(POINTS, backend=plain).knn(queries, k=5)
        found = tree.knn(change(queries), k=5)
        assert [a.tobytes() for a in found] == [a.tobytes() for a in expected]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_of_blocks_changes_no_bit(layout, stages):
    change = LAYOUTS[layout]
    arguments = block_arguments()
    rng = np.random.default_rng(0)
    arguments["kernel_block"] = rng.uniform(size=(2, 3))
    expected = stages.distance_block_no_gate(**arguments)
    for name in ("kernel_block", "dot_block"):
        arguments[name] = np.asarray(change(arguments[name]))
    found = stages.distance_block_no_gate(**arguments)
    assert [a.tobytes() for a in found] == [a.tobytes() for a in expected]


def test_points_of_other_dtypes_are_widened_exactly(engine):
    whole = np.round(POINTS * 8)
    expected = build(whole, engine=engine)
    for dtype in (np.int8, np.int64, np.float16, np.float32):
        assert build(whole.astype(dtype), engine=engine).v_matrix.tobytes() == (
            expected.v_matrix.tobytes()
        )


def test_the_backend_keeps_its_own_copy_of_the_points(engine):
    points = POINTS.copy()
    backend = build(points, engine=engine)
    points[:] = 0.0
    assert (backend.points == POINTS).all()
    for array in (backend.points, backend.v_matrix, backend.p_diag, backend.inducing_indices):
        assert not array.flags.writeable


def test_a_v_and_p_diag_of_the_users_are_cast_once_and_floored(engine):
    wide = build(engine=engine)
    given = replace(
        wide,
        block_dtype="float32",
        v_matrix=np.asfortranarray(wide.v_matrix),
        p_diag=np.zeros(len(POINTS)),
    )
    assert given.v_matrix.tobytes() == wide.v_matrix.astype(np.float32).tobytes()
    assert given.v_matrix.flags.c_contiguous
    assert (given.p_diag == np.float32(1e-9)).all()
    assert given.p_diag.dtype == np.float32


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"v_matrix": np.full((30, 6), np.nan)}, NonFiniteError),
        ({"p_diag": np.full(30, np.inf)}, NonFiniteError),
        ({"v_matrix": np.zeros((29, 6))}, ShapeError),
        ({"v_matrix": np.zeros(30)}, ShapeError),
        ({"p_diag": np.zeros((30, 1))}, ShapeError),
        ({"v_matrix": np.full((30, 6), "x")}, DtypeError),
        ({"block_dtype": "float16"}, ParameterError),
    ],
)
def test_a_v_or_p_diag_that_does_not_fit_is_refused(changes, error):
    with pytest.raises(error):
        replace(build(), **changes)


def test_masked_arrays_are_refused():
    points = np.ma.masked_less(POINTS, 0.0)
    with pytest.raises(DtypeError, match="masked"):
        build(points)


@pytest.mark.parametrize("value", [10**400, b"abc", [[1.0], [2.0, 3.0]], np.zeros((3, 2)), {}])
@pytest.mark.parametrize("name", ["lengthscale", "variance"])
def test_a_parameter_of_any_other_kind_is_a_typed_error(name, value):
    with pytest.raises(InputError, match=name):
        build(**{name: value})


def test_numpys_error_state_changes_nothing():
    tiny = POINTS * 1e-300
    with np.errstate(all="raise"):
        backend = build(tiny, lengthscale=1e10)
    assert backend.v_matrix.tobytes() == build(tiny, lengthscale=1e10).v_matrix.tobytes()


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"engine": "rust-hilbert", "enable_rust": False}, ConfigurationError, "contradicts"),
        ({"engine": "rust-natural", "enable_rust": False}, ConfigurationError, "contradicts"),
        ({"engine": "python-numba", "enable_numba": False}, ConfigurationError, "contradicts"),
        ({"enable_rust": False, "enable_numba": False}, ConfigurationError, "no engine"),
        ({"engine": "rust"}, ParameterError, "'rust-hilbert'"),
        ({"metric": "cosine"}, ParameterError, "residual_correlation"),
        ({"backend": "jax"}, ParameterError, "numpy"),
        ({"precision": "float32"}, ParameterError, "float64"),
        ({"batch_order": "random"}, ParameterError, "hilbert"),
        ({"enable_rust": "yes"}, DtypeError, "True or False"),
        ({"enable_sparse_traversal": None}, DtypeError, "True or False"),
        ({"threads": 0}, ParameterError, "threads"),
        ({"engines": "rust-hilbert"}, ParameterError, "no option 'engines'"),
    ],
)
def test_unknown_and_contradicting_options_of_a_runtime_are_refused(changes, error, message):
    with pytest.raises(error, match=message):
        Runtime().with_updates(**changes)


@pytest.mark.parametrize(
    ("options", "resolved"),
    [
        ({}, "rust-hilbert"),
        ({"enable_rust": False}, "python-numba"),
        ({"enable_numba": False}, "rust-hilbert"),
        ({"engine": "rust-natural"}, "rust-natural"),
        ({"engine": "python-numba", "enable_rust": False}, "python-numba"),
    ],
)
def test_a_runtime_resolves_its_engine(options, resolved):
    assert Runtime(**options).resolved_engine == resolved


def test_a_runtime_cannot_be_changed_in_place():
    runtime = Runtime()
    with pytest.raises(AttributeError):
        runtime.engine = "python-numba"
    assert runtime.with_updates(threads=2) == Runtime(threads=2)
    assert runtime == Runtime()


def test_a_metric_must_be_configured_and_can_be_reset():
    with pytest.raises(ConfigurationError, match="build_residual_backend"):
        PCCT().fit(POINTS)
    backend = build()
    configure_residual_correlation(backend)
    try:
        assert PCCT().fit(POINTS).residual is backend
        assert compute_residual_distances([0], [0]) == 0.0
    finally:
        reset_residual_metric()
    with pytest.raises(ConfigurationError, match="no backend"):
        compute_residual_distances([0], [0])


def test_fit_refuses_points_that_are_not_the_backends():
    backend = build()
    with pytest.raises(ShapeError, match=r"\(30, 1\)"):
        PCCT().fit(np.arange(30).reshape(-1, 1), backend=backend)
    with pytest.raises(ConfigurationError, match="coordinates, not ids"):
        PCCT().fit(POINTS + 1.0, backend=backend)


def test_a_search_without_a_tree_and_objects_of_other_types_are_refused():
    with pytest.raises(ConfigurationError, match="has no tree"):
        PCCT().knn([0], k=1)
    with pytest.raises(DtypeError, match="Runtime"):
        PCCT("rust-hilbert")
    with pytest.raises(DtypeError, match="fit returned"):
        PCCT(Runtime(), build())
    with pytest.raises(DtypeError, match="build_residual_backend"):
        configure_residual_correlation(POINTS)


def test_every_error_is_of_one_tree_and_of_the_built_in_a_user_expects():
    for error, built_in in (
        (ShapeError, ValueError),
        (DtypeError, TypeError),
        (IndexRangeError, IndexError),
        (ParameterError, ValueError),
        (NonFiniteError, ValueError),
    ):
        assert issubclass(error, CovertreexError)
        assert issubclass(error, built_in)


def test_the_execution_hints_change_no_answer(engine):
    backend = build(engine=engine)
    base = Runtime(engine=engine)
    expected = PCCT(base).fit(POINTS, backend=backend).knn(np.arange(30), k=30)
    for hints in (
        {"enable_sparse_traversal": True},
        {"residual_use_static_euclidean_tree": True},
        {"batch_order": "hilbert"},
        {"threads": 1},
        {"threads": 7},
    ):
        tree = PCCT(base.with_updates(**hints)).fit(POINTS, mis_seed=7, backend=backend)
        found = tree.knn(np.arange(30), k=30)
        assert [a.tobytes() for a in found] == [a.tobytes() for a in expected]


def test_matern_by_name_and_as_an_object_are_the_same(engine):
    by_name = build(kernel="matern52", lengthscale=0.5, variance=2.0, engine=engine)
    as_object = build(kernel=Matern52(lengthscale=0.5, variance=2.0), engine=engine)
    assert by_name.kernel == as_object.kernel
    assert by_name.v_matrix.tobytes() == as_object.v_matrix.tobytes()
    other = build(kernel=Matern52(lengthscale=0.25, variance=2.0), engine=engine)
    assert other.v_matrix.tobytes() != by_name.v_matrix.tobytes()


def test_arrays_out_of_line_are_taken():
    line = np.zeros(8 * 60 + 1, np.uint8)[1:].view(np.float64).reshape(20, 3)
    line[...] = np.arange(60.0).reshape(20, 3) % 7.0
    assert not line.flags.aligned
    found, wanted = (cover_tree(points).knn(k=3) for points in (line, line.copy()))
    assert [array.tobytes() for array in found] == [array.tobytes() for array in wanted]
