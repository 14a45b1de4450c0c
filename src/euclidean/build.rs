//! Points into leaves by median splits: each part is halved along the coordinate in which a sample of it is widest.
//!
//! All leaves lie at one depth and their sizes differ by at most one, so no tree needs to be stored. Rows move at each split, so
//! that a part is read in one piece whatever order the points came in. Where a median falls is a matter of speed: it is found in steps of the sample's
//! extent, and answers do not depend on it. Numba twin: none.

use super::leaves::{Leaves, LeavesMut};
use crate::environment;
use crate::error::Error;
use crate::matrix::Matrix;
use crate::memory::{room, zeros};

/// Points that a part's extent is taken from.
const SAMPLE: usize = 64;
/// Steps of an extent.
const STEPS: f64 = 4_294_967_296.0;
/// Parts of more points are split in parallel.
const PARALLEL: usize = 4096;
/// What building asks memory for.
const SCRATCH: &str = "sorting the points into leaves";

/// Points in `2^levels` leaves.
pub(super) fn leaves(points: Matrix<f64>, levels: u32) -> Result<Leaves, Error> {
    let (n, d) = (points.rows(), points.cols());
    let mut leaves = Leaves::zeroed(1 << levels, n.div_ceil(1 << levels), d)?;
    let mut rows: Vec<f64> = room(SCRATCH, &[n, d])?;
    for i in 0..n {
        rows.extend_from_slice(points.row(i));
    }
    let mut ids: Vec<u32> = room(SCRATCH, &[n])?;
    ids.extend(0..n as u32);
    let (mut other_rows, mut other_ids) = (zeros(SCRATCH, &[n, d])?, zeros(SCRATCH, &[n])?);
    let mut keys = zeros(SCRATCH, &[n])?;
    let from = Rows { coords: &mut rows, ids: &mut ids, cols: d };
    let to = Rows { coords: &mut other_rows, ids: &mut other_ids, cols: d };
    split(from, to, &mut keys, leaves.all(), levels)?;
    Ok(leaves)
}

/// Points in rows, to move.
struct Rows<'a> {
    coords: &'a mut [f64],
    ids: &'a mut [u32],
    cols: usize,
}

impl<'a> Rows<'a> {
    fn split_at(self, row: usize) -> (Rows<'a>, Rows<'a>) {
        let Self { coords, ids, cols } = self;
        let (a, b) = coords.split_at_mut(row * cols);
        let (i, j) = ids.split_at_mut(row);
        (Self { coords: a, ids: i, cols }, Self { coords: b, ids: j, cols })
    }

    /// The coordinate in which a sample extends furthest, from where, and how far.
    fn widest(&self) -> (usize, f64, f64) {
        let sample = self.coords.chunks_exact(self.cols);
        let sample = sample.step_by(self.ids.len().div_ceil(SAMPLE));
        let extent = |c: usize| {
            let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
            for row in sample.clone() {
                (low, high) = (low.min(row[c]), high.max(row[c]));
            }
            (c, low, high - low)
        };
        let wider = |a: (usize, f64, f64), b: (usize, f64, f64)| if b.2 > a.2 { b } else { a };
        (1..self.cols).map(extent).fold(extent(0), wider)
    }

    /// Along its widest coordinate: a row's place in 2^32 steps of the extent, above its number.
    fn keys(&self, keys: &mut [u64]) {
        let (c, low, extent) = self.widest();
        let scale = STEPS / extent;
        let column = self.coords.iter().skip(c).step_by(self.cols);
        for (key, (x, row)) in keys.iter_mut().zip(column.zip(0..)) {
            *key = u64::from(((x - low) * scale) as u32) << 32 | row; // the cast saturates
        }
    }

    /// Copy rows in the order of keys. `D` is the number of coordinates, or 0 for any.
    fn gather<const D: usize>(&mut self, keys: &[u64], from: &Self) {
        let cols = if D == 0 { self.cols } else { D };
        let rows = self.coords.chunks_exact_mut(cols).zip(&mut *self.ids);
        for ((row, id), &key) in rows.zip(keys) {
            let source = key as u32 as usize;
            row.copy_from_slice(&from.coords[source * cols..][..cols]);
            *id = from.ids[source];
        }
    }
}

/// Split down to the leaves; `to` and `keys` are as large as `from`.
fn split<'a>(
    from: Rows<'a>,
    mut to: Rows<'a>,
    keys: &mut [u64],
    leaves: LeavesMut,
    levels: u32,
) -> Result<(), Error> {
    let (n, cols) = (from.ids.len(), from.cols);
    if levels == 0 {
        leaves.fill(from.coords.chunks_exact(cols).zip(from.ids.iter().copied()));
        return Ok(());
    }
    from.keys(keys);
    keys.select_nth_unstable(n / 2);
    match cols {
        2 => to.gather::<2>(keys, &from),
        3 => to.gather::<3>(keys, &from),
        _ => to.gather::<0>(keys, &from),
    }
    let (near_keys, far_keys) = keys.split_at_mut(n / 2);
    let ((near, far), (near_to, far_to)) = (to.split_at(n / 2), from.split_at(n / 2));
    let (near_leaves, far_leaves) = leaves.split_at(1 << (levels - 1));
    let first = || split(near, near_to, near_keys, near_leaves, levels - 1);
    let second = || split(far, far_to, far_keys, far_leaves, levels - 1);
    if n <= PARALLEL {
        first()?;
        return second();
    }
    environment::check()?;
    let (first, second) = rayon::join(first, second);
    first.and(second)
}
