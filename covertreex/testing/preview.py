"""What a session would write, as people read it before they agree.

Golden by golden: how many elements change, by how much, the digests, and where in the array: a
strip of cells from the first element to the last, each as dark as the share of it that differs.
Then one line an output, so that a long list ends in a short one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from covertreex.testing.comparison import Comparison
from covertreex.testing.planning import Kind, Plan, Unused, Update

BLOCKS = "·▁▂▃▄▅▆▇█"
ASCII = ".:-=+*#%@"
SHORT_DIGEST = 8
MOST_DIGITS = 1_000_000


def show_plan(console: Console, plan: Plan, *, first_ledger: bool = False) -> None:
    """Print what a freeze would change."""
    if first_ledger:
        _list(console, "new", ["ledger.md: begun from the freezes that the manifest names"])
    if changed := plan.of(Kind.CHANGED):
        console.print(_changed(changed, _ramp(console)))
        if len(changed) > 1:
            console.print(_totals(changed))
    if new := plan.of(Kind.NEW):
        console.print(_new(new))
    if repaired := plan.of(Kind.REPAIRED):
        _list(console, "repaired", [f"{u.name}: the array is the frozen one" for u in repaired])
    if plan.inputs:
        pairs = sorted(plan.inputs.items())
        lines = [f"{case}: {_digest(old)} to {_digest(new)}" for case, (old, new) in pairs if old]
        lines += [f"{case}: {_digest(new)} (new)" for case, (old, new) in pairs if not old]
        _list(console, "inputs (SHA-256)", lines)


def show_unused(console: Console, unused: Unused) -> None:
    """Print what a prune would delete."""
    _list(console, "to be deleted", unused.lines())


def strip(shares: Iterable[float], ramp: str = BLOCKS) -> str:
    """Draw shares within [0, 1], a character each; the first is for none at all."""
    return "".join(ramp[math.ceil(share * (len(ramp) - 1))] for share in shares)


def _changed(updates: Iterable[Update], ramp: str) -> Table:
    table = _table("changed (where: from the first element to the last, by share)", "golden")
    for heading in ("differing", "max |delta|", "max ULP"):
        table.add_column(heading, justify="right", overflow="fold")
    for heading in ("old digest", "new", "where"):
        table.add_column(heading, no_wrap=True)
    for update in updates:
        cells = _numbers([update.found] if update.found else [])
        if update.found is None:
            cells = ["old file", "is", "damaged"]
        elif update.found.mismatch:
            cells = [update.found.mismatch, "-", "-"]
        old = _digest(update.known.sha256 if update.known else None)
        where = Text(strip(update.strip, ramp), style="yellow")
        table.add_row(update.name, *cells, old, _digest(update.entry.sha256), where)
    return table


def _totals(updates: Iterable[Update]) -> Table:
    table = _table("changed, by output", "output")
    for heading in ("goldens", "differing", "max |delta|", "max ULP"):
        table.add_column(heading, justify="right", overflow="fold")
    by_output: dict[str, list[Update]] = {}
    for update in updates:
        by_output.setdefault(update.name.split("/", 1)[0], []).append(update)
    for output, group in by_output.items():
        found = [u.found for u in group if u.found is not None and not u.found.mismatch]
        table.add_row(output, f"{len(group):,}", *_numbers(found))
    return table


def _new(updates: Iterable[Update]) -> Table:
    table = _table("new", "golden")
    for heading in ("dtype", "shape", "digest", "smallest", "largest"):
        table.add_column(heading, overflow="fold")
    for update in updates:
        entry = update.entry
        ends = (entry.min or "-", entry.max or "-")
        table.add_row(update.name, entry.dtype, str(entry.shape), _digest(entry.sha256), *ends)
    return table


def _table(title: str, first: str) -> Table:
    table = Table(title=f"\n{title}", box=None, title_justify="left", padding=(0, 1, 0, 0))
    table.add_column(first, overflow="fold", min_width=12)
    return table


def _list(console: Console, title: str, lines: Iterable[str]) -> None:
    console.print(Text(f"\n{title}", style="italic"))
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def _numbers(found: list[Comparison]) -> list[str]:
    if not found:
        return ["-", "-", "-"]
    elements = f"{sum(c.differing for c in found):,}/{sum(c.elements for c in found):,}"
    return [elements, f"{max(c.max_abs for c in found):.2g}", _ulp(max(c.max_ulp for c in found))]


def _ulp(distance: int) -> str:
    """Write a distance; beyond a million its power of two is what says something."""
    return f"{distance:,}" if distance < MOST_DIGITS else f"2^{distance.bit_length() - 1}"


def _digest(sha256: str | None) -> str:
    return sha256[:SHORT_DIGEST] if sha256 else "-"


def _ramp(console: Console) -> str:
    try:
        BLOCKS.encode(console.encoding)
    except UnicodeEncodeError:
        return ASCII
    return BLOCKS
