"""A stage called with arrays that do not fit refuses, in the same words from both engines."""

import numpy as np
import pytest

from covertreex.errors import (
    DtypeError,
    IndexRangeError,
    NonFiniteError,
    ParameterError,
    ShapeError,
)
from covertreex.metrics import _residual_numba, _residual_rust

U, V, P = np.zeros((9, 2)), np.ones((9, 5)), np.full(9, 0.5)
V32, P32 = V.astype(np.float32), P.astype(np.float32)
KERNEL = ("rbf", 1.0)
KNN = {"u_q": U, "v_q": V, "p_q": P, "u": U, "v": V, "p": P, "kernel": "rbf", "variance": 1.0,
       "eps": 1e-9, "k": 3, "chunk_size": 4}  # fmt: skip


def knn(**changes):
    return tuple({**KNN, **changes}.values())


RADIUS = {("radii" if name == "k" else name): value for name, value in KNN.items()}


def radius(**changes):
    return tuple({**RADIUS, **changes}.values())


BAD = {
    "exp of float32": ("exp", (U[0].astype(np.float32),), DtypeError),
    "exp of a matrix": ("exp", (U,), ShapeError),
    "dot of another depth": ("dot_block", (V[:, :3], V), ShapeError),
    "dot of two dtypes": ("dot_block", (V32, V), DtypeError),
    "dot of integers": ("dot_block", (V.astype(int), V.astype(int)), DtypeError),
    "dot of a vector": ("dot_block", (V[0], V), ShapeError),
    "kernel of another dimension": ("kernel_block", (U, U[:, :1], *KERNEL, "float64"), ShapeError),
    "kernel of float32 coordinates": (
        "kernel_block", (U.astype(np.float32), U, *KERNEL, "float64"), DtypeError),
    "unknown kernel": ("kernel_block", (U, U, "cubic", 1.0, "float64"), ParameterError),
    "variance -1": ("kernel_block", (U, U, "rbf", -1.0, "float64"), ParameterError),
    "variance nan": ("kernel_block", (U, U, "rbf", np.nan, "float64"), ParameterError),
    "block dtype int32": ("kernel_block", (U, U, *KERNEL, "int32"), ParameterError),
    "cholesky of a vector": ("cholesky", (U[0], *KERNEL), ShapeError),
    "project of another dimension": (
        "project", (U, U[:, :1], np.eye(9), *KERNEL, "float64"), ShapeError),
    "project with a factor that does not fit": (
        "project", (U, U[:4], np.eye(5), *KERNEL, "float64"), ShapeError),
    "k above n": ("knn", knn(k=10), ParameterError),
    "k 0": ("knn", knn(k=0), ParameterError),
    "chunk size 0": ("knn", knn(chunk_size=0), ParameterError),
    "eps 0": ("knn", knn(eps=0.0), ParameterError),
    "short v": ("knn", knn(v=V[:5]), ShapeError),
    "short p": ("knn", knn(p=P[:5]), ShapeError),
    "short v_q": ("knn", knn(v_q=V[:5]), ShapeError),
    "v_q of another rank": ("knn", knn(v_q=V[:, :2]), ShapeError),
    "p of another dtype": ("knn", knn(p=P32), DtypeError),
    "limits of another length": ("knn", knn(limits=[1, 2]), ShapeError),
    "limits above n": ("knn", knn(limits=[10] * 9), IndexRangeError),
    "limits below 0": ("radius", radius(limits=[-1] * 9), IndexRangeError),
    "limits of floats": ("radius", radius(limits=[1.0] * 9), DtypeError),
    "radius nan": ("radius", radius(radii=np.nan), NonFiniteError),
    "radii of another length": ("radius", radius(radii=[1.0, 2.0]), ShapeError),
    "radius with a short p": ("radius", radius(p=P[:5]), ShapeError),
    "euclidean k above n": ("euclidean_knn", (U, U, 10), ParameterError),
    "euclidean limits above n": ("euclidean_knn", (U, U, 1, [10] * 9), IndexRangeError),
    "euclidean points of another dimension": ("euclidean_knn", (U, U[:, :1], 1), ShapeError),
    "euclidean radius nan": ("euclidean_radius", (U, U, [np.nan] * 9), NonFiniteError),
    "euclidean limits too few": ("euclidean_radius", (U, U, 1.0, [1]), ShapeError),
    "u_q of another dimension": ("knn", knn(u_q=U[:, :1]), ShapeError),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_arrays_that_do_not_fit_are_refused_alike(name):
    stage, arguments, error = BAD[name]
    said = []
    for engine in (_residual_numba, _residual_rust):
        with pytest.raises(error) as caught:
            getattr(engine, stage)(*arguments)
        said.append(str(caught.value))
    assert said[0] == said[1]


@pytest.mark.parametrize("threads", [0, -1, 1025, 2**70])
def test_a_number_of_threads_out_of_range_is_refused(threads, stages):
    with pytest.raises(ParameterError, match="within 1 and 1024"):
        stages.dot_block(V, V, threads=threads)


def test_a_chunk_larger_than_the_data_is_the_data(stages):
    plain = stages.knn(*knn(chunk_size=9))
    huge = stages.knn(*knn(chunk_size=2**70))
    assert [a.tobytes() for a in huge] == [a.tobytes() for a in plain]


def test_options_and_arguments_may_be_named(stages):
    found = stages.knn(**KNN, threads=1)
    assert [a.tobytes() for a in found] == [a.tobytes() for a in stages.knn(*knn())]
    assert stages.dot_block(v_q=V, v_c=V).tobytes() == stages.dot_block(V, V).tobytes()
