"""The directive ``command-line``: every command of `covertreex`, as the command itself tells it.

A table of options for each command, from the same objects that ``--help`` shows, so that the page
cannot say anything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from covertreex.cli.app import app
from covertreex.cli.exits import Exit


class CommandLine(SphinxDirective):
    """Write the commands as headings, prose and tables, and the exit codes behind them."""

    def run(self) -> list[nodes.Node]:
        """Return the parsed Markdown."""
        return self.parse_text_to_nodes("\n".join(_page()), allow_section_headings=True)


def _page() -> Iterator[str]:
    for name, command in typer.main.get_command(app).commands.items():
        yield from ("", f"## covertreex {name}", "", command.help, "")
        panels: dict[str, list[Any]] = {}
        for option in command.params:
            panels.setdefault(getattr(option, "rich_help_panel", None) or "", []).append(option)
        if command.params:
            yield from ("", "| option | |", "| --- | --- |")
        for panel in sorted(panels, key=bool):  # those of no panel first
            yield from ([f"| **{panel}** | |"] if panel else [])
            yield from (f"| {_names(option)} | {_told(option)} |" for option in panels[panel])
    yield from ("", "## Exit codes", "", "| code | what happened |", "| --- | --- |")
    yield from (f"| {code.value} | {code.says} |" for code in Exit)


def _names(option: Any) -> str:
    if option.param_type_name == "argument":
        return f"`{option.metavar}`"
    given = f" {option.metavar}" if option.metavar else "" if option.is_flag else " NAME"
    return ", ".join(f"`{name}{given}`" for name in option.opts)


def _told(option: Any) -> str:
    usual = option.show_default
    if usual is True:
        usual = option.default
    default = f" Default: {usual}." if usual and usual is not True else ""
    return (option.help + default).replace("|", "\\|")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("command-line", CommandLine)
    return {"parallel_read_safe": True}
