"""The worked example is run as its reader would: tables, pictures, GPBoost beside ours."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np

SCRIPT = Path(__file__).parent.parent / "examples" / "vecchia.py"


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-W", "error", SCRIPT, "--quick", *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def losses(output, label):
    """Figures in the rows of that label: (settings, sizes)."""
    rows = re.findall(rf"^. {re.escape(label)} +.(.*).$", output, re.MULTILINE)
    return np.array([[float(cell.split()[0]) for cell in row.split("│")] for row in rows])


def test_the_example_shows_what_neighbours_are_worth(tmp_path):
    done = run("--out", tmp_path / "new")
    assert done.returncode == 0, done.stderr
    exact = re.findall(r"of a draw (-?[\d.]+), GPBoost's (-?[\d.]+)", done.stdout)
    assert len(exact) == 2
    assert all(own == theirs for own, theirs in exact)
    plain = losses(done.stdout, "Euclidean, max-min")
    assert plain.shape == (2, 2)
    assert np.array_equal(losses(done.stdout, "GPBoost: Euclidean, max-min"), plain)
    full = losses(done.stdout, "inducing + residual, max-min")
    assert np.all(full < plain)
    assert np.all(full < losses(done.stdout, "inducing + Euclidean, max-min"))
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"vecchia.svg", "vecchia.png"}


def test_pictures_that_are_there_are_kept(tmp_path):
    kept = tmp_path / "vecchia.png"
    kept.write_text("mine")
    done = run("--out", tmp_path)
    assert done.returncode == 1
    assert "is there already" in done.stdout
    assert kept.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [kept]
