"""The store: reading never writes, a freeze touches only what changed, damage names itself."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from covertreex.testing import (
    Change,
    FreezeRefusedError,
    GoldenDamagedError,
    GoldenMissingError,
    GoldenStore,
    UpdateInterruptedError,
)
from covertreex.testing.npy import encode

MACHINE = {"versions": {"numpy": "2"}, "cpu": {"level": "toy"}}
SHA = "ab" * 32
ARRAYS = {"v/a": np.arange(6.0), "v/b": np.arange(4), "w/a": np.ones((2, 2))}


def write(store: GoldenStore, arrays: dict[str, np.ndarray], reason: str = "first") -> Change:
    store.begin()
    for name, array in arrays.items():
        store.stage(name, array)
        store.stage_input(name.split("/")[1], SHA)
    return store.commit(reason, **MACHINE)


@pytest.fixture
def store(tmp_path: Path) -> GoldenStore:
    store = GoldenStore(tmp_path / "set")
    write(store, ARRAYS)
    return store


def test_what_is_written_is_read(store: GoldenStore) -> None:
    for name, array in ARRAYS.items():
        assert store.read(name).array.tobytes() == array.tobytes()
        assert store.path(name).read_bytes() == encode(array)
        assert store.name_at(store.path(name)) == name
    assert set(store.manifest.inputs) == {"a", "b"}
    assert store.manifest.freezes[1].reason == "first"
    assert store.strays() == []


def test_reading_never_writes(tmp_path: Path) -> None:
    store = GoldenStore(tmp_path / "none")
    assert store.manifest.goldens == {}
    assert store.strays() == []
    with pytest.raises(GoldenMissingError, match="no golden v/a is frozen"):
        store.read("v/a")
    assert not (tmp_path / "none").exists()


def test_a_freeze_that_changes_nothing_touches_no_byte(store: GoldenStore, tree) -> None:
    before = {path: path.stat().st_mtime_ns for path in store.root.rglob("*")}
    change = write(store, {name: array.copy() for name, array in ARRAYS.items()}, "again")
    assert change == Change(unchanged=3)
    assert {path: path.stat().st_mtime_ns for path in store.root.rglob("*")} == before


def test_an_entry_changes_only_if_its_array_does(store: GoldenStore, tree) -> None:
    before, old = tree(store.root), dict(store.manifest.goldens)
    change = write(store, {**ARRAYS, "v/a": ARRAYS["v/a"] + 1, "x/b": np.zeros(1)}, "second")
    assert change == Change(added=("x/b",), changed=("v/a",), unchanged=2)
    new = store.manifest
    assert new.goldens["v/b"] == old["v/b"]
    assert new.goldens["v/a"].freeze == new.goldens["x/b"].freeze == 2
    after = tree(store.root)
    assert {name for name in after if after[name] != before.get(name)} == {
        "ledger.md",
        "manifest.json",
        "v/a.npy",
        "x/b.npy",
    }


def test_an_entry_changes_if_its_input_does(store: GoldenStore) -> None:
    store.begin()
    store.stage_input("a", "cd" * 32)
    assert store.commit("inputs", **MACHINE) == Change(inputs=("a",), unchanged=3)
    assert [store.manifest.goldens[name].freeze for name in sorted(ARRAYS)] == [2, 1, 2]


def test_a_freeze_nobody_refers_to_is_dropped(store: GoldenStore) -> None:
    write(store, {name: array + 1 for name, array in ARRAYS.items()}, "second")
    assert {number: freeze.reason for number, freeze in store.manifest.freezes.items()} == {
        2: "second"
    }


def test_a_damaged_file_is_repaired_under_its_own_freeze(store: GoldenStore, tree) -> None:
    before = tree(store.root)
    store.path("v/a").write_bytes(b"")
    store.path("v/b").unlink()
    assert write(store, ARRAYS, "repair") == Change(repaired=("v/a", "v/b"), unchanged=1)
    assert tree(store.root) == before


def test_another_limit_leaves_what_is_intact(store: GoldenStore, tree) -> None:
    before = tree(store.root)
    smaller = GoldenStore(store.root, full_limit=16)
    assert write(smaller, ARRAYS, "smaller") == Change(unchanged=3)
    assert tree(store.root) == before


def test_writing_needs_a_session_and_a_reason(store: GoldenStore, tree) -> None:
    before = tree(store.root)
    for write_outside in (
        lambda: store.stage("v/a", np.zeros(1)),
        lambda: store.stage_input("a", SHA),
        lambda: store.commit("why", **MACHINE),
    ):
        with pytest.raises(FreezeRefusedError, match="freeze session only"):
            write_outside()
    store.begin()
    store.stage("v/a", np.zeros(1))
    with pytest.raises(FreezeRefusedError, match="needs a reason"):
        store.commit("  ", **MACHINE)
    store.abort()
    assert tree(store.root) == before


def test_one_of_two_writers_wins(store: GoldenStore) -> None:
    other = GoldenStore(store.root)
    store.begin()
    with pytest.raises(FreezeRefusedError, match="another freeze is writing"):
        other.begin()
    store.abort()
    other.begin()
    other.abort()


def test_an_interrupted_update_is_named_and_then_finished(store: GoldenStore) -> None:
    pending = store.root / ".pending"
    pending.mkdir()
    (pending / "COMMIT").write_text('{"remove": []}')
    reader = GoldenStore(store.root)
    with pytest.raises(UpdateInterruptedError, match="the next freeze, unless it is"):
        reader.read("v/a")
    assert reader.begin() == "an interrupted freeze was finished: the set is the new one"
    reader.abort()
    assert reader.read("v/a").entry.freeze == 1


def test_a_draft_that_was_never_decided_is_no_ones_concern(store: GoldenStore) -> None:
    draft = store.root / ".pending" / "v"
    draft.mkdir(parents=True)
    (draft / "a.npy").write_bytes(b"half")
    reader = GoldenStore(store.root)
    assert reader.read("v/a").array.size == 6
    assert reader.strays() == []
    assert "discarded" in reader.begin()
    reader.abort()


def test_files_that_nobody_vouches_for(store: GoldenStore, tmp_path: Path) -> None:
    (store.root / "v" / "extra.npy").write_bytes(b"")
    (store.root / "top.npy").write_bytes(b"")
    (store.root / "LEDGER.md").write_text("why")
    (store.root / "v" / "link.npy").symlink_to(tmp_path)
    assert store.strays() == ["top.npy", "v/extra.npy", "v/link.npy"]


def damaged(store: GoldenStore, message: str) -> None:
    with pytest.raises(GoldenDamagedError, match=message):
        GoldenStore(store.root).read("v/a")


def test_a_link_is_not_followed(store: GoldenStore, tmp_path: Path) -> None:
    path, outside = store.path("v/a"), tmp_path / "outside.npy"
    path.rename(outside)
    path.symlink_to(outside)
    damaged(store, "symbolic link")
    path.unlink()
    outside.rename(path)
    path.parent.rename(tmp_path / "v")
    (store.root / "v").symlink_to(tmp_path / "v")
    damaged(store, "symbolic link")


def test_a_manifest_behind_a_link_or_not_text(store: GoldenStore, tmp_path: Path) -> None:
    manifest = store.manifest_path
    manifest.rename(tmp_path / "m.json")
    manifest.symlink_to(tmp_path / "m.json")
    damaged(store, "symbolic link")
    manifest.unlink()
    manifest.write_bytes(b"\xff\xfe")
    damaged(store, "not UTF-8")
    broken = GoldenStore(store.root)
    with pytest.raises(GoldenDamagedError):
        broken.begin()
    assert not broken.writing


def test_a_golden_that_is_a_directory(store: GoldenStore) -> None:
    store.path("v/a").unlink()
    store.path("v/a").mkdir()
    damaged(store, "cannot be read")


def test_a_full_disk_leaves_the_old_set(store: GoldenStore, tree, monkeypatch) -> None:
    before = tree(store.root)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write(store, {"v/a": np.zeros(9)}, "second")
    store.abort()
    monkeypatch.undo()
    assert "discarded" in store.begin()
    store.abort()
    assert tree(store.root) == before
