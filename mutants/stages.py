"""The quick judge of the reference: each stage, fed the frozen output of the stage before it.

``python -m mutants.stages FUNCTION`` runs in a scratch copy of the project: the stages that can
reach the mutated function, small cases first, so that most mutants are found by the first check. It
is the harness's own check (`Suite.check`) with the reference as the candidate; what passes goes on
to the parity run itself.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from numba.core.errors import NumbaError
from parity.suite import SUITE  # tests/ is on the path

from covertreex.metrics import _numba_search, _residual_numba
from covertreex.testing import Check, ParityFailure
from covertreex.testing.records import FROZEN

from .judges import CAUGHT, UNVIABLE
from .numba_source import PATH, reached_functions

ENGINE_FUNCTIONS = {"inducing": "inducing_rows", "predecessors": "knn"}
"""Stage -> function of the engine, where their names differ."""

QUICK = 100_000
"""Values of V in a case, at most; the parity run takes the others too."""


def judge(function: str) -> int:
    """Return the exit code for the tree as it stands, `function` of the reference being mutated."""
    suite = replace(SUITE, candidates={"mutant": _residual_numba})
    stages = (_residual_numba.__file__, _numba_search.__file__)
    texts = [Path(path).read_text("utf-8") for path in (PATH, *stages)]

    reaching = [
        stage
        for stage in suite.stages
        if function in reached_functions(texts, ENGINE_FUNCTIONS.get(stage.name, stage.name))
    ]
    small = (case for case in suite.cases.values() if case.n * case.inducing < QUICK)
    cases = sorted(small, key=lambda case: case.n * case.inducing)
    item = SimpleNamespace(user_properties=[])  # all that a check of a candidate asks syrupy for
    asking: Any = SimpleNamespace(test_location=SimpleNamespace(item=item))
    for stage in reaching or suite.stages:
        for case in cases:
            for output in stage.outputs:
                try:
                    suite.check(Check(case.name, output, "mutant" + FROZEN), asking)
                except NumbaError:
                    return UNVIABLE
                except ParityFailure as failure:
                    sys.stdout.write(f"{failure}\n")
                    return CAUGHT
    return 0


if __name__ == "__main__":
    sys.exit(judge(sys.argv[1]))
