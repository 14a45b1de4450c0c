//! The rest: queries for which bounds do not pay, past every point at the speed of a dot block.
//!
//! Some queries are the columns of a tile, points its rows as they stand in V, so that V is read once and never packed. A pair that the
//! k-th distance so far rules out by [`super::bounds::reach_of`] is left before its root. Tasks are ranges of points; what they find is merged.

use super::bounds::reach_of;
use super::correlate::{ColumnSide, Gathered};
use super::found::{Found, Wanted};
use crate::distance::correlation_gap;
use crate::dot;
use crate::environment;
use crate::error::Error;
use crate::kernel::Kernel;
use crate::level::{Level, Routine};
use crate::metric::Points;
use crate::simd::{MAX_ROWS, Simd, VECTORS, Vector};
use rayon::prelude::*;
use std::ops::Range;

/// Points of one task, at most.
const RANGE: usize = 4096;
/// Lanes of the widest tile of `f64`.
const MAX_WIDTH: usize = VECTORS * 8;
/// A pair this far below the reach is left: more than the filter's own rounding.
const MARGIN: f64 = 1.0 - 1e-12;

/// A full scan of points for some queries.
pub(super) struct Sweep<'a> {
    pub level: Level,
    pub kernel: Kernel,
    pub points: Points<'a, f64>,
    pub queries: Points<'a, f64>,
    /// `eps * eps`.
    pub floor: f64,
}

