"""Both engines asked the same: equal bits, or the same refusal in the same words."""

import warnings

from covertreex import ResidualPrecisionWarning, build_residual_backend
from covertreex.errors import CovertreexError
from covertreex.metrics import _residual_numba, _residual_rust
from covertreex.testing.comparison import BITS, compare

ENGINES = ("python-numba", "rust-hilbert")


def build(points, engine, **options):
    """A backend, whatever its precision."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResidualPrecisionWarning)
        return build_residual_backend(points, engine=engine, **options)


def answer(function, *arguments, **options):
    """Arrays in a tuple, or the type and the words of a refusal."""
    try:
        found = function(*arguments, **options)
    except CovertreexError as refusal:
        return type(refusal), str(refusal)
    return found if isinstance(found, tuple) else (found,)


def assert_same(reference, candidate):
    """Assert that two answers are the same, every bit and every word of them."""
    if any(isinstance(one[0], type) for one in (reference, candidate)):
        assert reference == candidate
        return
    assert len(reference) == len(candidate)
    for expected, actual in zip(reference, candidate, strict=True):
        found = compare(expected, actual, BITS)
        assert found.ok, "\n".join(found.lines())


def assert_stage_agrees(stage, *arguments, threads=None):
    """Ask both engines for a stage; return what both gave, or None where both refused."""
    options = {} if threads is None else {"threads": threads}
    answers = [
        answer(getattr(engine, stage), *arguments, **options)
        for engine in (_residual_numba, _residual_rust)
    ]
    assert_same(*answers)
    return None if isinstance(answers[0][0], type) else answers[0]
