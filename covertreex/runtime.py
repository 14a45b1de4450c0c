"""`Runtime`, the only place for options.

The options that choose *how* an answer is computed are execution hints: they never change it. The
engine is one of them, because all engines give the same bits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

from .errors import ConfigurationError, ParameterError
from .metrics._arguments import as_choice, as_switch, as_threads, did_you_mean
from .metrics._engines import DEFAULT_ENGINE, ENGINES
from .profiles import PROFILES, options_of

_CHOICES: dict[str, tuple[str, ...]] = {
    "backend": ("numpy",),
    "precision": ("float64",),
    "metric": ("residual_correlation", "euclidean"),
    "batch_order": ("natural", "hilbert"),
}
_OPTIONAL_SWITCHES = ("enable_numba", "enable_rust", "residual_use_static_euclidean_tree")


@dataclass(frozen=True)
class Runtime:
    """Options of fitting and searching; immutable, and checked when made.

    Parameters
    ----------
    engine : {"python-numba", "rust-hilbert", "rust-natural"}, optional
        By default the first engine that ``enable_rust`` and ``enable_numba`` leave, Rust before
        Numba. Every engine gives the same bits.
    metric : {"residual_correlation", "euclidean"}
        What a distance is: ``sqrt(1 - |rho|)`` of a backend's residual correlations, or the
        Euclidean distance of the plain coordinates, which needs no backend.
    backend : {"numpy"}
        Library of the arrays that go in and out.
    precision : {"float64"}
        Of the distances returned. The precision of the blocks is chosen where the metric is built:
        ``build_residual_backend(..., block_dtype=)``.
    enable_numba, enable_rust : bool, optional
        Forbid an engine with False. To choose an engine and forbid it is refused.
    enable_sparse_traversal : bool
        Execution hint: whether the Rust engines search an index that `PCCT.fit` builds (True), or
        scan. Bounds are proven for float64 blocks of a factor of this package; others are scanned.
    residual_use_static_euclidean_tree : bool, optional
        Execution hint: lay the residual index out by the leaves of a cover tree of the scaled
        coordinates (True), or of the residual metric (False); by default in ``batch_order`` alone.
    batch_order : {"natural", "hilbert"}, optional
        Execution hint: the order in which the residual index lays out points, or the siblings of
        its tree: by id, or along a Hilbert curve. By default the engine's: by id for
        ``rust-natural``. The Euclidean index has a layout of its own, and queries are always
        taken in an order that keeps near ones together; answers are in the order asked.
    threads : int, optional
        Number of threads; by default one for each core. Changes no bit.

    Raises
    ------
    ParameterError, DtypeError
        If a value is not one of those known.
    ConfigurationError
        If options contradict each other.
    """

    engine: str | None = None
    metric: str = "residual_correlation"
    backend: str = "numpy"
    precision: str = "float64"
    enable_numba: bool | None = None
    enable_rust: bool | None = None
    enable_sparse_traversal: bool = True
    residual_use_static_euclidean_tree: bool | None = None
    batch_order: str | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        for name, known in _CHOICES.items():
            if name != "batch_order" or self.batch_order is not None:
                as_choice(getattr(self, name), name, known)
        as_switch(self.enable_sparse_traversal, "enable_sparse_traversal")
        for name in _OPTIONAL_SWITCHES:
            if getattr(self, name) is not None:
                as_switch(getattr(self, name), name)
        object.__setattr__(self, "threads", as_threads(self.threads))
        if self.engine is not None:
            as_choice(self.engine, "engine", ENGINES)
        if self.engine is not None and not self._allows(self.engine):
            raise ConfigurationError(
                f"engine={self.engine!r} contradicts {self._switch(self.engine)}=False; drop one "
                "of the two"
            )
        if self.enable_rust is False and self.enable_numba is False:
            raise ConfigurationError(
                "enable_rust=False and enable_numba=False leave no engine; allow one of them"
            )

    @property
    def resolved_engine(self) -> str:
        """Name of the engine that will run."""
        if self.engine is not None:
            return self.engine
        return DEFAULT_ENGINE if self._allows(DEFAULT_ENGINE) else "python-numba"

    @property
    def resolved_batch_order(self) -> str:
        """The order in which points will be laid out."""
        if self.batch_order is not None:
            return self.batch_order
        return "hilbert" if self.resolved_engine == "rust-hilbert" else "natural"

    @classmethod
    def from_profile(cls, name: str, overrides: Iterable[str] = ()) -> Runtime:
        """Return a named runtime, some of its options replaced.

        Parameters
        ----------
        name : {"default", "residual-gold", "residual-fast", "residual-audit", "cpu-debug"}
            Profile; `profiles` says what each is for.
        overrides : iterable of str, optional
            Options as ``"name=value"``, such as ``"threads=2"``; the last of a name counts. Truth
            values are ``true`` and ``false``, no value is ``none``.

        Returns
        -------
        Runtime

        Raises
        ------
        ParameterError, DtypeError
            If there is no such profile or option, or an override cannot be read.
        ConfigurationError
            If the options contradict each other.

        Examples
        --------
        >>> from covertreex import Runtime
        >>> Runtime.from_profile("cpu-debug", overrides=["threads=2"]).threads
        2
        """
        return cls(**options_of(name, overrides, cls))

    @staticmethod
    def profiles() -> dict[str, str]:
        """Return what each profile is for, by its name."""
        return {name: profile.purpose for name, profile in PROFILES.items()}

    def with_updates(self, **changes: Any) -> Runtime:
        """Return a copy with some options changed, checked like a new one.

        Raises
        ------
        ParameterError
            If there is no option of a name.
        """
        known = {field.name for field in fields(self)}
        unknown = sorted(set(changes) - known)
        if unknown:
            raise ParameterError(
                f"Runtime has no option {', '.join(map(repr, unknown))}; known are "
                f"{', '.join(sorted(known))}{did_you_mean(unknown[0], known)}"
            )
        return replace(self, **changes)

    @staticmethod
    def _switch(engine: str) -> str:
        return "enable_numba" if engine == "python-numba" else "enable_rust"

    def _allows(self, engine: str) -> bool:
        return getattr(self, self._switch(engine)) is not False
