"""Instructions of a small fixed workload, by callgrind: the same number on every run.

Valgrind knows no AVX-512, so the workload runs the level ``avx2``; nothing is compiled on the fly.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
LEVEL = "avx2"


def instruction_counts() -> tuple[dict[str, int], str]:
    """Return counts by name, and a line that says why there are none, or what was counted."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        return {}, "instructions: not counted, valgrind is not here (Debian: apt install valgrind)"
    cargo = shutil.which("cargo") or "cargo"
    subprocess.run(
        [cargo, "build", "--quiet", "--release", "--example", "counted"], cwd=ROOT, check=True
    )
    target = ROOT / "target" / "release" / "examples" / "counted"
    with tempfile.TemporaryDirectory() as scratch:
        out = f"--callgrind-out-file={scratch}/out"
        done = subprocess.run(
            [valgrind, "--tool=callgrind", out, str(target), LEVEL],
            check=True, capture_output=True, text=True, env={"RAYON_NUM_THREADS": "1"},
        )  # fmt: skip
    return {f"counted {LEVEL}": collected(done.stderr)}, f"instructions: level {LEVEL}, no JIT"


def collected(report: str) -> int:
    """Return the number that callgrind ends with."""
    found = re.search(r"Collected : (\d+)", report)
    if found is None:
        raise ValueError(f"callgrind said nothing of what it collected:\n{report}")
    return int(found[1])
