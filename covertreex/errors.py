"""The one exception tree of covertreex, and its warnings.

Every error that a caller can cause derives from `CovertreexError` and from the built-in exception
that Python users would expect in its place, so ``except ValueError`` goes on working. Each message
says what was given, what is wanted and what to do.
"""

from __future__ import annotations

__all__ = [
    "ConfigurationError",
    "CovertreexError",
    "DtypeError",
    "EngineUnavailableError",
    "FactorError",
    "FileAccessError",
    "FileFormatError",
    "FloatEnvironmentError",
    "IndexRangeError",
    "InputError",
    "InternalError",
    "MissingDependencyError",
    "NonFiniteError",
    "OutputExistsError",
    "ParameterError",
    "ResidualPrecisionWarning",
    "ShapeError",
]


class CovertreexError(Exception):
    """Base of every exception that covertreex raises."""


class InputError(CovertreexError, ValueError):
    """An argument is unusable; base of the errors below that speak of one argument."""


class ShapeError(InputError):
    """An array has the wrong number of dimensions, or lengths that do not fit each other."""


class DtypeError(InputError, TypeError):
    """An array or a scalar is of a type that has no meaning there."""


class NonFiniteError(InputError):
    """An array holds NaN or infinity where finite numbers are needed."""


class ParameterError(InputError):
    """A scalar is out of range, or a name is not one of those known."""


class IndexRangeError(InputError, IndexError):
    """An id points outside the data."""


class ConfigurationError(CovertreexError, ValueError):
    """Options contradict each other, or a metric is used before it was configured."""


class FactorError(CovertreexError, ArithmeticError):
    """The inducing covariance is not positive definite: a Cholesky pivot was not above zero."""


class FloatEnvironmentError(CovertreexError, RuntimeError):
    """The thread's floating-point mode is not IEEE round-to-nearest with subnormals."""


class EngineUnavailableError(CovertreexError, RuntimeError):
    """An engine, or a CPU level of it, cannot run here."""


class FileAccessError(CovertreexError, OSError):
    """A file cannot be opened, read or written: not there, not allowed, or the disk is full."""


class FileFormatError(CovertreexError, ValueError):
    """A file is damaged, of another kind, or newer than this version can read."""


class OutputExistsError(CovertreexError, FileExistsError):
    """A file that would be written is there already."""


class MissingDependencyError(CovertreexError, ImportError):
    """An optional package is not installed; the message names the extra that brings it."""


class InternalError(CovertreexError, RuntimeError):
    """A fault of covertreex itself; please report it."""


class ResidualPrecisionWarning(UserWarning):
    """float32 blocks cannot resolve the residual correlations of this data."""
