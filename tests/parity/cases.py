"""The table of parity cases. To add one, add a row, then freeze it: ``nox -s snapshots``.

A case fixes points (recipe, n, d, seed), the approximation (inducing, kernel, lengthscale,
variance), the block dtype, the block that is frozen (queries x columns, radius), k, and eps where
it is not the API's ``1e-9 * variance``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row; ``name`` is the file name of its goldens."""

    name: str
    points: str = "normal"
    n: int = 97
    d: int = 3
    seed: int = 1
    inducing: int = 24
    kernel: str = "rbf"
    lengthscale: float | tuple[float, ...] = 1.0
    variance: float = 1.0
    block_dtype: str = "float64"
    queries: int = 19
    columns: int = 45
    radius: float = 0.9
    k: int = 7
    eps: float | None = None


def _both_dtypes(case: Case) -> tuple[Case, Case]:
    return (
        replace(case, name=f"{case.name}_f32", block_dtype="float32"),
        replace(case, name=f"{case.name}_f64", block_dtype="float64"),
    )


_SEED = Case(
    name="seed_arange64", points="arange", n=64, d=1, seed=99, inducing=128,
    queries=16, columns=64, radius=0.3, k=1,
)  # fmt: skip
_GOLD = Case(
    name="gold_slice", n=32_768, seed=42, inducing=512, queries=24, columns=256, radius=0.9, k=50,
)  # fmt: skip

_ROWS = (
    # the seed of the project, and a slice of the gold standard
    *_both_dtypes(_SEED),
    *_both_dtypes(_GOLD),
    # dimension
    *_both_dtypes(Case(name="line", d=1, seed=2, n=131, inducing=9, lengthscale=0.25)),
    *_both_dtypes(Case(name="plane", d=2, seed=3, kernel="matern52")),
    *_both_dtypes(Case(name="space", d=3, seed=4, k=97)),
    *_both_dtypes(Case(name="eight_dimensions", d=8, seed=5, kernel="matern52", lengthscale=2.0)),
    # rank
    *_both_dtypes(Case(name="rank_1", seed=6, inducing=1)),
    *_both_dtypes(Case(name="rank_2_matern", seed=7, inducing=2, kernel="matern52")),
    *_both_dtypes(Case(name="rank_65", seed=8, n=203, inducing=65, kernel="matern52")),
    Case(name="rank_512", seed=9, n=601, inducing=512, kernel="matern52", lengthscale=0.2),
    Case(name="all_inducing_matern", seed=10, n=40, inducing=40, kernel="matern52", columns=33),
    # shape of the block
    *_both_dtypes(Case(name="one_by_one", seed=11, queries=1, columns=1, k=1)),
    *_both_dtypes(Case(name="one_query", seed=12, n=333, queries=1, columns=333, k=20)),
    *_both_dtypes(Case(name="odd_tails", seed=13, n=259, inducing=17, queries=67, columns=131)),
    Case(name="one_column", seed=14, queries=61, columns=1),
    Case(name="single_point", seed=15, n=1, inducing=1, queries=1, columns=1, k=1),
    Case(name="two_points", seed=16, n=2, d=2, inducing=1, queries=2, columns=2, k=2),
    # points that repeat, or lie on a grid: ties decided by the id
    *_both_dtypes(Case(name="duplicates", points="repeated", seed=17, n=120, k=33)),
    *_both_dtypes(Case(name="grid_ties", points="grid", d=2, seed=18, n=144, inducing=12, k=24)),
    # p_diag near the jitter, and at its floor of 1e-9 (jitter / inducing is below it)
    *_both_dtypes(Case(name="p_diag_jitter", points="cluster", d=1, seed=19, n=80, inducing=30)),
    *_both_dtypes(Case(name="p_diag_floor", points="cluster", d=1, seed=31, n=1_100, inducing=1_080,
                       lengthscale=10.0)),
    # lengthscale
    Case(name="lengthscale_1e-3", seed=20, lengthscale=1e-3),
    *_both_dtypes(Case(name="lengthscale_1e3", seed=21, lengthscale=1e3)),
    Case(name="lengthscale_1e3_matern", seed=22, lengthscale=1e3, kernel="matern52"),
    Case(name="ard", seed=23, lengthscale=(0.3, 1.0, 4.0), kernel="matern52"),
    # variance
    *_both_dtypes(Case(name="variance_2_to_minus_20", seed=24, variance=2.0**-20)),
    *_both_dtypes(Case(name="variance_2_to_20", seed=25, variance=2.0**20, kernel="matern52")),
    Case(name="variance_odd", seed=26, variance=math.pi),
    # kernel values that underflow: subnormal, then zero
    *_both_dtypes(Case(name="kernel_underflow", points="arange", n=70, d=1, seed=27, inducing=3)),
    Case(name="kernel_underflow_matern", points="arange", n=70, d=1, seed=28, inducing=3,
         kernel="matern52", lengthscale=0.2),
    # squared distances that overflow: kernel values of exactly zero
    *_both_dtypes(Case(name="far_apart", points="far", n=40, seed=32, inducing=5, k=40)),
    Case(name="far_apart_matern", points="far", n=40, seed=33, inducing=5, kernel="matern52"),
    # products of residual variances below eps squared
    *_both_dtypes(Case(name="eps_floor", seed=34, lengthscale=0.5, eps=0.7)),
    # squares that lie half way between two floats, and variances whose jitter rounds either way
    Case(name="squares_halfway", points="short", d=1, seed=32),
    Case(name="jitter_last_bit_up", seed=33, inducing=1, variance=135.942),
    Case(name="jitter_last_bit_down", seed=34, inducing=1, variance=1.915844),
    # the other Matern kernels
    *_both_dtypes(Case(name="matern12", seed=35, kernel="matern12", k=12)),
    *_both_dtypes(Case(name="matern32", seed=36, kernel="matern32", k=12)),
    Case(name="ard_matern12", seed=37, lengthscale=(0.3, 1.0, 4.0), variance=2.5,
         kernel="matern12"),
    Case(name="ard_matern32", points="repeated", seed=38, lengthscale=(4.0, 0.3, 1.0),
         variance=0.4, kernel="matern32"),
    Case(name="kernel_underflow_matern12", points="arange", n=70, d=1, seed=39, inducing=3,
         kernel="matern12", lengthscale=0.08),
    Case(name="kernel_underflow_matern32", points="arange", n=70, d=1, seed=40, inducing=3,
         kernel="matern32", lengthscale=0.15),
    Case(name="far_apart_matern12", points="far", n=40, seed=41, inducing=5, kernel="matern12"),
    Case(name="far_apart_matern32", points="far", n=40, seed=42, inducing=5, kernel="matern32"),
    # predecessors: every query, so that some have none and some fewer than k; ties among them
    *_both_dtypes(Case(name="predecessors", points="repeated", d=2, seed=43, n=150, queries=150,
                       kernel="matern32", columns=21, k=15)),
    # radii
    *_both_dtypes(Case(name="radius_0", points="repeated", seed=29, n=60, radius=0.0)),
    Case(name="radius_inf", seed=30, radius=math.inf),
)  # fmt: skip

CASES: dict[str, Case] = {case.name: case for case in _ROWS}


def float64_twin(case: Case) -> Case | None:
    """Return the same case in float64 blocks, or None for one that has them already."""
    if case.block_dtype == "float64":
        return None
    return replace(case, block_dtype="float64")
