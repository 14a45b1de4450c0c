"""Throughput of the dot stage of both engines beside OpenBLAS, one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from parity.inputs import normals
from threadpoolctl import threadpool_limits

from covertreex import _rust
from covertreex.metrics import _numba_loops, _residual_numba

from .recall import WrongAnswerError
from .residual import Settings
from .row import Row
from .timing import in_turns

SHAPE = (1_024, 2_048, 512)
AIMS = {"rust": 0.9, "numba": 0.4}


def dot(settings: Settings) -> Iterator[Row]:
    """Blocks of inner products; before they are timed the two engines' bits are compared."""
    turns = 6 * settings.turns
    for dtype in ("float64", "float32"):
        q, c, m = SHAPE
        a = normals(1, q * m).reshape(q, m).astype(dtype)
        b = normals(2, c * m).reshape(c, m).astype(dtype)
        runs: dict[str, Callable[[], Any]] = {
            "OpenBLAS": partial(np.matmul, a, b.T),
            "rust": partial(_rust.dot_block, a, b, threads=1),
            "numba": partial(_residual_numba.dot_block, a, b, threads=1),
        }
        _check(runs["rust"](), runs["numba"](), a, b)
        control = None
        with threadpool_limits(1), settings.progress(f"dot {dtype}", 3 * turns) as advance:
            for who, run in runs.items():
                run()
                pairs = in_turns(runs["OpenBLAS"], run, turns, advance)
                control = control or pairs.band
                gflops = 2e-9 * q * c * m / pairs.seconds
                yield Row(
                    job=f"dot-{dtype}", who=who, pairs=pairs, aim=AIMS.get(who), control=control,
                    figures={"GFLOP/s": gflops},
                )  # fmt: skip


def _check(block: Any, reference: Any, a: Any, b: Any) -> None:
    if block.tobytes() != reference.tobytes():
        raise WrongAnswerError("the engines' dot blocks differ")
    q, c, _ = SHAPE
    for i, j in ((0, 0), (q // 3, c // 5), (q - 1, c - 1)):
        if block[i, j] != _numba_loops.chain(a[i], b[j]):
            raise WrongAnswerError(f"element ({i}, {j}) is not the chain of the definition")
