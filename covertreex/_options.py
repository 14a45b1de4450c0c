"""Kernel, runtime and options as every front takes them: trees, Vecchia's approximation, Dask.

The metric follows from the kernel: with one it is the residual correlation, without one Euclidean.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from .errors import ConfigurationError, DtypeError
from .kernels import Kernel
from .metrics._arguments import as_block_dtype
from .runtime import Runtime

__all__ = ["as_kernel", "as_runtime", "expect_runtime", "expect_usual", "runtime_of"]


def as_kernel(kernel: object) -> Kernel:
    """Return the kernel, or say what was given instead."""
    if not isinstance(kernel, Kernel):
        raise DtypeError(
            f"kernel is {kernel!r}, of type {type(kernel).__name__}; give an object such as "
            "Matern52(lengthscale=0.5)"
        )
    return kernel


def as_runtime(runtime: object) -> Runtime:
    """Return the runtime, or the default one for None."""
    return Runtime() if runtime is None else expect_runtime(runtime)


def expect_runtime(runtime: object) -> Runtime:
    """Return the runtime, or say what was given instead."""
    if not isinstance(runtime, Runtime):
        raise DtypeError(f"runtime is of type {type(runtime).__name__}; give a Runtime")
    return runtime


def runtime_of(
    runtime: Runtime | None, kernel: Kernel | None, engine: str | None, threads: int | None
) -> Runtime:
    """Return the runtime of a kernel's metric, with the engine and the threads given beside it."""
    of = None if kernel is None else as_kernel(kernel)
    how = as_runtime(runtime)
    if of is not None and how.metric == "euclidean":
        raise ConfigurationError(
            f"kernel is {kernel!r}, but the runtime says metric='euclidean'; drop one of the two"
        )
    metric = "euclidean" if of is None else "residual_correlation"
    given = {"engine": engine, "threads": threads}
    return how.with_updates(
        metric=metric, **{name: value for name, value in given.items() if value is not None}
    )


def expect_usual(given: dict[str, Any], front: Callable[..., object]) -> None:
    """Refuse options of the residual metric: without a kernel nothing would heed them.

    Raises
    ------
    ConfigurationError
        If an option is not the default that ``front`` has for it.
    ParameterError
        If a block dtype is none.
    """
    usual = inspect.signature(front).parameters
    odd = [name for name, value in given.items() if not _is(value, name, usual[name].default)]
    if odd:
        raise ConfigurationError(
            f"{' and '.join(odd)} given without a kernel, which makes the metric Euclidean; give a "
            f"kernel such as Matern52(lengthscale=0.5), or leave {' and '.join(odd)} out"
        )


def _is(value: Any, name: str, usual: Any) -> bool:
    """Whether an option is its default, in whichever spelling; arrays of any kind are not."""
    if value is usual:
        return True
    if name == "block_dtype":
        return bool(as_block_dtype(value) == usual)
    if usual is None or isinstance(value, bool) or not isinstance(value, int | np.integer):
        return False
    return bool(value == usual)
