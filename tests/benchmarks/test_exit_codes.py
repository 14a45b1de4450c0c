"""The exit code of the benchmark is the one of ``nox -s bench`` and of the launcher."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.gate import Outcome

ROOT = Path(__file__).parent.parent.parent
LAUNCHER = Path("benchmarks/run_residual_gold_standard.sh")
FAKE_NOX = '#!/bin/sh\necho "$@"\n[ "$2" = parity ] && exit $PARITY\nexit $BENCH\n'


def nox_bench(folder, install, *arguments):
    """Run the real session on a toy benchmark that ends with its last argument."""
    shutil.copy(ROOT / "pyproject.toml", folder)
    skipped = f"\n\ndef _install(session, *groups, **more):\n    {install}\n"
    (folder / "noxfile.py").write_text((ROOT / "noxfile.py").read_text() + skipped)
    (folder / "benchmarks").mkdir()
    (folder / "benchmarks" / "__init__.py").touch()
    (folder / "benchmarks" / "__main__.py").write_text("import sys\nsys.exit(int(sys.argv[-1]))\n")
    command = [sys.executable, "-m", "nox", "--no-venv", "-s", "bench", "--", *arguments]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=60)
    return done.returncode


@pytest.mark.parametrize("outcome", Outcome)
def test_nox_ends_with_the_code_of_the_benchmark(outcome, tmp_path):
    assert nox_bench(tmp_path, "pass", str(outcome.value)) == outcome.value


def test_a_build_that_fails_is_no_regression(tmp_path):
    install = 'session.run("python", "-c", "raise SystemExit(1)")'
    assert nox_bench(tmp_path, install, "0") == Outcome.CRASHED.value


@pytest.mark.parametrize(
    ("parity", "bench", "code"), [(0, 0, 0), (0, 1, 1), (0, 5, 5), (1, 0, 4), (0, 70, 70)]
)
def test_the_launcher_ends_with_the_code_of_the_benchmark(parity, bench, code, tmp_path):
    (tmp_path / LAUNCHER.parent).mkdir()
    launcher = Path(shutil.copy(ROOT / LAUNCHER, tmp_path / LAUNCHER))
    fake = tmp_path / "nox"
    fake.write_text(FAKE_NOX)
    fake.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PARITY": str(parity),
                   "BENCH": str(bench)}  # fmt: skip
    done = subprocess.run([launcher, "--quick"], env=environment, capture_output=True)
    assert done.returncode == code
    assert (b"-s bench -- --only gold --quick" in done.stdout) == (parity == 0)
