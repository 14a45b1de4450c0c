"""One element, from stage to stage: what it is made of, and what each engine gives there.

A walk goes backwards from one element along `Stage.trace`, which names the elements that an element
is made of, and is told forwards. Where a stage has no trace, and beside the way, an output is
represented by its own worst element. Always: nothing is judged here; values are compared bit for
bit, with the golden where there is one and with the reference's present value where there is none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from covertreex.testing.bits import Array, hex_bits, ulp_distance
from covertreex.testing.comparison import BITS, Comparison, Rule, compare
from covertreex.testing.computed import Lent, NotFrozenError
from covertreex.testing.npy import array_sha256
from covertreex.testing.parts import Part, first, fits, part_text, plain, whole_index
from covertreex.testing.records import FROZEN, REFERENCE, Check
from covertreex.testing.verdicts import GoldenDamagedError, GoldenMissingError, StageError

if TYPE_CHECKING:
    from covertreex.testing.suite import Stage, Suite

GOLDEN = "golden"


@dataclass(frozen=True)
class Value:
    """What one role gives: a number in three notations, or a note that says why there is none.

    `allowed` tells whether the policy lets it be what it is.
    """

    role: str
    decimal: str = ""
    hexadecimal: str = ""
    bits: str = ""
    ulp: int = 0
    allowed: bool = True
    note: str = ""

    @property
    def parts(self) -> bool:
        """Whether it is not what it is held against."""
        return self.role != GOLDEN and bool(self.ulp or self.note)

    @property
    def cells(self) -> tuple[str, ...]:
        """The columns that stand in every line."""
        return self.role, self.decimal, self.hexadecimal, self.bits


@dataclass(frozen=True)
class Step:
    """One output, or a part of it: a line that sums it up, and the values of one `element`.

    `on_the_way` tells what the walked element is made of from what merely stands beside it.
    """

    output: str
    title: str
    values: tuple[Value, ...] = ()
    element: str = ""
    on_the_way: bool = False


class Walk:
    """What is known of one case, for every role.

    Parameters
    ----------
    suite
        Where engines and goldens come from.
    case
        The name of the case.
    """

    def __init__(self, suite: Suite, case: str) -> None:
        self.suite, self.case = suite, case
        self.run = suite.run_of(case)
        candidates = [role for name in suite.candidates for role in (name, name + FROZEN)]
        self.roles = (REFERENCE, *candidates)
        self.sight = cache(self._sight)
        self.digest = cache(self._digest)

    def _sight(self, role: str, output: str) -> Array | str:
        """Return the array a role gives, or a note that says why there is none."""
        check = Check(self.case, output, role)
        try:
            if role == GOLDEN:
                array = self.run.whole(output)
                return array if array is not None else "kept as a sample the reference left"
            return self.run.output(check.engine, output, frozen=check.frozen)
        except NotFrozenError as error:
            return f"no frozen {error.output} to feed"
        except (GoldenMissingError, GoldenDamagedError) as error:
            return str(error)

    def base(self, output: str) -> Array:
        """Return what the others are held against."""
        golden = self.sight(GOLDEN, output)
        return golden if isinstance(golden, np.ndarray) else self.run.output(REFERENCE, output)

    def rule(self, role: str, output: str) -> Rule:
        """Return what a role may differ by."""
        if role == REFERENCE:
            return BITS
        policy = self.suite.policy
        return policy.rows[policy.find(self.case, output)].rule

    def differences(self, role: str, output: str, part: Part = (), rule: Rule = BITS) -> Comparison:
        """Compare what a role gives with the base, all of it or a part."""
        base, found = self.base(output), self.sight(role, output)
        if isinstance(found, str):
            return Comparison(base.size, rule, mismatch=found)
        if found.dtype != base.dtype or found.shape != base.shape:
            return compare(base, found, rule)  # it says so, and looks at no element
        return compare(np.asarray(base[part]), np.asarray(found[part]), rule)

    def start(self) -> tuple[str, Part] | None:
        """Return the worst element of the first output that is beyond the policy, or differs."""
        for bitwise in (False, True):
            for output in self.suite.outputs:
                for role in self.roles:
                    rule = BITS if bitwise else self.rule(role, output)
                    found = self.differences(role, output, rule=rule)
                    if not found.ok:
                        return output, found.worst or self.focus(output, ()) or ()
        return None

    def input_note(self) -> str:
        """Say whether the inputs are those that the goldens were frozen from."""
        made = self.run.input_sha256
        try:
            frozen = self.suite.store.manifest.inputs.get(self.case)
        except GoldenDamagedError as error:
            return f"inputs {made[:12]}; {error}"
        if frozen is None:
            return f"inputs {made[:12]}, never frozen"
        if frozen != made:
            return f"inputs {made[:12]}, frozen were others: {frozen[:12]}"
        return f"inputs {made[:12]}, as frozen"

    def steps(self, output: str, index: Part) -> Mapping[str, list[Step]]:
        """Walk back from one element; return what there is to show, by stage in their order."""
        parts, used = self._trace(output, index)
        shown: dict[str, list[Step]] = {}
        for stage in self.suite.stages:
            steps = shown[stage.name] = [self._given(name, part) for name, part in used[stage.name]]
            for name in stage.outputs:
                steps += [self._step(name, part) for part in parts.get(name, [])]
                if name not in parts:
                    steps.append(self._beside(name))
        return shown

    def _trace(
        self, output: str, index: Part
    ) -> tuple[dict[str, list[Part]], dict[str, list[tuple[str, Part]]]]:
        """Return the parts on the way: of outputs, and of the inputs each stage used for them."""
        parts: dict[str, list[Part]] = {output: [index]}
        used: dict[str, list[tuple[str, Part]]] = {stage.name: [] for stage in self.suite.stages}
        for stage in reversed(self.suite.stages):
            for name in stage.outputs:
                for part in parts.get(name, []):
                    for source, source_part in self._sources(stage, name, self.focus(name, part)):
                        if source in self.run.inputs:
                            found = used[stage.name]
                            entry: Any = (source, source_part)
                        else:
                            found, entry = parts.setdefault(source, []), source_part
                        if entry not in found:
                            found.append(entry)
        return parts, used

    def _sources(self, stage: Stage, output: str, index: Part | None) -> list[tuple[str, Part]]:
        """Ask a stage what one of its elements is made of."""
        if stage.trace is None or index is None:
            return []
        until = self.suite.stages.index(stage)
        earlier = {name for before in self.suite.stages[:until] for name in before.outputs}
        known = {name: self.run.output(REFERENCE, name) for name in (*earlier, *stage.outputs)}
        found = []
        traced = stage.trace(output, index, Lent(self.run.inputs), Lent(known))
        for name, parts in traced.items():
            array = self.run.inputs.get(name) if name not in earlier else known[name]
            for part in parts:
                source = plain(part)
                if array is None or not fits(array, source):
                    raise StageError(
                        f"stage {stage.name} traces {output}{part_text(index)} to "
                        f"{name}{part_text(source)}, which is no part of an input or an earlier "
                        "output"
                    )
                found.append((name, source))
        return found

    def focus(self, output: str, part: Part) -> Part | None:
        """Return a part's worst element, its first if all are equal, None if it has none."""
        shape = self.base(output)[part].shape
        if 0 in shape:
            return None
        found = [self.differences(role, output, part) for role in self.roles]
        worst = next((c.worst for c in found if c.differing), first(shape))
        return whole_index(part, self.base(output).shape, worst)

    def _step(self, output: str, part: Part) -> Step:
        """Show a part on the way."""
        index, size = self.focus(output, part), self.base(output)[part].size
        title = f"{output}{part_text(part)}"
        if index is None:
            return Step(output, f"{title}: empty", on_the_way=True)
        if size == 1:
            return Step(output, title, self.values(output, index), title, on_the_way=True)
        counts, worst = self._counts(output, part), f"{output}{part_text(index)}"
        values = self.values(output, index) if counts else ()
        said = f"{counts}; worst {worst}" if counts else "equal in all"
        return Step(output, f"{title}, {size:,} elements: {said}", values, worst, on_the_way=True)

    def _beside(self, output: str) -> Step:
        """Show an output that the way does not pass, by its worst element."""
        size, counts = self.base(output).size, self._counts(output, ())
        if not counts:
            return Step(output, f"{output}, beside the way: all {size:,} elements are equal")
        index = self.focus(output, ())
        where = f"; worst {output}{part_text(index)}" if index else ""
        values = self.values(output, index) if index is not None else ()
        return Step(output, f"{output}, beside the way: {counts}{where}", values)

    def _counts(self, output: str, part: Part) -> str:
        """Say which roles differ in how many elements of a part."""
        said = []
        for role in self.roles:
            found = self.differences(role, output, part)
            if found.mismatch or found.differing:
                count = found.mismatch or f"{found.differing:,} of {found.elements:,} differ"
                said.append(f"{self.label(role)}: {count}")
        return ", ".join(said)

    def _given(self, name: str, part: Part) -> Step:
        """Show a part of an input: its first values."""
        array = np.asarray(self.run.inputs[name][part])
        values = [str(value) for value in array.reshape(-1)[:4]]
        more = f", ... ({array.size:,} values)" if array.size > len(values) else ""
        return Step(name, f"input {name}{part_text(part)} = {', '.join(values)}{more}")

    def values(self, output: str, index: Part) -> tuple[Value, ...]:
        """Return what every role gives for one element."""
        return tuple(self._value(role, output, index) for role in (GOLDEN, *self.roles))

    def _value(self, role: str, output: str, index: Part) -> Value:
        base, found, label = self.base(output), self.sight(role, output), self.label(role)
        if isinstance(found, str):
            return Value(label, note=found)
        if found.dtype != base.dtype or found.shape != base.shape:
            return Value(label, note=compare(base, found).mismatch)
        value, expected = np.asarray(found[index]), np.asarray(base[index])
        hexadecimal = float(value).hex() if value.dtype.kind == "f" else ""
        ulp = int(ulp_distance(expected.reshape(1), value.reshape(1))[0])
        allowed = ulp == 0 or compare(expected, value, self.rule(role, output)).ok
        return Value(label, str(value[()]), hexadecimal, hex_bits(value), ulp, allowed)

    def label(self, role: str) -> str:
        """Name a role for people."""
        return f"{self.suite.reference[0]} (reference)" if role == REFERENCE else role

    def fed(self, stage: Stage) -> dict[str, str]:
        """Return, by role, a short digest of all that a stage was given."""
        before = self.suite.stages[: self.suite.stages.index(stage)]
        outputs = [output for earlier in before for output in earlier.outputs]
        found = {}
        for role in (REFERENCE, *self.suite.candidates):
            lines = [self.run.input_sha256, *(self.digest(role, output) for output in outputs)]
            found[self.label(role)] = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]
        return found

    def _digest(self, role: str, output: str) -> str:
        found = self.sight(role, output)
        return found if isinstance(found, str) else array_sha256(found)
