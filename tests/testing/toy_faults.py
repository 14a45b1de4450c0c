"""The toy pair with a fault for every verdict, and the summary of a run as the plugin makes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import toy_pair
from syrupy.assertion import SnapshotAssertion

from covertreex.testing import ParityFailure, Record, Suite, Summary, Verdict
from covertreex.testing.records import RECORD_PROPERTY

SAID = '<script>alert("said")</script>'
CASES = {**toy_pair.CASES, "moved": (4, 5, "float64"), "wide": (6, 90, "float64")}


def as_frozen(root: Path) -> Suite:
    return toy_pair.make_suite(root, cases=CASES)


def as_checked(root: Path) -> Suite:
    """The same suite when everything is wrong with it; `odd` is left to be equal in `gram`."""
    return toy_pair.make_suite(
        root,
        cases=CASES,
        inputs=_inputs,
        reference=("rows", {**toy_pair.ROWS, "nearest": _reference_nearest}),
        candidates={"elements": {"gram": _gram, "nearest": _nearest}},
        reproduce="run --only '{}'".format,
    )


def damage(root: Path) -> None:
    """Spoil the goldens: one bit, a file less, a file more."""
    values = root / "snapshots" / "value"
    data = bytearray((values / "single.npy").read_bytes())
    data[-1] ^= 1
    (values / "single.npy").write_bytes(data)
    (values / "odd.npy").unlink()
    (values / "stray.npy").write_bytes(b"")


def summary_of(suite: Suite, snapshot: SnapshotAssertion, **changes: Any) -> Summary:
    """Make every check, through the text in which records travel."""
    records = []
    for check in suite.all_checks():
        properties = snapshot.test_location.item.user_properties
        try:
            suite.check(check, snapshot)
        except ParityFailure:
            pass
        except RuntimeError as error:
            where = (check.case, check.output, check.role)
            failed = Record(*where, verdict=Verdict.ERROR, message=str(error))
            properties.append((RECORD_PROPERTY, failed.dumps()))
        records.append(Record.loads(properties.pop()[1]))
    return Summary(suite, records, **changes)


def _inputs(case: tuple[int, int, str]) -> dict[str, np.ndarray]:
    found = toy_pair.inputs(case)
    return {**found, "points": found["points"] + 1} if case == CASES["moved"] else found


def _gram(points: np.ndarray) -> dict[str, np.ndarray]:
    found = toy_pair.by_rows(points)
    if len(points) == 90:
        found["g"][30:60, 45:] += 1e-9
        found["g"][3, 5] = np.nan
    if len(points) == 6:
        found["s"][1] = np.nextafter(found["s"][1], np.float32(np.inf))
    return found


def _nearest(g: np.ndarray, s: np.ndarray) -> dict[str, np.ndarray]:
    if len(g) == 5:
        raise RuntimeError(SAID)
    found = toy_pair.nearest(g, s)
    return {**found, "index": found["index"][:-1]} if len(g) == 6 else found


def _reference_nearest(g: np.ndarray, s: np.ndarray) -> dict[str, np.ndarray]:
    found = toy_pair.nearest(g, s)
    return {**found, "index": found["index"][::-1].copy()} if len(g) == 7 else found
