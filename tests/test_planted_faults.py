"""Faults planted in the real suite and a copy of the real goldens: each has its own verdict."""

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from parity.suite import ROOT, SUITE
from syrupy.session import SnapshotSession

from covertreex.kernels import KERNELS
from covertreex.metrics import _residual_numba, _residual_rust
from covertreex.testing import FROZEN, GOLDEN_SET, REFERENCE, Check, ParityFailure, Verdict

CASE = "seed_arange64_f64"
SET = Check("", "", GOLDEN_SET)


@pytest.fixture
def root(tmp_path):
    return shutil.copytree(ROOT / "snapshots", tmp_path / "snapshots")


def spoiled(module, stage, fault):
    """An engine whose one stage passes its results through a fault."""

    def run(*arguments, **options):
        return fault(getattr(module, stage)(*arguments, **options))

    stages = {name: getattr(module, name) for name in module.__all__}
    return SimpleNamespace(**{**stages, stage: run})


def found(suite, output, role, snapshot, case=CASE):
    with pytest.raises(ParityFailure) as caught:
        suite.check(Check(case, output, role), snapshot)
    return caught.value


def one_ulp_off(array):
    array.flat[5] = np.nextafter(array.flat[5], np.inf, dtype=array.dtype)
    return array


def one_zero_negated(block):
    distances, mask = block
    distances.flat[np.flatnonzero(distances == 0.0)[0]] = -0.0
    return distances, mask


def two_indices_swapped(neighbours):
    indices, distances = neighbours
    indices.flat[[0, 1]] = indices.flat[[1, 0]]
    return indices, distances


ENGINE_FAULTS = {
    "1 ULP in one element": ("dot_block", "dot_block", one_ulp_off, "max ULP 1, allowed 0 ULP"),
    "a swapped index": ("knn", "knn_indices", two_indices_swapped, "2 of 16 elements differ"),
    "float32 for float64": (
        "kernel_block", "kernel_block", lambda block: block.astype(np.float32),
        "dtype float32 where float64 is expected"),
    "-0.0 for 0.0": (
        "distance_block_no_gate", "distances", one_zero_negated, "0x8000000000000000"),
}  # fmt: skip


@pytest.mark.parametrize("name", ENGINE_FAULTS)
@pytest.mark.parametrize("role", ["rust", "rust" + FROZEN])
def test_a_fault_in_the_candidate_is_a_divergence(name, role, snapshot):
    stage, output, fault, said = ENGINE_FAULTS[name]
    suite = replace(SUITE, candidates={"rust": spoiled(_residual_rust, stage, fault)})
    failure = found(suite, output, role, snapshot)
    assert failure.verdict is Verdict.CANDIDATE_DIVERGED
    assert said in failure.detail
    assert failure.first_stage == stage
    assert failure.reproduce == f'nox -s parity -- -k "{CASE}-"'


def test_a_fault_shows_downstream_only_in_an_engine_fed_by_itself(snapshot):
    halving = spoiled(_residual_rust, "dot_block", lambda block: 0.5 * block)
    suite = replace(SUITE, candidates={"rust": halving})
    failure = found(suite, "distances", "rust", snapshot)
    assert (failure.verdict, failure.first_stage) == (Verdict.CANDIDATE_DIVERGED, "dot_block")
    suite.check(Check(CASE, "distances", "rust" + FROZEN), snapshot)


def test_a_fault_in_the_reference_is_a_drift(snapshot, request):
    # A session of its own, so that syrupy's closing report does not count the planted failure.
    snapshot = replace(snapshot, session=SnapshotSession(pytest_session=request.session))
    drifting = spoiled(_residual_numba, "dot_block", one_ulp_off)
    suite = replace(SUITE, reference=("numba", drifting))
    failure = found(suite, "dot_block", REFERENCE, snapshot)
    assert failure.verdict is Verdict.REFERENCE_DRIFTED
    suite.check(Check(CASE, "dot_block", "rust"), snapshot)


def test_another_input_seed_is_a_changed_input(snapshot):
    cases = {**SUITE.cases, CASE: replace(SUITE.cases[CASE], seed=100)}
    suite = replace(SUITE, cases=cases)
    for role in (REFERENCE, "rust", "rust" + FROZEN):
        assert found(suite, "v_matrix", role, snapshot).verdict is Verdict.INPUT_CHANGED


def truncate(path):
    path.write_bytes(path.read_bytes()[:-8])


def edit(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [truncate, edit])
def test_a_damaged_file_is_a_damaged_golden(damage, root, snapshot):
    damage(root / "v_matrix" / f"{CASE}.npy")
    suite = replace(SUITE, root=root)
    for role in (REFERENCE, "rust"):
        assert found(suite, "v_matrix", role, snapshot).verdict is Verdict.GOLDEN_DAMAGED


def test_an_edited_manifest_is_a_damaged_golden(root, snapshot):
    path = root / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["goldens"][f"v_matrix/{CASE}"]["sha256"] = "0" * 64
    path.write_text(json.dumps(manifest, indent=1))
    failure = found(replace(SUITE, root=root), "v_matrix", "rust", snapshot)
    assert failure.verdict is Verdict.GOLDEN_DAMAGED


def test_a_case_without_goldens_is_missing(snapshot):
    new = replace(SUITE.cases[CASE], name="new")
    suite = replace(SUITE, cases={**SUITE.cases, "new": new})
    assert found(suite, "v_matrix", "rust", snapshot, "new").verdict is Verdict.MISSING
    with pytest.raises(ParityFailure) as caught:
        suite.check(SET, snapshot)
    assert caught.value.verdict is Verdict.MISSING
    assert "v_matrix/new" in caught.value.detail


def test_a_golden_whose_file_is_gone_is_missing(root, snapshot):
    (root / "v_matrix" / f"{CASE}.npy").unlink()
    failure = found(replace(SUITE, root=root), "v_matrix", "rust", snapshot)
    assert failure.verdict is Verdict.MISSING


def test_goldens_without_a_case_are_unused(snapshot):
    cases = {name: case for name, case in SUITE.cases.items() if name != CASE}
    with pytest.raises(ParityFailure) as caught:
        replace(SUITE, cases=cases).check(SET, snapshot)
    assert caught.value.verdict is Verdict.UNUSED
    assert f"v_matrix/{CASE}" in caught.value.detail


def test_the_table_of_cases_names_each_once_and_covers_what_it_should():
    cases = SUITE.cases.values()
    assert len(SUITE.cases) >= 30
    assert [case.name for case in cases] == list(SUITE.cases)
    assert {case.d for case in cases} >= {1, 2, 3, 8}
    assert {case.kernel for case in cases} == set(KERNELS)
    assert {case.block_dtype for case in cases} == {"float32", "float64"}
    assert {case.inducing for case in cases} >= {1, 2, 65, 512}
    assert {case.variance for case in cases} >= {2.0**-20, 2.0**20}
    assert {case.lengthscale for case in cases} >= {1e-3, 1e3}
    assert {case.radius for case in cases} >= {0.0, np.inf}
    goldens = sum(path.stat().st_size for path in (ROOT / "snapshots").rglob("*"))
    assert goldens < 25 * 2**20
