"""The arithmetic under the stages: draws, exp, fma and chains."""

import re
from collections import Counter

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError
from parity import inputs

from covertreex import _rust
from covertreex.errors import FactorError
from covertreex.metrics import _numba_loops, _residual_numba


@pytest.mark.parametrize("seed", [0, 1, 42, 2**63, 2**64 - 1])
def test_draws_are_those_of_a_third_implementation(seed, stages):
    for name in ("splitmix64", "uniforms", "normals"):
        drawn = getattr(stages, name)(seed, 1_000)
        assert drawn.tobytes() == getattr(inputs, name)(seed, 1_000).tobytes()


def test_splitmix64_gives_its_published_outputs(stages):
    assert stages.splitmix64(1234567, 5).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


@pytest.mark.parametrize(("n", "m"), [(1, 1), (7, 3), (7, 7), (7, 100), (1_000, 37)])
def test_inducing_rows_are_a_partial_fisher_yates_shuffle(n, m, stages):
    order = list(range(n))
    for i, draw in enumerate(inputs.splitmix64(3, min(m, n)).tolist()):
        j = i + draw % (n - i)
        order[i], order[j] = order[j], order[i]
    assert stages.inducing_rows(3, n, m).tolist() == sorted(order[: min(m, n)])


def exp_samples():
    breakpoints = (np.arange(-1076, 1026) - 0.5) * np.log(2.0)
    edges = np.array([-746.0, -745.2, -708.4, -0.0, 0.0, 1e-300, 5e-324, 709.78, 710.0, 1e300])
    near = np.concatenate([np.nextafter(breakpoints, s * np.inf) for s in (-1, 1)])
    spread = (inputs.uniforms(7, 200_000) - 0.5) * 1_456.0 - 18.0
    return np.concatenate([breakpoints, near, edges, -edges, spread, spread * 2.0**-12])


def test_exp_is_the_same_bits_in_both_engines_at_every_cpu_level():
    x = exp_samples()
    expected = _residual_numba.exp(x)
    for level in _rust.levels():
        assert _rust.exp(x, level=level).tobytes() == expected.tobytes()
    assert not np.isnan(expected).any()
    assert _residual_numba.exp(np.array([0.0, -0.0, -746.0])).tolist() == [1.0, 1.0, 0.0]


def test_the_constants_of_exp_are_the_same_bit_patterns_in_both_engines():
    assert _rust.exp_constants() == _numba_loops.EXP_CONSTANTS


def test_every_step_of_exp_rounds_once():
    # A step that rounds twice where a term is tiny changes a bit of one result in 10^12: too rare
    # to meet, so the compiled code is counted.
    exp = njit(_numba_loops._exp.py_func)
    exp(0.5)
    [code] = exp.inspect_llvm().values()
    rounding = re.findall(r"= (?:tail )?(fadd|fsub|fmul|fdiv|call double @llvm\.fma)\b", code)
    steps = Counter("sum" if step in ("fadd", "fsub") else step for step in rounding)
    assert steps == {"sum": 1, "fmul": 2, "call double @llvm.fma": 14}


def test_fma_rounds_once_and_does_not_compile_for_unequal_dtypes():
    @njit
    def fused(a, b, c):
        return _numba_loops.fma(a, b, c)

    a = 1.0 + 2.0**-30
    assert fused(a, a, -1.0 - 2.0**-29) == 2.0**-60
    single = np.float32(1.0 + 2.0**-12)
    assert fused(single, single, np.float32(-1.0 - 2.0**-11)) == np.float32(2.0**-24)
    for arguments in (
        (np.float32(1.0), 1.0, np.float32(1.0)),
        (1.0, np.float32(1.0), 1.0),
        (np.float32(1.0), np.float32(1.0), 1.0),
        (1, 1, 1),
    ):
        with pytest.raises(TypingError):
            fused(*arguments)


@pytest.mark.parametrize(("order", "dtype"), [("F", "f8"), ("C", "i8"), ("C", "c16")])
def test_a_tile_does_not_compile_for_another_layout_or_dtype(order, dtype):
    @njit
    def tile(sums, rows, panel):
        _numba_loops._chain_tile(sums, rows, 0, panel, 2)

    arrays = [np.zeros((4, 16), dtype, order) for _ in range(3)]
    with pytest.raises(TypingError):
        tile(*arrays)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 17, 3), (4, 32, 8), (9, 33, 70), (300, 70, 37)])
def test_dot_block_is_the_chain_of_the_definition(shape, dtype):
    q, c, m = shape
    a = inputs.normals(1, q * m).reshape(q, m).astype(dtype)
    b = inputs.normals(2, c * m).reshape(c, m).astype(dtype)
    expected = np.array([[_numba_loops.chain(x, y) for y in b] for x in a], dtype)
    assert _residual_numba.dot_block(a, b).tobytes() == expected.tobytes()
    for level in _rust.levels():
        for threads in (1, 3):
            found = _rust.dot_block(a, b, level=level, threads=threads)
            assert found.tobytes() == expected.tobytes()


def test_a_chain_starts_at_positive_zero(stages):
    zero = np.array([[-0.0]])
    assert not np.signbit(stages.dot_block(zero, np.array([[1.0]])))


def test_a_pivot_that_is_not_positive_is_an_error(stages):
    u = np.full((3, 1), np.nan)
    with pytest.raises(FactorError, match="pivot 0"):
        stages.cholesky(u, "rbf", 1.0)


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_a_chain_of_zeros_is_positive_zero(zero):
    total = _numba_loops.chain(np.array([zero]), np.ones(1))
    assert (total, np.signbit(total)) == (0.0, False)


@pytest.mark.parametrize(("pivot", "row"), [(0.0, 0), (5e-324, -1)])
def test_the_smallest_pivot_is_the_smallest_positive_number(pivot, row):
    assert _numba_loops.cholesky(np.full((1, 1), pivot), 0.0, np.zeros((1, 1))) == row
