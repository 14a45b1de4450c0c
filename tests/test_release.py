"""What is wrong with an archive is said: each fault is planted in one that is right."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from release import contents, trial

VERSION = "1.2.3"
INFO = f"covertreex-{VERSION}.dist-info"
TRACKED = ["covertreex/__init__.py", "covertreex/py.typed", "src/lib.rs", "tests/test_x.py"]
METADATA = f"""Metadata-Version: 2.4
Name: covertreex
Version: {VERSION}
License-Expression: Apache-2.0
License-File: LICENSE
License-File: THIRD-PARTY-LICENSES.txt

The description.
"""
TAGS = "cp311-abi3-manylinux2014_x86_64.manylinux_2_17_x86_64"


@pytest.fixture
def root(tmp_path):
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "Cargo.toml").write_text(f'[package]\nversion = "{VERSION}"\n')
    for name in contents.LICENCES:
        (checkout / name).write_text(f"text of {name}\n")
    return checkout


@pytest.fixture
def wheel_files():
    return {
        "covertreex/__init__.py": "",
        "covertreex/py.typed": "",
        contents.EXTENSION: "elf",
        f"{INFO}/METADATA": METADATA,
        f"{INFO}/RECORD": "",
        f"{INFO}/WHEEL": "",
        f"{INFO}/entry_points.txt": "",
        **{f"{INFO}/licenses/{name}": f"text of {name}\n" for name in contents.LICENCES},
    }


@pytest.fixture
def sdist_files():
    names = [*contents.SDIST_ALSO, "covertreex/__init__.py", "covertreex/py.typed", "src/lib.rs"]
    return {"PKG-INFO": METADATA, **dict.fromkeys(names, "text")}


def wheel_of(files, folder, name=f"covertreex-{VERSION}-{TAGS}.whl"):
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / name, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return folder / name


def sdist_of(files, folder, link=None):
    path = folder / f"covertreex-{VERSION}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"covertreex-{VERSION}/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
        if link:
            member = tarfile.TarInfo(f"covertreex-{VERSION}/{link}")
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(member)
    return path


def test_a_right_wheel_and_a_right_sdist_have_no_faults(root, tmp_path, wheel_files, sdist_files):
    wheel, sdist = wheel_of(wheel_files, tmp_path), sdist_of(sdist_files, tmp_path)
    assert contents.wheel_faults(wheel, root, TRACKED, "x86_64") == []
    assert contents.sdist_faults(sdist, root, TRACKED) == []


@pytest.mark.parametrize("name", ["covertreex/py.typed", contents.EXTENSION, f"{INFO}/METADATA"])
def test_what_is_missing_from_a_wheel_is_named(root, tmp_path, wheel_files, name):
    del wheel_files[name]
    (fault,) = contents.wheel_faults(wheel_of(wheel_files, tmp_path), root, TRACKED, "x86_64")
    assert f"{name} is missing" in fault


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("covertreex/scratch.py", "", "scratch.py is in it and not in git"),
        ("tests/test_x.py", "", "test_x.py is in it and not in git"),
        (f"{INFO}/licenses/LICENSE", "another", "is not the checkout's LICENSE"),
        (f"{INFO}/METADATA", METADATA.replace("1.2.3", "1.2.4"), "Version '1.2.4', wanted '1.2.3'"),
        (f"{INFO}/METADATA", METADATA.replace("Apache-2.0", "MIT"), "License-Expression 'MIT'"),
        (f"{INFO}/METADATA", METADATA.replace("File: THIRD", "File: X"), "do not name THIRD"),
    ],
)
def test_what_is_wrong_in_a_wheel_is_said(root, tmp_path, wheel_files, name, text, message):
    wheel = wheel_of(wheel_files | {name: text}, tmp_path)
    (fault,) = contents.wheel_faults(wheel, root, TRACKED, "x86_64")
    assert message in fault


@pytest.mark.parametrize(
    "name",
    [
        f"covertreex-{VERSION}-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        f"covertreex-{VERSION}-cp311-abi3-linux_x86_64.whl",
        f"covertreex-{VERSION}-cp311-abi3-manylinux_2_34_x86_64.whl",
        f"covertreex-1.2.4-{TAGS}.whl",
    ],
)
def test_a_wheel_of_another_name_is_refused(root, tmp_path, wheel_files, name):
    (fault,) = contents.wheel_faults(wheel_of(wheel_files, tmp_path, name), root, TRACKED, "x86_64")
    assert "wanted version 1.2.3" in fault


def test_sizes_have_limits(root, tmp_path, wheel_files, sdist_files, monkeypatch):
    wheel, sdist = wheel_of(wheel_files, tmp_path), sdist_of(sdist_files, tmp_path)
    monkeypatch.setattr(contents, "WHEEL_LIMIT", wheel.stat().st_size - 1)
    monkeypatch.setattr(contents, "SDIST_LIMIT", sdist.stat().st_size - 1)
    (fault,) = contents.wheel_faults(wheel, root, TRACKED, "x86_64")
    assert "the limit is" in fault
    (fault,) = contents.sdist_faults(sdist, root, TRACKED)
    assert "the limit is" in fault


@pytest.mark.parametrize("name", ["src/lib.rs", "Cargo.lock", "LICENSE", "PKG-INFO"])
def test_what_is_missing_from_an_sdist_is_named(root, tmp_path, sdist_files, name):
    del sdist_files[name]
    (fault,) = contents.sdist_faults(sdist_of(sdist_files, tmp_path), root, TRACKED)
    assert f"{name} is missing" in fault


def test_what_an_sdist_ought_not_to_hold_is_named(root, tmp_path, sdist_files):
    stray = sdist_of(sdist_files | {"snapshots/a.npy": "x"}, tmp_path)
    (fault,) = contents.sdist_faults(stray, root, TRACKED)
    assert "snapshots/a.npy is in it and not in git" in fault
    (fault,) = contents.sdist_faults(sdist_of(sdist_files, tmp_path, "src/x.rs"), root, TRACKED)
    assert "src/x.rs is not a plain file" in fault


def test_two_wheels_are_equal_or_it_says_where_not(tmp_path, wheel_files):
    first = wheel_of(wheel_files, tmp_path / "one")
    assert contents.difference(first, wheel_of(wheel_files, tmp_path / "two")) == []
    other = wheel_of(wheel_files | {contents.EXTENSION: "elF", "more": ""}, tmp_path / "three")
    faults = contents.difference(first, other)
    assert [f"{contents.EXTENSION} is not" in faults[0], "more is not" in faults[1]] == [True, True]
    backwards = wheel_of(dict(reversed(wheel_files.items())), tmp_path / "four")
    (fault,) = contents.difference(first, backwards)
    assert "the archive is not" in fault


def test_the_copy_is_without_the_package(tmp_path):
    for name in TRACKED:
        (tmp_path / "of" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "of" / name).write_text(name)
    trial.copy_checkout(tmp_path / "of", TRACKED, tmp_path / "copy")
    copied = [p.relative_to(tmp_path / "copy") for p in (tmp_path / "copy").rglob("*.*")]
    assert sorted(copied) == [Path("src/lib.rs"), Path("tests/test_x.py")]


def test_the_bare_environment_has_no_builder_and_passes_nothing_on(tmp_path, monkeypatch):
    monkeypatch.setenv("CARGO_HOME", "/somewhere")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("PIP_TIMEOUT", "180")
    environment = trial.bare_environment(tmp_path)
    assert environment["PIP_TIMEOUT"] == "180"
    assert not {"CARGO_HOME", "PYTHONPATH", "VIRTUAL_ENV"} & {*environment}
    assert environment["HOME"].startswith(str(tmp_path))
    trial.refuse_builders(environment)


@pytest.mark.parametrize("builder", ["gcc", "cargo"])
def test_a_builder_on_the_path_is_refused(tmp_path, builder):
    environment = trial.bare_environment(tmp_path)
    planted = tmp_path / "bin" / builder
    planted.write_text("#!/bin/sh\n")
    planted.chmod(0o755)
    with pytest.raises(trial.TrialError, match=f"{builder} stands on the PATH"):
        trial.refuse_builders(environment)
