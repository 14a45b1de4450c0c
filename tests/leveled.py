"""The Rust engine held to one CPU level, as an engine of its own."""

import functools
from types import SimpleNamespace

from covertreex.metrics import _residual_rust

LEVELED = ("cholesky", "project", "kernel_block", "dot_block", "distance_block_no_gate", "knn",
           "radius", "euclidean_knn", "euclidean_radius")  # fmt: skip


def at_level(level):
    """Return the stages of the Rust engine, those that take a level bound to this one."""
    stages = {name: getattr(_residual_rust, name) for name in _residual_rust.__all__}
    held = {name: functools.partial(stages[name], level=level) for name in LEVELED}
    return SimpleNamespace(**stages | held)
