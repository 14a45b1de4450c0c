"""Nearest neighbours by Gaussian-process residual correlation: two engines, one set of bits.

A public name is imported when it is first asked for: pytest loads the plugin in
`covertreex.testing` wherever covertreex is installed, and must not pay for Numba there.
"""

from importlib import import_module, metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .api import PCCT, CoverTree, Neighbourhoods, Runtime, cover_tree, load
    from .errors import ResidualPrecisionWarning
    from .kernels import RBF, Kernel, Matern12, Matern32, Matern52
    from .metrics import (
        ResidualBackend,
        build_residual_backend,
        configure_residual_correlation,
        reset_residual_metric,
    )

    __version__: str

__all__ = [
    "PCCT",
    "RBF",
    "CoverTree",
    "Kernel",
    "Matern12",
    "Matern32",
    "Matern52",
    "Neighbourhoods",
    "ResidualBackend",
    "ResidualPrecisionWarning",
    "Runtime",
    "__version__",
    "build_residual_backend",
    "configure_residual_correlation",
    "cover_tree",
    "load",
    "reset_residual_metric",
]

_HOMES = ("errors", "kernels", "metrics", "api")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *__all__})


if not TYPE_CHECKING:  # a type checker that sees it takes any name for a public one

    def __getattr__(name):
        if name == "__version__":
            return metadata.version("covertreex")
        if name in _HOMES:
            return import_module(f".{name}", __name__)
        if name in __all__:
            homes = (import_module(f".{home}", __name__) for home in _HOMES)
            return next(getattr(home, name) for home in homes if name in home.__all__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
