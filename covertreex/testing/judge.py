"""From a check to its verdict, in the order in which causes come before symptoms.

Inputs first, then the golden, then the numbers: a later verdict is only reached when everything
before it is sound, so each names its own cause. What is found is raised as `ParityFailure`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from syrupy.assertion import SnapshotAssertion

from covertreex.testing.bits import Array
from covertreex.testing.comparison import BITS, Comparison, Rule, compare
from covertreex.testing.computed import CaseRun, NotFrozenError
from covertreex.testing.manifest import golden_name
from covertreex.testing.records import REFERENCE, Check, Record
from covertreex.testing.verdicts import (
    FreezeRefusedError,
    GoldenDamagedError,
    GoldenMissingError,
    ParityFailure,
    Verdict,
)

if TYPE_CHECKING:
    from covertreex.testing.suite import Suite


def judge_set(suite: Suite, check: Check) -> Record:
    """Judge the set as a whole: every case has its goldens, every golden has a case."""
    record = Record(check.case, check.output, check.role)
    expected = suite.names()
    try:
        manifest, unused = suite.store.manifest, suite.store.unused(expected).lines()
        suite.store.ledger  # noqa: B018  (it belongs to the set: damage is found here)
    except GoldenDamagedError as error:
        raise _failure(suite, record, Verdict.GOLDEN_DAMAGED, [str(error)]) from error
    listed = set(manifest.goldens)
    gone = {name for name in listed & expected if not suite.store.path(name).exists()}
    missing = [f"{name}: no golden is frozen" for name in sorted(expected - listed)]
    missing += [f"{name}: listed in the manifest, the file is gone" for name in sorted(gone)]
    if missing or unused:
        lines = [f"missing  {line}" for line in missing] + [f"unused   {line}" for line in unused]
        raise _failure(suite, record, Verdict.MISSING if missing else Verdict.UNUSED, lines)
    return record


def judge(suite: Suite, check: Check, snapshot: SnapshotAssertion) -> Record:
    """Judge one output of one case in one role."""
    stage = suite.stage_of(check.output)
    record = Record(check.case, check.output, check.role, stage.name)
    run = suite.run_of(check.case)
    if suite.store.writing:
        return _freeze(suite, run, record, snapshot)
    try:
        recorded = suite.store.manifest.inputs.get(check.case)
        if recorded is not None and recorded != run.input_sha256:
            found = f"inputs have SHA-256 {run.input_sha256}, frozen from {recorded}"
            raise _failure(suite, record, Verdict.INPUT_CHANGED, [found])
        run.golden(check.output)
        if check.role == REFERENCE:
            return _judge_reference(suite, run, record, snapshot)
        return _judge_candidate(suite, run, record, check)
    except GoldenMissingError as error:
        raise _failure(suite, record, Verdict.MISSING, [str(error)]) from error
    except GoldenDamagedError as error:
        raise _failure(suite, record, Verdict.GOLDEN_DAMAGED, [str(error)]) from error
    except NotFrozenError as error:
        found = f"no frozen {error.output} to feed: it is kept as a sample, and the reference "
        lines = [found + "no longer gives the array it was sampled from"]
        first = suite.stage_of(error.output).name
        raise _failure(
            suite, replace(record, first_stage=first), Verdict.REFERENCE_DRIFTED, lines
        ) from error


def _judge_reference(
    suite: Suite, run: CaseRun, record: Record, snapshot: SnapshotAssertion
) -> Record:
    array = _after_golden(run, record.output, partial(run.output, REFERENCE, record.output))
    name = golden_name(record.output, record.case)
    if snapshot(name=name, extension_class=suite.extension) == array:
        noise, quality = run.noise(record.output), run.quality(record.output)
        return replace(record, elements=array.size, noise=noise, quality=quality)
    found = _against_golden(run, record.output, array, BITS, drifted=True)
    first = _first_stage(suite, run, record, REFERENCE)
    raise _failure(suite, _numbers(record, found, first), Verdict.REFERENCE_DRIFTED, found.lines())


def _judge_candidate(suite: Suite, run: CaseRun, record: Record, check: Check) -> Record:
    own = partial(run.output, check.engine, check.output, frozen=check.frozen)
    array = _after_golden(run, check.output, own)
    row = suite.policy.find(check.case, check.output)
    rule = suite.policy.rows[row].rule
    found = _against_golden(run, check.output, array, rule)
    record = replace(record, row=row)
    if found.ok:
        return _numbers(record, found, "")
    first = record.stage if check.frozen else _first_stage(suite, run, record, check.engine)
    lines = [*found.lines(), f"policy row {row + 1}: {suite.policy.rows[row].reason}"]
    raise _failure(suite, _numbers(record, found, first), Verdict.CANDIDATE_DIVERGED, lines)


def _freeze(suite: Suite, run: CaseRun, record: Record, snapshot: SnapshotAssertion) -> Record:
    """Let syrupy compare and, where the array changed, write into the session."""
    if record.role != REFERENCE:
        raise FreezeRefusedError(f"only the reference is frozen, not {record.role}")
    suite.store.stage_input(record.case, run.input_sha256)
    array = run.output(REFERENCE, record.output)
    name = golden_name(record.output, record.case)
    golden = snapshot(name=name, extension_class=suite.extension)
    if not golden == array:  # noqa: SIM201  (syrupy defines == only)
        cause = golden.executions[golden.num_executions - 1].exception
        raise FreezeRefusedError(f"syrupy did not take {name}: {cause}") from cause
    return replace(record, elements=array.size)


def _after_golden(run: CaseRun, output: str, made: Callable[[], Array]) -> Array:
    """Make an array; if that raises, a golden that is damaged is the finding, and not the engine.

    A large golden is otherwise read in the pass that compares it, after the engine has run.
    """
    with ExitStack() as on_error:
        on_error.callback(run.golden(output).verify)
        array = made()
        on_error.pop_all()
    return array


def _against_golden(
    run: CaseRun, output: str, array: Array, rule: Rule, *, drifted: bool = False
) -> Comparison:
    """Compare with the frozen array; where only a sample is left of it, with that.

    `drifted` says that the array is the reference's own, so there is nothing to fill a sample up.
    """
    golden = run.golden(output)
    if golden.entry.whole:
        return golden.compare(array, rule)
    if golden.is_bitwise(array):
        return Comparison(array.size, rule)
    if (array.dtype.str, array.shape) != (golden.entry.dtype, golden.entry.shape):
        found = f"{array.dtype.str} {array.shape}"
        wanted = f"{golden.entry.dtype} {golden.entry.shape}"
        return Comparison(array.size, rule, mismatch=f"{found} where {wanted} is expected")
    whole = None if drifted else run.whole(output)
    if whole is not None:
        return compare(whole, array, rule)
    sampled = golden.compare(golden.same_part(array), rule)
    if sampled.differing:
        return sampled
    rows = len(golden.entry.rows or ())
    found = f"the SHA-256 of the array differs, none of the {rows} sampled rows does"
    return replace(sampled, mismatch=found)


def _first_stage(suite: Suite, run: CaseRun, record: Record, engine: str) -> str:
    """Name the first stage, up to the record's own, whose output left the golden."""
    for stage in suite.stages[: suite.stages.index(suite.stage_of(record.output))]:
        for output in stage.outputs:
            row = None if engine == REFERENCE else suite.policy.find(record.case, output)
            rule = BITS if row is None else suite.policy.rows[row].rule
            array = run.output(engine, output)
            if not _against_golden(run, output, array, rule, drifted=row is None).ok:
                return stage.name
    return record.stage


def _numbers(record: Record, found: Comparison, first_stage: str) -> Record:
    return replace(
        record,
        first_stage=first_stage,
        elements=found.elements,
        differing=found.differing,
        max_abs=found.max_abs,
        max_ulp=found.max_ulp,
        ulp_used=found.ulp_used,
        tolerance_used=found.tolerance_used,
        picture=found.picture,
    )


def _failure(suite: Suite, record: Record, verdict: Verdict, lines: Sequence[str]) -> ParityFailure:
    detail = "\n".join(lines)
    record = replace(record, verdict=verdict, message=lines[0], detail=detail)
    return ParityFailure(record, detail, suite.reproduce(record.selector))
