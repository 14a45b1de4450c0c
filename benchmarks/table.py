"""The result as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from .row import INCONCLUSIVE, MISSED, Row

COLUMNS = ("job", "who", "s", "per s", "x rival", "quartiles", "recall scan", "recall truth", "aim")


def table(rows: Sequence[Row]) -> Table:
    """Return the table; notes stand below their line."""
    shown = Table(title="speed, and how right: recall beside every figure", title_justify="left")
    for column in COLUMNS:
        shown.add_column(column, justify="left" if column in ("job", "who", "aim") else "right")
    job = ""
    for row in rows:
        if job and row.job != job:
            shown.add_section()
        shown.add_row(*cells(row, show_job=row.job != job))
        if row.note:
            shown.add_row("", f"  {row.note}", style="dim")
        job = row.job
    return shown


def cells(row: Row, *, show_job: bool = True) -> list[str]:
    """Return a line's texts."""
    band = "" if row.pairs is None else "{:.2f} - {:.2f}".format(*row.pairs.band)
    aim = "" if row.aim is None else f">= {row.aim:g} {row.verdict}"
    if row.verdict in (MISSED, INCONCLUSIVE):
        aim = f"[bold]{aim}[/bold]"
    return [
        row.job if show_job else "",
        row.who,
        "" if row.time is None else f"{row.time:.3g}",
        "" if row.rate is None else f"{row.rate:,.0f}",
        "" if row.ratio is None else f"{row.ratio:.2f}",
        band,
        "" if row.contract is None else f"{row.contract:.3f}",
        "" if row.truth is None else f"{row.truth:.3f}",
        aim,
    ]
