"""Damage of a set: a file or the manifest is not what a freeze wrote, or a freeze was killed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from toy_checks import ROLES, SET, failure
from toy_pair import make_suite

from covertreex.testing import Check, HarnessError, Verdict
from covertreex.testing.npy import encode
from covertreex.testing.records import FROZEN, REFERENCE


@pytest.fixture
def frozen(tmp_path: Path, freeze) -> Path:
    freeze(make_suite(tmp_path))
    return tmp_path


def pickled(path: Path) -> None:
    with path.open("wb") as stream:
        np.lib.format.write_array(stream, np.array([{}], dtype=object), version=(1, 0))


def big_endian(path: Path) -> None:
    with path.open("wb") as stream:
        np.lib.format.write_array(stream, np.zeros((7, 7), dtype=">f8"), version=(1, 0))


def linked(path: Path) -> None:
    path.rename(path.with_suffix(".moved"))
    path.symlink_to(path.with_suffix(".moved"))


FILE_FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (lambda p: p.write_bytes(p.read_bytes()[:-5]), "truncated"),
    "zero bytes": (lambda p: p.write_bytes(b""), "zero bytes"),
    "edited": (lambda p: p.write_bytes(encode(np.load(p) + 1.0)), "was edited"),
    "another dtype": (lambda p: p.write_bytes(encode(np.load(p).astype("f4"))), "holds <f4"),
    "pickle": (pickled, "a pickle; it was not loaded"),
    "big-endian": (big_endian, "big-endian"),
    "symlink": (linked, "symbolic link"),
}


@pytest.mark.parametrize(("damage", "text"), FILE_FAULTS.values(), ids=FILE_FAULTS)
def test_a_damaged_file(frozen: Path, verdicts, snapshot, damage, text) -> None:
    suite = make_suite(frozen)
    damage(suite.store.path("g/odd"))
    found = verdicts(suite)
    # Its own checks, and those that would have been fed it.
    assert {check: found[check] for check in found if check.output == "g"} == {
        Check("odd", "g", role): Verdict.GOLDEN_DAMAGED for role in ROLES
    }
    assert {check for check in found if check.output in ("index", "value")} == {
        Check("odd", output, "elements" + FROZEN) for output in ("index", "value")
    }
    assert {check.case for check in found if check != SET} == {"odd"}
    assert text in failure(suite, Check("odd", "g", REFERENCE), snapshot).detail


MANIFEST_FAULTS = {
    "edited": (lambda text: text.replace('"max": "', '"max": "1'), "edited by hand"),
    "conflict": (lambda text: f"<<<<<<< HEAD\n{text}", "conflict markers"),
    "escaping": (lambda text: text.replace('"g/odd"', '"../odd"'), "'../odd', which is not"),
    "duplicate": (lambda text: text.replace('"g/odd"', '"g/single"'), "'g/single' twice"),
    "input edited": (lambda text: text.replace('"odd": "', '"odd": "f', 1), "inputs: 'odd'"),
}


@pytest.mark.parametrize(("edit", "text"), MANIFEST_FAULTS.values(), ids=MANIFEST_FAULTS)
def test_a_damaged_manifest(frozen: Path, verdicts, snapshot, edit, text) -> None:
    path = make_suite(frozen).store.manifest_path
    before = path.read_text()
    path.write_text(edit(before))
    assert path.read_text() != before
    suite = make_suite(frozen)
    assert set(verdicts(suite).values()) == {Verdict.GOLDEN_DAMAGED}
    assert text in failure(suite, SET, snapshot).detail
    with pytest.raises(HarnessError):
        suite.store.begin()


def test_an_interrupted_freeze_says_how_to_go_on(frozen: Path, verdicts, snapshot, freeze) -> None:
    pending = frozen / "snapshots" / ".pending"
    pending.mkdir()
    (pending / "COMMIT").write_text('{"remove": []}')
    suite = make_suite(frozen)
    assert set(verdicts(suite).values()) == {Verdict.GOLDEN_DAMAGED}
    assert "was interrupted after it had decided" in failure(suite, SET, snapshot).detail
    freeze(suite, "again")
    assert verdicts(make_suite(frozen)) == {}
