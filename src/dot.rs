//! The dot block: `out[i, j] = chain(a[i], b[j])` for a (q, m), b (c, m), by a register tile over packed panels.
//!
//! A tile is [`Simd::ROWS`] rows by [`VECTORS`] vectors of columns. Lanes run across columns, a row's value is broadcast, `k`
//! ascends, and a tile goes on from its stored accumulator, so that every output is the one chain of [`crate::numeric::chain`],
//! however it is blocked. [`tile`] also serves the forward substitutions of `factor.rs`. Numba twin: `dot_tile` in
//! `covertreex/metrics/_numba_loops.py`.

use crate::environment;
use crate::error::Error;
use crate::level::{Level, Routine};
use crate::matrix::{Matrix, Packed, expect_area};
use crate::numeric::Real;
use crate::simd::{MAX_ROWS, Simd, VECTORS, Vector};
use rayon::prelude::*;
use std::marker::PhantomData;

/// Columns of `k` that a tile takes before the next tile: its panels then fit the inner caches.
const DEPTH: usize = 512;
/// Columns of the block that are packed together, a multiple of every level's tile width.
const SPAN: usize = 22 * 48;
/// Rows of the block that one task fills.
const TASK_ROWS: usize = 96;

/// Accumulators: the first `S::ROWS` rows are in use.
pub(crate) type Tile<S, T> = [[<T as Real>::Vector<S>; VECTORS]; MAX_ROWS];

/// Go on with the chains of a tile: `acc[r] = fma(±a[k][r], b[k], acc[r])` for `k` ascending.
///
/// # Safety
/// `a` holds `depth` columns of `S::ROWS` values, `b` of `VECTORS` vectors; the CPU has the level of `S`.
#[inline(always)]
pub(crate) unsafe fn tile<S: Simd, T: Real, const SUBTRACT: bool>(
    a: *const T,
    b: *const T,
    depth: usize,
    mut acc: Tile<S, T>,
) -> Tile<S, T> {
    let lanes = T::Vector::<S>::LANES;
    for k in 0..depth {
        // SAFETY: the caller's promise, at column `k < depth`.
        unsafe {
            let (a, b) = (a.add(k * S::ROWS), b.add(k * VECTORS * lanes));
            let mut columns = [T::Vector::<S>::splat(T::default()); VECTORS];
            for (v, column) in columns.iter_mut().enumerate() {
                *column = T::Vector::<S>::load(b.add(v * lanes));
            }
            for (r, row) in acc.iter_mut().enumerate().take(S::ROWS) {
                let a = T::Vector::<S>::splat(*a.add(r));
                for (sum, &b) in row.iter_mut().zip(&columns) {
                    *sum = if SUBTRACT { a.neg_fma(b, *sum) } else { a.fma(b, *sum) };
                }
            }
        }
    }
    acc
}

/// Some rows of a dot block, all its packed columns.
pub(crate) struct DotRows<'a, T> {
    /// Panels [`rows`] wide.
    pub a: &'a Packed<T>,
    /// The panels of `a` to take, from this one on, as `out` has rows.
    pub first: usize,
    /// Panels [`width`] wide, as deep as `a`.
    pub b: &'a Packed<T>,
    /// Rows of `stride`, of which the first `cols` are written.
    pub out: &'a mut [T],
    pub stride: usize,
    pub cols: usize,
}

impl<T: Real> Routine for DotRows<'_, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { a, first, b, out, stride, cols } = self;
        let width = VECTORS * T::Vector::<S>::LANES;
        for k in (0..a.depth().max(1)).step_by(DEPTH) {
            let depth = DEPTH.min(a.depth() - k);
            for (column, b_panel) in (0..cols).step_by(width).zip(0..) {
                let b = &b.panel(b_panel)[k * width..(k + depth) * width];
                for (rows, a_panel) in out.chunks_mut(S::ROWS * stride).zip(first..) {
                    let a = &a.panel(a_panel)[k * S::ROWS..(k + depth) * S::ROWS];
                    let place = Place { out: &mut rows[column..], stride, fresh: k == 0 };
                    // SAFETY: both slices have `depth` columns of the tile's shape.
                    unsafe { place.update::<S>(a, b, depth, width.min(cols - column)) }
                }
            }
        }
    }
}

