"""The command on toy jobs: what it refuses, what it writes, and how it ends."""

import json

import pytest

from benchmarks import __main__ as process
from benchmarks import command, records
from benchmarks.gate import Outcome
from benchmarks.recall import WrongAnswerError
from benchmarks.row import Row
from benchmarks.timing import Pairs

RATIO = 20.0


def toy(settings):
    """Do nothing, and say so."""
    pairs = Pairs([(RATIO, 1.0)] * settings.turns)
    yield Row(job="toy", who="us", pairs=pairs, aim=10.0, control=(0.98, 1.02))
    yield Row(job="toy", who="rival", pairs=pairs)


def other(settings):
    """Do another nothing."""
    yield Row(job="other", who="us", pairs=Pairs([(2.0, 1.0)]), aim=1.0)


def wrong(settings):
    """Answer wrongly."""
    yield from toy(settings)
    raise WrongAnswerError("ids of 3 of 9 queries")


def broken(settings):
    """Break off."""
    yield from toy(settings)
    raise ZeroDivisionError("a fault that nobody planned")


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """Return a function that runs the command in an empty folder, on a proven build."""
    jobs = {job.__name__: job for job in (toy, other, wrong, broken)}
    monkeypatch.setattr(command, "JOBS", jobs)
    monkeypatch.setattr(command, "QUICK", ("toy",))
    monkeypatch.setattr(command, "check_stamp", lambda *_: [])
    monkeypatch.setattr(command, "instruction_counts", lambda: ({"scan": 100}, "counted"))
    monkeypatch.setattr(records, "RECORDS", tmp_path / "records")
    monkeypatch.setattr(records, "record_path", lambda: tmp_path / "records" / "cpu.json")

    def run(*arguments):
        full = ["bench", f"--out={tmp_path}", *arguments]
        monkeypatch.setattr("sys.argv", full)
        return Outcome(process.main())

    return run


@pytest.fixture
def result(tmp_path):
    return lambda: json.loads((tmp_path / "bench.json").read_text())


def test_a_run_says_what_it_does_and_is_complete(bench, result, capsys):
    assert bench("--only=toy", "--turns=2") is Outcome.PASS
    assert "toy: Do nothing, and say so." in capsys.readouterr().out
    assert result()["outcome"] == "complete"
    assert result()["jobs"] == ["toy"]
    assert result()["rows"][0]["pairs"]["seconds"] == [[RATIO, 1.0]] * 2


def test_a_build_that_is_not_proven_is_not_run(bench, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "check_stamp", lambda *_: ["extension: changed"])
    assert bench("--only=toy") is Outcome.NOT_ALLOWED
    assert "extension: changed" in capsys.readouterr().out
    assert not (tmp_path / "bench.json").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--turns=0"], "time nothing"),
        (["--turns=-1"], "time nothing"),
        (["--turns=many"], "give a number"),
        (["--only=toys"], "invalid choice"),
        (["--quick", "--record=why"], "--quick cannot be recorded"),
        (["--quick", "--gate"], "--quick cannot be recorded"),
        (["--record= "], "needs a reason"),
    ],
)
def test_wrong_usage_is_said_before_anything_runs(arguments, said, bench, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        bench(*arguments)
    assert ended.value.code == Outcome.USAGE.value
    assert said in capsys.readouterr().err
    assert not (tmp_path / "bench.json").exists()


def test_a_wrong_answer_stands_in_the_file(bench, result, capsys):
    assert bench("--only=toy", "--only=wrong") is Outcome.WRONG
    assert result()["outcome"] == "wrong answer: ids of 3 of 9 queries"
    assert result()["jobs"] == ["toy"]
    assert "quartiles" not in capsys.readouterr().out


def test_a_crash_is_no_regression_and_leaves_nothing_that_looks_whole(bench, tmp_path, capsys):
    assert bench("--only=toy") is Outcome.PASS
    (tmp_path / "cost-size.png").write_text("of an earlier run")
    assert bench("--only=broken") is Outcome.CRASHED
    assert "a fault that nobody planned" in capsys.readouterr().err
    left = json.loads((tmp_path / "bench.json").read_text())
    assert (left["outcome"], left["rows"]) == ("incomplete", [])
    assert not (tmp_path / "cost-size.png").exists()


def test_the_code_of_a_crash_is_the_one_that_is_documented():
    assert Outcome.CRASHED.value == process.CRASHED


def test_a_run_is_recorded_and_judged(bench, monkeypatch, capsys):
    assert bench("--only=toy", "--gate") is Outcome.INCONCLUSIVE
    assert bench("--only=toy", "--record=first") is Outcome.PASS
    assert bench("--only=other", "--record=second") is Outcome.PASS
    recorded = records.read_record(records.record_path())["jobs"]
    assert {job: about["reason"] for job, about in recorded.items()} == {
        "toy": "first",
        "other": "second",
    }
    assert bench("--only=toy", "--only=other", "--gate") is Outcome.PASS
    monkeypatch.setitem(globals(), "RATIO", 10.0)
    capsys.readouterr()
    assert bench("--only=toy", "--gate") is Outcome.REGRESSION
    assert "REGRESSION   toy us: 10.00 x, record 20.00 x" in capsys.readouterr().out
    monkeypatch.setitem(command.JOBS, "toy", lambda settings: iter(()))
    command.JOBS["toy"].__doc__ = "Lose a line."
    assert bench("--only=toy", "--gate") is Outcome.INCONCLUSIVE


def test_a_record_that_cannot_be_read_ends_before_the_run(bench, tmp_path):
    records.record_path().parent.mkdir()
    records.record_path().write_text("{")
    assert bench("--only=toy", "--record=anew") is Outcome.USAGE
    assert not (tmp_path / "bench.json").exists()
