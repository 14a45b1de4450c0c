"""How right an answer is: recall@k, against the contract's full scan and against the truth."""

from __future__ import annotations

import numpy as np

from .recipe import F64, I64


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


def expect_same(name: str, found: tuple[I64, F64], scan: tuple[I64, F64]) -> None:
    """Raise `WrongAnswerError` unless ids and distances are those of the full scan, bit for bit."""
    for what, one, other in zip(("ids", "distances"), found, scan, strict=True):
        if one.shape != other.shape:
            raise WrongAnswerError(f"{name}: {what} of shape {one.shape}, not {other.shape}")
        if one.tobytes() != other.tobytes():
            wrong = int((one != other).any(axis=1).sum())
            raise WrongAnswerError(f"{name}: {what} of {wrong} of {len(one)} queries are not those "
                                   "of the contract's full scan")  # fmt: skip
