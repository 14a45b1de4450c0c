"""Every case at the CPU levels below the best one, which is the one that ``nox -s parity`` holds.

The two slices of the gold standard are left out: a level without fma instructions would take a
minute on them, and the loops are those of the smaller cases.
"""

from dataclasses import replace

import pytest
from leveled import at_level
from parity.suite import SUITE

from covertreex import _rust
from covertreex.testing import Check

CASES = [name for name in SUITE.cases if not name.startswith("gold_slice")]
LEVELS = _rust.levels()[:-1] or _rust.levels()


@pytest.fixture(scope="module")
def suite():
    candidates = {f"rust {level}": at_level(level) for level in LEVELS}
    return replace(SUITE, candidates=candidates)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("level", LEVELS)
def test_rust_at_a_lower_level_gives_the_goldens(level, case, suite, snapshot):
    for output in suite.outputs:
        suite.check(Check(case, output, f"rust {level}"), snapshot)
