"""What sdist and wheel must hold, file for file: what git knows, what was built, and no more.

Each function returns the faults it finds, a sentence each; none is an empty list.
"""

from __future__ import annotations

import re
import tarfile
import tomllib
import zipfile
from collections.abc import Iterable
from email.parser import Parser
from pathlib import Path

WHEEL_LIMIT = 1_500_000
"""Bytes. Of 1.0 MB most is the extension; what doubles it is seen here before users see it."""

SDIST_LIMIT = 500_000
"""Bytes. The goldens (3.8 MB packed) and the tests that need them stay in git."""

LICENCES = ("LICENSE", "THIRD-PARTY-LICENSES.txt")
EXTENSION = "covertreex/_rust.abi3.so"
SDIST_ALSO = ("Cargo.lock", "Cargo.toml", "README.md", "pyproject.toml", "rustfmt.toml", *LICENCES)


def cargo_version(root: Path) -> str:
    """Return the version in Cargo.toml: the only place where it is written."""
    return str(tomllib.loads((root / "Cargo.toml").read_text("utf-8"))["package"]["version"])


def wheel_faults(wheel: Path, root: Path, tracked: Iterable[str], machine: str) -> list[str]:
    """Say what is wrong with a wheel of the checkout at `root`; `tracked` is what git knows."""
    version = cargo_version(root)
    info = f"covertreex-{version}.dist-info"
    made = [f"{info}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt")]
    licences = {f"{info}/licenses/{name}": root / name for name in LICENCES}
    package = [name for name in tracked if name.startswith("covertreex/")]
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        faults = _names(wheel, names, [*package, EXTENSION, *made, *licences])
        for name, path in licences.items():
            if name in names and archive.read(name) != path.read_bytes():
                faults.append(f"{wheel.name}: {name} is not the checkout's {path.name}")
        if f"{info}/METADATA" in names:
            faults += _metadata(wheel, archive.read(f"{info}/METADATA").decode(), version)
    tags = rf"cp311-abi3-manylinux2014_{machine}\.manylinux_2_17_{machine}"
    if not re.fullmatch(rf"covertreex-{re.escape(version)}-{tags}\.whl", wheel.name):
        faults.append(f"{wheel.name}: wanted version {version} and tags like {tags}")
    return faults + _size(wheel, WHEEL_LIMIT)


def sdist_faults(sdist: Path, root: Path, tracked: Iterable[str]) -> list[str]:
    """Say what is wrong with an sdist of the checkout at `root`; `tracked` is what git knows."""
    version = cargo_version(root)
    top = f"covertreex-{version}/"
    code = [name for name in tracked if name.startswith(("covertreex/", "src/"))]
    with tarfile.open(sdist) as archive:
        names = [member.name for member in archive.getmembers() if member.isfile()]
        odd = [member.name for member in archive.getmembers() if not member.isfile()]
        wanted = [top + name for name in ("PKG-INFO", *SDIST_ALSO, *code)]
        faults = _names(sdist, names, wanted)
        faults += [f"{sdist.name}: {name} is not a plain file" for name in odd]
        if top + "PKG-INFO" in names:
            information = archive.extractfile(top + "PKG-INFO")
            assert information is not None  # noqa: S101 - it is a plain file
            faults += _metadata(sdist, information.read().decode(), version)
    if sdist.name != f"covertreex-{version}.tar.gz":
        faults.append(f"{sdist.name}: wanted covertreex-{version}.tar.gz")
    return faults + _size(sdist, SDIST_LIMIT)


def difference(first: Path, second: Path) -> list[str]:
    """Say in which files two wheels differ; two that are equal byte for byte differ in none."""
    if first.read_bytes() == second.read_bytes():
        return []
    with zipfile.ZipFile(first) as one, zipfile.ZipFile(second) as two:
        names = {*one.namelist(), *two.namelist()}
        return [
            f"{first.name}: {name} is not the same when the wheel is made from the sdist"
            for name in sorted(names)
            if name not in one.namelist()
            or name not in two.namelist()
            or one.read(name) != two.read(name)
        ] or [f"{first.name}: made from the sdist, its files are equal but the archive is not"]


def _names(archive: Path, names: list[str], wanted: list[str]) -> list[str]:
    stray, missing = sorted({*names} - {*wanted}), sorted({*wanted} - {*names})
    twice = sorted({name for name in names if names.count(name) > 1})
    return [
        *(f"{archive.name}: {name} is in it and not in git: add or delete it" for name in stray),
        *(f"{archive.name}: {name} is missing" for name in missing),
        *(f"{archive.name}: {name} is in it twice" for name in twice),
    ]


def _metadata(archive: Path, text: str, version: str) -> list[str]:
    fields = Parser().parsestr(text)
    wanted = {"Name": "covertreex", "Version": version, "License-Expression": "Apache-2.0"}
    return [
        f"{archive.name}: its metadata say {name} {fields[name]!r}, wanted {value!r}"
        for name, value in wanted.items()
        if fields[name] != value
    ] + [
        f"{archive.name}: its metadata do not name {name} as a licence file"
        for name in LICENCES
        if name not in fields.get_all("License-File", [])
    ]


def _size(archive: Path, limit: int) -> list[str]:
    size = archive.stat().st_size
    return [] if size <= limit else [f"{archive.name}: {size:,} bytes, the limit is {limit:,}"]
