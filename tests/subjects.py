"""What the oracle looks at: cases of the parity table and small generated ones, as the reference
computes them.

A test takes the fixture `run`; `parametrize` gives it every subject, one after the other, so that
each is computed once for all tests of a module.
"""

from functools import cached_property

import numpy as np
from parity.cases import CASES, Case, float64_twin
from parity.inputs import uniforms
from parity.suite import SUITE

from covertreex.testing.computed import CaseRun
from covertreex.testing.records import REFERENCE

QUICK = (
    "seed_arange64_f64", "line_f32", "plane_f64", "rank_1_f64", "rank_65_f32", "duplicates_f32",
    "grid_ties_f64", "p_diag_jitter_f32", "p_diag_jitter_f64", "lengthscale_1e3_f64", "ard",
    "variance_odd", "kernel_underflow_f64", "kernel_underflow_matern",
)  # fmt: skip


def generated(seed):
    """A small case whose every parameter is drawn."""
    draw = iter(uniforms(seed, 16).tolist())

    def within(low, high):
        return low + int(next(draw) * (high - low + 1))

    n = within(2, 40)
    return Case(
        name=f"generated_{seed}", seed=seed, n=n, d=within(1, 4), inducing=within(1, 12),
        points=("normal", "cluster", "repeated")[within(0, 2)],
        kernel=("rbf", "matern12", "matern32", "matern52")[within(0, 3)],
        lengthscale=10.0 ** (2.0 * next(draw) - 1.0),
        variance=2.0 ** (120.0 * next(draw) - 60.0),
        block_dtype=("float32", "float64")[within(0, 1)],
        queries=within(1, n), columns=within(1, n), k=within(1, n),
    )  # fmt: skip


def parametrize(metafunc, largest=None):
    """Give `run` its subjects; `largest` bounds n * m**2, the cost of a factor in 200 bits."""
    thorough = metafunc.config.getoption("thorough")
    table = CASES.values() if thorough else [CASES[name] for name in QUICK]
    cases = [*table, *map(generated, range(200 if thorough else 20))]
    if largest is not None:
        cases = [case for case in cases if case.n * min(case.n, case.inducing) ** 2 <= largest]
    metafunc.parametrize(
        "run", cases, ids=[case.name for case in cases], indirect=True, scope="module"
    )


def some(count, limit):
    """At most `limit` of `count` numbers, spread evenly, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, limit)).astype(np.int64))


class Run:
    """What the reference gives for one case, in blocks of its own dtype and of float64."""

    def __init__(self, case):
        self.case = case
        self._own = CaseRun(SUITE, "", case)
        twin = float64_twin(case)
        self._wide = self._own if twin is None else CaseRun(SUITE, "", twin)

    def __call__(self, name):
        """An input or an output of the case."""
        return self._own.inputs[name] if name in self._own.inputs else self._of(self._own, name)

    def wide(self, name):
        """The output in float64 blocks."""
        return self._of(self._wide, name)

    @cached_property
    def u_z(self):
        """Scaled inducing points."""
        return self("scaled")[self("inducing_indices")]

    @staticmethod
    def _of(run, output):
        return run.output(REFERENCE, output)
