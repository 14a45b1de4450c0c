"""A mutant: one file with one small change, and a name that outlives line numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Edit:
    """Replace ``text[start:stop]`` of a file, inside ``function``, by ``new``."""

    start: int
    stop: int
    new: str
    function: str


@dataclass(frozen=True)
class Mutant:
    """One change to one file.

    Attributes
    ----------
    number
        Its place among all mutants of its engine, by position in the sources.
    name
        File, function, change, and which of equal changes in that function: what
        ``equivalent.toml`` lists.
    path
        The file, relative to the root of the project.
    line
        Where the change stands.
    source
        The whole file with the change made.
    """

    number: int
    name: str
    path: str
    line: int
    source: str


def number_mutants(texts: Mapping[str, str], edits: Mapping[str, Iterable[Edit]]) -> list[Mutant]:
    """Make the mutants of all files: sorted by position, each change once, named and numbered."""
    mutants: list[Mutant] = []
    seen: Counter[str] = Counter()
    for path, found in edits.items():
        text = texts[path]
        for edit in sorted(set(found)):
            old = text[edit.start : edit.stop]
            change = f"{path} {edit.function}: {_shown(old)} -> {_shown(edit.new)}"
            seen[change] += 1
            name = change if seen[change] == 1 else f"{change} #{seen[change]}"
            line = text.count("\n", 0, edit.start) + 1
            source = text[: edit.start] + edit.new + text[edit.stop :]
            mutants.append(Mutant(len(mutants) + 1, name, path, line, source))
    return mutants


def select(mutants: Sequence[Mutant], shard: str, only: str) -> list[Mutant]:
    """Return part K of N ("K/N", dealt out in turn) of those whose name matches a pattern."""
    part, parts = (int(number) for number in shard.split("/"))
    if not 1 <= part <= parts:
        raise ValueError(f"shard {shard} is not one of 1/{parts} to {parts}/{parts}")
    return [mutant for mutant in mutants if re.search(only, mutant.name)][part - 1 :: parts]


def offsets(text: str) -> list[int]:
    """Return where each line of a text starts, and where the last one ends."""
    return [0, *(match.end() for match in re.finditer("\n", text)), len(text)]


def _shown(code: str) -> str:
    """Code in one line: what is longer than 50 characters keeps its ends."""
    line = " ".join(code.split())
    return f"`{line}`" if len(line) <= 50 else f"`{line[:30]} … {line[-15:]}`"
