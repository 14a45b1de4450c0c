"""Whole numbers from text, as somebody types them; no text of any length is more than refused."""

from __future__ import annotations

__all__ = ["shown", "whole_number"]

DIGITS = 30
"""Most digits: more than any id, seed or count has, and fewer than Python refuses to convert."""

_SHOWN = 40


def whole_number(text: str) -> int | None:
    """Return the number that ASCII digits say, with a minus or without; None for other text."""
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= DIGITS):
        return None
    return int(text)


def shown(text: str) -> str:
    """Return text in quotes, of a long one the start: an error is one line that can be read."""
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}..."
