"""What judges a mutant: commands, run in a scratch copy of the project, the quick one first.

An exit code of 0 sends the mutant on to the next judge; `UNVIABLE` says that it does not compile,
so that it is no mutant at all; any other code, a signal too, has caught it.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CAUGHT, UNVIABLE = 1, 86

PARITY = (
    "tests/test_numeric.py",
    "tests/test_float_environment.py",
    "tests/test_residual_parity.py",
)
"""The arithmetic below the stages, the check of the floating-point environment, the parity run."""


@dataclass(frozen=True)
class Judge:
    """Commands run one after the other.

    Attributes
    ----------
    name
        As the summary calls it.
    commands
        ``{function}`` stands for the mutated function.
    build
        How many of the commands, from the first, only compile: where one fails, the mutant is none.
    """

    name: str
    commands: Sequence[Sequence[str]]
    build: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)


def rust_judges() -> list[Judge]:
    """Return the unit tests at every CPU level, then the parity run on an extension built so."""
    cargo = shutil.which("cargo") or "cargo"
    nextest = shutil.which("cargo-nextest") is not None
    tests = [cargo, "nextest", "run"] if nextest else [cargo, "test", "--lib"]
    # Unoptimised code has the same bits and compiles five times faster.
    profile = {"CARGO_PROFILE_TEST_OPT_LEVEL": "0", "CARGO_PROFILE_TEST_DEBUG": "0"}
    extension = {
        "CARGO_PROFILE_DEV_OPT_LEVEL": "1",
        "CARGO_PROFILE_DEV_DEBUG": "0",
        "CARGO_PROFILE_DEV_DEBUG_ASSERTIONS": "false",
        "CARGO_PROFILE_DEV_OVERFLOW_CHECKS": "false",
        "PYO3_BUILD_EXTENSION_MODULE": "1",
        "PYO3_PYTHON": sys.executable,
    }
    build = [cargo, "rustc", "--lib", "--features", "python", "--crate-type", "cdylib"]
    install = [sys.executable, "-m", "mutants.judges"]
    parity = [*_pytest(), "-k", "not reference"]
    return [
        Judge("unit tests", [[*tests, "--no-run"], tests], 1, profile),
        Judge("parity run", [build, install, parity], 2, extension),
    ]


def numba_judges() -> list[Judge]:
    """Return the stages on frozen inputs, then the parity run's checks of the reference."""
    stages = [sys.executable, "-m", "mutants.stages", "{function}"]
    parity = [*_pytest(), "-k", "reference or test_numeric or test_float_environment"]
    # As with Rust: the same bits, compiled faster.
    return [Judge("stages", [stages], 0, {"NUMBA_OPT": "0"}), Judge("parity run", [parity])]


def _pytest() -> list[str]:
    return [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *PARITY]


def install_extension(root: Path) -> None:
    """Put the extension that cargo built where Python finds it."""
    [library] = (root / "target" / "debug").glob("libcovertreex.*[oy]")
    [installed] = (root / "covertreex").glob("_rust*.so")
    shutil.copyfile(library, installed)


if __name__ == "__main__":
    install_extension(Path.cwd())
