//! The factor, in `f64`: Cholesky of K_ZZ, and the rows of V by forward substitution, with p = variance - |v|^2.
//!
//! `cholesky` maps u_z (m, d) to L (m, m), lower, its strict upper triangle +0.0; `project` maps u (n, d) to V (n, m) and p (n,), each
//! rounded once to the block's type. Points lie in lanes: a strip holds a tile's width of points, `strip[k * width + lane]`, which is
//! what the register tile reads as its columns, so that one substitution serves both. Every value is `K - chain`, one fma a
//! step, `k` ascending, then one division. Numba twin: `cholesky`, `project_rows` in `covertreex/metrics/_numba_loops.py`.

use crate::dot::{self, Tile, tile};
use crate::environment;
use crate::error::Error;
use crate::kernel::Kernel;
use crate::level::{Level, Routine};
use crate::matrix::{Matrix, Packed, expect_area, expect_length, pack_panel, unpack_panel};
use crate::memory::zeros;
use crate::numeric::Real;
use crate::simd::{MAX_ROWS, Simd, VECTORS, Vector};
use rayon::prelude::*;

const JITTER: f64 = 1e-6;
const FLOOR: f64 = 1e-9;
/// What a substitution asks memory for.
const STRIPS: &str = "strips of points";
/// Strips that a task solves together, so that each panel of L is read once for all.
const TASK_STRIPS: usize = 4;

/// L with `L L^T = K_ZZ + jitter I`, into `lower` (m, m), on the calling thread.
pub fn cholesky(
    level: Level,
    kernel: Kernel,
    u_z: Matrix<f64>,
    lower: &mut [f64],
) -> Result<(), Error> {
    environment::check()?;
    let m = u_z.rows();
    expect_area("lower", lower.len(), m, m)?;
    let (width, height) = (dot::width::<f64>(level), dot::rows(level));
    let mut panels = Packed::zeroed(m, m, height)?;
    let mut strip = zeros(STRIPS, &[m.next_multiple_of(height), width])?;
    for start in (0..m).step_by(width) {
        let end = (start + width).min(m);
        let points = Packed::new(u_z.slice(start..end), width)?;
        let z = u_z.slice(0..end);
        let rows = Substitution { kernel, z, known: start, lower: &panels, points: &points };
        // SAFETY: points, panels and strip have the level's widths, the strip room for `m` rows; panels before `start` are packed.
        unsafe {
            level.run(Substitute { rows, strips: &mut strip });
            level.run(Diagonal {
                strip: &mut strip,
                start,
                end,
                jitter: JITTER * kernel.variance,
            })?;
        }
        let done = &mut lower[start * m..end * m];
        unpack_panel(&strip[..end * width], width, done, m);
        for (p, rows) in (start / height..).zip(done.chunks(height * m)) {
            pack_panel(panels.panel_mut(p), Matrix::new("lower", rows, rows.len() / m, m)?, height);
        }
    }
    Ok(())
}

/// V into `v` (n, m) and p into `p` (n,), from points `u` (n, d), inducing points `u_z` (m, d) and their L.
pub fn project<T: Real>(
    level: Level,
    kernel: Kernel,
    u: Matrix<f64>,
    u_z: Matrix<f64>,
    lower: Matrix<f64>,
    (v, p): (&mut [T], &mut [T]),
) -> Result<(), Error> {
    let m = u_z.rows();
    u_z.expect("u_z", m, u.cols())?;
    lower.expect("chol", m, m)?;
    expect_area("v", v.len(), u.rows(), m)?;
    expect_length("p", p.len(), u.rows())?;
    if m == 0 {
        p.fill(T::round(floored(kernel.variance, 0.0)));
        return Ok(());
    }
    let (width, height) = (dot::width::<f64>(level), dot::rows(level));
    let panels = Packed::new(lower, height)?;
    let size = m.next_multiple_of(height) * width;
    let task_rows = TASK_STRIPS * width;
    let tasks = v.par_chunks_mut(task_rows * m).zip(p.par_chunks_mut(task_rows)).enumerate();
    tasks.try_for_each_init(
        || zeros(STRIPS, &[TASK_STRIPS, size]),
        |strips, (task, (v, p))| {
            environment::check()?;
            let first = task * task_rows;
            let points = Packed::new(u.slice(first..first + p.len()), width)?;
            let strips = strips.as_mut().map_err(|error| error.clone())?;
            let strips = &mut strips[..p.len().div_ceil(width) * size];
            let rows = Substitution { kernel, z: u_z, known: m, lower: &panels, points: &points };
            // SAFETY: points, panels and strips have the level's widths, each strip room for `m` rows.
            unsafe { level.run(Substitute { rows, strips }) };
            for ((strip, v), p) in
                strips.chunks(size).zip(v.chunks_mut(width * m)).zip(p.chunks_mut(width))
            {
                // SAFETY: a strip holds `m` rows of the level's width.
                let squares = unsafe { level.run(Squares { strip, m }) };
                for (p, square) in p.iter_mut().zip(squares) {
                    *p = T::round(floored(kernel.variance, square));
                }
                unpack_panel(&strip[..m * width], width, v, m);
            }
            Ok(())
        },
    )
}

