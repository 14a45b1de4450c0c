"""The benchmark's own checks, on made-up samples: no rival, no clock."""

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import records
from benchmarks.counts import collected
from benchmarks.dense import DenseScan
from benchmarks.gate import Outcome, judge_count, judge_ratio, judge_run
from benchmarks.recall import WrongAnswerError, expect_same, recall
from benchmarks.recipe import GOLD, quick
from benchmarks.records import RecordError
from benchmarks.row import INCONCLUSIVE, MET, MISSED, Row
from benchmarks.table import cells
from benchmarks.timing import Pairs, in_turns


def row(ratio, aim=20.0, control=(0.98, 1.02), **more):
    return Row(job="gold", who="us", pairs=Pairs([(ratio, 1.0)]), aim=aim, control=control, **more)


RECORD = {
    "jobs": {"gold": {"rows": {"gold us": {"ratio": 20.0, "control": None}}}},
    "instructions": {"counted": 100},
}


def outcome_of(rows, counts):
    return judge_run({"gold": rows}, counts, RECORD)[0]


@pytest.mark.parametrize(
    ("ratio", "verdict"), [(25.0, MET), (15.0, MISSED), (20.1, INCONCLUSIVE), (19.9, INCONCLUSIVE)]
)
def test_an_aim_within_the_control_band_is_neither_met_nor_missed(ratio, verdict):
    assert row(ratio).verdict == verdict


@pytest.mark.parametrize(
    ("ratio", "control", "outcome"),
    [
        (20.0, (1.0, 1.0), Outcome.PASS),
        (30.0, (1.0, 1.0), Outcome.PASS),
        (18.1, (1.0, 1.0), Outcome.PASS),
        (17.9, (1.0, 1.0), Outcome.REGRESSION),
        (17.9, (0.9, 1.1), Outcome.INCONCLUSIVE),
        (10.0, (0.9, 1.1), Outcome.REGRESSION),
    ],
)
def test_a_loss_beyond_the_noise_is_a_regression(ratio, control, outcome):
    recorded = {"ratio": 20.0, "control": None}
    assert judge_ratio(row(ratio, control=control), recorded) is outcome


def test_the_record_s_own_noise_counts_too():
    noisy = {"ratio": 20.0, "control": [0.95, 1.05]}
    assert judge_ratio(row(16.5, control=None), {**noisy, "control": None}) is Outcome.REGRESSION
    assert judge_ratio(row(16.5, control=None), noisy) is Outcome.INCONCLUSIVE
    assert judge_ratio(row(16.5, control=(0.98, 1.02)), noisy) is Outcome.INCONCLUSIVE
    assert judge_ratio(row(15.0, control=(0.98, 1.02)), noisy) is Outcome.REGRESSION


def test_instruction_counts_are_held_within_a_hundredth():
    assert judge_count(1_010_000, 1_000_000) is Outcome.PASS
    assert judge_count(1_010_001, 1_000_000) is Outcome.REGRESSION


def test_the_worst_line_decides_a_run():
    counts, noisy = {"counted": 100}, (0.5, 1.5)
    assert outcome_of([row(20.0)], counts) is Outcome.PASS
    assert outcome_of([row(20.0)], {"counted": 102}) is Outcome.REGRESSION
    assert outcome_of([row(10.0)], counts) is Outcome.REGRESSION
    assert outcome_of([row(17.0, control=noisy)], counts) is Outcome.INCONCLUSIVE
    assert outcome_of([row(17.0, control=noisy)], {"counted": 102}) is Outcome.REGRESSION
    assert judge_run({"gold": [row(20.0)]}, {}, None)[0] is Outcome.INCONCLUSIVE
    assert judge_run({"dot": []}, {}, {**RECORD, "instructions": {}})[0] is Outcome.INCONCLUSIVE


def test_a_run_that_lacks_what_is_recorded_of_its_jobs_is_inconclusive():
    assert outcome_of([], {"counted": 100}) is Outcome.INCONCLUSIVE
    assert outcome_of([row(20.0)], {}) is Outcome.INCONCLUSIVE
    assert judge_run({"dot": []}, {"counted": 100}, RECORD)[0] is Outcome.PASS


def test_recall_counts_true_neighbours_wherever_they_stand():
    true = np.array([[1, 2, 3], [4, 5, -1]])
    assert recall(true[:, ::-1], true) == 1.0
    assert recall(np.array([[1, 2, 9], [4, 5, -1]]), true) == pytest.approx(5 / 6)
    assert recall(np.array([[7, 8, 9], [7, 8, 9]]), true) == 0.0
    with pytest.raises(WrongAnswerError, match="shape"):
        recall(true[:, :2], true)


