"""What a compressed cover tree is, twice: its laws, and the definition carried out naively.

Both take all distances (n, n) and look at nothing else, so they hold for any metric and any engine.
"""

import math

import numpy as np
from parity.inputs import splitmix64

from covertreex.search.tree import NEVER


def broken_laws(tree, distances):
    """Names of the laws that a tree breaks, most basic first; none for a tree that is right."""
    n = len(distances)
    if shape := [name for name, holds in _layout(tree, n).items() if not holds]:
        return shape
    return [name for name, holds in _cover(tree, distances).items() if not holds]


def _layout(tree, n):
    everyone = np.arange(n)
    once = np.array_equal(np.sort(tree.order), everyone)
    first, last, parent = tree.first, tree.last, tree.parent
    below = [[] for _ in range(n)]
    for at in np.flatnonzero((parent >= 0) & (parent < n)):
        below[parent[at]].append(at)
    ranges = True
    for at in everyone:  # a node, then its children's ranges, by ascending level, nothing between
        end = first[at] + 1
        children = sorted(below[at], key=lambda child: first[child])
        for child in children:
            ranges &= bool(first[child] == end)
            end = last[child]
        ranges &= bool(end == last[at])
        ranges &= bool((np.diff(tree.level[children].astype(int)) >= 0).all())
    root = tree.order[0]
    return {
        "once": once and np.array_equal(tree.order[first.clip(0, n - 1)], everyone),
        "one root": parent[root] == -1 and (parent == -1).sum() == 1 and last[root] == n,
        "ranges": ranges,
        "nesting": all(tree.level[parent[at]] > tree.level[at] for at in everyone if at != root),
    }


def _cover(tree, distances):
    level, parent, n = tree.level.astype(int), tree.parent, len(distances)
    reach = [_power(tree.floor if i == NEVER else i + 1) for i in level]
    joined = np.flatnonzero(level != NEVER)
    covering = separation = nearest = radius = True
    for at in range(n):
        below = tree.order[tree.first[at] + 1 : tree.last[at]]
        radius &= tree.radius[at] == distances[at, below].max(initial=0.0)
        if parent[at] >= 0:
            covering &= bool(distances[parent[at], at] <= reach[at])
            above = np.flatnonzero(level > max(level[at], NEVER))
            nearest &= parent[at] == min(above, key=lambda one: (distances[one, at], one))
    for i in np.unique(level[joined]):
        centres = np.flatnonzero(level >= i)
        apart = distances[np.ix_(centres, centres)] > _power(int(i))
        separation &= bool(apart[~np.eye(centres.size, dtype=bool)].all())
        others = np.setdiff1d(np.arange(n), centres)
        if others.size:
            covering &= bool(distances[np.ix_(centres, others)].min(axis=0).max() <= _power(int(i)))
    return {
        "covering": covering,
        "separation": separation,
        "nearest parent": nearest,
        "radius": radius,
    }


def _power(level):
    if level > 1023:
        return math.inf
    return math.ldexp(1.0, int(level))


def naive_nets(distances, seed, most):
    """Parents, levels and floor by the definition, one point and one level at a time."""
    n = len(distances)
    priority = np.argsort(splitmix64(seed, n), kind="stable").tolist()
    centres, parent, level = [priority[0]], [-1] * n, [NEVER] * n
    level[priority[0]] = 0

    def closest(at, among):
        return min((distances[one][at], one) for one in among)

    while others := [at for at in priority if at not in centres and closest(at, centres)[0] > 0.0]:
        farthest = max(closest(at, centres)[0] for at in others)
        i = max(i for i in range(-1100, 1024) if _power(i) < farthest)
        if len(centres) == 1:
            level[centres[0]] = i + 1
        net = list(centres)
        for at in others:
            if closest(at, net)[0] > _power(i):
                net.append(at)
        if len(net) > most:
            break
        for at in net[len(centres) :]:
            parent[at], level[at] = closest(at, centres)[1], i
        centres = net
    for at in set(range(n)).difference(centres):
        parent[at] = closest(at, centres)[1]
    return parent, level, i + 1 if others else NEVER
