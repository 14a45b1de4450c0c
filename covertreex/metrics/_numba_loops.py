"""The reference engine's compiled loops: each formula and each rounding of the contract, in Numba.

The rules (docs/numeric-contract.md): a sum of products is one fma chain in ascending order from
+0.0, vectors run across outputs and never across a sum, and nothing but ``+ - * / sqrt fma``
decides a bit. ``_residual_numba.py`` holds the stages that call these loops.

Shapes: n points of d coordinates, m inducing points, q queries against c columns; ``columns``
(d, c) are transposed scaled coordinates. Every array is C-contiguous.

All compiled functions stand in this one file on purpose: Numba's cache looks only at the file a
function stands in, so a function compiled from an edited neighbour would go on being used.
"""

from __future__ import annotations

import math
import struct

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

_compiled = njit(nogil=True, cache=True, error_model="numpy")


@intrinsic
def fma(typingctx, a, b, c):
    """Compute ``a * b + c``, rounded once; all of one float type, or it does not compile."""
    if not (a == b == c and a in (types.float32, types.float64)):
        return None

    def codegen(context, builder, signature, args):
        return builder.fma(*args)

    return a(a, a, a), codegen


@intrinsic
def _bits(typingctx, x):
    """Reinterpret a float64 as int64."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), codegen


@intrinsic
def _from_bits(typingctx, x):
    """Reinterpret an int64 as float64."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), codegen


EXP_CONSTANTS = {
    "LOG2E": 0x3FF71547652B82FE,
    "MAGIC": 0x4338000000000000,
    "LN2_HI": 0x3FE62E42FEFA3800,
    "LN2_LO": 0x3D2EF35793C76730,
    "C2": 0x3FE000000000000A,
    "C3": 0x3FC55555555554FA,
    "C4": 0x3FA555555555087C,
    "C5": 0x3F81111111127BE5,
    "C6": 0x3F56C16C1842A126,
    "C7": 0x3F2A01A012A57B5E,
    "C8": 0x3EFA0199A0C66195,
    "C9": 0x3EC71DF255235E0B,
    "C10": 0x3E928AD72CD4AB37,
    "C11": 0x3E5AD7F6F0E24922,
}


"""Bit patterns of the constants of `exp`; `covertreex._rust.exp_constants` returns their twins."""


_MAGIC_BITS = EXP_CONSTANTS["MAGIC"]


_LOG2E, _MAGIC, _LN2_HI, _LN2_LO, _C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9, _C10, _C11 = (
    struct.unpack("<d", struct.pack("<Q", bits))[0] for bits in EXP_CONSTANTS.values()
)


@_compiled
def _least(x, bound):
    return x if x < bound else bound


@_compiled
def _most(x, bound):
    return x if x > bound else bound


@_compiled
def _exp(x):
    """Exponential of the contract: Cody-Waite reduction, degree 11 in Horner form, two scalings."""
    x = -746.0 if x < -746.0 else x
    x = 710.0 if x > 710.0 else x
    shifted = fma(x, _LOG2E, _MAGIC)
    k = _bits(shifted) - _MAGIC_BITS
    whole = shifted - _MAGIC
    r = fma(-whole, _LN2_HI, x)
    r = fma(-whole, _LN2_LO, r)
    p = fma(_C11, r, _C10)
    p = fma(p, r, _C9)
    p = fma(p, r, _C8)
    p = fma(p, r, _C7)
    p = fma(p, r, _C6)
    p = fma(p, r, _C5)
    p = fma(p, r, _C4)
    p = fma(p, r, _C3)
    p = fma(p, r, _C2)
    p = fma(p, r, 1.0)
    p = fma(p, r, 1.0)
    half = k >> 1
    return p * _from_bits((half + 1023) << 52) * _from_bits((k - half + 1023) << 52)


@_compiled
def chain(a, b):
    """Sum of products of two vectors, the definition: one fma chain, ascending, from +0.0."""
    total = a.dtype.type(0.0)
    for k in range(a.size):
        total = fma(a[k], b[k], total)
    return total


_FLOATS = ({types.float32}, {types.float64})
_TILE_ROWS = 4


_TILE_BYTES = 128


