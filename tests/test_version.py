"""One version: Cargo.toml's is the package's and the changelog's, which keeps its form."""

import re
import tomllib
from importlib import metadata
from itertools import pairwise
from pathlib import Path

import pytest

import covertreex

ROOT = Path(__file__).parent.parent
KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")


def versions_of(changelog):
    """Return the versions a changelog tells of, newest first; raise where it has not the form."""
    headings = re.findall(r"^## (.*)$", changelog, re.MULTILINE)
    versions = []
    for heading in headings:
        found = re.fullmatch(r"\[?(Unreleased|\d+\.\d+\.\d+)\]?(?: - (\d{4}-\d\d-\d\d))?", heading)
        if found is None or (found[1] == "Unreleased") == bool(found[2]):
            raise ValueError(f"'## {heading}': wanted '## Unreleased' or '## 1.2.3 - 2026-01-31'")
        versions.append(found[1])
    if "Unreleased" in versions[1:]:
        raise ValueError("Unreleased does not stand first")
    released = [tuple(map(int, version.split("."))) for version in versions if version[0].isdigit()]
    if not all(newer > older for newer, older in pairwise(released)):
        raise ValueError(f"{versions} do not fall")
    if strange := set(re.findall(r"^### (.*)$", changelog, re.MULTILINE)) - {*KINDS}:
        raise ValueError(f"{strange}: wanted {KINDS}")
    return versions


def test_the_package_has_cargos_version():
    cargo = tomllib.loads((ROOT / "Cargo.toml").read_text("utf-8"))
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text("utf-8"))
    (locked,) = [p["version"] for p in lock["package"] if p["name"] == "covertreex"]
    assert covertreex.__version__ == cargo["package"]["version"] == locked
    assert metadata.version("covertreex") == covertreex.__version__


def test_the_changelog_tells_of_this_version_or_what_is_not_released_yet():
    newest, *older = versions_of(CHANGELOG)
    assert newest in ("Unreleased", covertreex.__version__)
    assert covertreex.__version__ == newest or covertreex.__version__ not in older[1:]


@pytest.mark.parametrize(
    ("changelog", "message"),
    [
        ("## Unreleased - 2026-01-31\n", "wanted"),
        ("## 1.2.3\n", "wanted"),
        ("## 1.2 - 2026-01-31\n", "wanted"),
        ("## 1.2.3 - 2026-01-31\n## Unreleased\n", "first"),
        ("## 1.2.3 - 2026-01-31\n## 1.10.0 - 2026-01-30\n", "fall"),
        ("## 1.2.3 - 2026-01-31\n### News\n", "News"),
    ],
)
def test_a_changelog_of_another_form_is_found(changelog, message):
    with pytest.raises(ValueError, match=message):
        versions_of(changelog)


def test_a_changelog_of_several_versions_is_read():
    text = (
        "# Changelog\n## [Unreleased]\n### Fixed\n## [1.10.0] - 2026-02-01\n## 1.9.1 - 2026-01-31\n"
    )
    assert versions_of(text) == ["Unreleased", "1.10.0", "1.9.1"]