/// Where a tile's results go: rows `stride` apart, the last one short; `fresh` chains start from +0.0, others from what is stored.
struct Place<'a, T> {
    out: &'a mut [T],
    stride: usize,
    fresh: bool,
}

impl<T: Real> Place<'_, T> {
    /// Compute a tile of `cols` columns and as many rows as `out` has; one at the block's edge takes a detour over the stack.
    ///
    /// # Safety
    /// As [`tile`].
    #[inline(always)]
    unsafe fn update<S: Simd>(self, a: &[T], b: &[T], depth: usize, cols: usize) {
        let width = VECTORS * T::Vector::<S>::LANES;
        let rows = (self.out.len() - cols) / self.stride + 1;
        if rows == S::ROWS && cols == width {
            // SAFETY: the caller's promise; the slice reaches over `S::ROWS` rows of `width`.
            return unsafe { self.update_whole::<S>(a, b, depth) };
        }
        let Self { out, stride, fresh } = self;
        let mut edge = [T::default(); MAX_ROWS * MAX_WIDTH];
        for (edge, out) in edge.chunks_mut(width).zip(out.chunks(stride)) {
            edge[..cols].copy_from_slice(&out[..cols]);
        }
        let place = Place { out: &mut edge[..S::ROWS * width], stride: width, fresh };
        // SAFETY: the caller's promise; `edge` is a whole tile.
        unsafe { place.update_whole::<S>(a, b, depth) };
        for (edge, out) in edge.chunks(width).zip(out.chunks_mut(stride)).take(rows) {
            out[..cols].copy_from_slice(&edge[..cols]);
        }
    }

    /// Compute a tile that lies inside `out`.
    ///
    /// # Safety
    /// As [`tile`]; `out` reaches over `S::ROWS` rows of the tile's width.
    #[inline(always)]
    unsafe fn update_whole<S: Simd>(self, a: &[T], b: &[T], depth: usize) {
        let lanes = T::Vector::<S>::LANES;
        let at = |r: usize, v: usize| r * self.stride + v * lanes;
        // SAFETY: the caller's promise.
        unsafe {
            let mut acc: Tile<S, T> = [[T::Vector::<S>::splat(T::default()); VECTORS]; MAX_ROWS];
            if !self.fresh {
                for (r, row) in acc.iter_mut().enumerate().take(S::ROWS) {
                    for (v, sum) in row.iter_mut().enumerate() {
                        *sum = T::Vector::<S>::load(self.out.as_ptr().add(at(r, v)));
                    }
                }
            }
            let acc = tile::<S, T, false>(a.as_ptr(), b.as_ptr(), depth, acc);
            for (r, row) in acc.iter().enumerate().take(S::ROWS) {
                for (v, sum) in row.iter().enumerate() {
                    sum.store(self.out.as_mut_ptr().add(at(r, v)));
                }
            }
        }
    }
}

/// Values in the widest row of a tile of any level and type.
const MAX_WIDTH: usize = VECTORS * 16;

/// How wide a tile of `T` is: the panel width of [`DotRows::b`].
pub(crate) fn width<T: Real>(level: Level) -> usize {
    // SAFETY: the routine only looks at constants.
    unsafe { level.run(Shape::<T>(PhantomData)) }.1
}

/// How many rows a tile has: the panel width of [`DotRows::a`].
pub(crate) fn rows(level: Level) -> usize {
    // SAFETY: the routine only looks at constants.
    unsafe { level.run(Shape::<f64>(PhantomData)) }.0
}

struct Shape<T>(PhantomData<T>);

impl<T: Real> Routine for Shape<T> {
    type Output = (usize, usize);

