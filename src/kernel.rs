//! Kernels: variance times a function of the squared distance of scaled coordinates, always in `f64`.
//!
//! `kernel_block` maps u_q (q, d) and u_c (c, d) to (q, c), each value rounded once to the block's type. All values are finite and
//! in [0, variance], also where the squared distance is infinite. Numba twin: `_covariance`, `kernel_rows` in
//! `covertreex/metrics/_numba_loops.py`.

use crate::environment;
use crate::error::Error;
use crate::level::{Level, Routine};
use crate::matrix::{Matrix, Packed, expect_area};
use crate::numeric::{Real, exp, exp_lanes, squared_distance};
use crate::simd::{Simd, VECTORS, Vector};
use rayon::prelude::*;

const THIRD: f64 = 1.0 / 3.0;
/// Where `exp(-r)` has long become 0: keeps an infinite `r` from becoming `inf * 0`.
const FAR: f64 = 746.0;
/// Rows of the block that one task fills.
const TASK_ROWS: usize = 16;

/// The shape of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `exp(-s / 2)`.
    Rbf,
    /// `exp(-r)`, `r = sqrt(s)`.
    Matern12,
    /// `(1 + r) exp(-r)`, `r = sqrt(3 s)`.
    Matern32,
    /// `(1 + r + r^2 / 3) exp(-r)`, `r = sqrt(5 s)`.
    Matern52,
}

/// `r`, at most [`FAR`].
#[inline(always)]
fn near(r: f64) -> f64 {
    if r < FAR { r } else { FAR }
}

/// A kernel over scaled coordinates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kernel {
    /// Its shape.
    pub family: Family,
    /// Its value at distance 0.
    pub variance: f64,
}

impl Kernel {
    /// The kernel of that name; `variance` must be a positive number.
    pub fn named(name: &str, variance: f64) -> Result<Self, Error> {
        let family = match name {
            "rbf" => Family::Rbf,
            "matern12" => Family::Matern12,
            "matern32" => Family::Matern32,
            "matern52" => Family::Matern52,
            _ => {
                let wanted = "\"rbf\", \"matern12\", \"matern32\" or \"matern52\"".into();
                return Err(Error::Parameter {
                    name: "kernel",
                    given: format!("{name:?}"),
                    wanted,
                });
            }
        };
        if variance > 0.0 && variance.is_finite() {
            return Ok(Self { family, variance });
        }
        let wanted = "a positive finite number".into();
        Err(Error::Parameter { name: "variance", given: format!("{variance:?}"), wanted })
    }

    /// The kernel at squared distance `s`.
    #[inline(always)]
    #[must_use]
    pub fn of_squared(&self, s: f64) -> f64 {
        match self.family {
            Family::Rbf => self.variance * exp(-0.5 * s),
            Family::Matern12 => self.variance * exp(-s.sqrt()),
            Family::Matern32 => {
                let r = near((3.0 * s).sqrt());
                self.variance * ((r + 1.0) * exp(-r))
            }
            Family::Matern52 => {
                let r = near((5.0 * s).sqrt());
                self.variance * (r.mul_add(r.mul_add(THIRD, 1.0), 1.0) * exp(-r))
            }
        }
    }

    /// The kernel between two points.
    #[inline(always)]
    #[must_use]
    pub fn between(&self, a: &[f64], b: &[f64]) -> f64 {
        self.of_squared(squared_distance(a, b))
    }

    /// [`Kernel::of_squared`], lane by lane.
    #[inline(always)]
    pub(crate) unsafe fn of_squared_lanes<S: Simd>(&self, s: S::F64) -> S::F64 {
        // SAFETY: the caller's promise.
        unsafe {
            let (variance, one) = (S::F64::splat(self.variance), S::F64::splat(1.0));
            let root = |factor: f64| S::F64::splat(factor).mul(s).sqrt().min(S::F64::splat(FAR));
            let decay = |r: S::F64| exp_lanes::<S>(S::F64::splat(-1.0).mul(r));
            match self.family {
                Family::Rbf => variance.mul(exp_lanes::<S>(S::F64::splat(-0.5).mul(s))),
                Family::Matern12 => variance.mul(decay(s.sqrt())),
                Family::Matern32 => {
                    let r = root(3.0);
                    variance.mul(r.add(one).mul(decay(r)))
                }
                Family::Matern52 => {
                    let r = root(5.0);
                    let polynomial = r.fma(r.fma(S::F64::splat(THIRD), one), one);
                    variance.mul(polynomial.mul(decay(r)))
                }
            }
        }
    }

