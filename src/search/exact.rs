//! Exact distances between points out of order and a few queries side by side, by the contract.
//!
//! The queries are the lanes of one vector, so that a point's row is read once for all of them; each lane's chain is the one of
//! [`crate::numeric::chain`]. Several points run together to hide the latency of fma. Numba twin: `_distance` in
//! `covertreex/metrics/_numba_loops.py`.

use crate::distance::correlation_gap_lanes;
use crate::kernel::Kernel;
use crate::level::Routine;
use crate::metric::Points;
use crate::simd::{Simd, VECTORS, Vector};

/// Points that run together.
const TOGETHER: usize = 8;

/// Distances of points `ids` to the queries of one vector, (id, lane).
pub(super) struct Exact<'a> {
    pub kernel: Kernel,
    pub points: Points<'a, f64>,
    pub ids: &'a [u32],
    /// Panels of queries, `VECTORS` vectors wide, and which of those vectors.
    pub u: &'a [f64],
    pub v: &'a [f64],
    pub vector: usize,
    /// Residual variances of that vector's queries.
    pub p: &'a [f64],
    /// `eps * eps`.
    pub floor: f64,
    pub out: &'a mut [f64],
}

impl Routine for Exact<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let lanes = S::F64::LANES;
        let (width, offset) = (VECTORS * lanes, self.vector * lanes);
        let (m, d) = (self.points.v.cols(), self.points.u.cols());
        assert!(self.v.len() == m * width && self.u.len() == d * width && self.p.len() == lanes);
        assert!(self.out.len() == self.ids.len() * lanes && offset < width);
        for (ids, out) in self.ids.chunks(TOGETHER).zip(self.out.chunks_mut(TOGETHER * lanes)) {
            // SAFETY: panels have a vector of queries in each of their columns, `p` has one, `out` one for each id.
            unsafe {
                let mut rows = [self.points.v.row(ids[0] as usize); TOGETHER];
                for (row, &id) in rows.iter_mut().zip(ids) {
                    *row = self.points.v.row(id as usize);
                }
                let dots = chains::<S>(&rows, self.v.as_ptr().add(offset));
                let p_q = S::F64::load(self.p.as_ptr());
                for ((&id, &dot), out) in ids.iter().zip(&dots).zip(out.chunks_exact_mut(lanes)) {
                    let point = self.points.u.row(id as usize);
                    let mut squared = S::F64::splat(0.0);
                    for (c, &x) in point.iter().enumerate() {
                        let y = S::F64::load(self.u.as_ptr().add(c * width + offset));
                        let difference = S::F64::splat(x).sub(y);
                        squared = difference.fma(difference, squared);
                    }
                    let numerator = self.kernel.of_squared_lanes::<S>(squared).sub(dot);
                    let p = S::F64::splat(self.points.p[id as usize]);
                    let floor = S::F64::splat(self.floor);
                    let gap = correlation_gap_lanes::<S>(numerator, p_q, p, floor);
                    gap.sqrt().store(out.as_mut_ptr());
                }
            }
        }
    }
}

/// The chains of some rows with a vector of queries, whose columns stand `VECTORS` vectors apart.
///
/// # Safety
/// `queries` has a column for each value of a row; the CPU has the level of `S`.
#[inline(always)]
unsafe fn chains<S: Simd>(rows: &[&[f64]; TOGETHER], queries: *const f64) -> [S::F64; TOGETHER] {
    // SAFETY: the caller's promise; all rows have one length.
    unsafe {
        let mut sums = [S::F64::splat(0.0); TOGETHER];
        for k in 0..rows[0].len() {
            let query = S::F64::load(queries.add(k * VECTORS * S::F64::LANES));
            for (sum, row) in sums.iter_mut().zip(rows) {
                *sum = S::F64::splat(*row.get_unchecked(k)).fma(query, *sum);
            }
        }
        sums
    }
}
