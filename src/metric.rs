//! [`ResidualMetric`]: the metric pair by pair, for searches, with a stop that is proven.
//!
//! It borrows u (n, d), V (n, m) and p (n,). A pair's value is the same as in a block, bit for bit, and lies in [0, 1].
//!
//! # When a pair may stop
//! The dot is a chain over `m` columns. Let `a` be its accumulator after `c` of them, `r = m - c`, `u` the block type's roundoff, `y` its
//! smallest positive value. Each later step is `fl(a + v w) = (a + v w)(1 + d) + e` with `|d| <= u` and `|e| <= y`, so with
//! `g = r u / (1 - r u)` the final dot lies within `E = (N + r y)(1 + g) + g |a|` of `a`, where `N = |v_i[c..]| |v_j[c..]|` bounds
//! `sum |v w|` (Cauchy-Schwarz). Hence `|fl(kernel - dot)| <= B = (|kernel - a| + E)(1 + u)`. All that follows the numerator is
//! correctly rounded, one operation at a time, each monotone in the numerator's magnitude: so [`correlation_gap`] of `B` is at most
//! the pair's, and where it exceeds the k-th value the pair's does. Norms, `E` and `B` are computed in `f64` and pushed up by more than
//! their own rounding. Where `B` is so large that a step may have overflowed, or NaN, it is taken as infinite, which stops nothing.
//!
//! Numba twin: `compute_residual_distances` in `covertreex/metrics/residual/core.py`; the bound has none, it only skips what cannot be in the answer.

use crate::distance::correlation_gap;
use crate::environment;
use crate::error::Error;
use crate::kernel::Kernel;
use crate::level::{Level, Routine};
use crate::matrix::{Matrix, expect_length};
use crate::memory::zeros;
use crate::numeric::{Real, chain, chain_from};
use crate::simd::Simd;
use std::ops::Range;

/// Columns from one checkpoint to the next; the first stands before any column.
const STRIDE: usize = 32;
/// No distance is larger.
pub const MAX_DISTANCE: f64 = 1.0;
/// More than a norm loses where its squares underflow, and too small to weigh in a bound.
const SPECK: f64 = 1e-150;

/// The residual-correlation metric over `n` points.
#[derive(Clone, Debug)]
pub struct ResidualMetric<'a, T> {
    level: Level,
    kernel: Kernel,
    points: Points<'a, T>,
    /// `eps * eps`.
    floor: f64,
    /// `norms[i * checkpoints + c]` is at least the norm of `v_i[c * STRIDE..]`.
    norms: Vec<f64>,
    checkpoints: usize,
    /// A factor above 1 by more than the relative error of a norm, an `E` or a `B`.
    up: f64,
}

/// Points as the metric knows them: scaled coordinates (n, d), rows of V (n, m) and residual variances (n,).
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)] // the fields are the summary's, in order
pub struct Points<'a, T> {
    pub u: Matrix<'a, f64>,
    pub v: Matrix<'a, T>,
    pub p: &'a [T],
}

impl<'a, T: Real> Points<'a, T> {
    /// How many points; an error if the parts disagree.
    pub fn count(&self) -> Result<usize, Error> {
        let n = self.u.rows();
        self.v.expect("v", n, self.v.cols())?;
        expect_length("p", self.p.len(), n)?;
        Ok(n)
    }

    /// Some of the points.
    #[must_use]
    pub fn slice(&self, rows: Range<usize>) -> Points<'a, T> {
        let p = &self.p[rows.clone()];
        Points { u: self.u.slice(rows.clone()), v: self.v.slice(rows), p }
    }
}

impl<'a, T: Real> ResidualMetric<'a, T> {
    /// The metric of these points; costs one pass over V.
    pub fn new(
        level: Level,
        kernel: Kernel,
        eps: f64,
        points: Points<'a, T>,
    ) -> Result<Self, Error> {
        environment::check()?;
        let (n, m) = (points.count()?, points.v.cols());
        let checkpoints = m.div_ceil(STRIDE);
        let up = 1.0 + (m as f64 + 16.0) * f64::EPSILON;
        let mut norms = zeros("norms of V", &[n, checkpoints])?;
        for (i, norms) in norms.chunks_exact_mut(checkpoints.max(1)).enumerate() {
            let mut square = 0.0;
            let parts = points.v.row(i).chunks(STRIDE);
            for (norm, part) in norms.iter_mut().zip(parts).rev() {
                square = part.iter().fold(square, |sum, x| x.widen().mul_add(x.widen(), sum));
                *norm = square.sqrt() * up + SPECK;
            }
        }
        Ok(Self { level, kernel, points, floor: eps * eps, norms, checkpoints, up })
    }

