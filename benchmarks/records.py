"""Records: the ratios that a later run is held against, one file for each kind of CPU.

``benchmarks/records/<cpu>.json`` is written by ``--record REASON`` and by nothing else.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from covertreex import _rust
from covertreex._files import replacing

from .row import Row

RECORDS = Path(__file__).with_name("records")
SCHEMA = 1


class RecordError(Exception):
    """A record that cannot be read, or written."""


def cpu_name() -> str:
    """Return the CPU's model as the kernel names it, or the architecture."""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return platform.machine()
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def record_path(directory: Path = RECORDS) -> Path:
    """Return the file of this CPU."""
    return directory / f"{re.sub(r'[^a-z0-9]+', '-', cpu_name().lower()).strip('-')}.json"


def machine() -> dict[str, Any]:
    """Return what figures depend on: CPU, level, threads, BLAS, toolchain, commit."""
    blas = [
        f"{pool['internal_api']} {pool['version']} {pool.get('architecture', '')}, "
        f"{pool['num_threads']} threads"
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    ]
    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "level": _rust.best_level(),
        "blas": blas,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "rustc": _said("rustc", "--version"),
        "commit": _said("git", "describe", "--always", "--dirty"),
    }


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def read_record(path: Path) -> dict[str, Any] | None:
    """Return a record, or None where this CPU has none."""
    try:
        record = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, OSError) as error:
        raise RecordError(f"{path} cannot be read: {error}; write it anew with --record") from error
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise RecordError(f"{path} is not of schema {SCHEMA}; write it anew with --record")
    return record


def write_record(path: Path, rows: Sequence[Row], counts: Mapping[str, int], reason: str) -> None:
    """Write the record of a run, atomically; a reason is wanted."""
    if not reason.strip():
        raise RecordError("--record needs a reason: why is this run the measure of later ones?")
    ratios = {row.name: row.pairs.as_json() for row in rows if row.pairs and row.contract == 1.0}
    content = {
        "schema": SCHEMA,
        "reason": reason.strip(),
        "machine": machine(),
        "ratios": ratios,
        "instructions": counts,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, force=True) as file:
        file.write((json.dumps(content, indent=1, sort_keys=True) + "\n").encode())
