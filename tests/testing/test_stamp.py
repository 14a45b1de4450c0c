"""The stamp: it holds for the build that was proven, and for no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from toy_pair import make_suite

from covertreex.testing import Policy, Suite, check_stamp, write_stamp

POLICY = '[[row]]\ncase="*"\noutput="*"\nmax_ulp=0\nrtol=0\natol=0\nreason="bits"\n'


def build(root: Path, **changes: object) -> Suite:
    """A suite with a build: an extension, a source, a policy."""
    files = {"extension": root / "ext.so", "source a.py": root / "a.py"}
    for file in files.values():
        if not file.exists():
            file.write_bytes(file.name.encode())
    if not (root / "policy.toml").exists():
        (root / "policy.toml").write_text(POLICY)
    policy = Policy.load(root / "policy.toml")
    return make_suite(root, **{"stamp_files": lambda: files, "policy": policy, **changes})


@pytest.fixture
def stamp(tmp_path: Path, freeze) -> Path:
    suite = build(tmp_path)
    freeze(suite)
    path = tmp_path / "build" / "stamp.json"
    write_stamp(path, suite)
    return path


def test_a_stamp_holds_for_its_build(stamp: Path, tmp_path: Path) -> None:
    assert check_stamp(stamp, build(tmp_path)) == []
    content = json.loads(stamp.read_bytes())
    assert set(content["files"]) == {"extension", "source a.py", "policy", "manifest"}
    assert set(content["versions"]) >= {"python", "numpy"}
    assert content["cpu"] == {"features": ["fma"], "level": "toy"}


def test_one_build_is_one_stamp(stamp: Path, tmp_path: Path) -> None:
    before = stamp.read_bytes()
    write_stamp(stamp, build(tmp_path))
    assert stamp.read_bytes() == before
    assert [path.name for path in stamp.parent.iterdir()] == ["stamp.json"]


@pytest.mark.parametrize(
    ("file", "label"),
    [
        ("ext.so", "extension"),
        ("a.py", "source a.py"),
        ("policy.toml", "policy"),
        ("snapshots/manifest.json", "manifest"),
    ],
)
def test_each_file_is_proven(stamp: Path, tmp_path: Path, file: str, label: str) -> None:
    suite = build(tmp_path)
    path = tmp_path / file
    path.write_bytes(path.read_bytes() + b"\n")
    (reason,) = check_stamp(stamp, suite)
    assert reason.startswith(f"files: {label} is ")
    path.unlink()
    (reason,) = check_stamp(stamp, suite)
    assert reason.startswith(f"files: {label} is None")


def test_a_new_file_is_not_proven(stamp: Path, tmp_path: Path) -> None:
    more = {**build(tmp_path).stamp_files(), "source b.py": tmp_path / "a.py"}
    (reason,) = check_stamp(stamp, build(tmp_path, stamp_files=lambda: more))
    assert reason.startswith("files: source b.py is ")
    assert reason.endswith("proven was absent")


@pytest.mark.parametrize("package", ["python", "numpy"])
def test_each_version_is_proven(stamp: Path, tmp_path: Path, package: str) -> None:
    content = json.loads(stamp.read_bytes())
    content["versions"][package] = "0"
    stamp.write_text(json.dumps(content))
    (reason,) = check_stamp(stamp, build(tmp_path))
    assert reason.startswith(f"versions: {package} is ")
    assert reason.endswith("proven was 0")


def test_the_cpu_is_proven(stamp: Path, tmp_path: Path) -> None:
    other = build(tmp_path, cpu=lambda: {"features": ("fma", "avx2"), "level": "toy"})
    (reason,) = check_stamp(stamp, other)
    assert reason == "cpu: features is ['fma', 'avx2'], proven was ['fma']"
    same = build(tmp_path, cpu=lambda: {"features": ("fma",), "level": "toy"})
    assert check_stamp(stamp, same) == []


def test_the_engines_are_proven(stamp: Path, tmp_path: Path) -> None:
    (reason,) = check_stamp(stamp, build(tmp_path, candidates={}))
    assert reason.startswith("engines: candidates is []")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read"),
        ("[]", "not of schema"),
        ('{"schema": 2}', "not of schema"),
        ('{"schema": 1}', "does not hold"),
    ],
)
def test_a_stamp_that_is_none(stamp: Path, tmp_path: Path, text: str, message: str) -> None:
    stamp.write_text(text)
    (reason,) = check_stamp(stamp, build(tmp_path))
    assert message in reason
    stamp.unlink()
    (reason,) = check_stamp(stamp, build(tmp_path))
    assert reason.startswith("there is no stamp")


def test_a_section_that_is_no_table(stamp: Path, tmp_path: Path) -> None:
    content = json.loads(stamp.read_bytes())
    stamp.write_text(json.dumps({**content, "cpu": 1}))
    assert check_stamp(stamp, build(tmp_path)) == ["cpu: not readable in the stamp"]
