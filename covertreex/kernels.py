"""Covariance functions as value objects: what they are called and which parameters they carry.

The formulas stand once an engine, under the name that `Kernel.name` holds: in
``metrics/_numba_loops.py`` and in ``src/kernel.rs``. The lengthscale never reaches an engine; it
divides the coordinates once (`scale`), so no engine can ignore it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .errors import DtypeError, NonFiniteError, ParameterError, ShapeError

__all__ = ["KERNELS", "RBF", "Kernel", "Matern12", "Matern32", "Matern52", "kernel_from_name"]

VARIANCE_RANGE = (2.0**-60, 2.0**60)


@dataclass(frozen=True)
class Kernel:
    """A stationary covariance function; use one of its subclasses.

    Parameters
    ----------
    lengthscale : float or sequence of float, default 1.0
        Distance over which the covariance decays, in the units of the coordinates; one number, or
        one for each coordinate (automatic relevance determination). Positive and finite.
    variance : float, default 1.0
        Covariance at distance zero, in squared units of the response, within [2**-60, 2**60].

    Raises
    ------
    ParameterError
        If a lengthscale or the variance is out of range.
    """

    lengthscale: float | tuple[float, ...] = 1.0
    variance: float = 1.0

    name: ClassVar[str] = ""

    def __post_init__(self) -> None:
        if not self.name:
            raise ParameterError(
                f"Kernel is a base class; use one of {', '.join(sorted(KERNELS))} instead"
            )
        object.__setattr__(self, "lengthscale", _lengthscale(self.lengthscale))
        object.__setattr__(self, "variance", as_variance(self.variance))

    def scale(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Divide each coordinate by its lengthscale: the only place where a lengthscale acts.

        Parameters
        ----------
        points : ndarray of float64, shape (n, d)
            Finite coordinates.

        Returns
        -------
        ndarray of float64, shape (n, d)
            Scaled coordinates, without unit.

        Raises
        ------
        ShapeError
            If there is a lengthscale for each coordinate and their number is not d.
        NonFiniteError
            If a quotient overflows.
        """
        columns = points.shape[1]
        if isinstance(self.lengthscale, tuple) and len(self.lengthscale) != columns:
            raise ShapeError(
                f"{len(self.lengthscale)} lengthscales were given for points with {columns} "
                "coordinates; give one number, or one for each coordinate"
            )
        with np.errstate(all="ignore"):
            scaled = points / np.asarray(self.lengthscale, dtype=np.float64)
        if not np.isfinite(scaled).all():
            raise NonFiniteError(
                f"points divided by the lengthscale {self.lengthscale!r} overflow float64; "
                "rescale the coordinates or choose a larger lengthscale"
            )
        return np.ascontiguousarray(scaled)


@dataclass(frozen=True)
class RBF(Kernel):
    """Squared exponential covariance, ``variance * exp(-s / 2)``, s the squared scaled distance.

    Rasmussen and Williams, *Gaussian Processes for Machine Learning* (2006), equation 4.9.
    """

    name: ClassVar[str] = "rbf"


@dataclass(frozen=True)
class Matern12(Kernel):
    """Matern covariance of smoothness 1/2, the exponential one: ``variance * exp(-r)``.

    Here ``r = sqrt(s)`` and s is the squared scaled distance. Rasmussen and Williams, *Gaussian
    Processes for Machine Learning* (2006), equation 4.18 with gamma 1.
    """

    name: ClassVar[str] = "matern12"


@dataclass(frozen=True)
class Matern32(Kernel):
    """Matern covariance of smoothness 3/2, ``variance * (1 + r) * exp(-r)``.

    Here ``r = sqrt(3 * s)`` and s is the squared scaled distance. Rasmussen and Williams,
    *Gaussian Processes for Machine Learning* (2006), equation 4.17.
    """

    name: ClassVar[str] = "matern32"


@dataclass(frozen=True)
class Matern52(Kernel):
    """Matern covariance of smoothness 5/2, ``variance * (1 + r + r**2 / 3) * exp(-r)``.

    Here ``r = sqrt(5 * s)`` and s is the squared scaled distance. Rasmussen and Williams,
    *Gaussian Processes for Machine Learning* (2006), equation 4.17.
    """

    name: ClassVar[str] = "matern52"


KERNELS: dict[str, type[Kernel]] = {kind.name: kind for kind in (RBF, Matern12, Matern32, Matern52)}


def kernel_from_name(name: str, *, lengthscale: float | Sequence[float], variance: float) -> Kernel:
    """Return the kernel of that name; raise `ParameterError` if `KERNELS` has none."""
    kind = KERNELS.get(name)
    if kind is None:
        raise ParameterError(f"unknown kernel {name!r}; known are {', '.join(sorted(KERNELS))}")
    return kind(lengthscale=lengthscale, variance=variance)  # type: ignore[arg-type]


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool | np.bool_) or not isinstance(
        value, int | float | np.integer | np.floating
    ):
        raise DtypeError(f"{what} is {value!r}, of type {type(value).__name__}; give a real number")
    try:
        return float(value)
    except OverflowError as error:
        raise ParameterError(f"{what} is an integer beyond float64; give a smaller one") from error


def _lengthscale(value: Any) -> float | tuple[float, ...]:
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    several = isinstance(value, list | tuple | np.ndarray)
    scales = tuple(_number(item, "lengthscale") for item in (value if several else [value]))
    if not scales:
        raise ShapeError("lengthscale is empty; give one number, or one a coordinate")
    for scale in scales:
        if not (math.isfinite(scale) and scale > 0.0):
            raise ParameterError(
                f"lengthscale is {value!r}; it must be positive and finite, in units of the points"
            )
    return scales if several else scales[0]


def as_variance(value: Any) -> float:
    """Variance as a float within `VARIANCE_RANGE`; the one check, for kernels and for stages."""
    variance = _number(value, "variance")
    low, high = VARIANCE_RANGE
    if not low <= variance <= high:
        raise ParameterError(
            f"variance is {variance!r}; it must lie within [2**-60, 2**60], so that no stage "
            "overflows or underflows"
        )
    return variance
