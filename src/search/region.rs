//! A region: consecutive points of the index's order, its pivots, and each point's coordinates in their basis.
//!
//! Pivots are chosen by a pivoted Cholesky factorisation of the correlations of some of the region's points, until what is left of
//! none of them exceeds `tail`. Coordinates are `float32`: [`super::bounds`] asks only how far they are off. Numba twin: none.

use super::bounds::{Certificate, LARGEST, MAX_RANK, U32, UP, above};
use super::correlate::{ColumnSide, Gathered, RowSide, correlate};
use crate::dot;
use crate::error::Error;
use crate::kernel::Kernel;
use crate::level::Level;
use crate::matrix::{Matrix, Packed};
use crate::memory::zeros;
use crate::metric::Points;
use std::ops::Range;

const BASES: &str = "the bases of the index";
/// Points of a region that pivots are chosen from, at most.
const SAMPLE: usize = 192;

/// What a search reads of a region; `f`, `sigma` and so on are those of [`super::bounds`].
#[derive(Clone, Debug)]
pub(super) struct Region {
    /// Positions in the order.
    pub points: Range<usize>,
    /// Its pivots, among those of all regions.
    pub pivots: Range<usize>,
    /// `A`, lower triangular, in panels as high as the level's tile.
    pub basis: Packed<f32>,
    /// Coordinates of the points, packed alike.
    pub coordinates: Packed<f32>,
    pub sigma: Vec<f32>,
    pub limits: Limits,
}

/// The largest of each in a region, and what a query's own bounds are made of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limits {
    pub sigma: f32,
    /// `|f|`.
    pub f: f32,
    /// `|f|^2 + sigma^2 - 1`.
    pub excess: f32,
    /// `H`.
    pub h: f32,
    pub omega: f32,
    /// `theta` of a query is `of_noise * scale + of_rounding`, `scale` its `1 / sqrt(p)`.
    pub of_noise: f32,
    pub of_rounding: f32,
    /// `noise` times the largest `1 / sqrt(p)` of its points.
    pub noise: f32,
}

/// What a region is built with.
pub(super) struct Builder<'a> {
    pub level: Level,
    pub kernel: Kernel,
    pub points: Points<'a, f64>,
    pub order: &'a [i64],
    pub certificate: Certificate,
    pub tail: f64,
}

impl Builder<'_> {
    /// The region of these positions, and its pivots' positions.
    pub(super) fn build(&self, points: Range<usize>) -> Result<(Region, Vec<usize>), Error> {
        let ids = |positions: Range<usize>| self.order[positions].iter().map(|&id| id as usize);
        let mut all = Gathered::default();
        all.fill(self.points, ids(points.clone()))?;
        let step = points.len().div_ceil(SAMPLE);
        let (chosen, lower) = self.choose(&all, step)?;
        let mut pivots = Gathered::default();
        let positions: Vec<usize> = chosen.iter().map(|&row| points.start + row * step).collect();
        pivots
            .fill(self.points, positions.iter().map(|&position| self.order[position] as usize))?;
        let basis = invert(&lower, chosen.len())?;
        let mut columns = ColumnSide::empty(self.level);
        columns.fill(&all)?;
        let rows = RowSide::new(self.level, &pivots)?;
        let mut correlations = zeros(BASES, &[chosen.len(), points.len()])?;
        let mut scratch = Vec::new();
        correlate(self.level, self.kernel, (&rows, 0), &columns, &mut scratch, &mut correlations)?;
        let gram = self.gram(&rows, &pivots, &mut scratch)?;
        let frame = Frame::new(&basis, &gram, &pivots.scale, self.certificate);
        let region = frame.region(self.level, points, &all.scale, &correlations)?;
        Ok((region, positions))
    }

    /// Correlations among the pivots.
    fn gram(
        &self,
        rows: &RowSide,
        pivots: &Gathered,
        scratch: &mut Vec<f64>,
    ) -> Result<Vec<f64>, Error> {
        let mut columns = ColumnSide::empty(self.level);
        columns.fill(pivots)?;
        let mut gram = zeros(BASES, &[pivots.p.len(), pivots.p.len()])?;
        correlate(self.level, self.kernel, (rows, 0), &columns, scratch, &mut gram)?;
        Ok(gram)
    }

    /// Rows of the sample in the order they were chosen, and their Cholesky factor (r, r).
    fn choose(&self, all: &Gathered, step: usize) -> Result<(Vec<usize>, Vec<f64>), Error> {
        let (n, m, d) = (all.p.len(), self.points.v.cols(), self.points.u.cols());
        let picked = |row: usize| row * step;
        let count = n.div_ceil(step.max(1));
        let mut sample = Gathered::default();
        for row in (0..count).map(picked) {
            sample.u.extend_from_slice(&all.u[row * d..(row + 1) * d]);
            sample.v.extend_from_slice(&all.v[row * m..(row + 1) * m]);
            sample.scale.push(all.scale[row]);
            sample.p.push(all.p[row]);
        }
        let rows = RowSide::new(self.level, &sample)?;
        let correlations = self.gram(&rows, &sample, &mut Vec::new())?;
        pivoted_cholesky(&correlations, count, self.tail)
    }
}

