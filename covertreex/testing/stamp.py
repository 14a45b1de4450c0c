"""The stamp: which build a complete green run has proven.

It holds the SHA-256 of every file of that build, of the policy and the manifest, the versions and
the CPU features. It holds no time: the same build proven twice gives the same bytes. A stamp holds
only if nothing of that has changed; `check_stamp` says what has.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from covertreex.testing.machine import python_version
from covertreex.testing.suite import Suite

SCHEMA = 1


def write_stamp(path: str | Path, suite: Suite) -> None:
    """Write the stamp of the present build, atomically. Only after a complete green run."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    text = json.dumps(_content(suite), indent=1, sort_keys=True) + "\n"
    with draft.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)


def check_stamp(path: str | Path, suite: Suite) -> list[str]:
    """Return the reasons why a stamp does not hold for the present build; none means green."""
    path = Path(path)
    try:
        stamped = json.loads(path.read_bytes())
    except FileNotFoundError:
        return [f"there is no stamp {path}: no complete parity run of this build was green"]
    except (ValueError, OSError) as error:
        return [f"the stamp {path} cannot be read: {error}"]
    present = _content(suite)
    if not isinstance(stamped, dict) or stamped.get("schema") != SCHEMA:
        return [f"the stamp {path} is not of schema {SCHEMA}"]
    if set(stamped) != set(present):
        return [f"the stamp {path} does not hold {', '.join(sorted(present))}"]
    reasons = []
    for section in sorted(set(present) - {"schema"}):
        reasons += _differences(section, stamped[section], present[section])
    return reasons


def _differences(section: str, stamped: Any, present: Any) -> list[str]:
    if not isinstance(stamped, dict):
        return [f"{section}: not readable in the stamp"]
    return [
        f"{section}: {key} is {present.get(key, 'absent')}, proven was {stamped.get(key, 'absent')}"
        for key in sorted({*stamped, *present})
        if stamped.get(key) != present.get(key)
    ]


def _content(suite: Suite) -> dict[str, Any]:
    files = {**suite.stamp_files(), "manifest": suite.store.manifest_path}
    if suite.policy.path is not None:
        files["policy"] = suite.policy.path
    return {
        "schema": SCHEMA,
        "files": {label: _sha256(file) for label, file in files.items()},
        "versions": {"python": python_version(), **suite.versions()},
        "cpu": _plain(suite.cpu()),
        "engines": {"reference": suite.reference[0], "candidates": sorted(suite.candidates)},
    }


def _sha256(path: Path) -> str | None:
    try:
        with Path(path).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _plain(mapping: Mapping[str, Any]) -> Any:
    """Return a mapping as JSON would give it back, so that both sides compare alike."""
    return json.loads(json.dumps(dict(mapping)))
