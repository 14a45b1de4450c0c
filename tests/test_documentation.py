"""What is said beside the code is true: examples in docstrings, and names of files and twins.

The pages and the README are run by test_docs.
"""

import doctest
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "covertreex").rglob("*.py")
    if ">>> " in path.read_text()
)


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_examples_in_docstrings_are_true(module):
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.checkout  # the twins stand in the sources of covertreex/
def test_every_twin_a_rust_file_names_is_there():
    """``Numba twin: `name` in `file```: names that a reader will look for."""
    named = 0
    for path in sorted((ROOT / "src").rglob("*.rs")):
        header = " ".join(
            line.removeprefix("//!").strip()
            for line in path.read_text().splitlines()
            if line.startswith("//!")
        )
        for names, file in re.findall(r"((?:`\w+`,? )+)in `([\w/]+\.py)`", header):
            source = (ROOT / file).read_text()
            for name in re.findall(r"\w+", names):
                assert re.search(rf"^(def {name}\(|{name} = )", source, re.MULTILINE), (path, name)
                named += 1
    assert named > 10


def test_every_file_the_readme_points_to_is_there():
    for name in ("README.md", "CONTRIBUTING.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / name).read_text()):
            assert (ROOT / target).exists(), f"{name} -> {target}"