/// `variance - square`, not below the contract's floor, `1e-9 * variance`.
#[inline(always)]
fn floored(variance: f64, square: f64) -> f64 {
    let (p, floor) = (variance - square, FLOOR * variance);
    if p > floor { p } else { floor }
}

/// What a forward substitution reads.
struct Substitution<'a> {
    kernel: Kernel,
    /// Inducing points, a kernel value each; the first `known` are solved for.
    z: Matrix<'a, f64>,
    known: usize,
    /// The rows of L, packed for the tile's rows; `known` of them count.
    lower: &'a Packed<f64>,
    /// The points, a panel for each strip.
    points: &'a Packed<f64>,
}

/// For each strip: kernel values of its points with all of `z`, then `L^-1` of the first `known`.
struct Substitute<'a> {
    rows: Substitution<'a>,
    strips: &'a mut [f64],
}

impl Routine for Substitute<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { rows, strips } = self;
        let width = VECTORS * S::F64::LANES;
        let size = rows.lower.depth().next_multiple_of(S::ROWS) * width;
        for (s, strip) in strips.chunks_mut(size).enumerate() {
            for (j, values) in strip.chunks_mut(width).enumerate().take(rows.z.rows()) {
                // SAFETY: panels of points have this width; d^2 does not see the sign of d.
                unsafe {
                    let panel = rows.points.panel(s).as_ptr();
                    let kernel = rows.kernel.of_panel::<S>(rows.z.row(j), panel);
                    for (v, value) in kernel.iter().enumerate() {
                        value.store(values[v * S::F64::LANES..].as_mut_ptr());
                    }
                }
            }
        }
        for start in (0..rows.known).step_by(S::ROWS) {
            let lower = rows.lower.panel(start / S::ROWS);
            for strip in strips.chunks_mut(size) {
                // SAFETY: the panel has this height, the strip this width and room for `S::ROWS` rows from `start`.
                unsafe { solve_block::<S>(lower, strip, start, rows.known - start) }
            }
        }
    }
}

/// Solve rows `start..start + min(S::ROWS, left)` of a strip, given those before.
///
/// # Safety
/// `lower` is a panel of `S::ROWS` rows with these columns, `strip` reaches over `start + S::ROWS` rows; the CPU has the level of `S`.
#[inline(always)]
unsafe fn solve_block<S: Simd>(lower: &[f64], strip: &mut [f64], start: usize, left: usize) {
    let at = |r: usize, v: usize| ((start + r) * VECTORS + v) * S::F64::LANES;
    // SAFETY: the caller's promise.
    unsafe {
        let mut acc: Tile<S, f64> = [[S::F64::splat(0.0); VECTORS]; MAX_ROWS];
        for (r, row) in acc.iter_mut().enumerate().take(S::ROWS) {
            for (v, sum) in row.iter_mut().enumerate() {
                *sum = S::F64::load(strip.as_ptr().add(at(r, v)));
            }
        }
        acc = tile::<S, f64, true>(lower.as_ptr(), strip.as_ptr(), start, acc);
        for r in 0..S::ROWS.min(left) {
            for k in 0..r {
                let factor = S::F64::splat(lower[(start + k) * S::ROWS + r]);
                for v in 0..VECTORS {
                    acc[r][v] = factor.neg_fma(acc[k][v], acc[r][v]);
                }
            }
            let pivot = S::F64::splat(lower[(start + r) * S::ROWS + r]);
            for v in 0..VECTORS {
                acc[r][v] = acc[r][v].div(pivot);
                acc[r][v].store(strip.as_mut_ptr().add(at(r, v)));
            }
        }
    }
}

/// Factor the diagonal block of rows `start..end`, whose points are the lanes of the strip: rows before `start` are solved, the
/// others hold kernel values.
struct Diagonal<'a> {
    strip: &'a mut [f64],
    start: usize,
    end: usize,
    jitter: f64,
}