    /// The kernel between one point and a panel of `VECTORS * F64::LANES` others.
    ///
    /// # Safety
    /// `panel` holds `point.len()` columns of that width; the CPU has the level of `S`.
    #[inline(always)]
    pub(crate) unsafe fn of_panel<S: Simd>(
        &self,
        point: &[f64],
        panel: *const f64,
    ) -> [S::F64; VECTORS] {
        // SAFETY: the caller's promise.
        unsafe {
            let mut squared = [S::F64::splat(0.0); VECTORS];
            for (column, &x) in point.iter().enumerate() {
                let x = S::F64::splat(x);
                for (v, s) in squared.iter_mut().enumerate() {
                    let y = S::F64::load(panel.add((column * VECTORS + v) * S::F64::LANES));
                    let d = x.sub(y);
                    *s = d.fma(d, *s);
                }
            }
            for s in &mut squared {
                *s = self.of_squared_lanes::<S>(*s);
            }
            squared
        }
    }
}

/// The kernel between one point and all the points of a packed matrix.
pub(crate) struct KernelRow<'a, T> {
    pub kernel: Kernel,
    pub point: &'a [f64],
    /// Panels as wide as [`crate::dot::width`] of `f64`, `point.len()` deep.
    pub panels: &'a Packed<f64>,
    /// One value for each packed point; the last panel may be wider.
    pub out: &'a mut [T],
}

impl<T: Real> Routine for KernelRow<'_, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let width = VECTORS * S::F64::LANES;
        let mut last = [T::default(); MAX_WIDTH];
        for (p, out) in self.out.chunks_mut(width).enumerate() {
            // SAFETY: the panel is `width` wide and `point.len()` deep; a short chunk goes through `last`, which is wider.
            unsafe {
                let values = self.kernel.of_panel::<S>(self.point, self.panels.panel(p).as_ptr());
                let whole = out.len() == width;
                let at = if whole { out.as_mut_ptr() } else { last.as_mut_ptr() };
                for (v, &value) in values.iter().enumerate() {
                    T::store_rounded::<S>(value, at.add(v * S::F64::LANES));
                }
                if !whole {
                    out.copy_from_slice(&last[..out.len()]);
                }
            }
        }
    }
}

/// The widest panel of `f64` of any level.
const MAX_WIDTH: usize = VECTORS * 8;

