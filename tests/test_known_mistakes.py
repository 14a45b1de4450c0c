"""What the public tools of this field got wrong, a test each, for both engines."""

from dataclasses import replace

import numpy as np
import pytest
from parity.inputs import normals

from covertreex import PCCT, RBF, Matern12, Matern32, Matern52, Runtime, build_residual_backend
from covertreex.errors import ConfigurationError
from covertreex.metrics.residual.core import compute_residual_distances, residual_knn

N = 400
POINTS = normals(31, 3 * N).reshape(N, 3)
IDS = np.arange(N)


def build(points=POINTS, *, engine, **changes):
    arguments = {"seed": 5, "inducing_count": 20, "block_dtype": "float64"}
    return build_residual_backend(points, engine=engine, **{**arguments, **changes})


def distances(backend, engine):
    return compute_residual_distances(IDS, IDS, backend=backend, engine=engine)


SHAPES = {
    RBF: lambda s, r: np.exp(-s / 2),
    Matern12: lambda s, r: np.exp(-r),
    Matern32: lambda s, r: (1 + 3**0.5 * r) * np.exp(-(3**0.5) * r),
    Matern52: lambda s, r: (1 + 5**0.5 * r + 5 * s / 3) * np.exp(-(5**0.5) * r),
}


def textbook(points, kernel, inducing):
    """Residual-correlation distances by NumPy's own algebra: right to rounding, not to the bit."""
    scaled = points / np.asarray(kernel.lengthscale)
    s = ((scaled[:, None] - scaled[None]) ** 2).sum(axis=2)
    k = kernel.variance * SHAPES[type(kernel)](s, np.sqrt(s))
    jittered = k[np.ix_(inducing, inducing)] + 1e-6 * kernel.variance * np.eye(inducing.size)
    residual = k - k[:, inducing] @ np.linalg.solve(jittered, k[inducing])
    p = np.maximum(np.diag(residual), 1e-9 * kernel.variance)
    return 1 - np.minimum(1, np.abs(residual / np.sqrt(np.outer(p, p))))


@pytest.mark.parametrize("block_dtype", ["float32", "float64"])
def test_a_fortran_order_v_is_read_by_its_indices(stages, block_dtype):
    v = normals(7, 30 * 17).reshape(30, 17).astype(block_dtype)
    turned = np.asfortranarray(v)
    assert stages.dot_block(turned, turned[:9]).tobytes() == stages.dot_block(v, v[:9]).tobytes()
    u, p = POINTS[:30], np.full(30, 0.5, block_dtype)
    for layout in (np.asfortranarray, lambda a: np.repeat(a, 2, axis=-1)[..., ::2]):
        found = stages.knn(*map(layout, (u, v, p, u, v, p)), "rbf", 1.0, 1e-9, 5, 8)
        plain = stages.knn(u, v, p, u, v, p, "rbf", 1.0, 1e-9, 5, 8)
        assert [a.tobytes() for a in found] == [a.tobytes() for a in plain]


@pytest.mark.parametrize(
    "kernel",
    [RBF(0.5), *(kind(2.0, 3.0) for kind in SHAPES), *(kind((0.5, 1.0, 4.0)) for kind in SHAPES)],
    ids=repr,
)
def test_kernel_and_lengthscale_are_obeyed(engine, kernel):
    backend = build(kernel=kernel, engine=engine)
    expected = textbook(POINTS, kernel, backend.inducing_indices)
    assert np.abs(distances(backend, engine) ** 2 - expected).max() < 1e-8


def test_a_lengthscale_is_a_division_of_the_coordinates(engine):
    short = residual_knn(build(lengthscale=0.5, engine=engine), IDS, 10, engine=engine)
    twice = residual_knn(build(POINTS * 2.0, engine=engine), IDS, 10, engine=engine)
    plain = residual_knn(build(engine=engine), IDS, 10, engine=engine)
    assert [a.tobytes() for a in short] == [a.tobytes() for a in twice]
    assert (short[0] != plain[0]).any()


def test_the_v_and_the_kernel_of_the_backend_are_the_ones_used(engine):
    backend = build(engine=engine)
    for other in (
        replace(backend, v_matrix=np.zeros_like(backend.v_matrix)),
        replace(backend, kernel=Matern52()),
        replace(backend, p_diag=backend.p_diag * 4.0),
    ):
        changed = distances(other, engine)
        assert (changed != distances(backend, engine)).any()
        indices, nearest = residual_knn(other, IDS, 7, engine=engine)
        assert (nearest == np.sort(changed, axis=1)[:, :7]).all()
        assert (np.take_along_axis(changed, indices, axis=1) == nearest).all()


@pytest.mark.parametrize("queries", [None, IDS, IDS[::-7]], ids=["all", "ids", "some"])
def test_the_predecessor_rule_is_obeyed(queries, engine):
    backend = build(engine=engine)
    tree = PCCT(Runtime(engine=engine)).fit(POINTS, backend=backend)
    asked = IDS if queries is None else queries
    every = np.where(asked[:, None] > IDS, distances(backend, engine)[asked], np.inf)
    order = np.lexsort((np.broadcast_to(IDS, every.shape), every), axis=1)[:, :9]
    nearest = np.take_along_axis(every, order, axis=1)
    indices, found = tree.knn(queries, k=9, predecessor_mode=True)
    assert (found == nearest).all()
    assert (indices == np.where(np.isinf(nearest), -1, order)).all()
    assert (indices < asked[:, None]).all()


@pytest.mark.parametrize("k", [1, 10, N])
@pytest.mark.parametrize("chunk_size", [16, 1024])
def test_there_is_no_visit_budget(engine, k, chunk_size):
    backend = build(engine=engine, chunk_size=chunk_size)
    every = distances(backend, engine)
    order = np.lexsort((np.broadcast_to(IDS, every.shape), every), axis=1)[:, :k]
    indices, nearest = residual_knn(backend, IDS, k, engine=engine)
    assert (indices == order).all()
    assert (nearest == np.take_along_axis(every, order, axis=1)).all()


def test_the_diagonal_is_computed_like_any_other_element(engine):
    backend = build(engine=engine)
    assert (distances(backend, engine).diagonal() == 0.0).all()
    doubled = replace(backend, p_diag=backend.p_diag * 2.0)
    own = distances(doubled, engine).diagonal()
    assert np.abs(own - np.sqrt(0.5)).max() < 1e-12
    indices, nearest = residual_knn(doubled, IDS, N, engine=engine)
    assert (nearest[indices == IDS[:, None]] == own).all()


def test_ids_are_not_coordinates(engine):
    backend = build(engine=engine)
    tree = PCCT(Runtime(engine=engine)).fit(POINTS, backend=backend)
    by_id = tree.knn(IDS.reshape(-1, 1), k=10)
    assert (by_id[0] != np.abs(IDS[:, None] - IDS).argsort(kind="stable")[:, :10]).any()
    by_coordinates = tree.knn(POINTS, k=10)
    assert [a.tobytes() for a in by_id] == [a.tobytes() for a in by_coordinates]
    rows = build(np.column_stack([IDS] * 3), engine=engine)
    with pytest.raises(ConfigurationError, match="coordinates, not ids"):
        PCCT().fit(POINTS, backend=rows)
