"""The Rust engine: the stages of `covertreex._rust`, under the names of the reference engine.

All arithmetic is in ``src/``. The one stage that callers reach directly, `distance_block_no_gate`,
checks its arguments with the same function as its twin, so both engines refuse alike.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import _rust
from .._rust import inducing_rows, normals, splitmix64, uniforms
from ._arguments import F64, I64, Block, check_distance_block, contiguous

__all__ = [
    "cholesky",
    "distance_block_no_gate",
    "dot_block",
    "exp",
    "inducing_rows",
    "kernel_block",
    "knn",
    "normals",
    "project",
    "splitmix64",
    "uniforms",
]

cholesky = contiguous(_rust.cholesky)
dot_block = contiguous(_rust.dot_block)
exp = contiguous(_rust.exp)
kernel_block = contiguous(_rust.kernel_block)
knn = contiguous(_rust.knn)
project = contiguous(_rust.project)


def distance_block_no_gate(
    p_diag: Block,
    query_indices: I64,
    chunk_indices: I64,
    kernel_block: Block,
    dot_block: Block,
    radii: F64,
    eps: float,
    *,
    level: str | None = None,
    threads: int | None = None,
) -> tuple[F64, npt.NDArray[np.bool_]]:
    """Distances of a block and the mask of those within the radius.

    Arguments, results and errors are those of the twin in ``_residual_numba.py``; ``level`` names
    the CPU level to run, by default the best one (`covertreex._rust.levels`).
    """
    arguments = check_distance_block(
        p_diag, query_indices, chunk_indices, kernel_block, dot_block, radii, eps
    )
    return _rust.distance_block_no_gate(*arguments, level=level, threads=threads)
