//! The distance: sqrt(1 - |rho|), rho the residual correlation of two points given the inducing ones.
//!
//! `rho = (kernel - dot) / sqrt(max(p_i p_j, eps^2))`, the numerator rounded once in the block's type, all else in `f64`.
//! [`correlation_gap`] is the formula; [`DistanceRow`] is its body over lanes, behind `distance_block_no_gate` and `knn.rs`.
//! Distances lie in [0, 1], never NaN, never -0.0. Numba twin: `_distance`, `distance_rows` in
//! `covertreex/metrics/_numba_loops.py`.

use crate::environment;
use crate::error::Error;
use crate::level::{Level, Routine};
use crate::matrix::{Matrix, expect_area, expect_length};
use crate::memory::room;
use crate::numeric::Real;
use crate::simd::{Simd, Vector};
use rayon::prelude::*;

/// Values of the block that one task computes, about.
const TASK_VALUES: usize = 1 << 15;

/// `1 - |rho|` in [0, 1], by the numerator and both variances; `floor` is `eps * eps`.
#[inline(always)]
#[must_use]
pub fn correlation_gap(numerator: f64, p_i: f64, p_j: f64, floor: f64) -> f64 {
    let product = p_i * p_j;
    let product = if product > floor { product } else { floor };
    let magnitude = (numerator / product.sqrt()).abs();
    let magnitude = if magnitude < 1.0 { magnitude } else { 1.0 };
    let gap = 1.0 - magnitude;
    if gap > 0.0 { gap } else { 0.0 }
}

/// [`correlation_gap`], lane by lane.
///
/// # Safety
/// The CPU has the level of `S`.
#[inline(always)]
pub(crate) unsafe fn correlation_gap_lanes<S: Simd>(
    numerator: S::F64,
    p_i: S::F64,
    p_j: S::F64,
    floor: S::F64,
) -> S::F64 {
    // SAFETY: the caller's promise.
    let (zero, one) = unsafe { (S::F64::splat(0.0), S::F64::splat(1.0)) };
    let deviation = p_i.mul(p_j).max(floor).sqrt();
    one.sub(numerator.div(deviation).abs().min(one)).max(zero)
}

/// Distances between one point and many, from their kernel and dot values.
pub(crate) struct DistanceRow<'a, T> {
    pub kernel: &'a [T],
    pub dot: &'a [T],
    pub p_i: f64,
    pub p: &'a [f64],
    /// `eps * eps`.
    pub floor: f64,
    pub out: &'a mut [f64],
}

impl<T: Real> Routine for DistanceRow<'_, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { kernel, dot, p_i, p, floor, out } = self;
        let len = out.len();
        assert!(kernel.len() == len && dot.len() == len && p.len() == len);
        let whole = len - len % S::F64::LANES;
        for j in (0..whole).step_by(S::F64::LANES) {
            // SAFETY: `j + LANES <= len`, the length of all four slices; the level is the caller's promise.
            unsafe {
                let numerator =
                    T::widened_differences::<S>(kernel.as_ptr().add(j), dot.as_ptr().add(j));
                let p_j = S::F64::load(p.as_ptr().add(j));
                let (p_i, floor) = (S::F64::splat(p_i), S::F64::splat(floor));
                let gap = correlation_gap_lanes::<S>(numerator, p_i, p_j, floor);
                gap.sqrt().store(out.as_mut_ptr().add(j));
            }
        }
        for j in whole..len {
            let numerator = kernel[j].widened_difference(dot[j]);
            out[j] = correlation_gap(numerator, p_i, p[j], floor).sqrt();
        }
    }
}

/// What `distance_block_no_gate` reads, as its Numba twin in `covertreex/metrics/_residual_numba.py` does.
#[derive(Clone, Copy, Debug)]
pub struct DistanceBlock<'a, T> {
    /// Residual variances, (n,).
    pub p_diag: &'a [T],
    /// Rows of the block, (q,).
    pub query_indices: &'a [i64],
    /// Columns of the block, (c,).
    pub chunk_indices: &'a [i64],
    /// (q, c).
    pub kernel_block: Matrix<'a, T>,
    /// (q, c).
    pub dot_block: Matrix<'a, T>,
    /// (q,).
    pub radii: &'a [f64],
    /// Variances' product is not taken below its square.
    pub eps: f64,
}

