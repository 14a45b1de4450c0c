"""A thread that does not compute as IEEE 754 has it gets a clear error, never other bits.

The faults are planted for real, through the C library's floating-point environment of the thread.
"""

import concurrent.futures
import ctypes
import functools
import platform

import numpy as np
import pytest
from parity.inputs import normals

from covertreex import build_residual_backend
from covertreex.errors import FactorError, FloatEnvironmentError
from covertreex.metrics import _numba_threads, _residual_numba, _residual_rust
from covertreex.metrics.residual.core import compute_residual_distances, residual_knn

POINTS = normals(1, 600 * 3).reshape(600, 3)


class FloatEnvironment:
    """The floating-point environment of this thread with one fault planted, while it is entered."""

    # Where the control register stands in fenv_t, and its bits.
    OFFSET, FAULTS = {
        "x86_64": (28, {"flush-to-zero": 1 << 15, "denormals-are-zero": 1 << 6,
                        "rounding mode": 1 << 13, "rounding mode, up": 2 << 13,
                        "rounding mode, to zero": 3 << 13}),
        "aarch64": (0, {"flush-to-zero": 1 << 24, "rounding mode": 2 << 22,
                        "rounding mode, up": 1 << 22, "rounding mode, to zero": 3 << 22}),
    }[platform.machine()]  # fmt: skip

    def __init__(self, fault):
        self.libm = ctypes.CDLL("libm.so.6")
        self.saved = ctypes.create_string_buffer(64)
        self.bits = self.FAULTS[fault]

    def __enter__(self):
        self.libm.fegetenv(self.saved)
        changed = ctypes.create_string_buffer(self.saved.raw, 64)
        ctypes.c_uint32.from_buffer(changed, self.OFFSET).value |= self.bits
        self.libm.fesetenv(changed)

    def __exit__(self, *_):
        self.libm.fesetenv(self.saved)


def arrays(result):
    """Bytes of what a stage returned, one array or several."""
    return [array.tobytes() for array in (result if isinstance(result, tuple) else (result,))]


def refused(fault):
    return pytest.raises(FloatEnvironmentError, match=fault.partition(",")[0])


@pytest.mark.parametrize("fault", FloatEnvironment.FAULTS)
@pytest.mark.parametrize("threads", [1, 2, None])
def test_every_stage_refuses(fault, threads, stages):
    u, v, p = POINTS, POINTS, np.full(600, 0.5)
    kernel, ids, block = ("rbf", 1.0), np.arange(600), np.full((600, 600), 0.5)
    calls = {
        "normals": lambda: stages.normals(1, 5),
        "exp": lambda: stages.exp(u[0]),
        "cholesky": lambda: stages.cholesky(u[:9], *kernel, threads=threads),
        "project": lambda: stages.project(u, u[:9], np.eye(9), *kernel, "float32", threads=threads),
        "kernel_block": lambda: stages.kernel_block(u, u, *kernel, "float32", threads=threads),
        "dot_block": lambda: stages.dot_block(v, v, threads=threads),
        "distance_block_no_gate": lambda: stages.distance_block_no_gate(
            p, ids, ids, block, block, np.ones(600), 1e-9, threads=threads
        ),
        "knn": lambda: stages.knn(u, v, p, u, v, p, *kernel, 1e-9, 3, 64, threads=threads),
    }
    for call in calls.values():
        before = call()
        with FloatEnvironment(fault), refused(fault):
            call()
        after = call()
        assert arrays(after) == arrays(before)


@pytest.mark.parametrize("fault", FloatEnvironment.FAULTS)
def test_the_public_functions_refuse(fault, engine):
    build = functools.partial(
        build_residual_backend, POINTS, seed=1, inducing_count=9, block_dtype="float64"
    )
    backend = build(engine=engine)
    for call in (
        lambda: build(engine=engine),
        lambda: compute_residual_distances([0, 1], [2], backend=backend, engine=engine),
        lambda: residual_knn(backend, [0, 1], 2, engine=engine),
        lambda: residual_knn(backend, POINTS[:2] + 0.5, 2, engine=engine),
    ):
        with FloatEnvironment(fault), refused(fault):
            call()


@pytest.mark.parametrize("fault", FloatEnvironment.FAULTS)
def test_a_worker_thread_of_the_reference_is_checked_too(fault, monkeypatch):
    """The Rust twin of this test is in ``src/environment.rs``: only Rust can reach its workers."""
    planted = []

    def plant():
        planted.append(FloatEnvironment(fault))
        planted[-1].__enter__()

    pool = functools.partial(concurrent.futures.ThreadPoolExecutor, initializer=plant)
    monkeypatch.setattr(_numba_threads, "ThreadPoolExecutor", pool)
    with refused(fault):
        _residual_numba.dot_block(POINTS, POINTS, threads=2)
    assert planted


@pytest.mark.parametrize("fault", FloatEnvironment.FAULTS)
def test_the_fault_is_named_and_no_other(fault, stages):
    with FloatEnvironment(fault), pytest.raises(FloatEnvironmentError) as refusal:
        stages.dot_block(POINTS[:2], POINTS[:2])
    said, _, _ = str(refusal.value).partition("; wanted")
    assert said.endswith(f"floating-point unit is set to {fault.partition(',')[0]}")


def test_both_engines_refuse_in_the_same_words():
    u = np.full((3, 1), np.nan)
    v = np.ones((3, 3))
    said = []
    for stages in (_residual_numba, _residual_rust):
        with pytest.raises(FactorError) as factor:
            stages.cholesky(u, "rbf", 1.0)
        with FloatEnvironment("rounding mode"), pytest.raises(FloatEnvironmentError) as environment:
            stages.dot_block(v, v)
        said.append((str(factor.value), str(environment.value)))
    assert said[0] == said[1]