/// Pivots of a matrix (n, n) while what is left of the diagonal exceeds `tail`, and the factor of their rows.
fn pivoted_cholesky(matrix: &[f64], n: usize, tail: f64) -> Result<(Vec<usize>, Vec<f64>), Error> {
    let most = MAX_RANK.min(n);
    let mut left: Vec<f64> = (0..n).map(|i| matrix[i * n + i]).collect();
    let mut factor: Vec<f64> = zeros(BASES, &[n, most])?; // column after column: (most, n)
    let mut pivots: Vec<usize> = Vec::new();
    while pivots.len() < most {
        let best = (0..n).fold(0, |best, i| if left[i] > left[best] { i } else { best });
        if left[best] <= tail || left[best].is_nan() {
            break;
        }
        let root = left[best].sqrt();
        let (done, column) = factor.split_at_mut(pivots.len() * n);
        let column = &mut column[..n];
        column.copy_from_slice(&matrix[best * n..(best + 1) * n]);
        for previous in done.chunks_exact(n) {
            let weight = previous[best];
            column.iter_mut().zip(previous).for_each(|(x, y)| *x -= weight * y);
        }
        for (x, left) in column.iter_mut().zip(&mut left) {
            *x /= root;
            *left -= *x * *x;
        }
        left[best] = 0.0;
        pivots.push(best);
    }
    let r = pivots.len();
    let mut lower = zeros(BASES, &[r, r])?;
    for (a, &row) in pivots.iter().enumerate() {
        for b in 0..=a {
            lower[a * r + b] = factor[b * n + row];
        }
    }
    Ok((pivots, lower))
}

/// The inverse of a lower triangle (r, r), rounded to `f32`.
fn invert(lower: &[f64], r: usize) -> Result<Vec<f32>, Error> {
    let mut inverse: Vec<f64> = zeros(BASES, &[r, r])?;
    for a in 0..r {
        for b in 0..=a {
            let start = f64::from(u8::from(a == b));
            let sum = (b..a).fold(start, |s, k| s - lower[a * r + k] * inverse[k * r + b]);
            inverse[a * r + b] = sum / lower[a * r + a];
        }
    }
    Ok(inverse.into_iter().map(|x| x as f32).collect())
}

/// A region's `A`, and how far it is from making an orthonormal basis.
struct Frame<'a> {
    basis: &'a [f32],
    rank: usize,
    omega: f64,
    /// Beside the scale of a point: what noise and rounding make of `theta`.
    of_noise: f64,
    of_rounding: f64,
    noise: f64,
}

