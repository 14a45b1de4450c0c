"""What one element of each output is made of, for ``nox -s parity -- --explain CASE``.

Elements of the same stage are left out: a Cholesky entry is also made of those before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt

Arrays = Mapping[str, npt.NDArray[Any]]
Index = tuple[int, ...]
Parts = Mapping[str, Sequence[Any]]


def inducing(output: str, index: Index, inputs: Arrays, outputs: Arrays) -> Parts:
    return {"seed": [()], "inducing_count": [()]}


def cholesky(output: str, index: Index, inputs: Arrays, outputs: Arrays) -> Parts:
    rows = outputs["inducing_indices"][list(index)]
    return {"inducing_indices": [*index], "scaled": [*rows], "variance": [()]}


def project(output: str, index: Index, inputs: Arrays, outputs: Arrays) -> Parts:
    if output == "p_diag":  # of a whole row of V, before it is rounded
        return {"scaled": [*index], "inducing_indices": [()], "cholesky": [()]}
    point, column = index
    chosen = outputs["inducing_indices"][column]
    return {
        "scaled": [point, chosen],
        "inducing_indices": [column],
        "cholesky": [(column, slice(column + 1))],
    }


def _pair(index: Index, inputs: Arrays) -> tuple[int, int]:
    """Return the points of the query and of the column of a block's element."""
    query, column = index
    return inputs["query_indices"][query], inputs["chunk_indices"][column]


def kernel_block(output: str, index: Index, inputs: Arrays, outputs: Arrays) -> Parts:
    return {"scaled": [*_pair(index, inputs)], "variance": [()]}


def dot_block(output: str, index: Index, inputs: Arrays, outputs: Arrays) -> Parts:
    return {"v_matrix": [*_pair(index, inputs)]}


def distance_block_no_gate(output: str, index: Index, inputs: Arrays, outputs: Arrays) -> Parts:
    radius = {"radii": [index[0]]} if output == "mask" else {}
    return {
        "p_diag": [*_pair(index, inputs)],
        "kernel_block": [index],
        "dot_block": [index],
        "eps": [()],
        **radius,
    }


def knn(output: str, index: Index, inputs: Arrays, outputs: Arrays) -> Parts:
    pair = inputs["query_indices"][index[0]], outputs["knn_indices"][index]
    return {"scaled": [*pair], "v_matrix": [*pair], "p_diag": [*pair], "eps": [()]}
