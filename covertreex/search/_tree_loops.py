"""The reference tree's compiled loops: the curve, the boxes, nets and layout, in Numba.

``_tree_numba.py`` holds the stages that call them. u (n, d) are scaled coordinates, C-contiguous;
ids index its rows. A tree of boxes has ``2 ** height`` leaves, and nodes in heap order: below node
k stand 2k + 1 and 2k + 2, and the leaves are the last. ``fma`` alone comes from another file: an
intrinsic is one instruction, so Numba's cache cannot hold an old one.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from ..metrics._numba_loops import fma

_compiled = njit(nogil=True, cache=True, error_model="numpy")


@_compiled
def _distance(a, b):
    """Euclidean distance: the contract's chain of squared differences, then its square root."""
    s = 0.0
    for c in range(a.size):
        difference = a[c] - b[c]
        s = fma(difference, difference, s)
    return math.sqrt(s)


@_compiled
def _box_distance(x, low, high):
    """At most `_distance` of x to any point of the box: each step of the chain is monotone."""
    s = 0.0
    for c in range(x.size):
        outside = 0.0
        if x[c] < low[c]:
            outside = low[c] - x[c]
        elif x[c] > high[c]:
            outside = x[c] - high[c]
        s = fma(outside, outside, s)
    return math.sqrt(s)


@_compiled
def _place(cell, bits):
    """Place of a cell on the Hilbert curve (Skilling, 2004); ``cell`` is changed."""
    for bit in range(bits - 1, 0, -1):
        below = (1 << bit) - 1
        for c in range(cell.size):
            if cell[c] >> bit & 1:
                cell[0] ^= below
            else:
                other = (cell[0] ^ cell[c]) & below
                cell[0] ^= other
                cell[c] ^= other
    for c in range(1, cell.size):
        cell[c] ^= cell[c - 1]
    turn = 0
    for bit in range(1, bits):
        if cell[cell.size - 1] >> bit & 1:
            turn ^= (1 << bit) - 1
    place = np.uint64(0)
    for bit in range(bits - 1, -1, -1):
        for c in range(cell.size):
            place = place << np.uint64(1) | np.uint64((cell[c] ^ turn) >> bit & 1)
    return place


@_compiled
def hilbert_keys(u, low, extent, bits, start, stop, out):
    """Places of points on the curve, counted in ``2 ** bits`` cells a coordinate."""
    cells = float(1 << bits)
    cell = np.empty(low.size, np.int64)
    for i in range(start, stop):
        for c in range(low.size):
            # Halves, because a difference of two finite numbers may overflow.
            part = (0.5 * u[i, c] - 0.5 * low[c]) / extent * cells if extent > 0.0 else 0.0
            cell[c] = np.int64(part) if part < cells else (1 << bits) - 1
        out[i] = _place(cell, bits)


@_compiled
def box_order(u, height):
    """Ids in the order of repeated halving at the median of the widest coordinate."""
    n, d = u.shape
    ids = np.arange(n)
    for depth in range(height):
        for node in range(1 << depth):
            part = ids[node * n >> depth : (node + 1) * n >> depth]
            widest, width = 0, -1.0
            for c in range(d):
                x = u[:, c][part]
                if x.max() - x.min() > width:
                    widest, width = c, x.max() - x.min()
            part[:] = part[np.argsort(u[:, widest][part])]
    return ids


@_compiled
def box_corners(u, ids, height):
    """Lower and upper corners (nodes, d) of the boxes."""
    n, d = u.shape
    low = np.full(((2 << height) - 1, d), np.inf)
    high = np.full(((2 << height) - 1, d), -np.inf)
    for depth in range(height + 1):
        for node in range(1 << depth):
            at = (1 << depth) - 1 + node
            for slot in range(node * n >> depth, (node + 1) * n >> depth):
                for c in range(d):
                    x = u[ids[slot], c]
                    low[at, c] = min(low[at, c], x)
                    high[at, c] = max(high[at, c], x)
    return low, high


@_compiled
def relax(u, ids, low, high, farthest, centres, top, distance, centre):
    """Offer centres to all points of the box ``top``; only boxes they may reach are entered.

    ``farthest`` holds the largest distance of a box's points to their nearest centres. Equals are
    entered, because ties go to the lower id. Twin: ``src/tree/boxes.rs``.
    """
    n, leaves = u.shape[0], (farthest.size + 1) // 2
    stack = np.empty(128, np.int64)
    for new in centres:
        stack[0], size = top, 1
        while size > 0:
            size -= 1
            node = stack[size]
            if _box_distance(u[new], low[node], high[node]) > farthest[node]:
                continue
            if node < leaves - 1:
                stack[size], stack[size + 1] = 2 * node + 1, 2 * node + 2
                size += 2
                continue
            leaf = node - (leaves - 1)
            most = 0.0
            for slot in range(leaf * n // leaves, (leaf + 1) * n // leaves):
                i = ids[slot]
                found = _distance(u[new], u[i])
                if found < distance[i] or (found == distance[i] and new < centre[i]):
                    distance[i], centre[i] = found, new
                most = max(most, distance[i])
            farthest[node] = most


@_compiled
def raise_farthest(farthest):
    """Make each box's ``farthest`` the larger one of its halves'."""
    for node in range(farthest.size // 2 - 1, -1, -1):
        farthest[node] = max(farthest[2 * node + 1], farthest[2 * node + 2])


@_compiled
def distance_block(u, ids, out):
    """Euclidean distances (b, b) among some points."""
    for i in range(ids.size):
        for j in range(ids.size):
            out[i, j] = _distance(u[ids[i]], u[ids[j]])


@_compiled
def farthest_below(u, order, first, last, start, stop, radius):
    """Largest distance from each node to its descendants."""
    for node in range(start, stop):
        for at in range(first[node] + 1, last[node]):
            radius[node] = max(radius[node], _distance(u[node], u[order[at]]))


@_compiled
def next_batch(waiting, at, distance, reach, batch):
    """Fill ``batch`` with the next ids beyond reach; return how many, and where to go on."""
    size = 0
    while at < waiting.size and size < batch.size:
        if distance[waiting[at]] > reach:
            batch[size] = waiting[at]
            size += 1
        at += 1
    return size, at


@_compiled
def apart(block, reach):
    """Which of a batch no earlier one of these covers, from their distances (b, b)."""
    joins = np.ones(len(block), np.bool_)
    for i in range(len(block)):
        if joins[i]:
            for j in range(i + 1, len(block)):
                if block[i, j] <= reach:
                    joins[j] = False
    return joins


@_compiled
def depth_first(ascending, parent, order, first, last):
    """Lay nodes out depth first; ``ascending`` has children before their parents."""
    last[:] = 1  # how many points lie below a node, itself among them
    for node in ascending:
        above = parent[node]
        if above >= 0:
            first[node] = last[above]  # how far behind its parent it stands
            last[above] += last[node]
    for node in ascending[::-1]:
        if parent[node] >= 0:
            first[node] += first[parent[node]]
        last[node] += first[node]
        order[first[node]] = node