impl<'a> Frame<'a> {
    fn new(basis: &'a [f32], gram: &[f64], scales: &[f64], certificate: Certificate) -> Self {
        let r = scales.len();
        let up = f64::from(UP);
        let row_sum = |row: &[f32]| row.iter().map(|x| f64::from(x.abs())).sum::<f64>();
        let squares = basis.chunks(r.max(1)).map(|row| row_sum(row).powi(2)).sum::<f64>();
        let spread = squares.sqrt() * up; // the Euclidean norm of the row sums of |A|
        let largest = scales.iter().fold(0.0_f64, |a, &b| a.max(b)) * up;
        let off = distance_from_identity(basis, gram, r);
        let gram_error = certificate.noise * largest * largest + 16.0 * f64::EPSILON;
        let omega = (off + spread * spread * (gram_error + r as f64 * f64::EPSILON)) * up;
        let of_noise = spread * certificate.noise * largest * up;
        let of_rounding = spread * (2.0 * r as f64 + 4.0) * U32 * LARGEST * up;
        Self { basis, rank: r, omega, of_noise, of_rounding, noise: certificate.noise }
    }

    /// Coordinates and bounds of the points, from their correlations with the pivots (r, n).
    fn region(
        &self,
        level: Level,
        points: Range<usize>,
        scales: &[f64],
        correlations: &[f64],
    ) -> Result<Region, Error> {
        let (r, n, up) = (self.rank, points.len(), f64::from(UP));
        let mut coordinates: Vec<f32> = zeros(BASES, &[n, r])?;
        let mut sums: Vec<f32> = zeros(BASES, &[n])?;
        for (a, row) in self.basis.chunks(r.max(1)).enumerate() {
            sums.fill(0.0);
            for (weight, values) in row[..=a].iter().zip(correlations.chunks(n)) {
                for (sum, &x) in sums.iter_mut().zip(values) {
                    *sum += weight * x as f32;
                }
            }
            coordinates.chunks_mut(r).zip(&sums).for_each(|(row, &sum)| row[a] = sum);
        }
        let mut limits = Limits {
            omega: above(self.omega),
            of_noise: above(self.of_noise),
            of_rounding: above(self.of_rounding),
            ..Limits::default()
        };
        let mut sigma = zeros(BASES, &[n])?;
        for (i, sigma) in sigma.iter_mut().enumerate() {
            let f = &coordinates[i * r..(i + 1) * r];
            let square = f.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
            let norm = square.sqrt() * up;
            let theta = (self.of_noise * scales[i] + self.of_rounding) * up;
            let h = (theta + self.omega * norm) * up;
            let own = self.noise * scales[i] * scales[i] + 2f64.powi(-40);
            let left = 1.0 - square + (own + self.omega * norm * norm + 2.0 * norm * h) * up;
            *sigma = remainder(left);
            let excess = above(norm * norm + f64::from(*sigma) * f64::from(*sigma) * up - 1.0);
            limits.sigma = limits.sigma.max(*sigma);
            limits.f = limits.f.max(above(norm));
            limits.excess = limits.excess.max(excess);
            limits.h = limits.h.max(above(h));
            limits.noise = limits.noise.max(above(self.noise * scales[i] * up));
        }
        let height = dot::rows(level);
        Ok(Region {
            points,
            pivots: 0..r,
            basis: Packed::new(Matrix::new("basis", self.basis, r, r)?, height)?,
            coordinates: Packed::new(Matrix::new("coordinates", &coordinates, n, r)?, height)?,
            sigma,
            limits,
        })
    }
}

/// At least the root of what is left of a point: infinite, so that nothing is skipped, where that is no number.
pub(super) fn remainder(left: f64) -> f32 {
    let most = if left.is_finite() { left.max(0.0).sqrt() * f64::from(UP) } else { f64::INFINITY };
    above(most)
}

/// The Frobenius norm of `A C A^T - I`, over what its evaluation rounds.
fn distance_from_identity(basis: &[f32], gram: &[f64], r: usize) -> f64 {
    let row = |a: usize| &basis[a * r..(a + 1) * r];
    let dot = |weights: &[f32], values: &[f64]| {
        weights.iter().zip(values).map(|(&w, x)| f64::from(w) * x).sum::<f64>()
    };
    let mut square = 0.0;
    let mut product = vec![0.0; r];
    for a in 0..r {
        for (b, product) in product.iter_mut().enumerate() {
            *product = dot(row(a), &gram[b * r..(b + 1) * r]); // the Gram matrix is symmetric
        }
        for b in 0..r {
            let off = dot(row(b), &product) - f64::from(u8::from(a == b));
            square += off * off;
        }
    }
    square.sqrt()
}
