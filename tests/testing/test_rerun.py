"""A reference that does not agree with itself: in a second run, or on other threads."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import numpy as np
import pytest
from toy_pair import CASES, ROWS, by_rows, inputs, make_suite

from covertreex.testing import Check
from covertreex.testing.records import REFERENCE
from covertreex.testing.rerun import cases_of, disagreements


def drawing(points: np.ndarray) -> dict[str, np.ndarray]:
    """Draws from a generator nobody seeded."""
    found = by_rows(points)
    return {**found, "s": found["s"] + np.random.default_rng().random()}


def on_threads(threads: int):
    """Sums in as many parts as there are threads."""

    def gram(points: np.ndarray) -> dict[str, np.ndarray]:
        g = by_rows(points)["g"]
        parts = np.array_split(g * g.dtype.type(1.1), threads, axis=1)
        return {"g": g, "s": np.sum([part.sum(axis=1) for part in parts], axis=0)}

    return {**ROWS, "gram": gram}


ODD_REFERENCES = {
    "unseeded": ({**ROWS, "gram": drawing}, {}, "a second run"),
    "threads": (
        on_threads(1),
        {"1 thread": on_threads(1), "3 threads": on_threads(3)},
        "3 threads",
    ),
}


@pytest.mark.parametrize("fault", ODD_REFERENCES)
@pytest.mark.parametrize("full_limit", [1 << 20, 40], ids=["whole", "sampled"])
def test_a_reference_that_does_not_agree_with_itself(
    fault, full_limit, tmp_path, snapshots, freeze
) -> None:
    engine, reruns, label = ODD_REFERENCES[fault]
    changes = {"reruns": reruns, "full_limit": full_limit}
    suite = make_suite(tmp_path, reference=("rows", engine), **changes)
    suite.store.begin()
    for check in suite.all_checks():
        if check.role == REFERENCE:
            suite.check(check, snapshots(True))
    plan = suite.store.plan()
    assert cases_of(plan) == sorted(CASES)
    found = disagreements(suite, plan, "odd")
    suite.store.abort()
    assert {line.split(":")[0] for line in found} == {
        f"{output}/odd in {label}" for output in ("s", "value")
    }
    assert " elements differ, max ULP " in found[0]
    sound = make_suite(tmp_path, reruns={"again": ROWS}, full_limit=full_limit)
    freeze(sound)
    sound.store.begin()
    sound.check(Check("odd", "s", REFERENCE), snapshots(True))
    assert disagreements(sound, sound.store.plan(), "odd") == []


def test_inputs_that_do_not_agree_with_themselves(tmp_path: Path, snapshots) -> None:
    draw = count(1)
    suite = make_suite(tmp_path, inputs=lambda case: inputs((next(draw), *case[1:])))
    suite.store.begin()
    suite.check(Check("odd", "s", REFERENCE), snapshots(True))
    suite.check(Check("odd", "g", REFERENCE), snapshots(True))
    suite.check(Check("odd", "index", REFERENCE), snapshots(True))
    suite.check(Check("odd", "value", REFERENCE), snapshots(True))
    plan = suite.store.plan()
    suite.store.abort()
    assert disagreements(suite, plan, "odd")[0].startswith("inputs of odd in a second run")
