"""Whether the reference agrees with itself: again, and in every variant that the suite names.

Asked before anything new is written: a golden of an engine that draws from an unseeded generator,
or whose sums depend on threads, would fail on the next machine, and there look like its fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from covertreex.testing.bits import Array
from covertreex.testing.comparison import compare
from covertreex.testing.computed import CaseRun
from covertreex.testing.golden import Golden, is_frozen, thaw
from covertreex.testing.manifest import golden_name
from covertreex.testing.planning import Plan
from covertreex.testing.records import REFERENCE

if TYPE_CHECKING:
    from covertreex.testing.suite import Suite

AGAIN = "a second run"


def cases_of(plan: Plan) -> list[str]:
    """Return the cases that a plan touches, each of which must be computed alike again."""
    return sorted({update.name.split("/", 1)[1] for update in plan.updates} | set(plan.inputs))


def disagreements(suite: Suite, plan: Plan, case: str) -> list[str]:
    """Compute a case again in every way there is; name the outputs that are not the first run's."""
    engines: Mapping[str, Any] = {AGAIN: suite.reference[1], **suite.reruns}
    updates = {update.name: update for update in plan.updates}
    found = []
    for label, engine in engines.items():
        variant = replace(suite, reference=(suite.reference[0], engine))
        run = CaseRun(variant, case, suite.cases[case])
        first = plan.inputs[case][1] if case in plan.inputs else suite.store.manifest.inputs[case]
        if run.input_sha256 != first:
            found.append(f"inputs of {case} in {label}: not those of the first run")
        for output in suite.outputs:
            name, array = golden_name(output, case), run.output(REFERENCE, output)
            update = updates.get(name)
            entry = update.entry if update else suite.store.manifest.goldens[name]
            if not is_frozen(entry, array):
                golden = thaw(entry, update.data) if update else suite.store.read(name)
                found.append(f"{name} in {label}: {_beside(golden, array)}")
    return found


def _beside(golden: Golden, array: Array) -> str:
    if (array.dtype.str, array.shape) != (golden.entry.dtype, golden.entry.shape):
        return f"{array.dtype.str} {array.shape}, first {golden.entry.dtype} {golden.entry.shape}"
    found = compare(golden.array, golden.same_part(array))
    if not found.differing:
        return "the SHA-256 of the whole array differs, no kept row does"
    part = "" if golden.entry.whole else "kept "
    return (
        f"{found.differing:,} of {found.elements:,} {part}elements differ, "
        f"max ULP {found.max_ulp:,}"
    )
