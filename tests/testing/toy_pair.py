"""A toy foreign pair: squared distances and their row sums, in two styles of NumPy loops.

Two stages, so that an error can travel: `gram` (g, the squared distances; s, their row sums)
and `nearest` (index and value of the smallest). Both engines add in the same order, so they agree
bit for bit. An engine is a mapping stage -> function, so a test can replace one stage.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from covertreex.testing import Policy, Row, Rule, Stage, Suite

CASES: dict[str, tuple[int, int, str]] = {
    "small": (1, 5, "float64"),
    "odd": (2, 7, "float64"),
    "single": (3, 6, "float32"),
}


def inputs(case: tuple[int, int, str]) -> dict[str, np.ndarray]:
    """Points on a grid of sevenths: rounded, so a float32 case is not its float64 twin."""
    seed, n, dtype = case
    steps = (np.arange(n * 3, dtype=np.int64) * (2 * seed + 1)) % 11
    points = (steps.reshape(n, 3) / 7.0).astype(dtype)
    return {"points": points, "seed": np.array(seed)}


def by_rows(points: np.ndarray) -> dict[str, np.ndarray]:
    n, d = points.shape
    g = np.zeros((n, n), dtype=points.dtype)
    for k in range(d):
        step = points[:, k, None] - points[None, :, k]
        g = g + step * step
    return {"g": g, "s": _sums(g)}


def by_elements(points: np.ndarray) -> dict[str, np.ndarray]:
    n, d = points.shape
    g = np.zeros((n, n), dtype=points.dtype)
    for i in range(n):
        for j in range(n):
            for k in range(d):
                step = points[i, k] - points[j, k]
                g[i, j] += step * step
    return {"g": g, "s": _sums(g)}


def _sums(g: np.ndarray) -> np.ndarray:
    total = np.zeros(len(g), dtype=g.dtype)
    for j in range(len(g)):
        total = total + g[:, j]
    return total


def nearest(g: np.ndarray, s: np.ndarray) -> dict[str, np.ndarray]:
    masked = g + np.diag(np.full(len(g), np.inf, dtype=g.dtype))
    index = np.argmin(masked, axis=1)
    return {"index": index, "value": masked[np.arange(len(g)), index] / s}


Engine = Mapping[str, Any]
ROWS: Engine = {"gram": by_rows, "nearest": nearest}
ELEMENTS: Engine = {"gram": by_elements, "nearest": nearest}

STAGES = (
    Stage("gram", ("g", "s"), lambda engine, given, _: engine["gram"](given["points"])),
    Stage(
        "nearest",
        ("index", "value"),
        lambda engine, _, upstream: engine["nearest"](upstream["g"], upstream["s"]),
    ),
)

EXACT = Policy((Row("*", "*", Rule(), "both engines add in the same order"),))


def twin(case: tuple[int, int, str]) -> tuple[int, int, str] | None:
    seed, n, dtype = case
    return (seed, n, "float64") if dtype == "float32" else None


def make_suite(root: Path, **changes: Any) -> Suite:
    """The suite of the toy pair, with what a test changes."""
    defaults = {
        "root": root / "snapshots",
        "cases": CASES,
        "inputs": inputs,
        "stages": STAGES,
        "reference": ("rows", ROWS),
        "candidates": {"elements": ELEMENTS},
        "policy": EXACT,
        "twin": twin,
        "cpu": lambda: {"features": ["fma"], "level": "toy"},
    }
    return Suite(**{**defaults, **changes})
