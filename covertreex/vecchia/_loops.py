"""The compiled loops of Vecchia's approximation, in Numba.

Positions are places in the ordering: ``u`` (n, d), ``v`` (n, m) and ``neighbours`` (n, k) are in
its order, -1 fills up ``neighbours``, and a point's neighbours stand before it. Every array is
C-contiguous. Each output is computed by one thread in one order, so no thread count changes a bit.
``fma`` alone comes from another file: an intrinsic is one instruction, so Numba's cache cannot hold
an old one.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from ..metrics._numba_loops import fma

_compiled = njit(nogil=True, cache=True, error_model="numpy")


@_compiled
def _squared(a, b):
    """Squared Euclidean distance: the contract's chain."""
    s = 0.0
    for c in range(a.size):
        difference = a[c] - b[c]
        s = fma(difference, difference, s)
    return s


@_compiled
def _squared_to_box(x, low, high):
    """At most `_squared` of x to any point of the box: each step of the chain is monotone."""
    s = 0.0
    for c in range(x.size):
        outside = max(low[c] - x[c], x[c] - high[c], 0.0)
        s = fma(outside, outside, s)
    return s


@_compiled
def _farthest_of(ids, start, stop, distance, node, reach, farthest):
    """Find the farthest point of a leaf, equals by id; points that are ordered have distance -1."""
    best, found = -1.0, -1
    for slot in range(start, stop):
        i = ids[slot]
        if distance[i] > best or (distance[i] == best and i < found):
            best, found = distance[i], i
    reach[node], farthest[node] = best, found


@_compiled
def _farther_half(node, reach, farthest):
    left, right = 2 * node + 1, 2 * node + 2
    further = reach[right] > reach[left] or (
        reach[right] == reach[left] and farthest[right] < farthest[left]
    )
    child = right if further else left
    reach[node], farthest[node] = reach[child], farthest[child]


@_compiled
def _come_nearer(u, ids, low, high, new, distance, reach, farthest, stack, entered):
    """Lower the distances of points that the new one is nearer to; boxes it cannot help are passed.

    ``distance`` (n,) is squared; ``reach`` and ``farthest`` (boxes,) are the largest, and whose.
    """
    n, leaves = u.shape[0], (reach.size + 1) // 2
    size, count = 1, 0
    stack[0] = 0
    while size > 0:
        size -= 1
        node = stack[size]
        if _squared_to_box(u[new], low[node], high[node]) >= reach[node]:
            continue
        if node < leaves - 1:
            entered[count] = node
            count += 1
            stack[size], stack[size + 1] = 2 * node + 1, 2 * node + 2
            size += 2
            continue
        leaf = node - (leaves - 1)
        start, stop = leaf * n // leaves, (leaf + 1) * n // leaves
        for slot in range(start, stop):
            i = ids[slot]
            if distance[i] > 0.0:
                distance[i] = min(distance[i], _squared(u[new], u[i]))
        _farthest_of(ids, start, stop, distance, node, reach, farthest)
    for at in range(count - 1, -1, -1):  # children were entered after their parents
        _farther_half(entered[at], reach, farthest)


@_compiled
def maxmin(u, ids, low, high, first, order):
    """Exact max-min ordering; ids, low and high are a tree of boxes in heap order."""
    n, leaves = u.shape[0], (low.shape[0] + 1) // 2
    distance = np.full(n, np.inf)
    reach, farthest = np.empty(low.shape[0]), np.empty(low.shape[0], np.int64)
    leaf_of = np.empty(n, np.int64)
    for leaf in range(leaves):
        start, stop = leaf * n // leaves, (leaf + 1) * n // leaves
        for slot in range(start, stop):
            leaf_of[ids[slot]] = leaf
        _farthest_of(ids, start, stop, distance, leaves - 1 + leaf, reach, farthest)
    for node in range(leaves - 2, -1, -1):
        _farther_half(node, reach, farthest)
    stack, entered = np.empty(128, np.int64), np.empty(leaves, np.int64)
    new = first
    for at in range(n):
        order[at] = new
        distance[new] = -1.0
        _come_nearer(u, ids, low, high, new, distance, reach, farthest, stack, entered)
        leaf = leaf_of[new]  # its box may have been passed, where all its points are duplicates
        node = leaves - 1 + leaf
        start, stop = leaf * n // leaves, (leaf + 1) * n // leaves
        _farthest_of(ids, start, stop, distance, node, reach, farthest)
        while node > 0:
            node = (node - 1) // 2
            _farther_half(node, reach, farthest)
        new = farthest[0]


@_compiled
def _count(neighbours):
    """Count the neighbours before the filling."""
    for j in range(neighbours.size):
        if neighbours[j] < 0:
            return j
    return neighbours.size


@_compiled
def differences(u, neighbours, start, stop, out):
    """Coordinates of one minus the other, ``out`` (d, tile, pairs), of all pairs of each set.

    A set is a point's neighbours, then the point. Pairs (j, a), j <= a, ascend by j, then a.
    """
    for i in range(start, stop):
        count = _count(neighbours[i])
        pair = 0
        for j in range(count + 1):
            of = neighbours[i, j] if j < count else i
            for a in range(j, count + 1):
                to = neighbours[i, a] if a < count else i
                for c in range(u.shape[1]):
                    out[c, i - start, pair] = u[to, c] - u[of, c]
                pair += 1