def test_an_answer_off_by_one_bit_is_wrong():
    ids, distances = np.array([[1, 2], [3, 4]]), np.array([[0.0, 0.5], [0.1, 0.2]])
    expect_same("x", (ids, distances), (ids, distances))
    moved = distances.copy()
    moved[1, 1] = np.nextafter(moved[1, 1], 1.0)
    with pytest.raises(WrongAnswerError, match="distances of 1 of 2"):
        expect_same("x", (ids, moved), (ids, distances))
    with pytest.raises(WrongAnswerError, match="ids of 2 of 2"):
        expect_same("x", (ids[:, ::-1], distances), (ids, distances))
    with pytest.raises(WrongAnswerError, match="shape"):
        expect_same("x", (ids[:1], distances), (ids, distances))


def test_turns_alternate():
    order = []
    pairs = in_turns(lambda: order.append("rival"), lambda: order.append("us"), 3)
    assert order == ["rival", "us", "us", "rival", "rival", "us"]
    assert len(pairs.samples) == 3


def test_the_dense_scan_finds_what_the_reference_finds():
    recipe = quick(GOLD)
    backend = recipe.backend()
    scan = recipe.tree("python-numba", backend).knn(recipe.ids[:20], k=5, return_distances=False)
    dense = DenseScan.of(recipe, backend.v_matrix, backend.p_diag)
    assert recall(dense.knn(recipe.ids[:20], 5), scan) == 1.0
    assert (dense.threaded(recipe.ids[:20], 5) == dense.knn(recipe.ids[:20], 5)).all()
    early = dense.knn(np.array([0, 2, 50]), 5, predecessors=True)
    assert (early[0] == -1).all()
    assert sorted(early[1].tolist()) == [-1, -1, -1, 0, 1]
    assert early[2].max() < 50


def test_a_record_is_written_with_a_reason_and_read_back(tmp_path):
    path = tmp_path / "records" / "cpu.json"
    assert records.read_record(path) is None
    with pytest.raises(RecordError, match="reason"):
        records.write_record(path, {"gold": [row(20.0)]}, {}, " ")
    assert not path.exists()
    rows = [row(20.0), replace(row(9.0, aim=None), who="rival"), Row(job="gold", who="untimed")]
    records.write_record(path, {"gold": rows}, {"counted": 7}, "first")
    record = records.read_record(path)
    assert record["jobs"]["gold"]["reason"] == "first"
    assert list(record["jobs"]["gold"]["rows"]) == ["gold us"]
    recorded = record["jobs"]["gold"]["rows"]["gold us"]
    assert (recorded["ratio"], recorded["aim"], recorded["control"]) == (20.0, 20.0, [0.98, 1.02])
    assert record["instructions"] == {"counted": 7}
    assert [file.name for file in path.parent.iterdir()] == ["cpu.json"]
    path.write_text(json.dumps({"schema": 99}))
    with pytest.raises(RecordError, match="schema"):
        records.read_record(path)
    path.write_text("{")
    with pytest.raises(RecordError, match="cannot be read"):
        records.read_record(path)


def test_a_record_of_one_job_leaves_those_of_others(tmp_path):
    path = tmp_path / "cpu.json"
    records.write_record(path, {"gold": [row(20.0)], "dot": [row(9.0)]}, {"a": 1}, "all")
    before = records.read_record(path)
    records.write_record(path, {"dot": [row(8.0)]}, {"b": 2}, "dot anew", before)
    after = records.read_record(path)
    assert after["jobs"]["gold"] == before["jobs"]["gold"]
    assert after["jobs"]["dot"]["reason"] == "dot anew"
    assert after["jobs"]["dot"]["rows"]["gold us"]["ratio"] == 8.0
    assert after["instructions"] == {"a": 1, "b": 2}


def test_a_line_shows_recall_beside_speed():
    shown = cells(row(25.0, contract=1.0, truth=0.587, count=1_024))
    assert shown[3:5] == ["1,024", "25.00"]
    assert shown[6:] == ["1.000", "0.587", ">= 20 met"]


def test_callgrinds_number_is_read():
    assert collected("==1== Collected : 12345\n==1==") == 12_345
    with pytest.raises(ValueError, match="said nothing"):
        collected("Segmentation fault")