/// `out[i, j] = kernel(u_q[i], u_c[j])`, rounded once to `T`.
pub fn kernel_block<T: Real>(
    level: Level,
    kernel: Kernel,
    u_q: Matrix<f64>,
    u_c: Matrix<f64>,
    out: &mut [T],
) -> Result<(), Error> {
    u_c.expect("u_c", u_c.rows(), u_q.cols())?;
    expect_area("out", out.len(), u_q.rows(), u_c.rows())?;
    let stride = u_c.rows().max(1);
    let panels = Packed::new(u_c, crate::dot::width::<f64>(level))?;
    out.par_chunks_mut(TASK_ROWS.saturating_mul(stride)).enumerate().try_for_each(|(task, rows)| {
        environment::check()?;
        for (i, out) in rows.chunks_mut(stride).enumerate() {
            let point = u_q.row(task * TASK_ROWS + i);
            // SAFETY: `panels` has the level's width and as many columns as `point`.
            unsafe { level.run(KernelRow { kernel, point, panels: &panels, out }) }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::sample;

    const RBF: Kernel = Kernel { family: Family::Rbf, variance: 1.5 };
    const MATERN: Kernel = Kernel { family: Family::Matern52, variance: 0.75 };
    const KERNELS: [Kernel; 4] = [
        RBF,
        Kernel { family: Family::Matern12, variance: 2.5 },
        Kernel { family: Family::Matern32, variance: 0.25 },
        MATERN,
    ];

    #[test]
    fn kernels_are_their_formulas() {
        for kernel in KERNELS {
            assert_eq!(kernel.of_squared(0.0), kernel.variance);
            assert_eq!(kernel.of_squared(f64::INFINITY), 0.0);
            for s in [0.01_f64, 0.7, 3.0, 55.0, 600.0] {
                let root = |factor: f64| (factor * s).sqrt();
                let shape = match kernel.family {
                    Family::Rbf => (-s / 2.0).exp(),
                    Family::Matern12 => (-root(1.0)).exp(),
                    Family::Matern32 => (1.0 + root(3.0)) * (-root(3.0)).exp(),
                    Family::Matern52 => (1.0 + root(5.0) + 5.0 * s / 3.0) * (-root(5.0)).exp(),
                };
                let (found, wanted) = (kernel.of_squared(s), kernel.variance * shape);
                assert!((found - wanted).abs() <= 1e-14 * wanted, "{kernel:?} {found} {wanted}");
            }
        }
        assert_eq!(RBF.between(&[1.0, 2.0], &[2.0, 4.0]), RBF.of_squared(5.0));
    }

    #[test]
    fn unknown_names_and_variances_are_refused() {
        for (name, kernel) in ["rbf", "matern12", "matern32", "matern52"].into_iter().zip(KERNELS) {
            assert_eq!(Kernel::named(name, kernel.variance), Ok(kernel));
        }
        assert!(matches!(Kernel::named("RBF", 1.0), Err(Error::Parameter { name: "kernel", .. })));
        for variance in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let refused = Kernel::named("rbf", variance);
            assert!(
                matches!(refused, Err(Error::Parameter { name: "variance", .. })),
                "{variance}"
            );
        }
    }

    fn check<T: Real>(q: usize, c: usize, d: usize, scale: f64) {
        let points = |seed, n| sample::<f64>(seed, n * d).iter().map(|x| x * scale).collect();
        let (a, b): (Vec<f64>, Vec<f64>) = (points(1, q), points(2, c));
        let (a, b) = (Matrix::new("a", &a, q, d).unwrap(), Matrix::new("b", &b, c, d).unwrap());
        for kernel in KERNELS {
            for &level in Level::available() {
                let mut out = vec![T::default(); q * c];
                kernel_block(level, kernel, a, b, &mut out).unwrap();
                for (at, x) in out.iter().enumerate() {
                    let wanted = T::round(kernel.between(a.row(at / c), b.row(at % c)));
                    assert_eq!(
                        x.widen().to_bits(),
                        wanted.widen().to_bits(),
                        "{level:?} {q} {c} {d} at {at}"
                    );
                }
            }
        }
    }

    #[test]
    fn blocks_have_the_bits_of_the_definition() {
        for c in 1..=50 {
            check::<f64>(2, c, 3, 1.0);
            check::<f32>(2, c, 1, 5.0);
        }
        check::<f64>(33, 5, 8, 1e160);
        check::<f32>(17, 49, 2, 0.1);
        check::<f64>(3, 4, 0, 1.0);
        check::<f64>(0, 4, 2, 1.0);
        check::<f64>(4, 0, 2, 1.0);
    }

    #[test]
    fn wrong_shapes_are_refused() {
        let u = [0.0; 6];
        let (a, b) = (Matrix::new("a", &u, 3, 2).unwrap(), Matrix::new("b", &u, 2, 3).unwrap());
        assert!(kernel_block(Level::best(), RBF, a, b, &mut [0.0; 6]).is_err());
        assert!(kernel_block(Level::best(), RBF, a, a, &mut [0.0; 8]).is_err());
    }
}
