"""Rows of points as the stages take them: of ids, of new coordinates; and backends of other rows.

A row of V depends on its own point and on the factor alone, so a row computed today has the bits
of one computed with all the others: inserting and deleting change no other row.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ...errors import ConfigurationError
from .._arguments import F64, I64, Block
from .._engines import Engine
from .backend import ResidualBackend, certified, owned


class Rows(NamedTuple):
    """Scaled coordinates (q, d), rows of V (q, m) and p_diag (q,)."""

    u: F64
    v: Block
    p: Block


def every_row(backend: ResidualBackend) -> Rows:
    """Return all rows of the backend, not copied."""
    return Rows(backend.scaled, backend.v_matrix, backend.p_diag)


def gathered_rows(backend: ResidualBackend, ids: I64) -> Rows:
    """Return the rows of some points of the backend."""
    return Rows(backend.scaled[ids], backend.v_matrix[ids], backend.p_diag[ids])


def projected_rows(
    backend: ResidualBackend, points: F64, stages: Engine, threads: int | None
) -> Rows:
    """Compute the rows of new points by the inducing points and the factor of the backend.

    Raises
    ------
    ConfigurationError
        If the backend's V or p_diag is not that of its factor, whatever the widths: distances
        between rows of two factors mean nothing.
    """
    if not backend.certified:
        raise ConfigurationError(
            "v_matrix and p_diag of the backend are not those of its factor, so rows that go with "
            "them cannot be computed for new points; search by id, or build a backend without a V "
            "of your own"
        )
    scaled = backend.kernel.scale(points)
    v, p = stages.project(
        scaled,
        backend.scaled_inducing,
        backend.cholesky,
        backend.kernel.name,
        backend.kernel.variance,
        backend.block_dtype,
        threads=threads,
    )
    return Rows(scaled, v, p)


def with_points(
    backend: ResidualBackend, points: F64, stages: Engine, threads: int | None
) -> ResidualBackend:
    """Put more points behind those of a backend; inducing points and factor stay."""
    new = projected_rows(backend, points, stages, threads)
    together = replace(
        backend,
        points=owned(np.concatenate([backend.points, points])),
        scaled=owned(np.concatenate([backend.scaled, new.u])),
        v_matrix=owned(np.concatenate([backend.v_matrix, new.v])),
        p_diag=owned(np.concatenate([backend.p_diag, new.p])),
    )
    return certified(together) if backend.certified else together


def with_rows(backend: ResidualBackend, rows: I64) -> ResidualBackend:
    """Leave a backend these of its rows alone; inducing points and factor stay."""
    left = replace(
        backend,
        points=owned(backend.points[rows]),
        scaled=owned(backend.scaled[rows]),
        v_matrix=owned(backend.v_matrix[rows]),
        p_diag=owned(backend.p_diag[rows]),
    )
    return certified(left) if backend.certified else left