    /// The largest distance there can be.
    #[must_use]
    pub fn max_distance_hint(&self) -> f64 {
        MAX_DISTANCE
    }

    /// The distance between points `i` and `j`, by definition.
    ///
    /// # Panics
    /// If there is no such point.
    #[must_use]
    pub fn distance_idx(&self, i: usize, j: usize) -> f64 {
        let Points { u, v, p } = self.points;
        let kernel = T::round(self.kernel.between(u.row(i), u.row(j)));
        let numerator = kernel.widened_difference(chain(v.row(i), v.row(j)));
        correlation_gap(numerator, p[i].widen(), p[j].widen(), self.floor).sqrt()
    }

    /// Squared distances, `1 - |rho|`, from `query` to each of `idxs`; +inf for a pair that is proven to exceed `kth`, itself squared.
    pub fn distances_sq_batch_idx_into_with_kth(
        &self,
        query: usize,
        idxs: &[usize],
        kth: Option<f64>,
        out: &mut [f64],
    ) -> Result<(), Error> {
        environment::check()?;
        expect_length("out", out.len(), idxs.len())?;
        self.expect_points("query", &[query])?;
        self.expect_points("idxs", idxs)?;
        let kth = kth.unwrap_or(f64::INFINITY);
        // SAFETY: the routine's fields promise nothing.
        unsafe { self.level.run(Batch { metric: self, query, idxs, kth, out }) }
        Ok(())
    }

    /// An error unless all these points exist.
    pub fn expect_points(&self, name: &'static str, idxs: &[usize]) -> Result<(), Error> {
        let limit = self.points.p.len();
        match idxs.iter().position(|&index| index >= limit) {
            None => Ok(()),
            Some(position) => {
                let value = idxs[position] as i64;
                Err(Error::IndexRange { name, position, value, limit })
            }
        }
    }

    /// `1 - |rho|` of a pair, or +inf once a checkpoint proves that it exceeds `kth`.
    #[inline(always)]
    fn gap(&self, i: usize, j: usize, kth: f64) -> f64 {
        let Points { u, v, p } = self.points;
        let (v_i, v_j, p_i, p_j) = (v.row(i), v.row(j), p[i].widen(), p[j].widen());
        let kernel = T::round(self.kernel.between(u.row(i), u.row(j)));
        let mut dot = T::default();
        for (c, (part_i, part_j)) in v_i.chunks(STRIDE).zip(v_j.chunks(STRIDE)).enumerate() {
            let bound = self.numerator_bound(kernel, dot, (i, j), c);
            if correlation_gap(bound, p_i, p_j, self.floor) > kth {
                return f64::INFINITY;
            }
            dot = chain_from(dot, part_i, part_j);
        }
        correlation_gap(kernel.widened_difference(dot), p_i, p_j, self.floor)
    }

    /// `B` of the module's proof, at checkpoint `c`.
    #[inline(always)]
    fn numerator_bound(&self, kernel: T, dot: T, (i, j): (usize, usize), c: usize) -> f64 {
        let left = (self.points.v.cols() - c * STRIDE) as f64;
        let g = left * T::ROUNDOFF / (1.0 - left * T::ROUNDOFF) * self.up;
        let norms = self.norms[i * self.checkpoints + c] * self.norms[j * self.checkpoints + c];
        let rest = (norms + left * T::TINY) * (1.0 + g) + g * dot.widen().abs();
        let bound = ((kernel.widen() - dot.widen()).abs() + rest) * (1.0 + T::ROUNDOFF) * self.up;
        if bound < T::LARGE { bound } else { f64::INFINITY }
    }
}

/// A batch of pairs, whose fused steps the level's instructions compute.
struct Batch<'a, 'b, T> {
    metric: &'b ResidualMetric<'a, T>,
    query: usize,
    idxs: &'b [usize],
    kth: f64,
    out: &'b mut [f64],
}

impl<T: Real> Routine for Batch<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        for (out, &index) in self.out.iter_mut().zip(self.idxs) {
            *out = self.metric.gap(self.query, index, self.kth);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::factor::{cholesky, project};
    use crate::kernel::Family;

