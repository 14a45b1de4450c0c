"""The stages that are frozen, in the order in which one feeds the next.

To add an engine, give the suite a module with these functions (`covertreex.metrics._engines`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from covertreex.testing import Stage

from . import traces

Arrays = Mapping[str, npt.NDArray[Any]]


def _inducing(engine: Any, inputs: Arrays, upstream: Arrays) -> Arrays:
    chosen = engine.inducing_rows(
        int(inputs["seed"]), len(inputs["points"]), int(inputs["inducing_count"])
    )
    return {"inducing_indices": chosen}


def _inducing_points(inputs: Arrays, upstream: Arrays) -> npt.NDArray[np.float64]:
    return np.ascontiguousarray(inputs["scaled"][upstream["inducing_indices"]])


def _kernel(inputs: Arrays) -> tuple[str, float]:
    return str(inputs["kernel"]), float(inputs["variance"])


def _cholesky(engine: Any, inputs: Arrays, upstream: Arrays) -> Arrays:
    return {"cholesky": engine.cholesky(_inducing_points(inputs, upstream), *_kernel(inputs))}


def _project(engine: Any, inputs: Arrays, upstream: Arrays) -> Arrays:
    v, p = engine.project(
        inputs["scaled"],
        _inducing_points(inputs, upstream),
        upstream["cholesky"],
        *_kernel(inputs),
        str(inputs["block_dtype"]),
    )
    return {"v_matrix": v, "p_diag": p}


def _kernel_block(engine: Any, inputs: Arrays, upstream: Arrays) -> Arrays:
    block = engine.kernel_block(
        inputs["scaled"][inputs["query_indices"]],
        inputs["scaled"][inputs["chunk_indices"]],
        *_kernel(inputs),
        str(inputs["block_dtype"]),
    )
    return {"kernel_block": block}


def _dot_block(engine: Any, inputs: Arrays, upstream: Arrays) -> Arrays:
    v = upstream["v_matrix"]
    return {"dot_block": engine.dot_block(v[inputs["query_indices"]], v[inputs["chunk_indices"]])}


def _distance_block_no_gate(engine: Any, inputs: Arrays, upstream: Arrays) -> Arrays:
    distances, mask = engine.distance_block_no_gate(
        upstream["p_diag"],
        inputs["query_indices"],
        inputs["chunk_indices"],
        upstream["kernel_block"],
        upstream["dot_block"],
        inputs["radii"],
        float(inputs["eps"]),
    )
    return {"distances": distances, "mask": mask}


def _scan(inputs: Arrays, upstream: Arrays) -> tuple[Any, ...]:
    u, v, p = inputs["scaled"], upstream["v_matrix"], upstream["p_diag"]
    rows = inputs["query_indices"]
    return u[rows], v[rows], p[rows], u, v, p, *_kernel(inputs), float(inputs["eps"])


def _knn(engine: Any, inputs: Arrays, upstream: Arrays) -> Arrays:
    indices, distances = engine.knn(*_scan(inputs, upstream), int(inputs["k"]), 1024)
    return {"knn_indices": indices, "knn_distances": distances}


def _predecessors(engine: Any, inputs: Arrays, upstream: Arrays) -> Arrays:
    limits = inputs["query_indices"]
    indices, distances = engine.knn(*_scan(inputs, upstream), int(inputs["k"]), 1024, limits)
    return {"predecessor_indices": indices, "predecessor_distances": distances}


def _radius(engine: Any, inputs: Arrays, upstream: Arrays) -> Arrays:
    # not far beyond the k-th neighbour, so that the goldens stay small; its ties are within
    radii = np.minimum(inputs["radii"], upstream["knn_distances"][:, -1])
    offsets, indices, distances = engine.radius(*_scan(inputs, upstream), radii, 1024)
    return {"radius_offsets": offsets, "radius_indices": indices, "radius_distances": distances}


def _euclidean_knn(engine: Any, inputs: Arrays, upstream: Arrays) -> Arrays:
    u = inputs["scaled"]
    indices, distances = engine.euclidean_knn(u[inputs["query_indices"]], u, int(inputs["k"]))
    return {"euclidean_indices": indices, "euclidean_distances": distances}


def _euclidean_radius(engine: Any, inputs: Arrays, upstream: Arrays) -> Arrays:
    u, rows = inputs["scaled"], inputs["query_indices"]
    radii = upstream["euclidean_distances"][:, -1]
    offsets, indices, distances = engine.euclidean_radius(u[rows], u, radii, rows)
    return {
        "euclidean_radius_offsets": offsets,
        "euclidean_radius_indices": indices,
        "euclidean_radius_distances": distances,
    }


STAGES = (
    Stage("inducing", ("inducing_indices",), _inducing, traces.inducing),
    Stage("cholesky", ("cholesky",), _cholesky, traces.cholesky),
    Stage("project", ("v_matrix", "p_diag"), _project, traces.project),
    Stage("kernel_block", ("kernel_block",), _kernel_block, traces.kernel_block),
    Stage("dot_block", ("dot_block",), _dot_block, traces.dot_block),
    Stage(
        "distance_block_no_gate",
        ("distances", "mask"),
        _distance_block_no_gate,
        traces.distance_block_no_gate,
    ),
    Stage("knn", ("knn_indices", "knn_distances"), _knn, traces.knn),
    Stage(
        "predecessors",
        ("predecessor_indices", "predecessor_distances"),
        _predecessors,
        traces.predecessors,
    ),
    Stage(
        "radius",
        ("radius_offsets", "radius_indices", "radius_distances"),
        _radius,
        traces.radius,
    ),
    Stage(
        "euclidean_knn",
        ("euclidean_indices", "euclidean_distances"),
        _euclidean_knn,
        traces.euclidean_knn,
    ),
    Stage(
        "euclidean_radius",
        (
            "euclidean_radius_offsets",
            "euclidean_radius_indices",
            "euclidean_radius_distances",
        ),
        _euclidean_radius,
        traces.euclidean_radius,
    ),
)
