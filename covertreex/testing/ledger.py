"""The ledger: ``ledger.md``, one section a freeze or prune, in the order in which they were made.

It keeps every reason, also of a freeze whose goldens are all replaced by now. It grows at its end
only, changes with the manifest as one, and the manifest holds its SHA-256: a ledger that is edited,
merged or of another manifest is damaged. No time stamps: git has them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from covertreex.testing.manifest import CONFLICT, Freeze, Manifest
from covertreex.testing.planning import Kind, Plan, Unused, Update
from covertreex.testing.verdicts import GoldenDamagedError

MOST_NAMES = 12

HEADER = """# Ledger of the goldens

What was frozen, why, and how large the change was. A freeze or prune adds a section at the end, in
one change with `manifest.json`, which seals this file: do not edit it.
"""


def sha256(text: str) -> str:
    """Return what the manifest holds of a ledger."""
    return hashlib.sha256(text.encode()).hexdigest()


def checked(data: bytes | None, seal: str | None) -> str:
    """Return the text of a ledger file, held against the manifest's seal; empty if there is none.

    Raises
    ------
    GoldenDamagedError
        If it is not the ledger that belongs to the manifest; it says in which way.
    """
    if data is None and seal is None:
        return ""
    again = "take ledger.md and manifest.json from one commit"
    if data is None:
        raise GoldenDamagedError(f"ledger.md is gone, the manifest seals it: {again}")
    if seal is None:
        raise GoldenDamagedError(f"ledger.md is there, the manifest knows of none: {again}")
    if hashlib.sha256(data).hexdigest() == seal:
        return data.decode()
    if re.search(CONFLICT.pattern.encode(), data, re.MULTILINE):
        raise GoldenDamagedError(f"ledger.md holds conflict markers: {again}, then freeze again")
    raise GoldenDamagedError(f"ledger.md was edited by hand, or is another manifest's: {again}")


def last_number(text: str) -> int:
    """Return the number of the last section; 0 if there is none."""
    return max((int(n) for n in re.findall(r"^## ([0-9]+)\. ", text, re.MULTILINE)), default=0)


def extended(text: str, number: int, frozen: Freeze, lines: Iterable[str]) -> str:
    """Return a ledger with one more section."""
    # Each on one line: neither a reason nor a name of a CPU can look like a section.
    reason = " ".join(frozen.reason.split())
    made = [", ".join(f"{k} {v}" for k, v in sorted(frozen.versions.items()))]
    made += [f"{key} {_plain(value)}" for key, value in sorted(frozen.cpu.items())]
    bullets = [*lines, f"made with {'; '.join(filter(None, made)) or 'nothing on record'}"]
    return f"{text or HEADER}\n## {number}. {reason}\n\n" + "".join(
        f"- {' '.join(bullet.split())}\n" for bullet in bullets
    )


def from_manifest(manifest: Manifest) -> str:
    """Return the ledger of a set that has none yet: the freezes its manifest still names."""
    text = HEADER
    for number, frozen in sorted(manifest.freezes.items()):
        names = [name for name, entry in manifest.goldens.items() if entry.freeze == number]
        text = extended(
            text, number, frozen, _named("from before the ledger, and still there", names)
        )
    return text


def lines_of(plan: Plan) -> list[str]:
    """Say what a freeze changes, and how much, an output a line."""
    lines = _named("new", [update.name for update in plan.of(Kind.NEW)])
    by_output: dict[str, list[Update]] = {}
    for update in plan.of(Kind.CHANGED):
        by_output.setdefault(update.name.split("/", 1)[0], []).append(update)
    for updates in by_output.values():
        lines += [f"{line}: {_size(updates)}" for line in _named("changed", _names(updates))]
    lines += _named("repaired", [update.name for update in plan.of(Kind.REPAIRED)])
    if changed := [case for case, (old, _) in sorted(plan.inputs.items()) if old is not None]:
        lines.append(f"changed: inputs of {_listed(changed)}")
    return lines


def lines_of_pruned(unused: Unused) -> list[str]:
    """Say what a prune deletes."""
    lines = _named("deleted", unused.goldens)
    lines += [f"deleted: file {path}" for path in unused.files]
    return lines + [f"deleted: digest of the inputs of {case}" for case in unused.inputs]


def _named(what: str, names: Iterable[str]) -> list[str]:
    """Write goldens as outputs x cases, a line for the outputs that have the same cases."""
    cases: dict[str, list[str]] = {}
    for name in names:
        output, case = name.split("/", 1)
        cases.setdefault(output, []).append(case)
    outputs: dict[tuple[str, ...], list[str]] = {}
    for output, of in cases.items():
        outputs.setdefault(tuple(sorted(of)), []).append(output)
    return [
        f"{what}: {', '.join(sorted(group))} x {_counted(len(of), 'case')} ({_listed(of)})"
        for of, group in outputs.items()
    ]


def _size(updates: Iterable[Update]) -> str:
    """Say how much changed: over all arrays that can be laid beside their old ones."""
    updates = list(updates)
    found = [u.found for u in updates if u.found is not None and not u.found.mismatch]
    parts = []
    if found:
        sampled = any(update.entry.rows is not None for update in updates)
        parts = [
            f"{sum(c.differing for c in found):,} of {sum(c.elements for c in found):,} "
            f"{'kept ' if sampled else ''}elements, max |delta| {max(c.max_abs for c in found):.3g}"
            f", max ULP {max(c.max_ulp for c in found):,}"
        ]
    parts += [u.found.mismatch for u in updates if u.found is not None and u.found.mismatch]
    if unread := sum(update.found is None for update in updates):
        parts.append(f"{_counted(unread, 'old file')} could not be read")
    return "; ".join(parts)


def _names(updates: Iterable[Update]) -> list[str]:
    return [update.name for update in updates]


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    rest = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{key}={_plain(item)}" for key, item in sorted(value.items()))
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
