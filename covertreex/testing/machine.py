"""What a result was made on: versions, and the features of the CPU that the suite names."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

PACKAGES = ("numpy", "numba", "llvmlite")
"""The packages whose version can change bits, unless a suite names others."""


def versions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Return the version of each package that is installed."""
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def python_version() -> str:
    """Return the implementation and version of Python."""
    return f"{platform.python_implementation()} {platform.python_version()}"


def commit_of(directory: Path) -> str:
    """Return the commit a directory is at, marked if anything has changed since; or nothing.

    Nothing if git is not installed, or does not know the directory.
    """
    git = shutil.which("git")
    if git is None:
        return ""
    describe = ("describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
    command = [git, "-C", str(directory), *describe]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip()
