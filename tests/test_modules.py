"""How modules of the package use each other."""

import ast
from collections.abc import Iterator
from pathlib import Path

import covertreex

PACKAGE = Path(covertreex.__file__).parent
BINARY = "_rust"


def private_imports(path: Path, text: str) -> Iterator[str]:
    """Names with an underscore that a module takes out of another; modules are none."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.level:
            within = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            for name in (alias.name for alias in node.names):
                is_module = name == BINARY or within.joinpath(f"{name}.py").exists()
                if name.startswith("_") and not name.startswith("__") and not is_module:
                    yield f"{path.relative_to(PACKAGE)}: {name}"


def test_no_module_takes_what_another_keeps_to_itself() -> None:
    modules = list(PACKAGE.rglob("*.py"))
    assert len(modules) > 80
    found = [name for path in modules for name in private_imports(path, path.read_text())]
    assert found == []


def test_such_an_import_is_found() -> None:
    text = "from ..search import _tree_loops\nfrom .orderings import _LEAF, ORDERS\n"
    found = list(private_imports(PACKAGE / "vecchia" / "sets.py", text))
    assert found == ["vecchia/sets.py: _LEAF"]
