"""The worked example is run as its reader would: tables, pictures, GPBoost beside ours."""

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from covertreex.vecchia import Vecchia

SCRIPT = Path(__file__).parent.parent / "examples" / "vecchia.py"


@pytest.fixture
def example(monkeypatch):
    """Return the script as a module; its dataclasses look for it in sys.modules."""
    spec = importlib.util.spec_from_file_location("worked_example", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "worked_example", module)
    spec.loader.exec_module(module)
    return module


def losses(output, label):
    """Figures in the rows of that label: (settings, sizes)."""
    rows = re.findall(rf"^ *{re.escape(label)}  +(.*)$", output, re.MULTILINE)
    return np.array([row.split() for row in rows], float)


def test_the_example_shows_what_neighbours_are_worth(example, tmp_path, capsys):
    assert example.main(["--quick", "--out", str(tmp_path / "new")]) == 0
    shown = capsys.readouterr().out
    exact = re.findall(r"of a draw (-?[\d.]+), GPBoost's (-?[\d.]+)", shown)
    assert len(exact) == 2
    assert all(own == theirs for own, theirs in exact)
    plain = losses(shown, "Euclidean, max-min")
    assert plain.shape == (2, 2)
    assert np.array_equal(losses(shown, "GPBoost, Euclidean"), plain)
    full = losses(shown, "inducing + residual, max-min")
    assert np.all(full < plain)
    assert np.all(full < losses(shown, "inducing + Euclidean, max-min"))
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"vecchia.svg", "vecchia.png"}


def test_gpboost_in_the_same_order_has_our_likelihood(example):
    for setting in example.SETTINGS:
        exact = example.Exact(setting, 150, 1)
        y = exact.factor @ exact.signs[0]
        model = Vecchia(exact.coords, setting.kernel, noise=setting.noise, k=7)
        theirs = example.gpboosts_likelihood(exact, "vecchia", num_neighbors=7)(y)
        assert model.log_likelihood(y) == pytest.approx(theirs, rel=1e-10)


def test_pictures_that_are_there_are_kept(example, tmp_path, capsys):
    kept = tmp_path / "vecchia.png"
    kept.write_text("mine")
    assert example.main(["--quick", "--out", str(tmp_path)]) == 1
    assert "is there already" in capsys.readouterr().out
    assert kept.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [kept]
