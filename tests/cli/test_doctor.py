"""``doctor``: what it shows, and that it sees an engine that differs."""

import json

import numpy as np
import pytest

from covertreex import Matern52, build_residual_backend
from covertreex.cli import selfcheck
from covertreex.cli.exits import Exit
from covertreex.cli.precision import precision_of
from covertreex.errors import EngineUnavailableError

ANSWER = selfcheck.Case.answer


@pytest.fixture
def faulty(monkeypatch):
    """Plant a fault into what the Rust engine answers."""

    def plant(change):
        def answer(case, engine):
            indices, distances = ANSWER(case, engine)
            if engine == "rust-hilbert" and case.kernel == "matern52":
                change(indices, distances)
            return indices, distances

        monkeypatch.setattr(selfcheck.Case, "answer", answer)

    return plant


def test_engines_that_agree_are_well(command):
    done = command("doctor")
    assert done.code == Exit.OK
    assert done.out.count("every bit is equal") == len(selfcheck.CASES)
    for word in ("rust-hilbert", "python-numba", "numpy", "cores", "release build"):
        assert word in done.out


def test_one_bit_of_one_distance_is_seen(command, faulty):
    def one_bit(_, distances):
        distances.view(np.int64)[17, 3] += 1

    faulty(one_bit)
    done = command("doctor")
    assert done.code == Exit.DIFFERS
    assert "1 of 3200 distances differ" in done.out
    assert "the first at query 17, rank 4" in " ".join(done.out.split())


def test_one_id_is_seen(command, faulty):
    def one_id(indices, _):
        indices[399, 0] = 0

    faulty(one_id)
    done = command("doctor", "--json")
    assert done.code == Exit.DIFFERS
    told = json.loads(done.out)
    assert told["agree"] is False
    assert "1 of 3200 ids differ" in told["self_parity"]["matern52, float64 blocks"]


def test_an_engine_that_is_not_there_is_told(command, monkeypatch):
    def engine_named(name):
        if name == "python-numba":
            raise EngineUnavailableError("engine 'python-numba' cannot be loaded (no numba)")

    monkeypatch.setattr("covertreex.cli.doctor.engine_named", engine_named)
    done = command("doctor", "--json")
    assert done.code == Exit.UNAVAILABLE
    told = json.loads(done.out)
    assert told["engines"]["rust-hilbert"] == "ready"
    assert (told["agree"], told["self_parity"]) == (False, {})
    assert done.err.startswith("covertreex: engine 'python-numba' cannot be loaded")


def test_data_are_judged(command, points):
    done = command("doctor", "points.npy", "--inducing", 8, "--lengthscale", 50, "--json")
    told = json.loads(done.out)["precision"]
    backend = build_residual_backend(
        points, seed=0, inducing_count=8, kernel=Matern52(lengthscale=50.0), block_dtype="float64"
    )
    with pytest.warns(UserWarning, match="float32"):
        coarse = build_residual_backend(points, seed=0, inducing_count=8, kernel=backend.kernel)
    assert told["unresolved_share"] == coarse.unresolved_share > 0
    assert told["median_p_diag"] == np.median(backend.p_diag)
    assert "float32 cannot resolve" in told["advice"]


@pytest.mark.parametrize(
    ("given", "scale", "advice"),
    [
        ("once", 5000.0, "Stay with float64 blocks"),
        ("once", 1e-3, "The inducing points explain less than 1 %"),
        ("once", 1.0, "float32 blocks, half the memory, resolve all but 0.50% of these points"),
        ("twice", 1.0, "Drop the duplicates"),
    ],
)
def test_advice_follows_the_figures(given, scale, advice):
    points = np.random.default_rng(5).normal(size=(400, 3))
    if given == "twice":
        points[:4] = points[4:8]
    backend = build_residual_backend(
        points, seed=0, inducing_count=2, kernel=Matern52(scale), block_dtype="float64"
    )
    found = precision_of(backend)
    assert found.duplicates == (4 if given == "twice" else 0)
    assert found.advice.startswith(advice)


def test_data_that_cannot_be_read_are_one_line(refused):
    assert "none.npy" in refused(Exit.BAD_INPUT, "doctor", "none.npy")
    assert "--threads" in refused(Exit.USAGE, "doctor", "--threads", 0)


def test_quiet_promises_what_it_does(command):
    told = " ".join(command("doctor", "--help").out.split())
    assert "No progress; what is found is shown." in told
    assert "summary." not in told
    assert command("doctor", "-q").out.count("every bit is equal") == len(selfcheck.CASES)
