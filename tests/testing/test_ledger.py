"""The ledger: it keeps every reason, says how large a change was, and is sealed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy_pair import ELEMENTS, ROWS, by_rows, make_suite

from covertreex.testing import Check, GoldenDamagedError, GoldenStore, ParityFailure, Verdict
from covertreex.testing.ledger import HEADER, extended, from_manifest, last_number
from covertreex.testing.manifest import Freeze, Manifest
from covertreex.testing.planning import Unused
from covertreex.testing.records import GOLDEN_SET, REFERENCE

MACHINE = {"versions": {"numpy": "2", "numba": "0"}, "cpu": {"level": "toy", "features": ["fma"]}}
SHA = "ab" * 32
MADE = "- made with numba 0, numpy 2; features fma; level toy\n"


def write(root: Path, arrays: dict[str, np.ndarray], reason: str, **limit: int) -> GoldenStore:
    store = GoldenStore(root, **limit)
    store.begin()
    for name, array in arrays.items():
        store.stage(name, array)
        store.stage_input(name.split("/")[1], SHA)
    store.commit(reason, **MACHINE)
    return store


def sections(store: GoldenStore) -> list[str]:
    header, *found = store.ledger.split("\n## ")
    assert header == HEADER
    return found


def test_each_freeze_adds_a_section(tmp_path: Path) -> None:
    arrays = {f"{output}/{case}": np.arange(6.0) for output in "vw" for case in ("a", "b")}
    store = write(tmp_path, arrays, "first")
    before = store.ledger
    assert sections(store) == [f"1. first\n\n- new: v, w x 2 cases (a, b)\n{MADE}"]
    moved = arrays["v/a"].copy()
    moved[2] = np.nextafter(moved[2], 9)
    moved[5] = np.nextafter(np.nextafter(5.0, 9), 9)
    store = write(tmp_path, {"v/a": moved, "w/b": np.arange(3), "x/a": moved}, "two\n## 9. things ")
    assert store.ledger.startswith(before), "it grows at its end only"
    assert sections(store)[1] == (
        "2. two ## 9. things\n\n- new: x x 1 case (a)\n"
        "- changed: v x 1 case (a): 2 of 6 elements, max |delta| 1.78e-15, max ULP 2\n"
        f"- changed: w x 1 case (b): <i8 (3,) for <f8 (6,)\n{MADE}"
    )
    assert last_number(store.ledger) == 2


def test_a_reason_stays_when_no_golden_names_its_freeze(tmp_path: Path) -> None:
    write(tmp_path, {"v/a": np.zeros(2)}, "first")
    store = write(tmp_path, {"v/a": np.ones(2)}, "second")
    assert set(store.manifest.freezes) == {2}
    assert [section.partition("\n")[0] for section in sections(store)] == ["1. first", "2. second"]
    store.begin()
    store.prune(Unused(goldens=("v/a",), inputs=("a",)), "gone", **MACHINE)
    assert store.manifest == Manifest(ledger=store.manifest.ledger)
    assert sections(store)[2].startswith("3. gone\n\n- deleted: v x 1 case (a)\n")
    store = write(tmp_path, {"v/b": np.ones(2)}, "fourth")
    assert store.manifest.goldens["v/b"].freeze == 4, "a number is never used again"


def test_a_sampled_golden_and_one_that_cannot_be_read(tmp_path: Path) -> None:
    arrays = {"v/a": np.arange(100.0), "v/b": np.zeros(2)}
    store = write(tmp_path, arrays, "first", full_limit=64)
    store.path("v/b").write_bytes(b"")
    store = write(
        tmp_path, {name: array + 1 for name, array in arrays.items()}, "on", full_limit=64
    )
    line = sections(store)[1].splitlines()[2]
    assert line.startswith("- changed: v x 2 cases (a, b): 8 of 8 kept elements, max |delta| 1,")
    assert line.endswith("; 1 old file could not be read")


def test_a_set_from_before_the_ledger_gets_one(tmp_path: Path) -> None:
    store = write(tmp_path, {"v/a": np.zeros(2), "v/b": np.zeros(2)}, "first")
    write(tmp_path, {"v/b": np.ones(2)}, "second")
    old = replace(GoldenStore(tmp_path).manifest, ledger=None)
    (tmp_path / "ledger.md").unlink()
    (tmp_path / "manifest.json").write_text(old.dumps())
    store = GoldenStore(tmp_path)
    assert store.ledger == ""
    store.begin()
    assert store.needs_ledger
    store.commit("nothing else changes", **MACHINE)
    assert store.ledger == from_manifest(old)
    assert [section.split("\n")[:3] for section in sections(store)] == [
        ["1. first", "", "- from before the ledger, and still there: v x 1 case (a)"],
        ["2. second", "", "- from before the ledger, and still there: v x 1 case (b)"],
    ]


def test_long_lists_are_cut() -> None:
    names = tuple(f"v/{number:02}" for number in range(20))
    from covertreex.testing.ledger import lines_of_pruned

    line = lines_of_pruned(Unused(names))[0]
    assert line.startswith("deleted: v x 20 cases (00, 01")
    assert line.endswith("11 and 8 more)")
    assert extended("", 1, Freeze("why", {}, {}), []).endswith("- made with nothing on record\n")


DAMAGE = {
    "edited": (lambda text: text.replace("first", "worst"), "was edited by hand"),
    "cut": (lambda text: text[:-1], "was edited by hand"),
    "conflict": (lambda text: f"{text}<<<<<<< HEAD\n", "conflict markers"),
    "empty": (lambda text: "", "was edited by hand"),
    "gone": (None, "is gone"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_a_verdict_and_stops_a_freeze(tmp_path: Path, freeze, verdicts, damage) -> None:
    edit, message = DAMAGE[damage]
    freeze(make_suite(tmp_path))
    path = tmp_path / "snapshots" / "ledger.md"
    text = path.read_text()
    path.unlink()
    if edit is not None:
        path.write_text(edit(text))
    suite = make_suite(tmp_path)
    assert verdicts(suite) == {Check("", "", GOLDEN_SET): Verdict.GOLDEN_DAMAGED}
    with pytest.raises(GoldenDamagedError, match=message):
        suite.store.begin()
    assert not suite.store.writing


def test_a_ledger_that_the_manifest_does_not_know_or_behind_a_link(tmp_path: Path) -> None:
    root = tmp_path / "set"
    store = write(root, {"v/a": np.zeros(2)}, "first")
    other = tmp_path / "ledger.md"
    (root / "ledger.md").rename(other)
    (root / "ledger.md").symlink_to(other)
    with pytest.raises(GoldenDamagedError, match="symbolic link"):
        GoldenStore(root).begin()
    (root / "ledger.md").unlink()
    store.manifest_path.write_text(replace(store.manifest, ledger=None).dumps())
    other.rename(root / "ledger.md")
    with pytest.raises(GoldenDamagedError, match="the manifest knows of none"):
        GoldenStore(root).begin()


def test_a_freeze_of_a_suite_is_told_with_its_size(tmp_path: Path, freeze, snapshot) -> None:
    freeze(make_suite(tmp_path))

    def gram(points: np.ndarray) -> dict[str, np.ndarray]:
        found = by_rows(points)
        return {**found, "s": found["s"] + 1}

    suite = make_suite(tmp_path, reference=("rows", {**ROWS, "gram": gram}))
    freeze(suite, "one more", ("odd",))
    assert "- changed: s x 1 case (odd): 7 of 7 elements, max |delta| 1, max" in suite.store.ledger
    suite.check(Check("odd", "s", REFERENCE), snapshot)
    with pytest.raises(ParityFailure):
        make_suite(tmp_path, reference=("rows", ELEMENTS)).check(
            Check("odd", "s", REFERENCE), snapshot
        )
