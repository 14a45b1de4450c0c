"""Files from somebody else: nothing in them is run or followed, and only a freeze writes."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy_pair import make_suite

from covertreex.testing import Check, GoldenDamagedError, ParityFailure, Verdict
from covertreex.testing.manifest import Manifest
from covertreex.testing.npy import encode
from covertreex.testing.records import REFERENCE


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return open, (str(self.trace), "w")


def saved(array: np.ndarray, version: tuple[int, int] = (1, 0)) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, version=version, allow_pickle=True)
    return stream.getvalue()


def object_array(path: Path) -> None:
    path.write_bytes(saved(np.array([Payload(path.parents[2] / "trace")], dtype=object)))


def bare_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(Payload(path.parents[2] / "trace")))


def huge_header(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:8] + b"\xff\xff" + data[10:127] + b" " * 65535 + b"\n")


def endless_shape(path: Path) -> None:
    path.write_bytes(encode(np.zeros((7, 7))).replace(b"(7, 7)", b"(7" + b"0" * 16 + b", 7)"))


def linked(path: Path) -> None:
    outside = path.parents[2] / "outside.npy"
    path.rename(outside)
    path.symlink_to(outside)


FAULTS = {
    "object array": (object_array, "a pickle; it was not loaded"),
    "bare pickle": (bare_pickle, "no .npy header"),
    "link": (linked, "symbolic link"),
    "huge header": (huge_header, "no readable .npy header"),
    "endless shape": (endless_shape, ".npy header"),
    "version 2": (lambda path: path.write_bytes(saved(np.zeros(2), (2, 0))), "version 2.0, not 1"),
    "big-endian": (lambda path: path.write_bytes(saved(np.zeros((7, 7), ">f8"))), "big-endian"),
    "zero bytes": (lambda path: path.write_bytes(b""), "zero bytes"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_golden_is_named_and_a_freeze_puts_it_right(
    tmp_path: Path, freeze, snapshot, tree, fault
) -> None:
    damage, message = FAULTS[fault]
    freeze(make_suite(tmp_path))
    sound = tree(tmp_path / "snapshots")
    suite = make_suite(tmp_path)
    damage(suite.store.path("g/odd"))
    before = tree(tmp_path)
    with pytest.raises(ParityFailure) as caught:
        suite.check(Check("odd", "g", REFERENCE), snapshot)
    assert caught.value.verdict is Verdict.GOLDEN_DAMAGED
    assert message in caught.value.detail
    assert suite.store.unused(suite.names()).files == (("g/odd.npy",) if fault == "link" else ())
    assert tree(tmp_path) == before
    assert freeze(suite, "repair").repaired == ("g/odd",)
    assert tree(tmp_path / "snapshots") == sound
    assert not (tmp_path / "trace").exists()
    if fault == "link":
        assert (tmp_path / "outside.npy").read_bytes() == sound["g/odd.npy"]
        assert not suite.store.path("g/odd").is_symlink()


def test_the_payload_is_a_payload(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Payload(tmp_path / "trace"))).close()  # noqa: S301
    assert (tmp_path / "trace").exists()


@pytest.mark.parametrize("ledger", ["00", 1, ["ab" * 32], "AB" * 32])
def test_a_seal_of_the_ledger_is_a_digest(ledger) -> None:
    with pytest.raises(GoldenDamagedError, match="ledger: wants the SHA-256"):
        Manifest.loads(replace(Manifest(), ledger=ledger).dumps())


def test_a_golden_that_is_listed_but_of_no_case_is_unused_not_read(
    tmp_path: Path, freeze, verdicts
) -> None:
    """A name nobody knows: its file may hold anything."""
    cases = {"small": (1, 5, "float64"), "unknown": (2, 7, "float64")}
    freeze(make_suite(tmp_path, cases=cases))
    fewer = make_suite(tmp_path, cases={"small": cases["small"]})
    object_array(fewer.store.path("g/unknown"))
    assert verdicts(fewer) == {Check("", "", "golden set"): Verdict.UNUSED}
    assert not (tmp_path / "trace").exists()