/// Distances (q, c), and whether each is within its row's radius.
pub fn distance_block_no_gate<T: Real>(
    level: Level,
    block: &DistanceBlock<T>,
    distances: &mut [f64],
    mask: &mut [bool],
) -> Result<(), Error> {
    let (q, c) = (block.query_indices.len(), block.chunk_indices.len());
    block.kernel_block.expect("kernel_block", q, c)?;
    block.dot_block.expect("dot_block", q, c)?;
    expect_length("radii", block.radii.len(), q)?;
    expect_area("distances", distances.len(), q, c)?;
    expect_area("mask", mask.len(), q, c)?;
    let p_i = gather("query_indices", block.query_indices, block.p_diag)?;
    let p = gather("chunk_indices", block.chunk_indices, block.p_diag)?;
    let floor = block.eps * block.eps;
    let stride = c.max(1);
    let task_rows = TASK_VALUES.div_ceil(stride);
    let chunk = task_rows * stride;
    let tasks = distances.par_chunks_mut(chunk).zip(mask.par_chunks_mut(chunk)).enumerate();
    tasks.try_for_each(|(task, (distances, mask))| {
        environment::check()?;
        let rows = distances.chunks_mut(stride).zip(mask.chunks_mut(stride));
        for (i, (distances, mask)) in (task * task_rows..).zip(rows) {
            let (kernel, dot) = (block.kernel_block.row(i), block.dot_block.row(i));
            let row = DistanceRow { kernel, dot, p_i: p_i[i], p: &p, floor, out: distances };
            // SAFETY: the routine checks its slices' lengths.
            unsafe { level.run(row) };
            for (inside, &distance) in mask.iter_mut().zip(&*distances) {
                *inside = distance <= block.radii[i];
            }
        }
        Ok(())
    })
}

