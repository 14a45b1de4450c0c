"""The front of the harness: a reference engine, candidates, cases, stages, and where goldens live.

A suite computes lazily and remembers only the last few cases; `checks` is ordered by case, so each
is computed once. It holds no pytest state: `check` is the whole body of a test.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from covertreex.testing.bits import Array
from covertreex.testing.computed import CaseRun
from covertreex.testing.extension import GoldenExtension, extension_for
from covertreex.testing.golden import FULL_LIMIT
from covertreex.testing.judge import judge, judge_set
from covertreex.testing.machine import PACKAGES, versions
from covertreex.testing.manifest import golden_name
from covertreex.testing.planning import Change, Unused
from covertreex.testing.policy import Policy
from covertreex.testing.records import FROZEN, GOLDEN_SET, RECORD_PROPERTY, REFERENCE, Check
from covertreex.testing.store import GoldenStore
from covertreex.testing.verdicts import HarnessError, ParityFailure

REMEMBERED_CASES = 2

Arrays = Mapping[str, Array]
Trace = Callable[[str, tuple[int, ...], Arrays, Arrays], Mapping[str, Sequence[Any]]]
"""What an element is made of: see `Stage`."""


@dataclass(frozen=True)
class Stage:
    """One step of the computation, the same for every engine.

    Attributes
    ----------
    name
        What a failure calls it.
    outputs
        The arrays it returns, each frozen as one golden a case. Unique over all stages.
    run
        ``run(engine, inputs, upstream) -> {output: array}``; `upstream` holds the outputs of every
        stage before this one. All arrays are copies that the engine may use up.
    trace
        ``trace(output, index, inputs, outputs) -> {name: [index, ...]}``: the elements of inputs
        and of earlier outputs that one element of an output is made of, for ``--parity-explain``.
        An index may be shorter than the array has axes, or have slices: a row, all of it (``()``).
        `outputs` are the reference's, up to this stage's own. Without it a walk shows, of each
        earlier output, the worst element.
    """

    name: str
    outputs: tuple[str, ...]
    run: Callable[[Any, Arrays, Arrays], Arrays]
    trace: Trace | None = None


def _by_name(case: str) -> str:
    """Command that runs one case."""
    return f"pytest -k {case}"


@dataclass(frozen=True, kw_only=True)
class Suite:
    """Two or more engines that must give the same arrays.

    Attributes
    ----------
    root
        The directory of the goldens.
    cases
        Name -> case, in the order of the tests. A case is anything `inputs` understands.
    inputs
        Makes the input arrays of a case. Parameters belong in there too (as 0-d arrays): only what
        is in the inputs is watched for change.
    stages
        The stages in order.
    reference
        Name and engine of the reference: the only one that is ever frozen.
    candidates
        Name -> engine, each held against the goldens.
    reruns
        Label -> the reference held to something that must change no bit, say to one thread. Before
        anything new is frozen, each has to give it too.
    policy
        What a candidate may differ by.
    twin
        The same case in higher precision, or None; gives the noise floor beside the numbers.
    quality
        Output -> ``measure(own, true)``, within [0, 1]: how good the reference's output is, its
        twin's taken for true. The report names a measure by its function.
    cpu
        The features results may depend on; a key ``level`` is quoted in the closing line.
    stamp_files
        Label -> file: the build that a green run proves. Policy and manifest are added.
    reproduce
        The command that runs one case, by its name, or ``golden-set``: the check of the set.
    packages
        The packages whose versions are recorded.
    full_limit
        Outputs of more bytes are kept as digest and sampled rows.
    """

    root: Path
    cases: Mapping[str, Any]
    inputs: Callable[[Any], Arrays]
    stages: Sequence[Stage]
    reference: tuple[str, Any]
    candidates: Mapping[str, Any]
    policy: Policy
    reruns: Mapping[str, Any] = field(default_factory=dict)
    twin: Callable[[Any], Any | None] = lambda case: None  # noqa: ARG005
    quality: Mapping[str, Callable[[Array, Array], float]] = field(default_factory=dict)
    cpu: Callable[[], Mapping[str, Any]] = dict
    stamp_files: Callable[[], Mapping[str, Path]] = dict
    reproduce: Callable[[str], str] = _by_name
    packages: Sequence[str] = PACKAGES
    full_limit: int = FULL_LIMIT
    _runs: OrderedDict[str, CaseRun] = field(default_factory=OrderedDict, init=False, repr=False)

    def __post_init__(self) -> None:
        outputs = [output for stage in self.stages for output in stage.outputs]
        if not outputs or len(set(outputs)) != len(outputs):
            raise HarnessError(f"stages need outputs, each of its own name; these are {outputs}")
        if unknown := sorted(set(self.quality) - set(outputs)):
            raise HarnessError(f"quality of {unknown}, which no stage makes; outputs are {outputs}")
        reserved = {REFERENCE, GOLDEN_SET, self.reference[0]} & set(self.candidates)
        if reserved or any(name.endswith(FROZEN) for name in self.candidates):
            raise HarnessError(f"a candidate cannot be called {sorted(reserved) or FROZEN!r}")
        self.names()

    @cached_property
    def store(self) -> GoldenStore:
        """The goldens."""
        return GoldenStore(self.root, full_limit=self.full_limit)

    @cached_property
    def extension(self) -> type[GoldenExtension]:
        """The syrupy extension bound to the goldens."""
        return extension_for(self.store)

    @cached_property
    def outputs(self) -> Mapping[str, Stage]:
        """Output -> the stage that makes it, in the order of the stages."""
        return {output: stage for stage in self.stages for output in stage.outputs}

    def stage_of(self, output: str) -> Stage:
        """Return the stage that makes an output."""
        return self.outputs[output]

    def names(self) -> set[str]:
        """Return the names of all goldens there must be, from the tables alone."""
        return {golden_name(output, case) for case in self.cases for output in self.outputs}

    def engine(self, role: str) -> Any:
        """Return the engine of a role."""
        return self.reference[1] if role == REFERENCE else self.candidates[role]

    def run_of(self, case: str) -> CaseRun:
        """Return what is computed of a case; the least recently used case is forgotten."""
        run = self._runs.pop(case, None) or CaseRun(self, case, self.cases[case])
        self._runs[case] = run
        while len(self._runs) > REMEMBERED_CASES:
            self._runs.popitem(last=False)
        return run

    def all_checks(self) -> list[Check]:
        """Return every check: the set of goldens, then case by case in the order of the stages."""
        roles = [REFERENCE]
        for candidate in self.candidates:
            roles += [candidate, candidate + FROZEN]
        cases = [(case, output) for case in self.cases for output in self.outputs]
        checks = [Check(case, output, role) for case, output in cases for role in roles]
        return [Check("", "", GOLDEN_SET), *checks]

    @cached_property
    def check_ids(self) -> Mapping[str, Check]:
        """The checks by their pytest ids."""
        return {check.id: check for check in self.all_checks()}

    def checks(self) -> list[Any]:
        """Return the parameters of the one test body, with readable ids.

        The plugin gives them to any test that takes `parity_check`.
        """
        return [pytest.param(check, id=check.id) for check in self.all_checks()]

    def check(self, check: Check, snapshot: SnapshotAssertion) -> None:
        """Make one check; this is the whole body of the test.

        Parameters
        ----------
        check
            One of `checks`.
        snapshot
            syrupy's fixture; the record goes to the test it belongs to.

        Raises
        ------
        ParityFailure
            With the verdict, if there is one.
        """
        __tracebackhide__ = True
        properties = snapshot.test_location.item.user_properties
        try:
            if check.role == GOLDEN_SET:
                record = judge_set(self, check)
            else:
                record = judge(self, check, snapshot)
        except ParityFailure as failure:
            properties.append((RECORD_PROPERTY, failure.record.dumps()))
            raise failure.with_traceback(None) from None  # the cause is in its text
        properties.append((RECORD_PROPERTY, record.dumps()))

    def versions(self) -> dict[str, str]:
        """Return the versions of the packages that results may depend on."""
        return versions(self.packages)

    def commit(self, reason: str) -> Change:
        """Freeze what the session staged, with the reason and the machine; ends the session."""
        self._runs.clear()
        return self.store.commit(reason, versions=self.versions(), cpu=self.cpu())

    def prune(self, unused: Unused, reason: str) -> None:
        """Delete what no case needs, with the reason and the machine; ends the session."""
        self.store.prune(unused, reason, versions=self.versions(), cpu=self.cpu())