impl Routine for Diagonal<'_> {
    type Output = Result<(), Error>;

    #[inline(always)]
    unsafe fn run<S: Simd>(self) -> Result<(), Error> {
        let width = VECTORS * S::F64::LANES;
        for (lane, row) in (self.start..self.end).enumerate() {
            let (solved, open) = self.strip.split_at_mut(row * width);
            let values = &mut open[..width];
            values[lane] += self.jitter;
            for v in (0..width).step_by(S::F64::LANES) {
                // SAFETY: each row of the strip has `width` values.
                unsafe {
                    let mut sum = S::F64::load(values[v..].as_ptr());
                    for row in solved.chunks_exact(width) {
                        let factor = S::F64::splat(row[lane]);
                        sum = factor.neg_fma(S::F64::load(row.as_ptr().add(v)), sum);
                    }
                    sum.store(values[v..].as_mut_ptr());
                }
            }
            let pivot = values[lane];
            if pivot.is_nan() || pivot <= 0.0 {
                return Err(Error::Factor { row });
            }
            values[..lane].fill(0.0);
            values[lane] = pivot.sqrt();
            let root = values[lane];
            values[lane + 1..].iter_mut().for_each(|x| *x /= root);
        }
        Ok(())
    }
}

/// `chain(v, v)` of each lane of a strip.
struct Squares<'a> {
    strip: &'a [f64],
    m: usize,
}

