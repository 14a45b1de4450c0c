"""The reference engine: means, deviations and correlations of columns, by NumPy.

A reference is written to be read, and to give the same bits on every machine: it adds row after
row, one NumPy operation each, because the order in which `numpy.sum` adds depends on the CPU. For
the same reason it calls no `exp` or `sin`; `+ - * /` and `sqrt` are exact to the last bit.
"""

import numpy as np


def centre(data):
    """Return the mean of each column, and the deviations from it."""
    mean = _column_sums(data) / len(data)
    return mean, data - mean


def correlate(deviation):
    """Return the correlation of each pair of columns."""
    columns = deviation.shape[1]
    product = np.empty((columns, columns))
    for column in range(columns):
        product[column] = _column_sums(deviation * deviation[:, column, None])
    scale = np.sqrt(np.diag(product))
    return product / (scale[:, None] * scale[None, :])


def strongest(correlation):
    """Return, for each column, which other one it is correlated with most."""
    strength = np.abs(correlation)
    np.fill_diagonal(strength, -1.0)
    return np.argmax(strength, axis=1)


def _column_sums(rows):
    total = np.zeros(rows.shape[1])
    for row in rows:
        total = total + row
    return total