@intrinsic
def _chain_tile(typingctx, sums, rows, first, panel, depth):
    """Continue the chains of a tile: ``sums[r, j] = fma(rows[first + r, k], panel[k, j], .)``.

    k ascends over ``depth``; r runs over `_TILE_ROWS` and j over the lanes of one panel, which is
    as wide as `_TILE_BYTES`. The sums stay in vector registers: each lane is one output's chain,
    the same operations in the same order as `chain`. Arrays that are not C-contiguous, or not of
    one dtype, do not compile.
    """
    arrays = (sums, rows, panel)
    if {a.layout for a in arrays} != {"C"} or {a.dtype for a in arrays} not in _FLOATS:
        return None

    def codegen(context, builder, signature, args):
        sums_type, rows_type, _, panel_type, _ = signature.args
        element = context.get_value_type(rows_type.dtype)
        bits = rows_type.dtype.bitwidth
        lanes = 8 * _TILE_BYTES // bits
        vector = ir.VectorType(element, lanes)
        fused = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(vector, [vector] * 3),
            f"llvm.fma.v{lanes}f{bits}",
        )
        sums, rows, panel = (
            context.make_array(kind)(context, builder, value)
            for kind, value in ((sums_type, args[0]), (rows_type, args[1]), (panel_type, args[3]))
        )
        width = cgutils.unpack_tuple(builder, rows.shape, 2)[1]
        index = width.type
        blank = ir.Constant(vector, ir.Undefined)
        first_lane = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)

        def at(base, offset):
            return builder.bitcast(builder.gep(base, [offset]), vector.as_pointer())

        starts = [
            builder.gep(rows.data, [builder.mul(builder.add(args[2], index(r)), width)])
            for r in range(_TILE_ROWS)
        ]
        slots = [cgutils.alloca_once(builder, vector) for _ in range(_TILE_ROWS)]
        for r, slot in enumerate(slots):
            builder.store(builder.load(at(sums.data, index(r * lanes)), align=bits // 8), slot)
        with cgutils.for_range(builder, args[4]) as loop:
            offset = builder.mul(loop.index, index(lanes))
            column = builder.load(at(panel.data, offset), align=bits // 8)
            for start, slot in zip(starts, slots, strict=True):
                scalar = builder.load(builder.gep(start, [loop.index]))
                spread = builder.insert_element(blank, scalar, ir.IntType(32)(0))
                spread = builder.shuffle_vector(spread, blank, first_lane)
                builder.store(builder.call(fused, [spread, column, builder.load(slot)]), slot)
        for r, slot in enumerate(slots):
            builder.store(builder.load(slot), at(sums.data, index(r * lanes)), align=bits // 8)
        return context.get_dummy_value()

    return types.void(sums, rows, types.intp, panel, types.intp), codegen


@_compiled
def _lanes(array):
    return _TILE_BYTES // array.itemsize


ENVIRONMENT = ("flush-to-zero", "denormals-are-zero", "rounding mode")


@_compiled
def environment(smallest_normal, smallest, ulp):
    """Bits set for what of `ENVIRONMENT` is found; the arguments are data, so nothing is folded."""
    found = 0
    if _bits(smallest_normal * 0.5) == 0:  # by bits: ignored subnormals also compare equal to 0
        found |= 1
    if smallest * (1.0 / ulp) * (1.0 / ulp) == 0.0:
        found |= 2
    step = 0.5 * ulp
    if 1.0 + step != 1.0 or (1.0 + ulp) + step != 1.0 + 2.0 * ulp or -1.0 - step != -1.0:
        found |= 4
    return found


@_compiled
def _mix(state):
    z = state
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@_compiled
def splitmix64(seed, out):
    state = seed
    for i in range(out.size):
        state += np.uint64(0x9E3779B97F4A7C15)
        out[i] = _mix(state)


@_compiled
def sum_twelve(uniform, out):
    for i in range(out.size):
        total = uniform[12 * i]
        for j in range(1, 12):
            total += uniform[12 * i + j]
        out[i] = total - 6.0


@_compiled
def shuffle_front(order, draws):
    for i in range(draws.size):
        j = i + np.int64(draws[i] % np.uint64(order.size - i))
        order[i], order[j] = order[j], order[i]


_RBF, _MATERN12, _MATERN32, _MATERN52 = range(4)


KINDS = {"rbf": _RBF, "matern12": _MATERN12, "matern32": _MATERN32, "matern52": _MATERN52}


@_compiled
def _covariance(kind, variance, s):
    """Covariance at squared scaled distance s; the formulas, once. Twin: ``src/kernel.rs``."""
    if kind == _RBF:
        return variance * _exp(-0.5 * s)
    if kind == _MATERN12:
        return variance * _exp(-math.sqrt(s))
    if kind == _MATERN32:
        r = _least(math.sqrt(3.0 * s), 746.0)
        return variance * ((r + 1.0) * _exp(-r))
    r = _least(math.sqrt(5.0 * s), 746.0)
    return variance * (fma(r, fma(r, 1.0 / 3.0, 1.0), 1.0) * _exp(-r))


@_compiled
def _squared_row(u_i, columns, s):
    """Squared distances (c,) of one query to all columns; ``columns`` (d, c) are transposed."""
    s[:] = 0.0
    for coordinate in range(columns.shape[0]):
        at = u_i[coordinate]
        for j in range(s.size):
            difference = at - columns[coordinate, j]
            s[j] = fma(difference, difference, s[j])


@_compiled
def _kernel_row(u_i, columns, kind, variance, s, out):
    """One query against all columns: ``columns`` (d, c) are transposed, ``s`` (c,) is scratch."""
    _squared_row(u_i, columns, s)
    if kind == _RBF:  # branch outside the loops, so that each is one vector loop
        for j in range(s.size):
            out[j] = _covariance(_RBF, variance, s[j])
    elif kind == _MATERN12:
        for j in range(s.size):
            out[j] = _covariance(_MATERN12, variance, s[j])
    elif kind == _MATERN32:
        for j in range(s.size):
            out[j] = _covariance(_MATERN32, variance, s[j])
    else:
        for j in range(s.size):
            out[j] = _covariance(_MATERN52, variance, s[j])


@_compiled
def kernel_rows(u_q, columns, kind, variance, start, stop, out):
    s = np.empty(columns.shape[1])
    for i in range(start, stop):
        _kernel_row(u_q[i], columns, kind, variance, s, out[i])


@_compiled
def exp_all(x, out):
    for i in range(x.size):
        out[i] = _exp(x[i])


@_compiled
def cholesky(covariance, jitter, lower):
    """Fill ``lower``; return the row of the first pivot that is not above zero, or -1."""
    for i in range(lower.shape[0]):
        for j in range(i + 1):
            s = covariance[i, j]
            if i == j:
                s += jitter
            for k in range(j):
                s = fma(-lower[i, k], lower[j, k], s)
            if i == j:
                if not s > 0.0:
                    return i
                lower[i, i] = math.sqrt(s)
            else:
                lower[i, j] = s / lower[j, j]
    return -1


@_compiled
def negated_panels(lower):
    """Cut -L into panels of `_lanes` columns of L^T: shape (ceil(m / lanes), m, lanes)."""
    m, lanes = lower.shape[0], _lanes(lower)
    panels = np.zeros((-(-m // lanes), m, lanes))
    for j in range(m):
        for k in range(j):
            panels[j // lanes, k, j % lanes] = -lower[j, k]
    return panels


@_compiled
def project_rows(u, columns, lower, panels, kind, variance, start, stop, v_out, p_out):
    """Forward substitution of rows ``start`` to ``stop``, `_TILE_ROWS` at a time."""
    m, lanes = lower.shape[0], _lanes(lower)
    v = np.empty((_TILE_ROWS, m))
    s = np.empty(m)
    sums = np.empty((_TILE_ROWS, lanes))
    least = 1e-9 * variance
    for i in range(start, stop, _TILE_ROWS):
        rows = min(_TILE_ROWS, stop - i)
        for r in range(_TILE_ROWS):
            _kernel_row(u[i + min(r, rows - 1)], columns, kind, variance, s, v[r])
        for block in range(panels.shape[0]):
            first = block * lanes
            width = min(lanes, m - first)
            for r in range(_TILE_ROWS):
                for j in range(width):
                    sums[r, j] = v[r, first + j]
            _chain_tile(sums, v, 0, panels[block], first)
            for r in range(_TILE_ROWS):
                for j in range(width):  # lanes up to j are done; what they go on to hold is unused
                    value = sums[r, j] / lower[first + j, first + j]
                    v[r, first + j] = value
                    for lane in range(lanes):
                        sums[r, lane] = fma(value, panels[block, first + j, lane], sums[r, lane])
        for r in range(rows):
            v_out[i + r] = v[r]
            p_out[i + r] = _most(variance - chain(v[r], v[r]), least)


@_compiled
def dot_tile(v_q, start, stop, v_c, first, last, out):
    """``out[:stop-start, :last-first]``: chains of the rows of v_q with the rows of v_c."""
    depth, lanes = v_q.shape[1], _lanes(v_c)
    panel = np.empty((depth, lanes), v_c.dtype)
    edge = np.empty((_TILE_ROWS, depth), v_q.dtype)
    sums = np.empty((_TILE_ROWS, lanes), v_c.dtype)
    for j0 in range(first, last, lanes):
        width = min(lanes, last - j0)
        for lane in range(lanes):
            column = j0 + min(lane, width - 1)
            for k in range(depth):
                panel[k, lane] = v_c[column, k]
        for i in range(start, stop, _TILE_ROWS):
            rows = min(_TILE_ROWS, stop - i)
            sums[:] = 0.0
            if rows == _TILE_ROWS:
                _chain_tile(sums, v_q, i, panel, depth)
            else:
                edge[:rows] = v_q[i : i + rows]
                edge[rows:] = 0.0
                _chain_tile(sums, edge, 0, panel, depth)
            for r in range(rows):
                for lane in range(width):
                    out[i - start + r, j0 - first + lane] = sums[r, lane]


@_compiled
def _distance(residual, p_i, p_j, eps_squared):
    """``sqrt(1 - |rho|)``: the formula, once. Twin: ``correlation_gap`` in ``src/distance.rs``."""
    rho = residual / math.sqrt(_most(p_i * p_j, eps_squared))
    return math.sqrt(_most(1.0 - _least(abs(rho), 1.0), 0.0))


@_compiled
def _distance_row(kernel_row, dot_row, p_i, p_c, eps, out):
    """One query's distances: ``kernel - dot`` rounded in the block dtype, the rest in float64."""
    eps_squared = eps * eps
    for j in range(out.size):
        residual = kernel_row[j] - dot_row[j]
        out[j] = _distance(np.float64(residual), p_i, p_c[j], eps_squared)


@_compiled
def distance_rows(p_q, p_c, kernel, dot, radii, eps, start, stop, distances, mask):
    for i in range(start, stop):
        _distance_row(kernel[i], dot[i], p_q[i], p_c, eps, distances[i])
        for j in range(p_c.size):
            mask[i, j] = distances[i, j] <= radii[i]


@_compiled
def _after(distance_a, index_a, distance_b, index_b):
    """Whether a comes after b in the order of (distance, index)."""
    return distance_a > distance_b or (distance_a == distance_b and index_a > index_b)


@_compiled
def _sift_down(distances, indices, size):
    """Restore the max-heap of (distance, index) after its root was replaced."""
    at = 0
    while True:
        child = 2 * at + 1
        if child >= size:
            return
        right = child + 1
        if right < size and _after(
            distances[right], indices[right], distances[child], indices[child]
        ):
            child = right
        if not _after(distances[child], indices[child], distances[at], indices[at]):
            return
        distances[at], distances[child] = distances[child], distances[at]
        indices[at], indices[child] = indices[child], indices[at]
        at = child


@_compiled
def _heap_sort(distances, indices):
    for last in range(distances.size - 1, 0, -1):
        distances[0], distances[last] = distances[last], distances[0]
        indices[0], indices[last] = indices[last], indices[0]
        _sift_down(distances, indices, last)


@_compiled
def _offer(row, first, distances, indices):
    """Let the points from id ``first`` on, at the distances ``row``, into a query's k nearest."""
    for j in range(row.size):
        if _after(distances[0], indices[0], row[j], first + j):
            distances[0], indices[0] = row[j], first + j
            _sift_down(distances, indices, indices.size)


@_compiled
def _start_nearest(n, indices, distances):
    distances[:] = np.inf
    indices[:] = n  # sorts after every id, so that a first k at infinity is replaced


@_compiled
def _finish_nearest(n, indices, distances):
    """Sort each query's heap; what no point was found for becomes id -1, at infinity."""
    for i in range(indices.shape[0]):
        _heap_sort(distances[i], indices[i])
        for j in range(indices.shape[1]):
            if indices[i, j] == n:
                indices[i, j] = -1


@_compiled
def _residual_row(u_i, p_i, block, p_c, dots, kind, variance, eps, squared, kernel, out):
    """Residual-correlation distances of one query to ``out.size`` columns of a chunk."""
    _kernel_row(u_i, block, kind, variance, squared, kernel)
    _distance_row(kernel, dots, p_i, p_c, eps, out)


@_compiled
def _euclidean_row(u_i, block, out):
    """Euclidean distances of one query to ``out.size`` columns. Twin: ``src/euclidean.rs``."""
    _squared_row(u_i, block, out)
    for j in range(out.size):
        out[j] = math.sqrt(out[j])


@_compiled
def _width(limit, first, last):
    """How many of the columns ``first`` to ``last`` lie below a query's limit."""
    return max(0, min(limit, last) - first)


@_compiled
def knn_rows(
    u_q, v_q, p_q, columns, v, p, kind, variance, eps, limits, chunk, start, stop,
    indices, distances,
):  # fmt: skip
    """Scan of a tile of queries, a chunk of points at a time, ids ascending below the limits."""
    dots = np.empty((stop - start, chunk), v.dtype)
    kernel = np.empty(chunk, v.dtype)
    squared, row = np.empty((2, chunk))
    _start_nearest(p.size, indices[start:stop], distances[start:stop])
    end = limits[start:stop].max()
    for first in range(0, end, chunk):
        last = min(first + chunk, end)
        dot_tile(v_q, start, stop, v, first, last, dots)
        block = np.ascontiguousarray(columns[:, first:last])
        for i in range(start, stop):
            w = _width(limits[i], first, last)
            _residual_row(
                u_q[i], p_q[i], block, p[first : first + w], dots[i - start, :w],
                kind, variance, eps, squared[:w], kernel[:w], row[:w],
            )  # fmt: skip
            _offer(row[:w], first, distances[i], indices[i])
    _finish_nearest(p.size, indices[start:stop], distances[start:stop])


@_compiled
def euclidean_knn_rows(u_q, columns, limits, chunk, start, stop, indices, distances):
    """`knn_rows` by Euclidean distance."""
    n, row = columns.shape[1], np.empty(chunk)
    _start_nearest(n, indices[start:stop], distances[start:stop])
    end = limits[start:stop].max()
    for first in range(0, end, chunk):
        last = min(first + chunk, end)
        block = np.ascontiguousarray(columns[:, first:last])
        for i in range(start, stop):
            w = _width(limits[i], first, last)
            _euclidean_row(u_q[i], block, row[:w])
            _offer(row[:w], first, distances[i], indices[i])
    _finish_nearest(n, indices[start:stop], distances[start:stop])


@_compiled
def _room_for(hits, more):
    """Hits with room for ``more``: arrays of query, id and distance, and how many are in use."""
    queries, indices, distances, used = hits
    if used + more <= indices.size:
        return hits
    size = max(2 * indices.size, used + more)
    wider = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size)
    wider[0][:used], wider[1][:used] = queries[:used], indices[:used]
    wider[2][:used] = distances[:used]
    return wider[0], wider[1], wider[2], used


@_compiled
def _keep_within(radius, row, i, first, hits):
    """Add the points from id ``first`` on, at the distances ``row``, that lie within the radius."""
    queries, indices, distances, used = _room_for(hits, row.size)
    for j in range(row.size):
        if row[j] <= radius:
            queries[used], indices[used], distances[used] = i, first + j, row[j]
            used += 1
    return queries, indices, distances, used


@_compiled
def _no_hits():
    return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), 0


@_compiled
def radius_rows(
    u_q, v_q, p_q, columns, v, p, kind, variance, eps, radii, limits, chunk, start, stop
):
    """All points within each query's radius: arrays of query, id and distance, and their number."""
    dots = np.empty((stop - start, chunk), v.dtype)
    kernel = np.empty(chunk, v.dtype)
    squared, row = np.empty((2, chunk))
    hits = _no_hits()
    end = limits[start:stop].max()
    for first in range(0, end, chunk):
        last = min(first + chunk, end)
        dot_tile(v_q, start, stop, v, first, last, dots)
        block = np.ascontiguousarray(columns[:, first:last])
        for i in range(start, stop):
            w = _width(limits[i], first, last)
            _residual_row(
                u_q[i], p_q[i], block, p[first : first + w], dots[i - start, :w],
                kind, variance, eps, squared[:w], kernel[:w], row[:w],
            )  # fmt: skip
            hits = _keep_within(radii[i], row[:w], i, first, hits)
    return hits


@_compiled
def euclidean_radius_rows(u_q, columns, radii, limits, chunk, start, stop):
    """`radius_rows` by Euclidean distance."""
    row = np.empty(chunk)
    hits = _no_hits()
    end = limits[start:stop].max()
    for first in range(0, end, chunk):
        last = min(first + chunk, end)
        block = np.ascontiguousarray(columns[:, first:last])
        for i in range(start, stop):
            w = _width(limits[i], first, last)
            _euclidean_row(u_q[i], block, row[:w])
            hits = _keep_within(radii[i], row[:w], i, first, hits)
    return hits
