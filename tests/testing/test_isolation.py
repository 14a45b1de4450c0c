"""The harness stands alone: it imports nothing from the rest of covertreex."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import covertreex.testing

FOLDER = Path(covertreex.testing.__file__).parent
FILES = sorted(FOLDER.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Every module a file names in an import, relative ones resolved, at any depth."""
    package = ["covertreex", "testing", *path.relative_to(FOLDER).parts[:-1]]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            found |= {f"{module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_names_the_rest(path: Path) -> None:
    own = {name for name in imported(path) if name.split(".")[0] == "covertreex"}
    assert all(name.startswith("covertreex.testing.") for name in own), own


def test_it_imports_with_the_rest_blocked() -> None:
    script = f"""
import importlib.abc, importlib.machinery, importlib.util, pkgutil, sys, types

class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "covertreex" and not name.startswith("covertreex.testing"):
            raise ImportError(name + " is blocked")

package = types.ModuleType("covertreex")
package.__path__ = [{str(FOLDER.parent)!r}]
sys.modules["covertreex"] = package
sys.meta_path.insert(0, Block())
import covertreex.testing
for module in pkgutil.iter_modules(covertreex.testing.__path__, "covertreex.testing."):
    __import__(module.name)
loaded = {{name for name in sys.modules if name.split(".")[0] == "covertreex"}}
rest = {{n for n in loaded if n != "covertreex" and not n.startswith("covertreex.testing")}}
assert not rest, rest
assert "numba" not in sys.modules
"""
    path = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, "PYTHONPATH": path}
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr


def test_every_public_name_is_there() -> None:
    assert sorted(covertreex.testing.__all__) == covertreex.testing.__all__
    for name in covertreex.testing.__all__:
        assert getattr(covertreex.testing, name).__doc__
