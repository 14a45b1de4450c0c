"""Makes the sdist and the wheel, the same bytes whenever and wherever they are made.

What a build takes from its surroundings is given here: the time of the commit, no flags of the
caller's, one libc (zig's, glibc 2.17), and the sources of crates under a name that is not a path.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

PLATFORM = "manylinux2014"
"""Runs on every Linux with glibc 2.17, as NumPy's and Numba's own wheels do."""

TARGETS = {"x86_64": "x86_64-unknown-linux-gnu", "aarch64": "aarch64-unknown-linux-gnu"}


def build_environment(root: Path, scratch: Path) -> dict[str, str]:
    """Return the environment of a build whose result depends on the commit alone."""
    commit = ["git", "-C", str(root), "log", "-1", "--format=%ct"]
    epoch = subprocess.run(commit, check=True, capture_output=True, text=True).stdout.strip()
    crates = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo") / "registry" / "src"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CARGO_BUILD")}
    return kept | {
        "CARGO_TARGET_DIR": str(scratch / "target"),
        "RUSTFLAGS": f"--remap-path-prefix={crates}=/crates",
        "SOURCE_DATE_EPOCH": epoch,
    }


def build_sdist(root: Path, out: Path, environment: dict[str, str]) -> Path:
    """Make the sdist of the checkout at `root`."""
    _run(["maturin", "sdist", "--out", str(out)], root, environment)
    (path,) = out.glob("*.tar.gz")
    return path


def build_wheel(root: Path, out: Path, environment: dict[str, str], machine: str) -> Path:
    """Make the wheel of the checkout at `root`, for x86_64 or aarch64."""
    options = ["--release", "--locked", "--out", str(out), *_target(machine)]
    _run(["maturin", "build", *options], root, environment)
    (path,) = out.glob("*.whl")
    return path


def wheel_of_sdist(sdist: Path, out: Path, environment: dict[str, str], machine: str) -> Path:
    """Make the wheel again from the sdist, by pip, as who has only the sdist does."""
    # Sources out of an archive are older than the build before, so cargo would not look at them.
    shutil.rmtree(environment["CARGO_TARGET_DIR"], ignore_errors=True)
    options = ["--no-deps", "--no-build-isolation", "--quiet", f"--wheel-dir={out}"]
    pep517 = environment | {"MATURIN_PEP517_ARGS": " ".join(["--locked", *_target(machine)])}
    _run([sys.executable, "-m", "pip", "wheel", *options, str(sdist)], out, pep517)
    (path,) = out.glob("*.whl")
    return path


def _target(machine: str) -> list[str]:
    target = [] if machine == platform.machine() else ["--target", TARGETS[machine]]
    return ["--compatibility", PLATFORM, "--zig", *target]


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    subprocess.run(command, cwd=folder, env=environment, check=True)
