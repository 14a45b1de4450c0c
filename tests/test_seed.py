"""Where the project began: the seed's script, word for word, and what its numbers are."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from covertreex import ResidualPrecisionWarning, build_residual_backend
from covertreex.metrics.residual.core import compute_residual_distances

SCRIPT = Path(__file__).parent / "data" / "seed_script.py"


def test_the_seed_script_runs_word_for_word_and_the_engines_agree():
    run = subprocess.run(
        [sys.executable, SCRIPT], capture_output=True, text=True, check=True, timeout=300
    )
    assert "max |diff| 0.0\n" in run.stdout
    numba, rust = (
        [float(number) for number in re.findall(r"\d+\.\d*", printed)]
        for printed in run.stdout.split("numba first10")[1].split("rust  first10")
    )
    assert numba == rust
    assert len(numba) == 10
    assert sum(abs(distance - 0.2152) < 1e-4 for distance in numba) == 4
    assert "ResidualPrecisionWarning" in run.stderr
    assert 'block_dtype="float64"' in run.stderr


@pytest.mark.parametrize("value", ["0", "1", "nonsense"])
@pytest.mark.parametrize(
    "variable",
    [
        "COVERTREEX_RESIDUAL_PARITY",
        "COVERTREEX_ENABLE_RUST",
        "COVERTREEX_RESIDUAL_FORCE_F32_MATH",
    ],
)
def test_the_seeds_environment_variables_change_no_bit(variable, value, monkeypatch, engine):
    def distances():
        ids = np.arange(64)
        return compute_residual_distances(ids, ids, backend=seed_backend("float64"), engine=engine)

    plain = distances()
    monkeypatch.setitem(os.environ, variable, value)
    assert distances().tobytes() == plain.tobytes()


def seed_backend(block_dtype, **changes):
    points = np.arange(64, dtype=np.float64).reshape(-1, 1)
    arguments = {"seed": 99, "inducing_count": 128, "variance": 1.0, "lengthscale": 1.0}
    return build_residual_backend(points, **{**arguments, **changes}, block_dtype=block_dtype)


def test_float32_self_distances_are_those_the_contract_explains(engine):
    with pytest.warns(ResidualPrecisionWarning, match=r"64 of 64 points \(100\.0%\)"):
        backend = seed_backend("float32", engine=engine)
    ids = np.arange(64)
    own = compute_residual_distances(ids, ids, backend=backend, engine=engine).diagonal()
    assert np.isclose(own, 0.2152, atol=1e-4).sum() == 54
    assert np.isclose(own, 0.3255, atol=1e-4).sum() == 1
    assert (own == 0.0).sum() == 9


def test_float64_self_distances_are_exactly_zero(engine):
    ids = np.arange(64)
    own = compute_residual_distances(
        ids, ids, backend=seed_backend("float64", engine=engine), engine=engine
    ).diagonal()
    assert (own == 0.0).all()
    assert not np.signbit(own).any()