/// The variances at `indices`, widened; an index outside is an error.
fn gather<T: Real>(name: &'static str, indices: &[i64], p: &[T]) -> Result<Vec<f64>, Error> {
    let at = |(position, &value): (usize, &i64)| {
        let found = usize::try_from(value).ok().and_then(|index| p.get(index));
        found.map(|p| p.widen()).ok_or(Error::IndexRange { name, position, value, limit: p.len() })
    };
    let mut found = room("variances at the indices", &[indices.len()])?;
    for pair in indices.iter().enumerate() {
        found.push(at(pair)?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::sample;

    #[test]
    fn a_gap_is_its_formula_and_stays_within_0_and_1() {
        assert_eq!(correlation_gap(0.5, 1.0, 4.0, 0.0), 0.75);
        assert_eq!(correlation_gap(-0.5, 1.0, 4.0, 0.0), 0.75);
        assert_eq!(correlation_gap(0.5, 1e-9, 1e-9, 4.0), 0.75, "the floor is under the root");
        assert_eq!(correlation_gap(3.0, 1.0, 1.0, 0.0).to_bits(), 0);
        assert_eq!(correlation_gap(-1.0, 1.0, 1.0, 0.0).to_bits(), 0);
        assert_eq!(correlation_gap(0.0, 1.0, 1.0, 0.0), 1.0);
        assert_eq!(correlation_gap(f64::INFINITY, 1.0, 1.0, 0.0), 0.0);
    }

    fn check<T: Real>(q: usize, c: usize, eps: f64) {
        let n = 40;
        let positive = |x: &f64| T::round(x.abs() + 1e-3);
        let p_diag: Vec<T> = sample::<f64>(1, n).iter().map(positive).collect();
        let indices = |seed, count| -> Vec<i64> {
            sample::<f64>(seed, count).iter().map(|x| (x.abs() * 1e6) as i64 % n as i64).collect()
        };
        let (rows, cols) = (indices(2, q), indices(3, c));
        let (kernel, dot): (Vec<T>, Vec<T>) = (sample(4, q * c), sample(5, q * c));
        let mut radii: Vec<f64> = sample(6, q);
        radii.iter_mut().zip([0.0, f64::INFINITY, 0.5, 1.0]).for_each(|(r, x)| *r = x);
        let block = DistanceBlock {
            p_diag: &p_diag,
            query_indices: &rows,
            chunk_indices: &cols,
            kernel_block: Matrix::new("k", &kernel, q, c).unwrap(),
            dot_block: Matrix::new("d", &dot, q, c).unwrap(),
            radii: &radii,
            eps,
        };
        for &level in Level::available() {
            let (mut distances, mut mask) = (vec![f64::NAN; q * c], vec![false; q * c]);
            distance_block_no_gate(level, &block, &mut distances, &mut mask).unwrap();
            for at in 0..q * c {
                let (i, j) = (at / c, at % c);
                let [p_i, p_j] = [rows[i], cols[j]].map(|index| p_diag[index as usize].widen());
                let numerator = kernel[at].widened_difference(dot[at]);
                let wanted = correlation_gap(numerator, p_i, p_j, eps * eps).sqrt();
                assert_eq!(distances[at].to_bits(), wanted.to_bits(), "{level:?} {q} {c} at {at}");
                assert_eq!(mask[at], wanted <= radii[i], "{level:?} {q} {c} at {at}");
            }
        }
    }

    #[test]
    fn blocks_have_the_bits_of_the_definition() {
        for c in 1..=18 {
            check::<f64>(5, c, 1e-9);
            check::<f32>(5, c, 0.7);
        }
        check::<f64>(3, TASK_VALUES + 5, 0.3);
        check::<f32>(TASK_VALUES / 8 + 3, 9, 1e-9);
        check::<f64>(0, 3, 1e-9);
        check::<f64>(3, 0, 1e-9);
    }

    #[test]
    fn a_radius_includes_its_own_distance() {
        let (one, index) = (Matrix::new("one", &[1.0], 1, 1).unwrap(), [0_i64]);
        let dot_block = Matrix::new("dot", &[0.25], 1, 1).unwrap();
        let inside = |radius| {
            let block = DistanceBlock {
                p_diag: &[1.0],
                query_indices: &index,
                chunk_indices: &index,
                kernel_block: one,
                dot_block,
                radii: &[radius],
                eps: 0.0,
            };
            let (mut distance, mut mask) = ([0.0], [false]);
            distance_block_no_gate(Level::best(), &block, &mut distance, &mut mask).unwrap();
            assert_eq!(distance, [0.5]);
            mask[0]
        };
        assert!(inside(0.5) && inside(f64::INFINITY) && !inside(0.5 - 1e-16) && !inside(0.0));
    }

    #[test]
    fn indices_outside_and_wrong_shapes_are_refused() {
        let (values, index) = ([1.0; 4], [0_i64, 1]);
        let square = Matrix::new("a", &values, 2, 2).unwrap();
        let good = DistanceBlock {
            p_diag: &values[..2],
            query_indices: &index,
            chunk_indices: &index,
            kernel_block: square,
            dot_block: square,
            radii: &values[..2],
            eps: 0.0,
        };
        let run = |block: DistanceBlock<f64>, d: usize, m: usize| {
            distance_block_no_gate(Level::best(), &block, &mut vec![0.0; d], &mut vec![false; m])
        };
        let outside =
            |name, position, value| Err(Error::IndexRange { name, position, value, limit: 2 });
        let flat = Matrix::new("a", &values, 1, 4).unwrap();
        assert_eq!(run(good, 4, 4), Ok(()));
        let query_indices = &[0, 2];
        assert_eq!(
            run(DistanceBlock { query_indices, ..good }, 4, 4),
            outside("query_indices", 1, 2)
        );
        let chunk_indices = &[-1, 0];
        assert_eq!(
            run(DistanceBlock { chunk_indices, ..good }, 4, 4),
            outside("chunk_indices", 0, -1)
        );
        assert!(run(DistanceBlock { kernel_block: flat, ..good }, 4, 4).is_err());
        assert!(run(DistanceBlock { dot_block: flat, ..good }, 4, 4).is_err());
        assert!(run(DistanceBlock { radii: &values, ..good }, 4, 4).is_err());
        assert!(run(good, 3, 4).is_err() && run(good, 4, 5).is_err());
    }
}
