"""What a session would change, found before anything is written: shown, agreed to, then written.

Nothing here reads or writes a file; an old golden comes from `read`. Where an old array and the new
one can be laid side by side they are compared bit for bit; of a golden that is kept as a sample,
the sample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from covertreex.testing.bits import Array, raw_bits
from covertreex.testing.comparison import BITS, Comparison, compare
from covertreex.testing.golden import Golden, thaw
from covertreex.testing.manifest import Entry, Freeze, Manifest
from covertreex.testing.verdicts import GoldenDamagedError, GoldenMissingError

STRIP_CELLS = 16

Staged = Mapping[str, tuple[Entry, bytes]]


class Kind(StrEnum):
    """What happens to a golden."""

    NEW = "new"
    CHANGED = "changed"
    REPAIRED = "repaired"
    """The array is the frozen one; its file is not, and is written again."""


@dataclass(frozen=True)
class Update:
    """One golden that a freeze would write.

    Attributes
    ----------
    name, kind
        Which, and why.
    entry, data
        The new entry and its file.
    known
        The entry it replaces.
    found
        The old array against the new one; None if there is no old one, or it cannot be read.
    strip
        The share of elements that differ, in cells from the first element to the last.
    """

    name: str
    kind: Kind
    entry: Entry
    data: bytes
    known: Entry | None = None
    found: Comparison | None = None
    strip: tuple[float, ...] = ()


@dataclass(frozen=True)
class Change:
    """What a commit did, by golden name (`inputs` by case)."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    repaired: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    unchanged: int = 0

    def __str__(self) -> str:
        return (
            f"{len(self.added)} new, {len(self.changed)} changed, {len(self.repaired)} repaired, "
            f"{self.unchanged} unchanged goldens; {len(self.inputs)} new or changed inputs"
        )


@dataclass(frozen=True)
class Plan:
    """What a freeze would write: goldens, and inputs as case -> (old digest or None, new one)."""

    updates: tuple[Update, ...] = ()
    inputs: Mapping[str, tuple[str | None, str]] = field(default_factory=dict)
    unchanged: int = 0

    def __bool__(self) -> bool:
        return bool(self.updates or self.inputs)

    @property
    def renews(self) -> bool:
        """Whether the set becomes another one; repairs alone restore the one there is."""
        return bool(self.inputs) or any(u.kind is not Kind.REPAIRED for u in self.updates)

    def of(self, kind: Kind) -> list[Update]:
        """Return the updates of one kind."""
        return [update for update in self.updates if update.kind is kind]

    @property
    def change(self) -> Change:
        """The plan by name alone."""
        added, changed, repaired = (tuple(u.name for u in self.of(kind)) for kind in Kind)
        return Change(added, changed, repaired, tuple(sorted(self.inputs)), self.unchanged)

    def applied(self, old: Manifest, number: int, frozen: Freeze) -> Manifest:
        """Return the manifest after it: what changed carries the number of the freeze."""
        goldens = dict(old.goldens)
        for update in self.updates:
            kept = update.known is not None and update.kind is Kind.REPAIRED
            freeze = update.known.freeze if kept and update.known else number
            goldens[update.name] = replace(update.entry, freeze=freeze)
        for name, entry in goldens.items():
            if name.split("/", 1)[1] in self.inputs:
                goldens[name] = replace(entry, freeze=number)
        inputs = {**old.inputs, **{case: new for case, (_, new) in self.inputs.items()}}
        return with_used(goldens, inputs, {**old.freezes, number: frozen})


@dataclass(frozen=True)
class Unused:
    """What a prune would delete: goldens and inputs of no case, files of no golden."""

    goldens: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.goldens or self.files or self.inputs)

    def __str__(self) -> str:
        return (
            f"{len(self.goldens)} goldens, {len(self.files)} stray files, "
            f"{len(self.inputs)} digests of inputs"
        )

    def lines(self) -> list[str]:
        """Name all of it, with the reason why it is unused."""
        lines = [f"{name}: no case makes it" for name in self.goldens]
        lines += [f"{path}: the manifest does not list it" for path in self.files]
        return lines + [f"{case}: inputs of no case" for case in self.inputs]

    def applied(self, old: Manifest) -> Manifest:
        """Return the manifest without it."""
        goldens = {name: entry for name, entry in old.goldens.items() if name not in self.goldens}
        inputs = {case: sha for case, sha in old.inputs.items() if case not in self.inputs}
        return with_used(goldens, inputs, old.freezes)


def with_used(
    goldens: Mapping[str, Entry], inputs: Mapping[str, str], freezes: Mapping[int, Freeze]
) -> Manifest:
    """Return a manifest that keeps the freezes its goldens name; the ledger keeps them all."""
    used = {entry.freeze for entry in goldens.values()}
    return Manifest(goldens, inputs, {n: frozen for n, frozen in freezes.items() if n in used})


def plan_of(
    old: Manifest, staged: Staged, inputs: Mapping[str, str], read: Callable[[str], Golden]
) -> Plan:
    """Return what changes if a set takes in what a session staged."""
    updates = []
    for name, (entry, data) in staged.items():
        update = _update(name, entry, data, old.goldens.get(name), read)
        if update is not None:
            updates.append(update)
    moved = {case: (old.inputs.get(case), sha) for case, sha in inputs.items()}
    moved = {case: pair for case, pair in moved.items() if pair[0] != pair[1]}
    touched = sum(update.kind is not Kind.NEW for update in updates)
    return Plan(tuple(updates), moved, len(old.goldens) - touched)


def _update(
    name: str, entry: Entry, data: bytes, known: Entry | None, read: Callable[[str], Golden]
) -> Update | None:
    """Return what happens to one golden, or None if nothing does."""
    if known is None:
        return Update(name, Kind.NEW, entry, data)
    same = (known.dtype, known.shape, known.sha256) == (entry.dtype, entry.shape, entry.sha256)
    try:
        golden = read(name)
        if same:
            golden.verify()
            return None
        found, strip = _beside(golden, entry, data)
    except (GoldenDamagedError, GoldenMissingError):
        return Update(name, Kind.REPAIRED if same else Kind.CHANGED, entry, data, known)
    return Update(name, Kind.CHANGED, entry, data, known, found, strip)


def _beside(golden: Golden, entry: Entry, data: bytes) -> tuple[Comparison, tuple[float, ...]]:
    known, elements = golden.entry, int(np.prod(entry.shape))
    if (known.dtype, known.shape) != (entry.dtype, entry.shape):
        found = f"{entry.dtype} {entry.shape} for {known.dtype} {known.shape}"
        return Comparison(elements, BITS, mismatch=found), ()
    if known.rows != entry.rows:
        return Comparison(elements, BITS, mismatch="kept as other rows"), ()
    new = thaw(entry, data).array
    return compare(golden.array, new), _strip(golden.array, new)


def _strip(old: Array, new: Array) -> tuple[float, ...]:
    if not old.size:
        return ()
    pair = (raw_bits(np.ascontiguousarray(array).reshape(-1)) for array in (old, new))
    differs = np.not_equal(*pair)
    return tuple(float(cell.mean()) for cell in np.array_split(differs, min(STRIP_CELLS, old.size)))
