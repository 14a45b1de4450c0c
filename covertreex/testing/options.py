"""The options of the sessions that write, and what all sessions print by; imports nothing heavy."""

from __future__ import annotations

import pytest

LOG_WIDTH = 120
"""Columns where output goes to a file or a pipe, which has no width of its own."""


def add_options(group: pytest.OptionGroup) -> None:
    """Declare the options of the sessions that write."""
    group.addoption(
        "--freeze-reason",
        metavar="TEXT",
        help="freeze session: the reference's outputs become the goldens, for this reason",
    )
    group.addoption(
        "--freeze-only",
        metavar="GLOB",
        help="of a freeze: what may change, as a pattern of <case> or <output>/<case>",
    )
    for name, text in (
        ("yes", "write without asking (where there is no terminal, nothing is written otherwise)"),
        ("dry-run", "show what would change, and write nothing"),
        ("prune", "freeze nothing; delete goldens, inputs and files that no case needs"),
    ):
        group.addoption(f"--freeze-{name}", action="store_true", help=f"of a freeze: {text}")


def wanted(config: pytest.Config) -> bool:
    """Whether the command asks for a session that writes."""
    option = config.option
    flags = option.freeze_yes or option.freeze_dry_run or option.freeze_prune
    return flags or option.freeze_reason is not None or option.freeze_only is not None
