"""What Hypothesis draws: points of every magnitude and layout, blocks, factors, whole problems.

Everything drawn is legal: what may come out is within the numeric contract, NaN excluded. Sizes are
small, but cross the tiles of both engines (4 rows, 16 or 32 columns, 48 rows of a chunk).
"""

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from parity.inputs import normals

DTYPES = st.sampled_from(["float32", "float64"])
KERNELS = st.sampled_from(["rbf", "matern12", "matern32", "matern52"])
THREADS = st.sampled_from([1, 2, 3, 7])
CHUNKS = st.sampled_from([1, 2, 7, 48, 50, 1_024])
SEEDS = st.integers(0, 2**64 - 1)
VARIANCES = st.one_of(st.just(1.0), st.floats(2.0**-60, 2.0**60))
SIZES = st.one_of(st.integers(1, 9), st.integers(1, 70))
LAYOUTS = ("C", "Fortran", "strided", "reversed", "read-only")


def laid_out(array, layout):
    """The same numbers, in another memory order."""
    if layout == "Fortran":
        return np.asfortranarray(array)
    if layout == "strided":
        wide = np.full([2 * length for length in array.shape], 7, array.dtype)
        inner = wide[tuple(slice(None, None, 2) for _ in array.shape)]
        inner[...] = array
        return inner
    if layout == "reversed":
        return array[::-1].copy()[::-1]
    array = array.copy()
    array.flags.writeable = layout != "read-only"
    return array


def anyhow(strategy):
    """Arrays of a strategy, in any layout."""
    return st.builds(laid_out, strategy, st.sampled_from(LAYOUTS))


def numbers(dtype="float64", largest=1e150, **limits):
    """Finite floats of every magnitude, zeros of both signs and subnormals among them."""
    wide = dtype == "float64"
    bound = largest if wide else float(np.float32(min(largest, 1e18)))
    limits = {"min_value": -bound, "max_value": bound, **limits}
    return st.floats(**limits, width=64 if wide else 32)


@st.composite
def coordinates(draw, n, d):
    """Scaled points (n, d): like a sample, on a coarse grid with ties and repeats, or anything."""
    if (kind := draw(st.sampled_from(["sample", "grid", "anything"]))) == "anything":
        return draw(arrays(np.float64, (n, d), elements=numbers()))
    if kind == "sample":
        points = normals(draw(SEEDS), n * d).reshape(n, d)
    else:
        points = draw(arrays(np.float64, (n, d), elements=st.integers(-2, 2).map(float)))
    return points * 10.0 ** draw(st.sampled_from([0, 0, 0, -1, 1, -150, 150]))


def rows(n, m, dtype):
    """Rows of V (n, m), of any magnitude whose chains cannot overflow."""
    drawn = arrays(dtype, (n, m), elements=numbers(dtype))
    return st.one_of(
        SEEDS.map(lambda seed: normals(seed, n * m).reshape(n, m).astype(dtype)), drawn
    )


def variances_left(n, dtype):
    """Residual variances (n,), above zero."""
    least = 1e-150 if dtype == "float64" else float(np.float32(1e-38))
    return arrays(dtype, n, elements=numbers(dtype, min_value=least))


@st.composite
def factors(draw, m):
    """Lower triangles (m, m) that no substitution overflows with."""
    lower = normals(draw(SEEDS), m * m).reshape(m, m) / 6.0
    return np.tril(lower, -1) + np.diag(0.5 + np.abs(np.diag(lower)))


def limits(q, n):
    """Limits (q,) of the ids that a query sees, or None."""
    return st.one_of(st.none(), arrays(np.int64, q, elements=st.integers(0, n)))


class Problem(NamedTuple):
    """Arguments of `build_residual_backend`, without an engine."""

    points: Any
    options: dict[str, Any]


@st.composite
def problems(draw, most=70):
    """Points and a metric on them: lengthscales near the spread of the points, or far from it."""
    n, d = draw(st.integers(1, most)), draw(st.integers(1, 4))
    points = draw(coordinates(n, d))
    spread = float(np.abs(points).max()) or 1.0
    relative = st.sampled_from([0.1, 0.3, 1.0, 3.0, 1e3, 1e-3])
    scales = st.one_of(relative, st.tuples(*[relative] * d))
    unit = draw(st.sampled_from([1.0, max(spread, 1e-150)]))
    lengthscale = draw(scales.map(lambda scale: (np.asarray(scale) * unit).tolist()))
    return Problem(
        draw(anyhow(st.just(points))),
        {
            "seed": draw(SEEDS),
            "inducing_count": draw(st.integers(1, n + 3)),
            "kernel": draw(KERNELS),
            "lengthscale": lengthscale,
            "variance": draw(VARIANCES),
            "block_dtype": draw(DTYPES),
            "chunk_size": draw(CHUNKS),
        },
    )
