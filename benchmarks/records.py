"""Records: the ratios that a later run is held against, one file for each kind of CPU.

``benchmarks/records/<cpu>.json`` is written by ``--record REASON`` and by nothing else. It holds,
job by job, why and on what it was measured, and of each line the ratio, the aim, the raw samples
and the control: the quartiles of the rival against itself.
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
SCHEMA = 2


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
        raise RecordError(
            f"{path} cannot be read: {error}; remove it, and write it anew with --record"
        ) from error
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise RecordError(
            f"{path} is not of schema {SCHEMA}; remove it, and write it anew with --record"
        )
    return record


def write_record(
    path: Path,
    ran: Mapping[str, Sequence[Row]],
    counts: Mapping[str, int],
    reason: str,
    before: Mapping[str, Any] | None = None,
) -> None:
    """Write the record of a run, atomically; what `before` has of other jobs stays."""
    if not reason.strip():
        raise RecordError("--record needs a reason: why is this run the measure of later ones?")
    about = {"reason": reason.strip(), "machine": machine()}
    jobs = {job: {**about, "rows": _recorded(rows)} for job, rows in ran.items()}
    kept = before or {"jobs": {}, "instructions": {}}
    content = {
        "schema": SCHEMA,
        "jobs": {**kept["jobs"], **jobs},
        "instructions": {**kept["instructions"], **counts},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, force=True) as file:
        file.write((json.dumps(content, indent=1, sort_keys=True) + "\n").encode())


def _recorded(rows: Sequence[Row]) -> dict[str, Any]:
    """Return what later runs are held against: every line that has a rival and an aim."""
    return {
        row.name: {**row.pairs.as_json(), "control": row.control, "aim": row.aim}
        for row in rows
        if row.pairs is not None and row.aim is not None
    }