    /// Points of a real model: coordinates, V, p.
    struct Model<T> {
        u: Vec<f64>,
        v: Vec<T>,
        p: Vec<T>,
        sizes: [usize; 3],
        kernel: Kernel,
    }

    impl<T: Real> Model<T> {
        fn new(family: Family, n: usize, m: usize, d: usize, scale: f64) -> Self {
            let kernel = Kernel { family, variance: 1.0 };
            let u: Vec<f64> =
                crate::draws::sample::<f64>(11, n * d).iter().map(|x| x * scale).collect();
            let (all, z) =
                (Matrix::new("u", &u, n, d).unwrap(), Matrix::new("z", &u[..m * d], m, d).unwrap());
            let mut lower = vec![0.0; m * m];
            cholesky(Level::best(), kernel, z, &mut lower).unwrap();
            let lower = Matrix::new("l", &lower, m, m).unwrap();
            let (mut v, mut p) = (vec![T::default(); n * m], vec![T::default(); n]);
            project(Level::best(), kernel, all, z, lower, (&mut v, &mut p)).unwrap();
            Self { u, v, p, sizes: [n, m, d], kernel }
        }

        fn metric(&self, level: Level) -> ResidualMetric<'_, T> {
            let [n, m, d] = self.sizes;
            let u = Matrix::new("u", &self.u, n, d).unwrap();
            let v = Matrix::new("v", &self.v, n, m).unwrap();
            ResidualMetric::new(level, self.kernel, 1e-9, Points { u, v, p: &self.p }).unwrap()
        }
    }

    #[test]
    fn batches_have_the_bits_of_the_definition() {
        let model = Model::<f32>::new(Family::Rbf, 60, 33, 2, 1.0);
        let idxs: Vec<usize> = (0..60).rev().collect();
        for &level in Level::available() {
            let metric = model.metric(level);
            for query in [0, 7, 59] {
                let mut out = vec![f64::NAN; 60];
                metric.distances_sq_batch_idx_into_with_kth(query, &idxs, None, &mut out).unwrap();
                for (&index, gap) in idxs.iter().zip(&out) {
                    let distance = metric.distance_idx(query, index);
                    assert_eq!(gap.sqrt().to_bits(), distance.to_bits());
                    assert!(distance <= metric.max_distance_hint());
                }
            }
        }
        assert_eq!(model.metric(Level::best()).max_distance_hint(), 1.0);
    }

    #[test]
    fn a_float64_self_distance_is_zero() {
        let model = Model::<f64>::new(Family::Matern52, 50, 50, 1, 3.0);
        let metric = model.metric(Level::best());
        assert!((0..50).all(|i| metric.distance_idx(i, i).to_bits() == 0));
    }

    /// For each pair and checkpoint the bound holds; every stopped pair is beyond the k-th, every other is exact.
    fn check_stops<T: Real>(model: &Model<T>) -> usize {
        let metric = model.metric(Level::best());
        let [n, m, _] = model.sizes;
        let all: Vec<usize> = (0..n).collect();
        let mut stopped = 0;
        for query in 0..n {
            let mut exact = vec![0.0; n];
            metric.distances_sq_batch_idx_into_with_kth(query, &all, None, &mut exact).unwrap();
            let mut sorted = exact.clone();
            sorted.sort_by(f64::total_cmp);
            for kth in [sorted[0], sorted[n / 10], sorted[n / 2], sorted[n - 1]] {
                let mut found = vec![f64::NAN; n];
                metric
                    .distances_sq_batch_idx_into_with_kth(query, &all, Some(kth), &mut found)
                    .unwrap();
                for (found, exact) in found.iter().zip(&exact) {
                    assert!(found == exact || (found.is_infinite() && *exact > kth));
                    stopped += usize::from(found.is_infinite());
                }
            }
            for other in 0..n {
                let Points { u, v, .. } = metric.points;
                let kernel = T::round(metric.kernel.between(u.row(query), u.row(other)));
                let (a, b) = (v.row(query), v.row(other));
                let numerator = kernel.widened_difference(chain(a, b)).abs();
                for c in 0..m.div_ceil(STRIDE) {
                    let part = chain(&a[..c * STRIDE], &b[..c * STRIDE]);
                    let bound = metric.numerator_bound(kernel, part, (query, other), c);
                    assert!(bound >= numerator, "{query} {other} {c}: {bound} < {numerator}");
                }
            }
        }
        stopped
    }

    #[test]
    fn stops_are_sound_and_happen() {
        assert!(check_stops(&Model::<f64>::new(Family::Rbf, 150, 70, 2, 1.0)) > 0);
        assert!(check_stops(&Model::<f64>::new(Family::Matern52, 150, 96, 2, 4.0)) > 1000);
        assert!(check_stops(&Model::<f32>::new(Family::Matern52, 150, 65, 2, 4.0)) > 1000);
        check_stops(&Model::<f32>::new(Family::Rbf, 100, 64, 1, 0.2));
    }

    #[test]
    fn bounds_hold_where_chains_cancel_overflow_or_underflow() {
        for scale in [1.0, 1e-30, 1e18, 1e-160, 1e150] {
            let mut model = Model::<f64>::new(Family::Rbf, 40, 40, 1, 1.0);
            let wild = crate::draws::sample::<f64>(12, 40 * 40);
            model.v.iter_mut().zip(wild).for_each(|(v, x)| *v = x * scale);
            check_stops(&model);
        }
        for scale in [1.0, 1e-22, 1e18, 1e25] {
            let mut model = Model::<f32>::new(Family::Rbf, 40, 40, 1, 1.0);
            let wild = crate::draws::sample::<f64>(13, 40 * 40);
            model.v.iter_mut().zip(wild).for_each(|(v, x)| *v = (x * scale) as f32);
            check_stops(&model);
        }
    }

    #[test]
    fn bounds_hold_where_every_step_rounds_a_subnormal_up() {
        let mut narrow = Model::<f32>::new(Family::Rbf, 40, 40, 1, 1e3);
        narrow.v.fill((0.6 * f64::from(f32::from_bits(1))).sqrt() as f32);
        check_stops(&narrow);
        let mut wide = Model::<f64>::new(Family::Rbf, 40, 40, 1, 1e3);
        wide.v.fill(0.77 * 2f64.powi(-537));
        check_stops(&wide);
        wide.v[..20 * 40].fill(1e-170); // whose squares vanish, beside rows that are not small
        wide.v[20 * 40..].fill(1e100);
        check_stops(&wide);
    }

    /// From a = 1 on, each step adds a bit more than half an ulp and gains a whole one: both parts of `E` are used up.
    #[test]
    fn bounds_hold_where_every_step_rounds_up_by_half_an_ulp() {
        fn check<T: Real>() {
            let mut model = Model::<T>::new(Family::Rbf, 3, 1, 1, 0.0);
            let (columns, root) =
                (STRIDE + 8, T::round(T::ROUNDOFF.sqrt() * (1.0 + 4.0 * T::ROUNDOFF)));
            let mut row = vec![T::default(); columns];
            row[0] = T::round(1.0);
            row[STRIDE..].fill(root);
            model.sizes[1] = columns;
            model.v = row.repeat(3);
            assert_eq!(chain(&row, &row).widen(), 1.0 + 16.0 * T::ROUNDOFF);
            check_stops(&model);
        }
        check::<f32>();
        check::<f64>();
    }

    #[test]
    fn points_and_indices_are_checked() {
        let model = Model::<f64>::new(Family::Rbf, 9, 4, 2, 1.0);
        let metric = model.metric(Level::best());
        let run = |query, idxs: &[usize], len: usize| {
            metric.distances_sq_batch_idx_into_with_kth(query, idxs, None, &mut vec![0.0; len])
        };
        let outside =
            |name, position, value| Err(Error::IndexRange { name, position, value, limit: 9 });
        assert_eq!(run(8, &[0, 8], 2), Ok(()));
        assert_eq!(run(9, &[0], 1), outside("query", 0, 9));
        assert_eq!(run(0, &[1, 10], 2), outside("idxs", 1, 10));
        assert!(run(0, &[1], 2).is_err());
        let Points { u, v, p } = metric.points;
        assert_eq!(Points { u, v, p }.count(), Ok(9));
        assert!(Points { u, v, p: &p[1..] }.count().is_err());
        assert!(Points { u, v: v.slice(0..8), p }.count().is_err());
        assert_eq!(Points { u, v, p }.slice(2..5).p, &p[2..5]);
        assert_eq!(Points { u, v, p }.slice(2..5).u.row(0), u.row(2));
        assert_eq!(Points { u, v, p }.slice(2..5).v.row(1), v.row(3));
    }
}
