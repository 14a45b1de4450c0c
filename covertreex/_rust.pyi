"""Private extension module of the Rust engine: the stages of the numeric contract.

Arrays are C-contiguous, aligned and native; a ``Block`` is float32 or float64, the same in all
arguments of a call. ``level`` names a CPU level of `levels`, by default the best one; ``threads``
is the size of the call's own pool, by default the global one. Neither changes a bit. Errors are
those of `covertreex.errors`, and ``MemoryError``. Calls release the GIL.
"""

from typing import Final, Literal, Self, final

import numpy as np
from numpy.typing import NDArray

from .metrics._arguments import F64, I64, Block
from .search._tree_arguments import TreeArrays
from .search.indexes import IndexParts

__all__ = [
    "EuclideanIndex",
    "SearchIndex",
    "best_level",
    "build_profile",
    "cholesky",
    "cpu_features",
    "distance_block_no_gate",
    "distance_idx",
    "distances_sq_batch",
    "dot_block",
    "euclidean_knn",
    "euclidean_radius",
    "euclidean_tree",
    "exp",
    "exp_constants",
    "hilbert_order",
    "inducing_rows",
    "kernel_block",
    "knn",
    "levels",
    "max_distance_hint",
    "normals",
    "project",
    "radius",
    "residual_tree",
    "splitmix64",
    "uniforms",
]

def levels() -> list[str]:
    """List the CPU levels usable here, slowest first."""

def best_level() -> str:
    """Name the level that is used by default."""

def cpu_features() -> list[str]:
    """List the CPU features present, of those that a level could ask for."""

def build_profile() -> Literal["release", "debug"]:
    """Tell how the extension was compiled."""

def exp_constants() -> dict[str, int]:
    """Return the constants of the contract's ``exp`` as bit patterns, by name."""

def exp(x: F64, *, level: str | None = None) -> F64:
    """Compute the contract's exponential of each value of a vector."""

def splitmix64(seed: int, count: int) -> NDArray[np.uint64]:
    """Draw the first ``count`` integers of SplitMix64 from ``seed``."""

def uniforms(seed: int, count: int) -> F64:
    """Draw the first ``count`` uniforms in [0, 1), multiples of 2**-53."""

def normals(seed: int, count: int) -> F64:
    """Draw the first ``count`` normal-like values, each 12 uniforms summed, minus 6."""

def inducing_rows(seed: int, n: int, m: int) -> I64:
    """Draw ``min(m, n)`` distinct rows of ``range(n)``, ascending."""

def cholesky(
    u_z: F64,
    kernel: str,
    variance: float,
    *,
    level: str | None = None,
    threads: int | None = None,
) -> F64:
    """Factor the jittered kernel matrix of scaled inducing points (m, d): lower, (m, m)."""

def project(
    u: F64,
    u_z: F64,
    chol: F64,
    kernel: str,
    variance: float,
    block_dtype: str,
    *,
    level: str | None = None,
    threads: int | None = None,
) -> tuple[Block, Block]:
    """Project scaled points (n, d): V (n, m) and residual variances (n,), rounded once."""

def kernel_block(
    u_q: F64,
    u_c: F64,
    kernel: str,
    variance: float,
    block_dtype: str,
    *,
    level: str | None = None,
    threads: int | None = None,
) -> Block:
    """Evaluate the kernel (q, c) of scaled points (q, d) and (c, d), rounded once."""

def dot_block(
    v_q: Block,
    v_c: Block,
    *,
    level: str | None = None,
    threads: int | None = None,
) -> Block:
    """Multiply rows of V, (q, m) and (c, m): (q, c), each one ascending fma chain."""

def distance_block_no_gate(
    p_diag: Block,
    query_indices: I64,
    chunk_indices: I64,
    kernel_block: Block,
    dot_block: Block,
    radii: F64,
    eps: float,
    *,
    level: str | None = None,
    threads: int | None = None,
) -> tuple[F64, NDArray[np.bool_]]:
    """Compute distances (q, c), and whether each is within its row's radius."""

def knn(
    u_q: F64,
    v_q: Block,
    p_q: Block,
    u: F64,
    v: Block,
    p: Block,
    kernel: str,
    variance: float,
    eps: float,
    k: int,
    chunk_size: int,
    limits: I64 | None = None,
    *,
    level: str | None = None,
    threads: int | None = None,
) -> tuple[I64, F64]:
    """Find each query's ``k`` smallest (distance, index) below its limit by a full scan: (q, k)."""

def radius(
    u_q: F64,
    v_q: Block,
    p_q: Block,
    u: F64,
    v: Block,
    p: Block,
    kernel: str,
    variance: float,
    eps: float,
    radii: F64,
    chunk_size: int,
    limits: I64 | None = None,
    *,
    level: str | None = None,
    threads: int | None = None,
) -> tuple[I64, I64, F64]:
    """Find all within each query's radius and below its limit: offsets, indices, distances."""

def distance_idx(
    u: F64,
    v: Block,
    p: Block,
    kernel: str,
    variance: float,
    eps: float,
    i: int,
    j: int,
    *,
    level: str | None = None,
) -> float:
    """Compute the distance between points ``i`` and ``j``, by definition."""

