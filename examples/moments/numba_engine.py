"""The candidate engine: the same three steps in compiled loops.

A sum is kept in four parts, which a CPU adds at the same time. That is another order than the
reference's, and so the last bits differ: by how much they may is what `policy.toml` says.
"""

import numpy as np
from numba import njit


@njit(cache=True)
def _dot(left, right):
    a = b = c = d = 0.0
    whole = len(left) // 4 * 4
    for i in range(0, whole, 4):
        a += left[i] * right[i]
        b += left[i + 1] * right[i + 1]
        c += left[i + 2] * right[i + 2]
        d += left[i + 3] * right[i + 3]
    for i in range(whole, len(left)):
        a += left[i] * right[i]
    return (a + b) + (c + d)


@njit(cache=True)
def centre(data):
    """Return the mean of each column, and the deviations from it."""
    rows, columns = data.shape
    ones, mean = np.ones(rows), np.empty(columns)
    for j in range(columns):
        mean[j] = _dot(data[:, j], ones) / rows
    return mean, data - mean


@njit(cache=True)
def correlate(deviation):
    """Return the correlation of each pair of columns."""
    columns = deviation.shape[1]
    product = np.empty((columns, columns))
    for i in range(columns):
        for j in range(columns):
            product[i, j] = _dot(deviation[:, i], deviation[:, j])
    correlation = np.empty((columns, columns))
    for i in range(columns):
        for j in range(columns):
            correlation[i, j] = product[i, j] / (np.sqrt(product[i, i]) * np.sqrt(product[j, j]))
    return correlation


@njit(cache=True)
def strongest(correlation):
    """Return, for each column, which other one it is correlated with most."""
    columns = len(correlation)
    found = np.zeros(columns, np.int64)
    for i in range(columns):
        most = -1.0
        for j in range(columns):
            if j != i and abs(correlation[i, j]) > most:
                most, found[i] = abs(correlation[i, j]), j
    return found