impl Routine for Squares<'_> {
    type Output = [f64; VECTORS * 8];

    #[inline(always)]
    unsafe fn run<S: Simd>(self) -> Self::Output {
        let width = VECTORS * S::F64::LANES;
        let mut out = [0.0; VECTORS * 8];
        // SAFETY: the strip has `m` rows of `width` values, and `out` as many as the widest.
        unsafe {
            let mut sums = [S::F64::splat(0.0); VECTORS];
            for row in self.strip.chunks_exact(width).take(self.m) {
                for (v, sum) in sums.iter_mut().enumerate() {
                    let x = S::F64::load(row.as_ptr().add(v * S::F64::LANES));
                    *sum = x.fma(x, *sum);
                }
            }
            for (v, sum) in sums.iter().enumerate() {
                sum.store(out.as_mut_ptr().add(v * S::F64::LANES));
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::sample;
    use crate::kernel::Family;

    const RBF: Kernel = Kernel { family: Family::Rbf, variance: 1.25 };
    const MATERN: Kernel = Kernel { family: Family::Matern52, variance: 9.5e-7 };

    /// The contract's Cholesky, element by element.
    fn cholesky_by_definition(kernel: Kernel, z: Matrix<f64>) -> Vec<f64> {
        let m = z.rows();
        let mut l = vec![0.0_f64; m * m];
        for i in 0..m {
            for j in 0..=i {
                let jitter = if i == j { 1e-6 * kernel.variance } else { 0.0 };
                let start = kernel.between(z.row(i), z.row(j)) + jitter;
                let s = (0..j).fold(start, |s, k| (-l[i * m + k]).mul_add(l[j * m + k], s));
                l[i * m + j] = if i == j { s.sqrt() } else { s / l[j * m + j] };
            }
        }
        l
    }

    /// The contract's row of V and its variance.
    fn project_by_definition(
        kernel: Kernel,
        u: &[f64],
        z: Matrix<f64>,
        l: &[f64],
    ) -> (Vec<f64>, f64) {
        let m = z.rows();
        let mut v = vec![0.0_f64; m];
        for j in 0..m {
            let start = kernel.between(u, z.row(j));
            v[j] = (0..j).fold(start, |s, k| (-v[k]).mul_add(l[j * m + k], s)) / l[j * m + j];
        }
        let p = kernel.variance - v.iter().fold(0.0, |s: f64, &x| x.mul_add(x, s));
        let floor = 1e-9 * kernel.variance;
        (v, if p > floor { p } else { floor })
    }

    fn bits<T: Real>(values: &[T]) -> Vec<u64> {
        values.iter().map(|x| x.widen().to_bits()).collect()
    }

    fn check<T: Real>(kernel: Kernel, n: usize, m: usize, d: usize) {
        let (u, z): (Vec<f64>, Vec<f64>) = (sample(5, n * d), sample(6, m * d));
        let (u, z) = (Matrix::new("u", &u, n, d).unwrap(), Matrix::new("z", &z, m, d).unwrap());
        let l = cholesky_by_definition(kernel, z);
        let rows = (0..n).map(|i| project_by_definition(kernel, u.row(i), z, &l));
        let (wanted_v, wanted_p): (Vec<_>, Vec<_>) = rows.unzip();
        let round = |values: Vec<f64>| bits(&values.into_iter().map(T::round).collect::<Vec<_>>());
        let (wanted_v, wanted_p) = (round(wanted_v.concat()), round(wanted_p));
        for &level in Level::available() {
            let mut lower = vec![0.0; m * m];
            cholesky(level, kernel, z, &mut lower).unwrap();
            assert!(bits(&lower) == bits(&l), "L {level:?} m={m} d={d}");
            let lower = Matrix::new("l", &lower, m, m).unwrap();
            let (mut v, mut p) = (vec![T::default(); n * m], vec![T::default(); n]);
            project(level, kernel, u, z, lower, (&mut v, &mut p)).unwrap();
            assert!(bits(&v) == wanted_v, "V {level:?} n={n} m={m} d={d}");
            assert!(bits(&p) == wanted_p, "p {level:?} n={n} m={m} d={d}");
        }
    }

    #[test]
    fn factors_have_the_bits_of_the_definition() {
        for m in 1..=52 {
            check::<f64>(RBF, 5, m, 3);
        }
        check::<f32>(MATERN, 30, 75, 2);
        check::<f64>(MATERN, 3, 97, 8);
    }

    /// Variances at which the first pivot shows the last bit of the jitter, from below and from above.
    #[test]
    fn the_jitter_is_right_to_its_last_bit() {
        for variance in [135.942, 1.915_844] {
            check::<f64>(Kernel { family: Family::Rbf, variance }, 1, 1, 1);
        }
    }

    #[test]
    fn projections_have_the_bits_of_the_definition_over_strips_and_tasks() {
        for n in [0, 1, 2, 3, 11, 12, 13, 23, 24, 25, 49, 95, 96, 97, 200] {
            check::<f32>(RBF, n, 9, 2);
            check::<f64>(MATERN, n, 4, 1);
        }
    }

    #[test]
    fn one_thread_or_many_give_one_answer() {
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| check::<f64>(RBF, 500, 17, 3));
        }
    }

    #[test]
    fn without_inducing_points_p_is_the_variance() {
        let (u, none) =
            (Matrix::new("u", &[1.0, 2.0], 2, 1).unwrap(), Matrix::new("z", &[], 0, 1).unwrap());
        let lower = Matrix::new("l", &[], 0, 0).unwrap();
        let mut p = [0.0_f64; 2];
        project(Level::best(), RBF, u, none, lower, (&mut [], &mut p)).unwrap();
        assert_eq!(p, [1.25, 1.25]);
        assert_eq!(cholesky(Level::best(), RBF, none, &mut []), Ok(()));
    }

    #[test]
    fn p_stops_at_its_floor() {
        assert_eq!(floored(4.0, 4.0), 4e-9);
        assert_eq!(floored(4.0, 5.0), 4e-9);
        assert_eq!(floored(4.0, 1.0), 3.0);
        assert_eq!(floored(4.0, f64::NAN), 4e-9);
    }

    #[test]
    fn a_pivot_that_is_not_positive_is_an_error() {
        for &level in Level::available() {
            let width = dot::width::<f64>(level);
            for (off_diagonal, row) in [(2.0, 1), (1.0, 1), (0.5, 2)] {
                let mut strip = vec![0.0; 3 * width];
                for (row, values) in strip.chunks_mut(width).enumerate() {
                    let matrix =
                        [[1.0, off_diagonal, 0.0], [off_diagonal, 1.0, 0.0], [0.0, 0.0, -1.0]];
                    values[..3].copy_from_slice(&matrix[row]);
                }
                let diagonal = Diagonal { strip: &mut strip, start: 0, end: 3, jitter: 0.0 };
                // SAFETY: three rows of the level's width.
                let found = unsafe { level.run(diagonal) };
                assert_eq!(found, Err(Error::Factor { row }), "{level:?}");
            }
            let z = [0.0, 1.0, f64::NAN];
            let z = Matrix::new("z", &z, 3, 1).unwrap();
            let found = cholesky(level, RBF, z, &mut [0.0; 9]);
            assert_eq!(found, Err(Error::Factor { row: 2 }), "{level:?}");
        }
    }

    #[test]
    fn wrong_shapes_are_refused() {
        let data = [0.0; 9];
        let matrix = |rows, cols| Matrix::new("a", &data[..rows * cols], rows, cols).unwrap();
        let run = |u, z, l, v: usize, p: usize| {
            let (mut v, mut p) = (vec![0.0_f64; v], vec![0.0_f64; p]);
            project(Level::best(), RBF, u, z, l, (&mut v, &mut p))
        };
        assert_eq!(run(matrix(2, 1), matrix(3, 1), matrix(3, 3), 6, 2), Ok(()));
        assert!(run(matrix(2, 2), matrix(3, 1), matrix(3, 3), 6, 2).is_err());
        assert!(run(matrix(2, 1), matrix(3, 1), matrix(3, 2), 6, 2).is_err());
        assert!(run(matrix(2, 1), matrix(3, 1), matrix(3, 3), 5, 2).is_err());
        assert!(run(matrix(2, 1), matrix(3, 1), matrix(3, 3), 6, 3).is_err());
        assert!(cholesky(Level::best(), RBF, matrix(3, 1), &mut [0.0; 8]).is_err());
    }
}