    #[inline(always)]
    unsafe fn run<S: Simd>(self) -> (usize, usize) {
        (S::ROWS, VECTORS * T::Vector::<S>::LANES)
    }
}

/// `out[i, j] = chain(a[i], b[j])`.
pub fn dot_block<T: Real>(
    level: Level,
    a: Matrix<T>,
    b: Matrix<T>,
    out: &mut [T],
) -> Result<(), Error> {
    b.expect("v_c", b.rows(), a.cols())?;
    expect_area("out", out.len(), a.rows(), b.rows())?;
    let (stride, height) = (b.rows(), rows(level));
    let mut columns = Packed::empty(width::<T>(level));
    for start in (0..stride).step_by(SPAN) {
        let cols = SPAN.min(stride - start);
        columns.fill_in_parallel(b.slice(start..start + cols))?;
        let fresh = || Packed::empty(height);
        out.par_chunks_mut(TASK_ROWS.saturating_mul(stride)).enumerate().try_for_each_init(
            fresh,
            |packed, (task, out)| {
                environment::check()?;
                let first = task * TASK_ROWS;
                packed.fill(a.slice(first..first + out.len() / stride))?;
                let out = &mut out[start..];
                let rows = DotRows { a: packed, first: 0, b: &columns, out, stride, cols };
                // SAFETY: both packed matrices have the level's widths and one depth.
                unsafe { level.run(rows) };
                Ok(())
            },
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::sample;
    use crate::numeric::chain;

    fn check<T: Real>(q: usize, c: usize, m: usize) {
        let (a, b): (Vec<T>, Vec<T>) = (sample(3, q * m), sample(4, c * m));
        let (a, b) = (Matrix::new("a", &a, q, m).unwrap(), Matrix::new("b", &b, c, m).unwrap());
        let wanted: Vec<u64> =
            (0..q * c).map(|at| chain(a.row(at / c), b.row(at % c)).widen().to_bits()).collect();
        for &level in Level::available() {
            let mut out = vec![T::round(f64::NAN); q * c];
            dot_block(level, a, b, &mut out).unwrap();
            let found: Vec<u64> = out.iter().map(|x| x.widen().to_bits()).collect();
            assert!(found == wanted, "{level:?} {} q={q} c={c} m={m}", T::NAME);
        }
    }

    #[test]
    fn blocks_have_the_bits_of_the_chain_at_every_edge() {
        for q in 1..=17 {
            for c in [1, 2, 3, 5, 8, 12, 13, 23, 24, 25, 47, 48, 49, 95, 96, 97] {
                check::<f64>(q, c, 7);
                check::<f32>(q, c, 7);
            }
        }
    }

    #[test]
    fn blocks_have_the_bits_of_the_chain_over_panels_of_k() {
        for m in [0, 1, 2, 8, 9, DEPTH - 1, DEPTH, DEPTH + 1, 2 * DEPTH + 3] {
            check::<f64>(9, 26, m);
            check::<f32>(8, 48, m);
        }
    }

    #[test]
    fn blocks_have_the_bits_of_the_chain_over_tasks_and_spans() {
        check::<f64>(2 * TASK_ROWS + 5, 29, 3);
        check::<f32>(TASK_ROWS, 30, 3);
        check::<f64>(3, 2 * SPAN + 7, 2);
        check::<f32>(TASK_ROWS + 1, SPAN + 1, 2);
        check::<f64>(0, 5, 4);
        check::<f32>(5, 0, 4);
    }

    #[test]
    fn threads_change_nothing() {
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| check::<f64>(3 * TASK_ROWS, 50, 65));
        }
    }

    #[test]
    fn wrong_shapes_are_refused() {
        let v = [0.0; 6];
        let (a, b) = (Matrix::new("a", &v, 3, 2).unwrap(), Matrix::new("b", &v, 2, 3).unwrap());
        assert!(dot_block(Level::best(), a, b, &mut [0.0; 6]).is_err());
        assert!(dot_block(Level::best(), a, a, &mut [0.0; 8]).is_err());
    }
}
