"""Peak memory of a gold run, in a process of its own: ``python -m benchmarks.memory N ENGINE``."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from .recipe import GOLD, Recipe, quick
from .residual import FAST, Settings
from .row import Row

AIM = 1.3
"""V once, and 30% for the index."""


def peak() -> int:
    """Return the largest resident size of this program so far, in bytes.

    Not `getrusage`'s, which a child takes over from the process that started it.
    """
    status = Path("/proc/self/status").read_text("utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def measure(recipe: Recipe, engine: str) -> dict[str, float]:
    """Build and search; return the peak above what a tiny run of the same code needs."""
    tiny = replace(quick(recipe), n=512, queries=16, inducing=16)
    tiny.tree(engine, tiny.backend()).knn(tiny.ids, k=4)
    before = peak()
    backend = recipe.backend()
    built = peak()
    recipe.tree(engine, backend).knn(recipe.ids, k=recipe.k)
    v = backend.v_matrix.nbytes
    return {"V": v, "factor": (built - before) / v, "all": (peak() - before) / v}


def memory(settings: Settings) -> Iterator[Row]:
    """Peak memory of factor, index and search, in sizes of V."""
    n = settings.sized(replace(GOLD, n=4 * GOLD.n)).n
    command = [sys.executable, "-m", "benchmarks.memory", str(n), FAST]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    figures = json.loads(done.stdout)
    met = "met" if figures["all"] <= AIM else "MISSED"
    note = (
        f"peak {figures['all']:.2f} x V ({figures['V'] / 2**20:.0f} MiB), of it the factor "
        f"{figures['factor']:.2f}; aim {AIM}: {met}"
    )
    yield Row(job="memory", who=f"{FAST}, {n} points", note=note, figures=figures)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(replace(GOLD, n=int(sys.argv[1])), sys.argv[2])))
