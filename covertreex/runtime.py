"""`Runtime`, the only place for options.

The options that choose *how* an answer is computed are execution hints: they never change it. The
engine is one of them, because all engines give the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from .errors import ConfigurationError, ParameterError
from .metrics._arguments import as_choice, as_switch, as_threads
from .metrics._engines import DEFAULT_ENGINE, ENGINES

_CHOICES: dict[str, tuple[str, ...]] = {
    "backend": ("numpy",),
    "precision": ("float64",),
    "metric": ("residual_correlation", "euclidean"),
    "batch_order": ("natural", "hilbert"),
}
_SWITCHES = ("enable_sparse_traversal", "residual_use_static_euclidean_tree")


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
    enable_sparse_traversal, residual_use_static_euclidean_tree : bool
        Execution hints for the search: how, never what.
    batch_order : {"natural", "hilbert"}
        Execution hint: the order in which points are laid out.
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
    enable_sparse_traversal: bool = False
    residual_use_static_euclidean_tree: bool = False
    batch_order: str = "natural"
    threads: int | None = None

    def __post_init__(self) -> None:
        for name, known in _CHOICES.items():
            as_choice(getattr(self, name), name, known)
        for name in _SWITCHES:
            as_switch(getattr(self, name), name)
        for name in ("enable_numba", "enable_rust"):
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
                f"{', '.join(sorted(known))}"
            )
        return replace(self, **changes)

    @staticmethod
    def _switch(engine: str) -> str:
        return "enable_numba" if engine == "python-numba" else "enable_rust"

    def _allows(self, engine: str) -> bool:
        return getattr(self, self._switch(engine)) is not False
