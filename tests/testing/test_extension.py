"""The syrupy extension used bare: ``assert snapshot(name=...) == array``."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest
from syrupy.data import SnapshotCollections

from covertreex.testing import GoldenStore, HarnessError, extension_for

ARRAY = np.arange(6.0).reshape(2, 3)


@pytest.fixture
def store(tmp_path: Path) -> GoldenStore:
    store = GoldenStore(tmp_path / "set")
    store.begin()
    store.stage("v/a", ARRAY)
    store.commit("first", versions={}, cpu={})
    return store


@pytest.fixture
def golden(store: GoldenStore, snapshot):
    return snapshot.use_extension(extension_for(store))


def test_equal_bits_match(golden) -> None:
    assert golden(name="v/a") == ARRAY.copy()
    assert golden(name="v/a") == np.asfortranarray(ARRAY)


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (ARRAY + np.eye(2, 3), "2 of 6 elements differ"),
        (np.where(ARRAY == 0, -0.0, ARRAY), "actual   -0.0  0x8000000000000000"),
        (ARRAY.astype(np.float32), "dtype float32 where float64 is expected"),
        (ARRAY.reshape(3, 2), "shape (3, 2) where (2, 3) is expected"),
    ],
)
def test_a_difference_is_told_by_number(golden, array: np.ndarray, text: str) -> None:
    assert not golden(name="v/a") == array  # noqa: SIM201
    assert text in "\n".join(golden.get_assert_diff())


def test_a_golden_that_is_not_there(golden) -> None:
    assert not golden(name="v/none") == ARRAY  # noqa: SIM201
    assert "does not exist" in "\n".join(golden.get_assert_diff())


def test_a_damaged_golden_is_no_match_and_says_why(store: GoldenStore, golden) -> None:
    store.path("v/a").write_bytes(b"")
    assert not golden(name="v/a") == ARRAY  # noqa: SIM201
    assert "zero bytes" in "\n".join(golden.get_assert_diff())


def test_a_golden_needs_its_name(golden) -> None:
    with pytest.raises(HarnessError, match="a golden needs its name"):
        golden == ARRAY  # noqa: B015


def test_only_arrays_are_goldens(golden) -> None:
    assert not golden(name="v/a") == ARRAY.tolist()  # noqa: SIM201
    assert "a golden is a NumPy array, not a list" in "\n".join(golden.get_assert_diff())


def test_syrupy_is_shown_nothing_to_delete(store: GoldenStore, golden) -> None:
    extension = golden.extension
    location = golden.test_location
    assert list(extension.discover_snapshots(test_location=location)) == list(SnapshotCollections())
    with pytest.raises(HarnessError, match="explicit prune"):
        extension.delete_snapshots(snapshot_location=str(store.path("v/a")), snapshot_names={"a"})
    assert store.path("v/a").exists()


def test_an_update_goes_to_the_session_and_reads_nothing_back(
    store: GoldenStore, snapshots, tree
) -> None:
    before = tree(store.root)
    golden = snapshots(True).use_extension(extension_for(store))
    store.begin()
    assert golden(name="v/a") == ARRAY + 1
    assert golden(name="w/b") == ARRAY
    assert tree(store.root) == before, "nothing is written before the commit"
    change = store.commit("second", versions={}, cpu={})
    assert (change.added, change.changed) == (("w/b",), ("v/a",))


def test_syrupy_keeps_no_array_alive(golden) -> None:
    array = ARRAY.copy()
    assert golden(name="v/a") == array
    asserted = golden.executions[0].asserted_data
    assert len(asserted) < 100
    assert asserted.array() is array
    del array
    gc.collect()
    assert asserted.array() is None
