"""The wheel's trial: an empty environment, no Rust and no compiler to be found, all tests but few.

The tests run in a copy of what git knows but for covertreex/ itself, so that what they import is
what was installed. Out stay those marked ``checkout``: they read covertreex/'s sources, or need
cargo.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

BUILDERS = (
    *("cargo", "rustc", "rustup", "maturin", "zig"),
    *("cc", "gcc", "g++", "c++", "clang", "ld", "lld", "as", "make", "cmake"),
)
"""What must not be found: with any of it, an installation may have built something."""

TOOLS = ("sh", "bash", "env", "uname", "cat", "head", "ls", "rm", "mkdir", "git", "ldconfig")
"""What a machine without a compiler still has."""

PASSED_ON = ("PIP_", "SSL_", "REQUESTS_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
"""How to reach the package index; nothing else of the caller's surroundings is passed on."""


SMOKE = """
import covertreex, numpy
from covertreex import _rust
points = numpy.linspace(0.0, 9.0, 400).reshape(-1, 2)
def answer(engine):
    backend = covertreex.build_residual_backend(
        points, seed=1, inducing_count=16, block_dtype="float64", engine=engine
    )
    return covertreex.PCCT().fit(points, backend=backend).knn(k=5)
pairs = zip(answer("python-numba"), answer("rust-hilbert"))
print(_rust.__file__)
print(all(one.tobytes() == two.tobytes() for one, two in pairs))
"""
"""Prints where the extension stands, and whether both engines give the same bits."""


class TrialError(Exception):
    """The trial cannot be held, or was not passed."""


def copy_checkout(root: Path, tracked: Iterable[str], place: Path) -> None:
    """Copy what git knows, but for the package itself, to a new folder."""
    for name in tracked:
        if not name.startswith("covertreex/"):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, place / name)


def bare_environment(place: Path) -> dict[str, str]:
    """Return an environment with an own HOME and a PATH on which no builder stands."""
    home, tools = place / "home", place / "bin"
    home.mkdir(parents=True)
    tools.mkdir()
    for name in TOOLS:
        if found := shutil.which(name):
            (tools / name).symlink_to(found)
    passed = {name: text for name, text in os.environ.items() if name.upper().startswith(PASSED_ON)}
    return passed | {"HOME": str(home), "PATH": str(tools), "LANG": "C.UTF-8"}


def refuse_builders(environment: dict[str, str]) -> None:
    """Raise if anything that compiles is to be found."""
    for builder in BUILDERS:
        if found := shutil.which(builder, path=environment["PATH"]):
            raise TrialError(f"{found} stands on the PATH of an environment without {builder}")


class Trial:
    """An empty environment in which the wheel is installed, and a copy of the checkout's tests."""

    def __init__(self, interpreter: str, copy: Path, place: Path) -> None:
        self.environment = bare_environment(place)
        subprocess.run([interpreter, "-m", "venv", str(place / "venv")], check=True)
        self.prefix = place / "venv"
        scripts = self.prefix / "bin"
        self.environment["PATH"] = os.pathsep.join([str(scripts), self.environment["PATH"]])
        self.python = str(scripts / "python")
        self.copy = copy
        refuse_builders(self.environment)

    def install(self, *requirements: str) -> None:
        """Install what others have built; nothing is built here."""
        options = ["--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
        self._run("-m", "pip", "install", *options, *requirements)

    def smoke(self) -> None:
        """Ask the package for neighbours, with what it requires installed and no more."""
        where, same = self._run("-c", SMOKE, read=True).splitlines()
        if not Path(where).is_relative_to(self.prefix):
            raise TrialError(f"{where} would be tested, not what is installed in {self.prefix}")
        if same != "True":
            raise TrialError("the installed engines do not answer with the same bits")

    def tests(self, *arguments: str) -> None:
        """Run the tests on the installed package."""
        refuse_builders(self.environment)  # no requirement of the tests has brought one
        self._run("-m", "pytest", "-m", "not checkout", "-p", "no:cacheprovider", *arguments)

    def _run(self, *arguments: str, read: bool = False) -> str:
        ended = subprocess.run(
            [self.python, *arguments],
            env=self.environment,
            cwd=self.copy,
            check=False,
            stdout=subprocess.PIPE if read else None,
            text=True,
        )
        if ended.returncode:
            begin = " ".join(arguments[:3]) if arguments[0] == "-m" else "the smoke test"
            raise TrialError(f"{begin} ended with exit code {ended.returncode}")
        return ended.stdout or ""
