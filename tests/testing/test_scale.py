"""Large goldens: read block by block, in little memory, with the verdicts of small ones."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from toy_pair import make_suite

from covertreex.testing import (
    GoldenDamagedError,
    GoldenMissingError,
    GoldenStore,
    Rule,
    Stage,
    Verdict,
    compare,
)
from covertreex.testing.bits import blocks
from covertreex.testing.golden import KEPT, Golden
from covertreex.testing.npy import array_sha256

MIB = 1 << 20
LARGE = np.sin(np.arange(7.0 * 224_700)).reshape(-1, 7)  # 12 MiB, and an odd tail


@pytest.fixture
def store(tmp_path: Path) -> GoldenStore:
    store = GoldenStore(tmp_path / "set", full_limit=1 << 30)
    store.begin()
    store.stage("v/a", LARGE)
    store.commit("first", versions={}, cpu={})
    return GoldenStore(store.root)


def peak(run) -> float:
    """The most that was allocated at once, in MiB."""
    tracemalloc.start()
    run()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / MIB


def last_moved(array: np.ndarray) -> np.ndarray:
    moved = array.copy()
    moved[-1, -1] = np.nextafter(moved[-1, -1], 9.0)
    return moved


OTHERS = {
    "equal": lambda array: array,
    "the last element by one ULP": last_moved,
    "everything": lambda array: array + 1.0,
    "Fortran order": np.asfortranarray,
    "every second column": lambda array: np.repeat(array, 2, axis=1)[:, ::2],
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_a_comparison_by_blocks_is_that_of_the_whole_in_little_memory(store, other) -> None:
    array, found = other(LARGE), []
    most = peak(lambda: found.append(store.read("v/a").compare(array, Rule(max_ulp=2))))
    assert found == [compare(LARGE, array, Rule(max_ulp=2))]
    assert found[0].elements == LARGE.size
    assert most < 10
    assert store.read("v/a").is_bitwise(array) == (array.tobytes() == LARGE.tobytes())


def test_a_digest_and_a_part_need_no_copy() -> None:
    turned = np.asfortranarray(LARGE)
    digests = []
    assert peak(lambda: digests.append(array_sha256(turned))) < 2
    assert digests == [array_sha256(LARGE)] == [array_sha256(LARGE.astype(">f8"))]
    assert b"".join(block.tobytes() for block in blocks(turned)) == LARGE.tobytes()


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("place", [200, KEPT + 5, -1], ids=["first", "middle", "last"])
@pytest.mark.parametrize("shift", [0.0, 1.0], ids=["equal", "all differ"])
def test_damage_is_found_in_the_same_pass_and_comes_first(store, place, shift) -> None:
    flip(store.path("v/a"), place)
    golden = store.read("v/a")
    for look in (lambda: golden.compare(LARGE + shift), golden.verify, lambda: golden.array):
        with pytest.raises(GoldenDamagedError, match=r"v/a\.npy was edited"):
            look()


def test_a_file_that_shrinks_while_it_is_read_is_damage(store) -> None:
    golden = store.read("v/a")
    with store.path("v/a").open("r+b") as stream:
        stream.truncate(KEPT)
    with pytest.raises(GoldenDamagedError, match="truncated"):
        golden.compare(LARGE)


def test_a_digest_in_the_manifest_that_is_not_the_arrays_is_found(store) -> None:
    entry = replace(store.manifest.goldens["v/a"], sha256="0" * 64)
    with pytest.raises(GoldenDamagedError, match="not the array whose SHA-256"):
        Golden(entry, partial(store.path("v/a").open, "rb"), "v/a").verify()


def test_a_golden_is_read_once_while_somebody_holds_it(store) -> None:
    golden = store.read("v/a")
    assert store.read("v/a") is golden
    del golden
    store.path("v/a").unlink()
    with pytest.raises(GoldenMissingError, match="is gone"):
        store.read("v/a")


@pytest.mark.parametrize("fails", [False, True])
def test_a_damaged_large_golden_comes_before_the_engine(tmp_path, freeze, verdicts, fails) -> None:
    def fine():
        return {"a": LARGE}

    def failing():
        raise RuntimeError("the engine fails")

    def suite(reference):
        return make_suite(
            tmp_path,
            cases={"c": (1, 2, "float64")},
            stages=(Stage("make", ("a",), lambda engine, given, _: engine()),),
            reference=("one", reference),
            candidates={"two": fine},
            twin=lambda case: None,
            full_limit=1 << 30,
        )

    freeze(suite(fine))
    flip(tmp_path / "snapshots" / "a" / "c.npy", -1)
    found = verdicts(suite(failing if fails else fine))
    assert set(found.values()) == {Verdict.GOLDEN_DAMAGED}
    assert len(found) == 3
