"""Metrics: the residual correlation of a Gaussian process under an inducing-point approximation."""

from .residual.backend import ResidualBackend, build_residual_backend
from .residual.context import configure_residual_correlation, reset_residual_metric

__all__ = [
    "ResidualBackend",
    "build_residual_backend",
    "configure_residual_correlation",
    "reset_residual_metric",
]