impl Sweep<'_> {
    /// What each of these queries finds.
    pub(super) fn run(
        &self,
        rows: &[usize],
        wanted: impl Fn(usize) -> Wanted + Sync,
    ) -> Result<Vec<Found>, Error> {
        let width = dot::width::<f64>(self.level);
        let mut all = Vec::new();
        for rows in rows.chunks(width) {
            all.extend(self.panel(rows, &wanted)?);
        }
        Ok(all)
    }

    /// At most a tile's width of queries.
    fn panel(
        &self,
        rows: &[usize],
        wanted: &(impl Fn(usize) -> Wanted + Sync),
    ) -> Result<Vec<Found>, Error> {
        let fresh =
            || rows.iter().map(|&row| Found::new(wanted(row))).collect::<Result<Vec<_>, _>>();
        let mut queries = Gathered::default();
        queries.fill(self.queries, rows.iter().copied())?;
        let mut columns = ColumnSide::empty(self.level);
        columns.fill(&queries)?;
        let most = rows.iter().map(|&row| wanted(row).limit).max().unwrap_or(0);
        let n = self.points.p.len().min(most);
        let parts: Result<Vec<_>, Error> = (0..n.div_ceil(RANGE))
            .into_par_iter()
            .map(|part| {
                environment::check()?;
                let mut found = fresh()?;
                let range = part * RANGE..((part + 1) * RANGE).min(n);
                self.range(range, &queries, &columns, &mut found)?;
                Ok(found)
            })
            .collect();
        let mut merged = fresh()?;
        for part in parts? {
            for (merged, found) in merged.iter_mut().zip(part) {
                found
                    .sorted()
                    .into_iter()
                    .try_for_each(|(bits, id)| merged.offer(f64::from_bits(bits), id))?;
            }
        }
        Ok(merged)
    }

    fn range(
        &self,
        range: Range<usize>,
        queries: &Gathered,
        columns: &ColumnSide,
        found: &mut [Found],
    ) -> Result<(), Error> {
        let mut block = Block { numerators: [[0.0; MAX_WIDTH]; MAX_ROWS], passed: [0; MAX_ROWS] };
        let mut least = [f64::INFINITY; MAX_WIDTH];
        for start in range.clone().step_by(MAX_ROWS) {
            let rows = start..(start + MAX_ROWS).min(range.end);
            for ((least, found), scale) in least.iter_mut().zip(&*found).zip(&queries.scale) {
                *least = reach_of(found.farthest()) * MARGIN / scale;
            }
            let some = rows.clone();
            let task = Rows { sweep: self, some, columns, least: &least, block: &mut block };
            // SAFETY: panels have the level's width, and there is one.
            unsafe { self.level.run(task) };
            for (row, id) in rows.enumerate() {
                let mut passed = block.passed[row];
                while passed != 0 {
                    let lane = passed.trailing_zeros() as usize;
                    passed &= passed - 1;
                    if let Some(found) = found.get_mut(lane) {
                        let numerator = block.numerators[row][lane];
                        let p = (queries.p[lane], self.points.p[id]);
                        let gap = correlation_gap(numerator, p.0, p.1, self.floor);
                        found.offer(gap.sqrt(), id)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Numerators of some points with all lanes, and the lanes that may be near enough, as bits.
struct Block {
    numerators: [[f64; MAX_WIDTH]; MAX_ROWS],
    passed: [u32; MAX_ROWS],
}

/// Some points of a sweep, [`MAX_ROWS`] at most.
struct Rows<'a> {
    sweep: &'a Sweep<'a>,
    some: Range<usize>,
    columns: &'a ColumnSide,
    /// A lane takes pairs whose `|numerator| / sqrt(p)` is not below this, p the point's.
    least: &'a [f64; MAX_WIDTH],
    block: &'a mut Block,
}

impl Routine for Rows<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: the caller's promise.
        unsafe {
            if self.columns.scale.len() <= S::F64::LANES {
                self.pass::<S, 1>();
            } else {
                self.pass::<S, VECTORS>();
            }
        }
    }
}

impl Rows<'_> {
    /// Take the first `N` vectors of the panel, which hold all queries.
    ///
    /// # Safety
    /// The CPU has the level of `S`.
    #[inline(always)]
    unsafe fn pass<S: Simd, const N: usize>(self) {
        let Self { sweep, some: rows, columns, least, block } = self;
        let lanes = S::F64::LANES;
        let (u, v, points) = (columns.u.panel(0), columns.v.panel(0), sweep.points);
        let last = rows.end - 1;
        let row = |r: usize| points.v.row((rows.start + r).min(last));
        let pointers: [_; MAX_ROWS] = std::array::from_fn(|r| row(r).as_ptr());
        // SAFETY: the panels have a tile's width in each of their columns; every row has as many values as V has columns.
        unsafe {
            let dots = dots::<S, N>(&pointers, v.as_ptr(), points.v.cols());
            for (r, id) in rows.enumerate() {
                let kernel = sweep.kernel.of_panel::<S>(points.u.row(id), u.as_ptr());
                let scale = S::F64::splat(1.0 / points.p[id].sqrt());
                let mut passed = 0;
                for v in 0..N {
                    let numerator = kernel[v].sub(dots[r][v]);
                    numerator.store(block.numerators[r].as_mut_ptr().add(v * lanes));
                    let least = S::F64::load(least.as_ptr().add(v * lanes));
                    passed |= numerator.abs().mul(scale).reaches(least) << (v * lanes);
                }
                block.passed[r] = passed;
            }
        }
    }
}

/// The chains of [`MAX_ROWS`] rows with the first `N` vectors of a panel of queries.
///
/// # Safety
/// Each row has `depth` values, the panel as many columns of the tile's width; the CPU has the level of `S`.
#[inline(always)]
unsafe fn dots<S: Simd, const N: usize>(
    rows: &[*const f64; MAX_ROWS],
    panel: *const f64,
    depth: usize,
) -> [[S::F64; N]; MAX_ROWS] {
    let lanes = S::F64::LANES;
    // SAFETY: the caller's promise.
    unsafe {
        let mut acc = [[S::F64::splat(0.0); N]; MAX_ROWS];
        for k in 0..depth {
            let mut columns = [S::F64::splat(0.0); N];
            for (v, column) in columns.iter_mut().enumerate() {
                *column = S::F64::load(panel.add((k * VECTORS + v) * lanes));
            }
            for (sums, row) in acc.iter_mut().zip(rows) {
                let x = S::F64::splat(*row.add(k));
                for (sum, &column) in sums.iter_mut().zip(&columns) {
                    *sum = x.fma(column, *sum);
                }
            }
        }
        acc
    }
}
