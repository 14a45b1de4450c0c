"""What one element of each output is made of, for ``nox -s parity -- --explain CASE``.

Elements of the same stage are left out: a Cholesky entry is also made of those before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
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


def _neighbour(query: Any, neighbour: Any) -> Parts:
    """Name what the distance of a query, a point's id, and a neighbour is made of."""
    pair = [query, neighbour]
    return {"scaled": pair, "v_matrix": pair, "p_diag": pair, "eps": [()]}


def knn(output: str, index: Index, inputs: Arrays, outputs: Arrays) -> Parts:
    return _neighbour(inputs["query_indices"][index[0]], outputs["knn_indices"][index])


def predecessors(output: str, index: Index, inputs: Arrays, outputs: Arrays) -> Parts:
    found = outputs["predecessor_indices"][index]
    limit = {"query_indices": [index[0]]}
    if found < 0:  # padding: the limit alone decides
        return limit
    return {**_neighbour(inputs["query_indices"][index[0]], found), **limit}


def radius(output: str, index: Index, inputs: Arrays, outputs: Arrays) -> Parts:
    row = _row(index[0], outputs["radius_offsets"], output)
    gate = {"radii": [row], "knn_distances": [(row, -1)]}
    if output == "radius_offsets":
        return gate
    found = outputs["radius_indices"][index]
    return {**_neighbour(inputs["query_indices"][row], found), **gate}


def euclidean_knn(output: str, index: Index, inputs: Arrays, outputs: Arrays) -> Parts:
    pair = [inputs["query_indices"][index[0]], outputs["euclidean_indices"][index]]
    return {"scaled": pair}


def euclidean_radius(output: str, index: Index, inputs: Arrays, outputs: Arrays) -> Parts:
    row = _row(index[0], outputs["euclidean_radius_offsets"], output)
    gate = {"query_indices": [row], "euclidean_distances": [(row, -1)]}
    if output == "euclidean_radius_offsets":
        return gate
    pair = [inputs["query_indices"][row], outputs["euclidean_radius_indices"][index]]
    return {"scaled": pair, **gate}


def _row(place: int, offsets: npt.NDArray[Any], output: str) -> int:
    """Return the query whose answers a place lies in, or end there for an entry of the offsets."""
    if output.endswith("offsets"):
        return max(place - 1, 0)
    return int(np.searchsorted(offsets, place, side="right")) - 1
