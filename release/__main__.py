"""``python -m release``: make sdist and wheel, check them, try the wheel, put both into dist/.

Exit codes: 0 both stand in dist/; 1 something is wrong with them, and dist/ is as it was; 2 wrong
usage, or dist/ holds them already and --force was not given.
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from covertreex._files import refuse_existing, replacing
from covertreex.errors import OutputExistsError

from . import build
from .contents import cargo_version, difference, sdist_faults, wheel_faults
from .trial import Trial, TrialError, copy_checkout

ROOT = Path(__file__).parent.parent
MORE = "Other arguments go to pytest; by default it runs all tests."


def main() -> int:
    """Run what the command line asks for."""
    options = _options()
    dist = Path(options.out)
    try:
        for old in dist.glob(f"covertreex-{cargo_version(ROOT)}*"):
            refuse_existing(old, force=options.force)
    except OutputExistsError as error:
        print(f"{error}: nox -s wheels -- --force")
        return 2
    with TemporaryDirectory(prefix="covertreex-release-") as scratch:
        try:
            made = _make(Path(scratch), options.machine)
            if options.machine == platform.machine():
                _try(made[-1], Path(scratch), options)
            else:
                print(f"not tried: this machine is {platform.machine()}")
        except (TrialError, subprocess.CalledProcessError) as error:
            print(f"no release: {error}", file=sys.stderr)
            return 1
        dist.mkdir(exist_ok=True)
        for path in made:
            with replacing(dist / path.name, force=options.force) as file:
                file.write(path.read_bytes())
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            print(f"{dist / path.name}: {path.stat().st_size:,} bytes, sha256 {digest}")
    if _git("status", "--porcelain"):
        print("the checkout has changes that are not committed: this is no release")
    return 0


def _make(scratch: Path, machine: str) -> tuple[Path, Path]:
    """Build both, the wheel twice; raise unless all checks pass."""
    environment = build.build_environment(ROOT, scratch)
    with _phase("build"):
        sdist = build.build_sdist(ROOT, _folder(scratch / "sdist"), environment)
        wheel = build.build_wheel(ROOT, _folder(scratch / "wheel"), environment, machine)
    with _phase("build again, from the sdist"):
        again = build.wheel_of_sdist(sdist, _folder(scratch / "again"), environment, machine)
    with _phase("checks"):
        tracked = _tracked()
        faults = [
            *wheel_faults(wheel, ROOT, tracked, machine),
            *sdist_faults(sdist, ROOT, tracked),
            *difference(wheel, again),
        ]
        for tool in ("twine check --strict", "abi3audit --strict --summary", "auditwheel show"):
            files = [str(wheel), str(sdist)] if tool.startswith("twine") else [str(wheel)]
            subprocess.run([*tool.split(), *files], check=True)
    if faults:
        raise TrialError("\n  ".join([f"{len(faults)} faults", *faults]))
    return sdist, wheel


def _try(wheel: Path, scratch: Path, options: argparse.Namespace) -> None:
    """Install the wheel in an empty environment of each interpreter, and test it there."""
    copy = _folder(scratch / "copy")
    copy_checkout(ROOT, _tracked(), copy)
    for number, interpreter in enumerate(options.python or [_this_python()]):
        with _phase(f"trial by {interpreter}"):
            trial = Trial(interpreter, copy, scratch / f"trial-{number}")
            trial.install(str(wheel))
            trial.smoke()
            trial.install(*options.require)
            trial.tests(*options.pytest)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s wheels --", allow_abbrev=False, epilog=MORE)
    parser.add_argument("--force", action="store_true", help="replace what stands in dist/")
    parser.add_argument("--out", default="dist", help="where both go")
    parser.add_argument("--python", action="append", help="interpreter to try the wheel by; again")
    parser.add_argument("--machine", choices=build.TARGETS, default=platform.machine())
    parser.add_argument("--require", nargs="*", default=[], help=argparse.SUPPRESS)
    options, for_pytest = parser.parse_known_args()
    options.pytest = for_pytest
    return options


def _tracked() -> list[str]:
    return [name for name in _git("ls-files", "-z").split("\0") if (ROOT / name).is_file()]


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _this_python() -> str:
    return str(getattr(sys, "_base_executable", sys.executable))


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


@contextmanager
def _phase(name: str) -> Iterator[None]:
    print(f"-- {name}", flush=True)
    start = time.monotonic()
    yield
    print(f"-- {name}: {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
