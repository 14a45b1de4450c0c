"""Which backend the metric ``residual_correlation`` uses where none is passed explicitly.

It is a context variable: what one thread or task configures, no other one sees.
"""

from __future__ import annotations

from contextvars import ContextVar

from ...errors import ConfigurationError, DtypeError
from .backend import ResidualBackend

_configured: ContextVar[ResidualBackend | None] = ContextVar("residual_backend", default=None)


def configure_residual_correlation(backend: ResidualBackend) -> None:
    """Let the metric ``residual_correlation`` use this backend, in the current context.

    Parameters
    ----------
    backend : ResidualBackend
        What `build_residual_backend` returned.

    Raises
    ------
    DtypeError
        If it is something else.

    See Also
    --------
    covertreex.reset_residual_metric : Undo it.
    """
    _configured.set(_checked(backend))


def reset_residual_metric() -> None:
    """Forget the configured backend of the current context."""
    _configured.set(None)


def resolve_backend(backend: ResidualBackend | None) -> ResidualBackend:
    """Return the backend passed explicitly, else the configured one.

    Raises
    ------
    ConfigurationError
        If there is neither.
    """
    chosen = _configured.get() if backend is None else _checked(backend)
    if chosen is None:
        raise ConfigurationError(
            "the metric 'residual_correlation' has no backend in this context; build one with "
            "build_residual_backend(points, ...), then pass it as backend= or call "
            "configure_residual_correlation(backend)"
        )
    return chosen


def _checked(backend: object) -> ResidualBackend:
    if not isinstance(backend, ResidualBackend):
        raise DtypeError(
            f"backend is of type {type(backend).__name__}; give what build_residual_backend "
            "returned"
        )
    return backend
