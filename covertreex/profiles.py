"""Named runtimes, and the text form of options: ``name=value``, as a command line gives them.

A profile is a `Runtime` and a sentence on what it is for. None changes a bit of an answer.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable
from typing import Any, NamedTuple

from ._text import shown, whole_number
from .errors import DtypeError, ParameterError
from .metrics._arguments import as_choice, did_you_mean

if typing.TYPE_CHECKING:
    from .runtime import Runtime

__all__ = ["PROFILES", "Profile", "options_of"]


class Profile(NamedTuple):
    """Options that differ from the defaults, and what they are for."""

    options: dict[str, Any]
    purpose: str


PROFILES = {
    "default": Profile({}, "All defaults: the fastest engine there is, an index, every core."),
    "residual-gold": Profile(
        {"engine": "rust-hilbert", "enable_sparse_traversal": True, "batch_order": "hilbert"},
        "What the gold-standard benchmark runs, said in full: the Rust engine on its index.",
    ),
    "residual-fast": Profile(
        {"engine": "rust-hilbert", "residual_use_static_euclidean_tree": True},
        "The Rust engine, its index laid out by a cover tree of the scaled coordinates: a little "
        "faster, most where points cluster.",
    ),
    "residual-audit": Profile(
        {"engine": "python-numba", "enable_sparse_traversal": False},
        "The reference: a plain scan in Numba, whose source can be read beside the contract.",
    ),
    "cpu-debug": Profile(
        {"engine": "python-numba", "threads": 1},
        "The reference on one thread, for a debugger or a profile.",
    ),
}


def options_of(profile: str, overrides: Iterable[str], runtime: type[Runtime]) -> dict[str, Any]:
    """Return the options of a profile, some of them replaced; see `Runtime.from_profile`."""
    chosen = PROFILES[as_choice(profile, "profile", tuple(PROFILES))]
    if isinstance(overrides, str | bytes) or not isinstance(overrides, Iterable):
        raise DtypeError(f"overrides is {overrides!r}; give a list such as ['threads=2']")
    hints = typing.get_type_hints(runtime)
    return chosen.options | dict(_parsed(text, hints) for text in overrides)


def _parsed(text: Any, hints: dict[str, Any]) -> tuple[str, Any]:
    """Name and value of one override, by the type of the option."""
    if not isinstance(text, str):
        raise DtypeError(f"override {text!r} is of type {type(text).__name__}; give a string")
    name, equals, value = (part.strip() for part in text.partition("="))
    if not (name and equals and value):
        raise ParameterError(
            f"override {shown(text)} is not of the form name=value, like threads=2"
        )
    if name not in hints:
        raise ParameterError(
            f"override {shown(text)} names no option; known are {', '.join(sorted(hints))}"
            f"{did_you_mean(name, hints)}"
        )
    kinds = typing.get_args(hints[name]) or (hints[name],)
    for kind in kinds:
        if value.lower() in _WORDS.get(kind, {}):
            return name, _WORDS[kind][value.lower()]
        if kind is int and (number := whole_number(value)) is not None:
            return name, number
        if kind is str and (types.NoneType not in kinds or value.lower() != "none"):
            return name, value
    wanted = " or ".join(_WANTED[kind] for kind in kinds)
    raise ParameterError(f"override {shown(text)} gives {shown(value)}, but {name} is {wanted}")


_WORDS: dict[Any, dict[str, Any]] = {
    bool: {"true": True, "false": False},
    types.NoneType: {"none": None},
}
_WANTED: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    str: "a name",
    types.NoneType: "none",
}
