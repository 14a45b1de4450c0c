"""The suite: cases, inputs, stages, and the two engines that must agree on them."""

from pathlib import Path

import numba_engine
import numpy as np
import numpy_engine

from covertreex.testing import Policy, Stage, Suite

HERE = Path(__file__).parent

CASES = {
    "small": {"rows": 10, "columns": 3, "offset": 0.0},
    "odd": {"rows": 101, "columns": 5, "offset": 0.0},
    "far_from_zero": {"rows": 64, "columns": 4, "offset": 1000.0},
}


def inputs(case):
    """Make the arrays of a case, from integers: what is drawn must be the same for ever."""
    rows, columns = case["rows"], case["columns"]
    steps = np.arange(rows * columns, dtype=np.int64)
    data = (steps * steps * 7919 + steps * 104_729) % 1009 / 1009 + case["offset"]
    return {"data": data.reshape(rows, columns)}


def centre(engine, inputs, upstream):
    """Run the first stage."""
    mean, deviation = engine.centre(inputs["data"])
    return {"mean": mean, "deviation": deviation}


def correlate(engine, inputs, upstream):
    """Run the second stage, on what the first gave."""
    return {"correlation": engine.correlate(upstream["deviation"])}


def strongest(engine, inputs, upstream):
    """Run the third stage, whose output is of integers."""
    return {"partner": engine.strongest(upstream["correlation"])}


def trace_centre(output, index, inputs, outputs):
    """Name what an element of a stage is made of: here a column of the data."""
    return {"data": [(slice(None), index[-1])]}


def trace_correlate(output, index, inputs, outputs):
    """Name the two columns of deviations that a correlation is made of."""
    return {"deviation": [(slice(None), column) for column in index]}


SUITE = Suite(
    root=HERE / "snapshots",
    cases=CASES,
    inputs=inputs,
    stages=(
        Stage("centre", ("mean", "deviation"), centre, trace_centre),
        Stage("correlate", ("correlation",), correlate, trace_correlate),
        Stage("strongest", ("partner",), strongest),
    ),
    reference=("numpy", numpy_engine),
    candidates={"numba": numba_engine},
    policy=Policy.load(HERE / "policy.toml"),
)
