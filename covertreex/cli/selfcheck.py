"""Both engines on small seeded cases: they give the same bits, or this machine is at fault."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ResidualPrecisionWarning
from ..metrics._arguments import F64, I64

if TYPE_CHECKING:
    from ..kernels import Kernel

__all__ = ["CASES", "Case", "check"]

REFERENCE, CANDIDATE = "python-numba", "rust-hilbert"

_N, _K = 400, 8


@dataclass(frozen=True)
class Case:
    """Neighbours of all points, by one metric."""

    name: str
    kernel: str | None
    block_dtype: str = "float64"

    def answer(self, engine: str) -> tuple[I64, F64]:
        """Return what an engine finds: ids and distances."""
        from ..api import cover_tree
        from ..kernels import kernel_from_name

        points = np.random.default_rng(7).uniform(size=(_N, 3))
        if self.kernel is None:
            return cover_tree(points, engine=engine).knn(k=_K)
        kernel: Kernel = kernel_from_name(self.kernel, lengthscale=0.15, variance=1.5)
        more = {"inducing_count": 40, "seed": 7, "block_dtype": self.block_dtype}
        with warnings.catch_warnings():  # noise or not, it must be the same
            warnings.simplefilter("ignore", ResidualPrecisionWarning)
            return cover_tree(points, kernel, engine=engine, **more).knn(k=_K)  # type: ignore[arg-type]


CASES = (
    Case("matern52, float64 blocks", "matern52"),
    Case("rbf, float32 blocks", "rbf", "float32"),
    Case("Euclidean", None),
)


def check() -> Iterator[tuple[Case, str]]:
    """Yield each case, and where the engines part; nothing where every bit is equal."""
    for case in CASES:
        reference, found = case.answer(REFERENCE), case.answer(CANDIDATE)
        yield (
            case,
            _difference("ids", *(a[0] for a in (reference, found)))
            or _difference("distances", *(a[1].view(np.int64) for a in (reference, found))),
        )


def _difference(what: str, reference: I64, found: I64) -> str:
    unlike = reference != found
    if not unlike.any():
        return ""
    row, rank = (int(i) for i in np.argwhere(unlike)[0])
    return (
        f"{int(unlike.sum())} of {unlike.size} {what} differ between {REFERENCE} and {CANDIDATE}, "
        f"the first at query {row}, rank {rank + 1}"
    )
