"""Spoilt engines of the toy pair, and what a check of them says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from covertreex.testing import Check, ParityFailure, Suite
from covertreex.testing.records import FROZEN, GOLDEN_SET, REFERENCE

SET = Check("", "", GOLDEN_SET)
OUTPUTS = ("g", "s", "index", "value")
CANDIDATE = ("elements", "elements" + FROZEN)
ROLES = (REFERENCE, *CANDIDATE)


def spoil(engine: Any, stage: str, output: str, fault: Callable[[np.ndarray], np.ndarray]) -> Any:
    """An engine one output of which goes through a fault."""

    def run(*arrays: np.ndarray) -> dict[str, np.ndarray]:
        found = dict(engine[stage](*arrays))
        return {**found, output: fault(found[output])}

    return {**engine, stage: run}


def one_ulp(array: np.ndarray) -> np.ndarray:
    array.flat[1] = np.nextafter(array.flat[1], np.inf, dtype=array.dtype)
    return array


def failure(suite: Suite, check: Check, snapshot: Any) -> ParityFailure:
    with pytest.raises(ParityFailure) as caught:
        suite.check(check, snapshot)
    return caught.value
