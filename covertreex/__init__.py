"""Nearest neighbours by Gaussian-process residual correlation: two engines, one set of bits."""

from importlib import metadata

from .api import PCCT, CoverTree, Runtime
from .errors import ResidualPrecisionWarning
from .kernels import RBF, Matern52
from .metrics import (
    ResidualBackend,
    build_residual_backend,
    configure_residual_correlation,
    reset_residual_metric,
)

__version__ = metadata.version("covertreex")

__all__ = [
    "PCCT",
    "RBF",
    "CoverTree",
    "Matern52",
    "ResidualBackend",
    "ResidualPrecisionWarning",
    "Runtime",
    "__version__",
    "build_residual_backend",
    "configure_residual_correlation",
    "reset_residual_metric",
]