@_compiled
def _subtract_products(v, members, products, upper):
    """``upper[j, a] -= v_j . v_a`` for j <= a; ``products`` (m, size) is scratch.

    Four columns at a time are the same chain, with a quarter of the loads and stores.
    """
    size, m = members.size, v.shape[1]
    for a in range(size):
        for c in range(m):
            products[c, a] = v[members[a], c]
    for c in range(0, m - 3, 4):
        x0, x1, x2, x3 = products[c], products[c + 1], products[c + 2], products[c + 3]
        for j in range(size):
            y0, y1, y2, y3 = -x0[j], -x1[j], -x2[j], -x3[j]
            for a in range(j, size):
                s = fma(y1, x1[a], fma(y0, x0[a], upper[j, a]))
                upper[j, a] = fma(y3, x3[a], fma(y2, x2[a], s))
    for c in range(m - m % 4, m):
        for j in range(size):
            minus = -products[c, j]
            for a in range(j, size):
                upper[j, a] = fma(minus, products[c, a], upper[j, a])


@_compiled
def _factor(upper, size, least):
    """Cholesky factor in place, ``upper[j, a] = L[a, j]``, its last pivot left unrooted.

    Returns whether each pivot is above ``least``. Vectors run across a, never across a sum.
    """
    for j in range(size - 1):
        if not upper[j, j] > least:
            return False
        upper[j, j] = math.sqrt(upper[j, j])
        for a in range(j + 1, size):
            upper[j, a] /= upper[j, j]
        for b in range(j + 1, size):
            minus = -upper[j, b]
            for a in range(b, size):
                upper[b, a] = fma(minus, upper[j, a], upper[b, a])
    return upper[size - 1, size - 1] > least


@_compiled
def conditionals(
    covariances, v, neighbours, noise, resolution, start, stop, coefficients, variances
):
    """Regress points on their neighbours: ``coefficients`` (n, k), 0 behind the last neighbour.

    ``covariances`` (tile, pairs) are those of the pairs of `differences`. Returns the first
    position whose covariance is not positive definite to ``resolution``, or -1.
    """
    most = neighbours.shape[1] + 1
    upper = np.empty((most, most))
    products = np.empty((v.shape[1], most))
    members = np.empty(most, np.int64)
    for i in range(start, stop):
        count = _count(neighbours[i])
        members[:count], members[count] = neighbours[i, :count], i
        pair = 0
        for j in range(count + 1):
            for a in range(j, count + 1):
                upper[j, a] = covariances[i - start, pair]
                pair += 1
            upper[j, j] += noise
        _subtract_products(v, members[: count + 1], products, upper)
        if not _factor(upper, count + 1, (count + 1) * resolution):
            return i
        variances[i] = upper[count, count]
        for j in range(count - 1, -1, -1):
            s = upper[j, count]
            for a in range(j + 1, count):
                s = fma(-upper[j, a], coefficients[i, a], s)
            coefficients[i, j] = s / upper[j, j]
    return -1


@_compiled
def whitened(values, neighbours, coefficients, variances, start, stop, out):
    """Subtract regressions from rows of values (n, w); divide by the conditional deviation."""
    for i in range(start, stop):
        row = out[i - start]
        row[:] = values[i]
        for j in range(_count(neighbours[i])):
            minus, other = -coefficients[i, j], values[neighbours[i, j]]
            for c in range(row.size):
                row[c] = fma(minus, other[c], row[c])
        deviation = math.sqrt(variances[i])
        for c in range(row.size):
            row[c] /= deviation


@_compiled
def precision_times(white, neighbours, coefficients, variances, out):
    """Undo `whitened` transposed: ``out = B^T D^-1/2 white``, out (n,) zero before."""
    for i in range(white.size):
        scaled = white[i] / math.sqrt(variances[i])
        out[i] += scaled
        for j in range(_count(neighbours[i])):
            out[neighbours[i, j]] -= coefficients[i, j] * scaled


@_compiled
def add_products(rows, start, stop, lower):
    """``lower[a, b] += sum_i rows[i, a] rows[i, b]`` for b <= a of ``start`` to ``stop``."""
    for i in range(rows.shape[0]):
        for a in range(start, stop):
            value = rows[i, a]
            for b in range(a + 1):
                lower[a, b] = fma(value, rows[i, b], lower[a, b])


@_compiled
def transposed_times(v, weights, out):
    """``out = V^T weights``, out (m,) zero before; the points ascend."""
    for i in range(weights.size):
        for c in range(out.size):
            out[c] = fma(weights[i], v[i, c], out[c])


@_compiled
def less_product(v, x, y, out):
    """``out = y - V x``, (n,)."""
    for i in range(out.size):
        s = y[i]
        for c in range(x.size):
            s = fma(-v[i, c], x[c], s)
        out[i] = s


@_compiled
def solve(lower, x):
    """Solve ``L L^T x = b`` in place of b."""
    m = x.size
    for a in range(m):
        for b in range(a):
            x[a] = fma(-lower[a, b], x[b], x[a])
        x[a] /= lower[a, a]
    for a in range(m - 1, -1, -1):
        x[a] /= lower[a, a]
        for b in range(a):
            x[b] = fma(-lower[a, b], x[a], x[b])
