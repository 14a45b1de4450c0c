"""Instructions of two small fixed workloads, by callgrind: the same numbers on every run.

Valgrind knows no AVX-512, so they run the level ``avx2``; nothing is compiled on the fly.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
LEVEL = "avx2"
WORKS = ("scan", "index")


def instruction_counts() -> tuple[dict[str, int], str]:
    """Return counts by name, and a line that says why there are none, or what was counted."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        return {}, "instructions: not counted, valgrind is not here (Debian: apt install valgrind)"
    program = _built()
    counts = {}
    with tempfile.TemporaryDirectory() as scratch:
        out = f"--callgrind-out-file={scratch}/out"
        for work in WORKS:
            done = subprocess.run(
                [valgrind, "--tool=callgrind", out, program, LEVEL, work],
                check=True, capture_output=True, text=True, env={"RAYON_NUM_THREADS": "1"},
            )  # fmt: skip
            counts[f"{work} {LEVEL}"] = collected(done.stderr)
    return counts, f"instructions: level {LEVEL}, no JIT"


def _built() -> str:
    """Build the workload; return where cargo put it."""
    done = subprocess.run(
        [shutil.which("cargo") or "cargo", "build", "--quiet", "--release", "--example", "counted",
         "--message-format=json-render-diagnostics"],
        cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    messages = map(json.loads, done.stdout.splitlines())
    return next(str(found["executable"]) for found in messages if found.get("executable"))


def collected(report: str) -> int:
    """Return the number that callgrind ends with."""
    found = re.search(r"Collected : (\d+)", report)
    if found is None:
        raise ValueError(f"callgrind said nothing of what it collected:\n{report}")
    return int(found[1])
