"""Which columns of a file were asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..._text import shown, whole_number
from ...errors import ParameterError

__all__ = ["by_name", "by_number"]

_SHOWN = 20


def by_name(path: Path, names: Sequence[str], wanted: Sequence[str] | None) -> list[int]:
    """Positions of the wanted columns among the names of a file; of all, if none are named."""
    if wanted is None:
        return list(range(len(names)))
    for name in wanted:
        if names.count(name) > 1:
            raise ParameterError(
                f"{path}: {names.count(name)} columns are named {name!r}; rename them"
            )
        if name not in names:
            held = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
            raise ParameterError(f"{path}: column {shown(name)} is not there; it has {held}")
    return [names.index(name) for name in wanted]


def by_number(path: Path, count: int, wanted: Sequence[str] | None) -> list[int]:
    """Positions of the wanted columns of a file that gives them no names."""
    if wanted is None:
        return list(range(count))
    chosen = []
    for text in wanted:
        number = whole_number(text)
        if number is None or not 0 <= number < count:
            raise ParameterError(
                f"{path}: column {shown(text)} is not there; its columns have no names, and the "
                f"numbers 0 to {count - 1}"
            )
        chosen.append(number)
    return chosen
