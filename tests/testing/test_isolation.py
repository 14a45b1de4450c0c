"""The harness stands alone, its plugin costs those who do not use it nothing, its front is public.

It imports nothing from the rest of covertreex; the plugin, loaded wherever covertreex is installed,
imports nothing heavy before there is a suite; and the project's own parity tests need no more of it
than its public names.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import covertreex.testing

FOLDER = Path(covertreex.testing.__file__).parent
FRONT = FOLDER / "__init__.py"
FILES = sorted(FOLDER.rglob("*.py"))
TESTS = Path(__file__).parent.parent


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


def python(script: str) -> None:
    """Run a script in a process of its own, warnings being errors."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


def test_it_imports_with_the_rest_blocked() -> None:
    python(f"""
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
""")


def test_every_public_name_is_there() -> None:
    submodules = {path.stem for path in FILES}
    for name in covertreex.testing.__all__:
        assert getattr(covertreex.testing, name).__doc__
        assert name in dir(covertreex.testing)
        assert name not in submodules, "an import of the submodule would take the name's place"
    with pytest.raises(AttributeError, match="has no attribute 'none_such'"):
        covertreex.testing.none_such  # noqa: B018
    shown = next(node for node in ast.parse(FRONT.read_text()).body if isinstance(node, ast.If))
    imports = [alias.name for node in shown.body for alias in node.names]
    assert sorted(imports) == sorted(covertreex.testing.__all__), "what a type checker is shown"


def test_covertreex_is_imported_when_it_is_used() -> None:
    python("""
import sys, covertreex
assert {"numpy", "numba"}.isdisjoint(sys.modules)
assert set(covertreex.__all__) <= set(dir(covertreex))
assert covertreex.errors.CovertreexError and "numba" not in sys.modules
assert covertreex.kernels.RBF is covertreex.RBF
names = {name: getattr(covertreex, name) for name in covertreex.__all__}
assert all(names.values()) and covertreex.metrics and "numba" not in names
try:
    covertreex.none_such
except AttributeError as error:
    assert "module 'covertreex' has no attribute 'none_such'" in str(error)
else:
    raise AssertionError
""")


HEAVY = ("numba", "numpy", "rich", "covertreex.api", "covertreex.testing.suite")
COUNTS = f"""
import sys
def pytest_sessionfinish():
    loaded = [name for name in {HEAVY!r} if name in sys.modules]
    assert not loaded, loaded
"""
ELSEWHERE = "def test_elsewhere():\n    assert True\n"


def elsewhere(root: Path, *arguments: str, block: tuple[str, ...] = ()) -> str:
    """Run pytest in a project that is not this one, with this covertreex, packages blocked."""
    blocks = f"""
import importlib.abc, sys

class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {block!r}:
            raise ModuleNotFoundError("no module named " + name, name=name)

sys.meta_path.insert(0, Block())
import pytest
sys.exit(pytest.main(sys.argv[1:]))
"""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "PYTHON"))}
    ended = subprocess.run(
        [sys.executable, "-c", blocks, "-W", "error", "-p", "no:cacheprovider", *arguments],
        cwd=root,
        env=plain,
        capture_output=True,
        text=True,
        check=False,
    )
    return f"{ended.stdout}{ended.stderr}\nexit code {ended.returncode}\n"


NAMED = 'pytest_plugins = ["covertreex.testing.plugin"]\n'


@pytest.mark.parametrize(
    ("conftest", "arguments"),
    [
        ("", ()),
        (NAMED, ()),
        ("", ("-p", "covertreex.testing.plugin")),
        (NAMED, ("--disable-plugin-autoload",)),
    ],
    ids=["entry point", "named too", "by -p too", "named, no entry points"],
)
def test_a_project_without_a_suite_pays_nothing(tmp_path: Path, conftest, arguments) -> None:
    (tmp_path / "conftest.py").write_text(conftest + COUNTS)
    (tmp_path / "test_elsewhere.py").write_text(ELSEWHERE)
    hypothesis = ("-p", "no:hypothesispytest")
    text = elsewhere(tmp_path, *hypothesis, *arguments, "--parity-json", "report.json")
    assert "1 passed" in text, text
    assert "exit code 0" in text, text
    assert "parity" not in text
    assert not (tmp_path / "report.json").exists()


EXTRA = ("syrupy", "rich", "numpy", "numba")
USES = """
def pytest_parity_suite(config):
    from covertreex.testing import Suite

    return Suite()
"""


def test_without_the_extra_nothing_breaks_until_a_suite_is_used(tmp_path: Path) -> None:
    options = ("-p", "no:syrupy", "-p", "no:hypothesispytest")
    (tmp_path / "conftest.py").write_text(USES)
    (tmp_path / "test_elsewhere.py").write_text(ELSEWHERE)
    text = elsewhere(tmp_path, *options, block=EXTRA)
    assert "1 passed" in text, text
    (tmp_path / "test_elsewhere.py").write_text("def test_it(parity_check):\n    pass\n")
    for uses, code in (((), 2), (("--parity-explain", "x"), 4), (("--freeze-reason", "x"), 4)):
        text = elsewhere(tmp_path, *options, *uses, block=EXTRA)
        assert "is not installed: python -m pip install 'covertreex[testing]'" in text, text
        assert f"exit code {code}" in text, text


PARITY_TESTS = [
    *sorted((TESTS / "parity").glob("*.py")),
    TESTS / "test_residual_parity.py",
    TESTS / "test_planted_faults.py",
]


def private(text: str) -> list[str]:
    """Return what a source imports of the harness beyond its public names."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if "covertreex.testing" in alias.name]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            public = {f"covertreex.testing.{name}" for name in covertreex.testing.__all__}
            found += [name for name in names if "covertreex.testing" in name and name not in public]
    return found


@pytest.mark.parametrize("path", PARITY_TESTS, ids=lambda path: path.name)
def test_the_projects_parity_tests_need_public_names_only(path: Path) -> None:
    assert private(path.read_text()) == []


def test_a_private_import_is_seen() -> None:
    for line in (
        "from covertreex.testing.records import FROZEN",
        "from covertreex.testing import judge",
        "from covertreex import testing",
        "import covertreex.testing.judge as public",
    ):
        assert private(f"def late():\n    {line}"), line
