//! Points in leaves, each leaf a structure of arrays: a vector holds one coordinate of several points.
//!
//! Slot `i` of leaf `l` has coordinate `c` at `(l * cols + c) * capacity + i`. Slots past a leaf's points are NaN, which no
//! comparison takes, with an id that no limit allows. A leaf's kernel is the definition, lane by lane. Numba twin: none, layout only.

use super::nearest::Goal;
use crate::environment;
use crate::error::Error;
use crate::matrix::Matrix;
use crate::memory::zeros;
use crate::simd::{Double, Simd, Vector};
use rayon::prelude::*;

/// Slots come in multiples of it: of every level's lanes of f64, at most its largest.
pub(super) const LANES: usize = 8;
/// What leaves ask memory for.
const LEAVES: &str = "the points in leaves";

/// All points, in leaves of one capacity.
#[derive(Clone, Debug)]
pub(super) struct Leaves {
    coords: Vec<f64>,
    ids: Vec<u32>,
    capacity: usize,
    cols: usize,
}

/// Consecutive leaves, to write.
pub(super) struct LeavesMut<'a> {
    coords: &'a mut [f64],
    ids: &'a mut [u32],
    capacity: usize,
    cols: usize,
}

impl Leaves {
    /// Room for `count` leaves of up to `capacity` points.
    pub(super) fn zeroed(count: usize, capacity: usize, cols: usize) -> Result<Self, Error> {
        let capacity = capacity.max(1).next_multiple_of(LANES);
        let coords = zeros(LEAVES, &[count, capacity, cols])?;
        Ok(Self { coords, ids: zeros(LEAVES, &[count, capacity])?, capacity, cols })
    }

    /// Points in their own order.
    pub(super) fn in_order(points: Matrix<f64>, capacity: usize) -> Result<Self, Error> {
        let mut leaves = Self::zeroed(points.rows().div_ceil(capacity), capacity, points.cols())?;
        let capacity = leaves.capacity;
        let parts = leaves.coords.par_chunks_mut(capacity * points.cols());
        parts.zip(leaves.ids.par_chunks_mut(capacity)).enumerate().try_for_each(
            |(leaf, (coords, ids))| {
                environment::check()?;
                let first = leaf * capacity;
                let rows = points.slice(first..(first + capacity).min(points.rows()));
                LeavesMut { coords, ids, capacity, cols: points.cols() }
                    .fill((0..rows.rows()).map(|i| (rows.row(i), (first + i) as u32)));
                Ok(())
            },
        )?;
        Ok(leaves)
    }

    pub(super) fn all(&mut self) -> LeavesMut<'_> {
        let Self { coords, ids, capacity, cols } = self;
        LeavesMut { coords, ids, capacity: *capacity, cols: *cols }
    }

    pub(super) fn count(&self) -> usize {
        self.ids.len() / self.capacity
    }

    /// Coordinate `c` of a leaf's points, NaN past them.
    pub(super) fn column(&self, leaf: usize, c: usize) -> &[f64] {
        &self.coords[(leaf * self.cols + c) * self.capacity..][..self.capacity]
    }

    /// Ids of a leaf's points, the largest there is past them.
    pub(super) fn ids(&self, leaf: usize) -> &[u32] {
        &self.ids[leaf * self.capacity..][..self.capacity]
    }

    /// Offer a leaf's points below `limit` to a query. `D` is the number of coordinates, or 0 for any.
    ///
    /// # Safety
    /// The CPU has the level of `S`.
    #[inline(always)]
    pub(super) unsafe fn offer<S: Simd, const D: usize, G: Goal>(
        &self,
        leaf: usize,
        query: &[f64],
        limit: u32,
        goal: &mut G,
    ) {
        let (cols, step) = (if D == 0 { self.cols } else { D }, self.capacity);
        let coords = &self.coords[leaf * cols * step..][..cols * step];
        let (ids, query) = (&self.ids[leaf * step..][..step], &query[..cols]);
        for first in (0..step).step_by(S::F64::LANES) {
            // SAFETY: `capacity` is a multiple of the lanes, so each load ends within its column.
            let s = unsafe {
                let mut s = S::F64::splat(0.0);
                for c in 0..cols {
                    let x = S::F64::load(coords.as_ptr().add(c * step + first));
                    let difference = S::F64::splat(query[c]).sub(x);
                    s = difference.fma(difference, s);
                }
                s
            };
            // SAFETY: the level is the caller's promise.
            let mut within = s.at_most(unsafe { S::F64::splat(goal.reach()) });
            if within == 0 {
                continue;
            }
            let mut distances = [0.0; LANES];
            // SAFETY: no vector has more lanes.
            unsafe { s.sqrt().store(distances.as_mut_ptr()) };
            while within != 0 {
                let lane = within.trailing_zeros() as usize;
                within &= within - 1;
                let id = ids[first + lane];
                if id < limit {
                    goal.offer(distances[lane], id);
                }
            }
        }
    }
}

impl LeavesMut<'_> {
    /// The first `leaves` of them, and the rest.
    pub(super) fn split_at(self, leaves: usize) -> (Self, Self) {
        let Self { coords, ids, capacity, cols } = self;
        let (a, b) = coords.split_at_mut(leaves * capacity * cols);
        let (i, j) = ids.split_at_mut(leaves * capacity);
        (Self { coords: a, ids: i, capacity, cols }, Self { coords: b, ids: j, capacity, cols })
    }

    /// Write the one leaf there is.
    pub(super) fn fill<'b>(self, points: impl Iterator<Item = (&'b [f64], u32)>) {
        self.coords.fill(f64::NAN);
        self.ids.fill(u32::MAX);
        for (slot, (row, id)) in points.enumerate() {
            self.ids[slot] = id;
            for (c, &x) in row.iter().enumerate() {
                self.coords[c * self.capacity + slot] = x;
            }
        }
    }
}
