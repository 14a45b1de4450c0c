"""The commands ``parity`` and ``bench``: sessions of the project, for those who have its source.

They hand the process over to nox, so its output, its signals and its exit code are nox's own.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from ..errors import MissingDependencyError

__all__ = ["run_session"]


class NoCheckoutError(MissingDependencyError):
    """The directory is in no checkout of covertreex."""


def run_session(session: str, arguments: Sequence[str]) -> NoReturn:
    """Become ``nox -s session -- arguments`` in the checkout around the current directory.

    Raises
    ------
    NoCheckoutError
        If there is no checkout around it.
    MissingDependencyError
        If nox is not installed.
    """
    root = _root(Path.cwd())
    if root is None:
        raise NoCheckoutError(
            f"`covertreex {session}` runs `nox -s {session}` in a checkout of covertreex, and "
            f"{Path.cwd()} is in none; clone the project, and run it there"
        )
    if importlib.util.find_spec("nox") is None:
        raise MissingDependencyError(
            f"`covertreex {session}` needs nox, which is not installed: pip install nox"
        )
    command = ["-m", "nox", "-f", str(root / "noxfile.py"), "-s", session, "--", *arguments]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *command])  # noqa: S606  nothing is left to a shell


def _root(start: Path) -> Path | None:
    for folder in (start, *start.parents):
        project = folder / "pyproject.toml"
        if not (project.is_file() and (folder / "noxfile.py").is_file()):
            continue
        described = tomllib.loads(project.read_text(encoding="utf-8"))
        if described.get("project", {}).get("name") == "covertreex":
            return folder
    return None