def distances_sq_batch(
    u: F64,
    v: Block,
    p: Block,
    kernel: str,
    variance: float,
    eps: float,
    query: int,
    idxs: I64,
    kth: float | None,
    *,
    level: str | None = None,
) -> F64:
    """Square the distances of ``query`` to points; inf for one proven to exceed ``kth``."""

def max_distance_hint() -> float:
    """Return the largest distance there can be."""

@final
class EuclideanIndex:
    """Points (n, d), finite, indexed once for many Euclidean searches; ids are their rows."""

    def __new__(cls, u: F64, *, threads: int | None = None) -> EuclideanIndex:
        """Copy the points into leaves."""

    @property
    def shape(self) -> tuple[int, int]:
        """How many points, of how many coordinates."""

    def is_of(self, *of: object) -> bool:
        """Whether it was built from this very array."""

    def knn(
        self,
        u_q: F64,
        k: int,
        limits: I64 | None = None,
        *,
        threads: int | None = None,
        level: str | None = None,
    ) -> tuple[I64, F64]:
        """Find each query's ``k`` smallest (distance, id) among ids below its limit: both (q, k).

        Where there are fewer, -1 and infinity follow.
        """

    def radius(
        self,
        u_q: F64,
        radii: F64,
        limits: I64 | None = None,
        *,
        threads: int | None = None,
        level: str | None = None,
    ) -> tuple[I64, I64, F64]:
        """Find all points within each query's radius and below its limit.

        Offsets (q + 1,) into ids and distances, which ascend by (distance, id) for each query.
        """

def euclidean_knn(
    u_q: F64,
    u: F64,
    k: int,
    limits: I64 | None = None,
    *,
    threads: int | None = None,
    level: str | None = None,
) -> tuple[I64, F64]:
    """Answer as `EuclideanIndex.knn` does, by a scan."""

def euclidean_radius(
    u_q: F64,
    u: F64,
    radii: F64,
    limits: I64 | None = None,
    *,
    threads: int | None = None,
    level: str | None = None,
) -> tuple[I64, I64, F64]:
    """Answer as `EuclideanIndex.radius` does, by a scan."""

def hilbert_order(u: F64, *, threads: int | None = None) -> I64:
    """Order the ids of scaled points (n, d) along a Hilbert curve."""

def euclidean_tree(
    u: F64,
    batch_order: str,
    mis_seed: int,
    max_centres: int,
    *,
    level: str | None = None,
    threads: int | None = None,
) -> TreeArrays:
    """Build the compressed cover tree of scaled points (n, d)."""

def residual_tree(
    u: F64,
    v: Block,
    p: Block,
    kernel: str,
    variance: float,
    eps: float,
    batch_order: str,
    mis_seed: int,
    max_centres: int,
    *,
    level: str | None = None,
    threads: int | None = None,
) -> TreeArrays:
    """Build the compressed cover tree of points under the residual-correlation metric."""

@final
class SearchIndex:
    """An index of points (u, V, p) in float64 blocks, for searches with the bits of a full scan.

    ``certified`` says that V and p are those of `project` from the points' own factor: then, and
    only then, bounds are proven. Otherwise searches are scans. ``order`` is a permutation of the
    ids, by default a Hilbert order, and ``cuts`` the positions where its regions begin. The arrays
    are kept, not copied: nobody may write to them while the index lives. Queries are rows of u, V
    and p by the same factor.
    """

    def __new__(
        cls,
        u: F64,
        v: F64,
        p: F64,
        kernel: str,
        variance: float,
        certified: bool,
        order: I64 | None = None,
        cuts: I64 | None = None,
        *,
        level: str | None = None,
        threads: int | None = None,
    ) -> Self: ...
    REVISION: Final[int]

    @staticmethod
    def from_parts(
        u: F64,
        v: F64,
        p: F64,
        kernel: str,
        variance: float,
        parts: IndexParts,
        *,
        level: str | None = None,
    ) -> SearchIndex:
        """Make an index of the `parts` that one of these points gave.

        Shapes, ids and NaN are checked; that the bounds are those of these points is not.
        """

    def is_of(self, *of: object) -> bool:
        """Whether it was built from these very arrays u, v and p, by this kernel and variance."""

    @property
    def parts(self) -> IndexParts:
        """The arrays that the index is made of, flat; ``docs/file-format.md`` says which."""

    @property
    def regions(self) -> list[tuple[int, int]]:
        """Points and pivots of each region; empty where bounds are unproven or would not pay."""

    @property
    def nbytes(self) -> int:
        """Bytes taken beside the arrays."""

    def knn(
        self,
        u_q: F64,
        v_q: F64,
        p_q: F64,
        eps: float,
        k: int,
        chunk_size: int,
        limits: I64 | None = None,
        *,
        threads: int | None = None,
    ) -> tuple[I64, F64]:
        """Find neighbours as the stage ``knn`` does: both (q, k), padded with -1 and inf."""

    def radius(
        self,
        u_q: F64,
        v_q: F64,
        p_q: F64,
        eps: float,
        radii: F64,
        chunk_size: int,
        limits: I64 | None = None,
        *,
        threads: int | None = None,
    ) -> tuple[I64, I64, F64]:
        """Find all within radii as the stage ``radius`` does: offsets, indices, distances."""
