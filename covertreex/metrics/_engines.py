"""What an engine is, and the engines by the names a `Runtime` knows them by.

An engine is a module that holds the stages of the numeric contract under the names of `Engine`:
`covertreex.metrics._residual_numba`, the reference, and `covertreex.metrics._residual_rust`. To
add one, write such a module, name it here, and give it to the parity suite in ``tests/parity``.
"""

from __future__ import annotations

import importlib
from typing import Protocol, cast

from ..errors import EngineUnavailableError
from ._arguments import F64, I64, Block, as_choice

DEFAULT_ENGINE = "rust-hilbert"
_MODULES = {
    "python-numba": "covertreex.metrics._residual_numba",
    "rust-hilbert": "covertreex.metrics._residual_rust",
    "rust-natural": "covertreex.metrics._residual_rust",
}
ENGINES = tuple(_MODULES)


class Engine(Protocol):
    """The stages that the API calls; shapes and rounding are those of the reference engine."""

    def inducing_rows(self, seed: int, n: int, m: int) -> I64:
        """``min(m, n)`` distinct rows of n, ascending."""

    def cholesky(self, u_z: F64, kernel: str, variance: float, *, threads: int | None = ...) -> F64:
        """Lower Cholesky factor of the inducing covariance."""

    def project(
        self,
        u: F64,
        u_z: F64,
        chol: F64,
        kernel: str,
        variance: float,
        block_dtype: str,
        *,
        threads: int | None = ...,
    ) -> tuple[Block, Block]:
        """Rows of V and p_diag."""

    def kernel_block(
        self,
        u_q: F64,
        u_c: F64,
        kernel: str,
        variance: float,
        block_dtype: str,
        *,
        threads: int | None = ...,
    ) -> Block:
        """Covariances of queries against columns."""

    def dot_block(self, v_q: Block, v_c: Block, *, threads: int | None = ...) -> Block:
        """Inner products of rows of V."""

    def distance_block_no_gate(
        self,
        p_diag: Block,
        query_indices: I64,
        chunk_indices: I64,
        kernel_block: Block,
        dot_block: Block,
        radii: F64,
        eps: float,
        *,
        threads: int | None = ...,
    ) -> tuple[F64, object]:
        """Distances of a block, and the mask of those within the radius."""

    def knn(
        self,
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
        limits: I64 | None = ...,
        *,
        threads: int | None = ...,
    ) -> tuple[I64, F64]:
        """Find the k nearest by (distance, id), among the ids below each query's limit."""

    def radius(
        self,
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
        limits: I64 | None = ...,
        *,
        threads: int | None = ...,
    ) -> tuple[I64, I64, F64]:
        """Find all within each query's radius, by (distance, id): offsets, ids, distances."""

    def euclidean_knn(
        self, u_q: F64, u: F64, k: int, limits: I64 | None = ..., *, threads: int | None = ...
    ) -> tuple[I64, F64]:
        """`knn` by the Euclidean distance of coordinates."""

    def euclidean_radius(
        self, u_q: F64, u: F64, radii: F64, limits: I64 | None = ..., *, threads: int | None = ...
    ) -> tuple[I64, I64, F64]:
        """`radius` by the Euclidean distance of coordinates."""


def engine_named(name: str | None) -> Engine:
    """Return the engine of that name, or the default one, imported when first asked for.

    Raises
    ------
    ParameterError
        If no engine has that name.
    EngineUnavailableError
        If its module cannot be imported, for example when the extension was not built.
    """
    chosen = as_choice(DEFAULT_ENGINE if name is None else name, "engine", ENGINES)
    try:
        return cast(Engine, importlib.import_module(_MODULES[chosen]))
    except (ImportError, RuntimeError) as error:  # RuntimeError: Numba finds no cache directory
        raise EngineUnavailableError(
            f"engine {chosen!r} cannot be loaded ({error}); reinstall covertreex, build the "
            "extension of a checkout with `maturin develop --release`, or name a directory that "
            "Numba can write in NUMBA_CACHE_DIR"
        ) from error
