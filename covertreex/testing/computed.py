"""What the engines give for one case, each stage computed once and only when asked for.

A stage is run as ``stage.run(engine, inputs, upstream)``; `upstream` holds the outputs of all
stages before it: the engine's own, or the frozen ones. Always: what an engine is lent is a copy, so
that one which scribbles on its arguments changes neither what is compared nor what others are fed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from covertreex.testing.bits import Array, blocks
from covertreex.testing.comparison import absolute_delta
from covertreex.testing.golden import Golden
from covertreex.testing.manifest import golden_name
from covertreex.testing.npy import inputs_sha256
from covertreex.testing.records import REFERENCE
from covertreex.testing.verdicts import StageError

if TYPE_CHECKING:
    from covertreex.testing.suite import Stage, Suite


class NotFrozenError(Exception):
    """The frozen output of an earlier stage is a sample, and the reference no longer gives it."""

    def __init__(self, output: str) -> None:
        self.output = output
        super().__init__(output)


class Lent(Mapping[str, Array]):
    """Arrays by name; every look-up is a fresh, writable copy."""

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self._arrays = arrays

    def __getitem__(self, name: str) -> Array:
        return np.array(self._arrays[name], order="K")

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)


class CaseRun:
    """All that is computed of one case.

    Parameters
    ----------
    suite
        Where engines, stages and goldens come from.
    name
        The name of the case; empty for a twin, which has no goldens.
    case
        The case itself.
    """

    def __init__(self, suite: Suite, name: str, case: Any) -> None:
        self._suite = suite
        self._name = name
        self._case = case
        self._outputs: dict[tuple[str, bool, str], Mapping[str, Array]] = {}
        self._goldens: dict[str, Golden] = {}

    @cached_property
    def inputs(self) -> Mapping[str, Array]:
        """The inputs of the case."""
        return dict(self._suite.inputs(self._case))

    @cached_property
    def input_sha256(self) -> str:
        """The digest of the inputs."""
        return inputs_sha256(self.inputs)

    def golden(self, output: str) -> Golden:
        """Return the golden of one output; as long as this lives it is read once."""
        if output not in self._goldens:
            self._goldens[output] = self._suite.store.read(golden_name(output, self._name))
        return self._goldens[output]

    def output(self, engine: str, output: str, *, frozen: bool = False) -> Array:
        """Return one output of an engine, on its own upstream or on the frozen one."""
        return self._run(engine, self._suite.stage_of(output), frozen)[output]

    def whole(self, output: str) -> Array | None:
        """Return the frozen array: the golden, or the reference's where that is only a sample.

        None if the golden is a sample and the reference no longer gives its digest.
        """
        golden = self.golden(output)
        if golden.entry.whole:
            return golden.array
        array = self.output(REFERENCE, output)
        return array if golden.is_bitwise(array) else None

    def noise(self, output: str) -> float | None:
        """Return the largest |reference - its twin|, or None if there is nothing to compare."""
        if self._twin is None:
            return None
        own, true = self.output(REFERENCE, output), self._twin.output(REFERENCE, output)
        if own.shape != true.shape or {own.dtype.kind, true.dtype.kind} != {"f"}:
            return None
        if not own.size:
            return 0.0
        pairs = zip(blocks(own), blocks(true), strict=True)
        return max(float(absolute_delta(left, right).max()) for left, right in pairs)

    def quality(self, output: str) -> float | None:
        """Return what the suite's measure says of the reference beside its twin, or None."""
        measure = self._suite.quality.get(output)
        if measure is None or self._twin is None:
            return None
        engines = (self.output(REFERENCE, output), self._twin.output(REFERENCE, output))
        found = float(measure(*(np.array(array) for array in engines)))
        if not 0.0 <= found <= 1.0:
            raise StageError(f"the quality of {output} is {found}; a measure is within [0, 1]")
        return found

    @cached_property
    def _twin(self) -> CaseRun | None:
        twin = self._suite.twin(self._case)
        return None if twin is None else CaseRun(self._suite, "", twin)

    def _run(self, engine: str, stage: Stage, frozen: bool) -> Mapping[str, Array]:
        frozen = frozen and stage is not self._suite.stages[0]  # nothing comes before it
        key = (engine, frozen, stage.name)
        if key not in self._outputs:
            upstream = self._upstream(engine, stage, frozen)
            found = stage.run(self._suite.engine(engine), Lent(self.inputs), Lent(upstream))
            self._outputs[key] = _checked(found, stage, engine)
        return self._outputs[key]

    def _upstream(self, engine: str, stage: Stage, frozen: bool) -> dict[str, Array]:
        before = self._suite.stages[: self._suite.stages.index(stage)]
        outputs = [output for earlier in before for output in earlier.outputs]
        if frozen:
            return {output: self._fed(output) for output in outputs}
        return {output: self.output(engine, output) for output in outputs}

    def _fed(self, output: str) -> Array:
        array = self.whole(output)
        if array is None:
            raise NotFrozenError(output)
        return array


def _checked(found: Mapping[str, Array], stage: Stage, engine: str) -> Mapping[str, Array]:
    """Hold what a stage returned against what it declares."""
    if set(found) != set(stage.outputs):
        raise StageError(
            f"stage {stage.name} of {engine} returned {sorted(found)}; it declares "
            f"{sorted(stage.outputs)}"
        )
    for output, array in found.items():
        if type(array) is not np.ndarray:
            kind = type(array).__name__
            raise StageError(f"stage {stage.name} of {engine}: {output} is a {kind}, not an array")
    return dict(found)
