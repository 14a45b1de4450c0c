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


def _knn(engine: Any, inputs: Arrays, upstream: Arrays) -> Arrays:
    u, v, p = inputs["scaled"], upstream["v_matrix"], upstream["p_diag"]
    rows = inputs["query_indices"]
    indices, distances = engine.knn(
        u[rows], v[rows], p[rows], u, v, p, *_kernel(inputs),
        float(inputs["eps"]), int(inputs["k"]), 1024,
    )  # fmt: skip
    return {"knn_indices": indices, "knn_distances": distances}


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
)
