"""How right an answer is: recall@k, against the contract's full scan and against the truth."""

from __future__ import annotations

import numpy as np

from .dense import DenseScan
from .recipe import F64, I64

TIE = 1e-9
"""``|rho|`` this close are ties: what the rounding of two ways to compute V can tell apart."""
TRUE_ENOUGH = 0.999
"""The least recall against the truth of an engine of this project in float64."""


class WrongAnswerError(Exception):
    """An engine of this project did not give the contract's answer: nothing it did is printed."""


def recall(found: I64, true: I64) -> float:
    """Return the share of the true neighbours, ids of shape (q, k), that were found.

    A slot of -1, which says that there is no further neighbour, is right where the true slot is -1.
    """
    if found.shape != true.shape:
        raise WrongAnswerError(f"neighbours have shape {found.shape}, wanted is {true.shape}")
    hits = [np.isin(want, have).sum() for have, want in zip(found, true, strict=True)]
    return float(np.sum(hits) / true.size)


def true_recall(scan: DenseScan, rows: I64, found: I64, true: I64) -> float:
    """Return the share of the true neighbours of `rows` that were found, ties counted as found.

    `true` is the answer of `scan`. Where ``|rho|`` underflows, thousands of points are equally far.
    """
    hits = recall(found, true) * true.size
    for row, have, want in zip(rows, found, true, strict=True):
        others = np.setdiff1d(have, want)
        if len(others) and min(others.min(), want.min()) >= 0:
            rho = scan.block(np.array([row]), np.concatenate((want, others)))[0]
            hits += (rho[len(want) :] >= rho[: len(want)].min() - TIE).sum()
    return float(hits / true.size)


def expect_true(name: str, truth: float) -> None:
    """Raise `WrongAnswerError` where a float64 answer misses true neighbours.

    The full scan is this project's as well, so agreeing with it is not enough.
    """
    if truth < TRUE_ENOUGH:
        raise WrongAnswerError(f"{name}: recall against the truth is {truth:.4f} in float64, "
                               f"wanted is {TRUE_ENOUGH} or more")  # fmt: skip


def expect_same(name: str, found: tuple[I64, F64], scan: tuple[I64, F64]) -> None:
    """Raise `WrongAnswerError` unless ids and distances are those of the full scan, bit for bit."""
    for what, one, other in zip(("ids", "distances"), found, scan, strict=True):
        if one.shape != other.shape:
            raise WrongAnswerError(f"{name}: {what} of shape {one.shape}, not {other.shape}")
        if one.tobytes() != other.tobytes():
            wrong = int((one != other).any(axis=1).sum())
            raise WrongAnswerError(f"{name}: {what} of {wrong} of {len(one)} queries are not those "
                                   "of the contract's full scan")  # fmt: skip
