"""Every case at the CPU levels below the best one, which is the one that ``nox -s parity`` holds.

The two slices of the gold standard are left to `test_same_bits`' kind of sizes: a level without
fma instructions would take a minute on them and run the same loops.
"""

import functools
from dataclasses import replace
from types import SimpleNamespace

import pytest
from parity.suite import SUITE

from covertreex import _rust
from covertreex.metrics import _residual_rust
from covertreex.testing import Check

CASES = [name for name in SUITE.cases if not name.startswith("gold_slice")]
LEVELS = _rust.levels()[:-1] or _rust.levels()


def at_level(level):
    """Return the Rust engine held to one CPU level."""
    leveled = ("cholesky", "project", "kernel_block", "dot_block", "distance_block_no_gate", "knn")
    stages = {name: getattr(_residual_rust, name) for name in _residual_rust.__all__}
    held = {name: functools.partial(stages[name], level=level) for name in leveled}
    return SimpleNamespace(**stages | held)


@pytest.fixture(scope="module")
def suite():
    candidates = {f"rust {level}": at_level(level) for level in LEVELS}
    return replace(SUITE, candidates=candidates)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("level", LEVELS)
def test_rust_at_a_lower_level_gives_the_goldens(level, case, suite, snapshot):
    for output in suite.outputs:
        suite.check(Check(case, output, f"rust {level}"), snapshot)
