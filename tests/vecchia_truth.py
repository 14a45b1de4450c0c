"""What Vecchia's approximation is, said densely: orderings by definition, covariances whole."""

import numpy as np

from covertreex.metrics._residual_numba import kernel_block


def maxmin_by_definition(coords, first):
    """Each next point maximises the distance to its nearest predecessor; argmax takes the least id.

    Squares are exact for the coordinates of tests, or their equals are of no measure.
    """
    order, nearest = [first], np.full(len(coords), np.inf)
    while len(order) < len(coords):
        squared = ((coords - coords[order[-1]]) ** 2).sum(axis=1)
        nearest = np.minimum(nearest, squared)
        nearest[order] = -1.0
        order.append(int(nearest.argmax()))
    return order


def covariance(coords, kernel, noise):
    """Of the response, (n, n)."""
    scaled = kernel.scale(np.asarray(coords, float))
    whole = kernel_block(scaled, scaled, kernel.name, kernel.variance, "float64")
    return whole + noise * np.eye(len(scaled))


def log_density(y, sigma):
    """Of a normal response of mean zero."""
    _, log_determinant = np.linalg.slogdet(sigma)
    return -0.5 * (y @ np.linalg.solve(sigma, y) + log_determinant + len(y) * np.log(2.0 * np.pi))


def vecchia_covariance(sigma, neighbours):
    """Covariance of the approximation to N(0, sigma): a regression a point, then inverted."""
    n = len(sigma)
    regression, variances = np.eye(n), np.empty(n)
    for i, row in enumerate(neighbours):
        near = row[row >= 0]
        weights = np.linalg.solve(sigma[np.ix_(near, near)], sigma[near, i])
        regression[i, near] = -weights
        variances[i] = sigma[i, i] - weights @ sigma[near, i]
    return np.linalg.inv(regression.T @ np.diag(1.0 / variances) @ regression)


def divergence(exact, approximate):
    """Kullback-Leibler divergence of N(0, approximate) from N(0, exact), in nats."""
    logs = np.linalg.slogdet(approximate)[1] - np.linalg.slogdet(exact)[1]
    return 0.5 * (logs + np.trace(np.linalg.solve(approximate, exact)) - len(exact))
