"""From a case to its input arrays, by integer draws alone: no generator whose stream may change.

This is a third SplitMix64, vectorised over NumPy's uint64, beside the two of the engines; a test
holds the three together.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from covertreex.kernels import kernel_from_name

from .cases import Case

F64 = npt.NDArray[np.float64]


def splitmix64(seed: int, count: int) -> npt.NDArray[np.uint64]:
    """``count`` outputs of SplitMix64 from the state ``seed``."""
    step = np.arange(1, count + 1, dtype=np.uint64)
    z = np.uint64(seed) + step * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def uniforms(seed: int, count: int) -> F64:
    """Uniforms in [0, 1), multiples of 2**-53."""
    return (splitmix64(seed, count) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normals(seed: int, count: int) -> F64:
    """Sums of twelve uniforms, in order, minus six."""
    twelve = uniforms(seed, 12 * count).reshape(count, 12)
    total = twelve[:, 0].copy()
    for column in range(1, 12):
        total += twelve[:, column]
    return total - 6.0


def _arange(case: Case) -> F64:
    return np.arange(case.n * case.d, dtype=np.float64).reshape(case.n, case.d)


def _normal(case: Case) -> F64:
    return normals(case.seed, case.n * case.d).reshape(case.n, case.d)


def _repeated(case: Case) -> F64:
    distinct = normals(case.seed, (case.n // 4 + 1) * case.d).reshape(-1, case.d)
    return distinct[np.arange(case.n) % len(distinct)]


def _grid(case: Case) -> F64:
    side = round(case.n ** (1.0 / case.d))
    axes = np.meshgrid(*[np.arange(side, dtype=np.float64) * 0.5] * case.d, indexing="ij")
    return np.stack([axis.ravel() for axis in axes], axis=1)[: case.n]


def _cluster(case: Case) -> F64:
    return uniforms(case.seed, case.n * case.d).reshape(case.n, case.d) * 2.0**-6


def _far(case: Case) -> F64:
    return _repeated(case) * 2.0**600


def _short(case: Case) -> F64:
    # 27 bits each: their products are exact, and half way between two floats once another is added
    return (
        np.floor(uniforms(case.seed, case.n * case.d).reshape(case.n, case.d) * 2.0**27) * 2.0**-27
    )


RECIPES = {
    "arange": _arange,
    "cluster": _cluster,
    "far": _far,
    "grid": _grid,
    "normal": _normal,
    "repeated": _repeated,
    "short": _short,
}


def make_inputs(case: Case) -> dict[str, npt.NDArray[np.generic]]:
    """Return every array and setting a stage reads, each as an array so that all are hashed."""
    points = RECIPES[case.points](case)
    kernel = kernel_from_name(case.kernel, lengthscale=case.lengthscale, variance=case.variance)
    return {
        "points": points,
        "scaled": kernel.scale(points),
        "seed": np.array(case.seed, np.uint64),
        "inducing_count": np.array(case.inducing, np.int64),
        "kernel": np.array(case.kernel),
        "variance": np.array(case.variance),
        "eps": np.array(1e-9 * case.variance if case.eps is None else case.eps),
        "block_dtype": np.array(case.block_dtype),
        "query_indices": np.arange(case.queries) * case.n // case.queries,
        "chunk_indices": (np.arange(case.columns) * 7 + 3) % case.n,
        "radii": np.full(case.queries, case.radius),
        "k": np.array(case.k, np.int64),
    }
