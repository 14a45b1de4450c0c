//! Points under the residual-correlation metric: every centre is offered to every point, by the fused scan.
//!
//! Rounding leaves this distance no law that a bound could stand on: not in float32, nor for a V of a caller's own. So nothing is
//! skipped, and the cost is points times centres, which `max_centres` limits.
//!
//! Numba twin: `residual_tree` in `covertreex/search/_tree_numba.py`.

use super::{Nearest, Space, TREE};
use crate::error::Error;
use crate::kernel::Kernel;
use crate::knn::Scan;
use crate::level::Level;
use crate::matrix::Matrix;
use crate::memory::{room, zeros};
use crate::metric::{Points, ResidualMetric};
use crate::numeric::Real;

/// Points of a residual-correlation metric, each with its nearest centre.
#[derive(Clone, Debug)]
pub struct Correlated<'a, T> {
    cpu: Level,
    kernel: Kernel,
    eps: f64,
    points: Points<'a, T>,
    metric: ResidualMetric<'a, T>,
    ids: Vec<usize>,
    nearest: Nearest,
    /// What a scan found.
    found: (Vec<i64>, Vec<f64>),
}

impl<'a, T: Real> Correlated<'a, T> {
    /// The points of this metric.
    pub fn new(cpu: Level, kernel: Kernel, eps: f64, points: Points<'a, T>) -> Result<Self, Error> {
        let n = points.count()?;
        let mut ids = room(TREE, &[n])?;
        ids.extend(0..n);
        let found = (zeros(TREE, &[n])?, zeros(TREE, &[n])?);
        let metric = ResidualMetric::new(cpu, kernel, eps, points)?;
        Ok(Self { cpu, kernel, eps, points, metric, ids, nearest: Nearest::new(n)?, found })
    }
}

/// The rows of these ids, one after the other.
fn gather<T: Real>(matrix: Matrix<T>, ids: &[usize]) -> Result<Vec<T>, Error> {
    let mut rows = room(TREE, &[ids.len(), matrix.cols()])?;
    for &id in ids {
        rows.extend_from_slice(matrix.row(id));
    }
    Ok(rows)
}

impl<T: Real> Space for Correlated<'_, T> {
    fn ids(&self) -> &[usize] {
        &self.ids
    }

    fn nearest(&mut self) -> &mut Nearest {
        &mut self.nearest
    }

    fn relax(&mut self, centres: &[usize]) -> Result<(), Error> {
        let Points { u, v, p } = self.points;
        let (rows_u, rows_v) = (gather(u, centres)?, gather(v, centres)?);
        let p: Vec<T> = centres.iter().map(|&id| p[id]).collect();
        let data = Points {
            u: Matrix::new("u", &rows_u, centres.len(), u.cols())?,
            v: Matrix::new("v", &rows_v, centres.len(), v.cols())?,
            p: &p,
        };
        let Self { cpu: level, kernel, eps, .. } = *self;
        let scan = Scan { level, kernel, eps, data, k: 1, chunk_size: centres.len() };
        scan.run(self.points, &mut self.found.0, &mut self.found.1)?;
        for (slot, (&row, &distance)) in self.found.0.iter().zip(&self.found.1).enumerate() {
            self.nearest.offer(slot, distance, centres[row as usize]);
        }
        Ok(())
    }

    fn distances(&self, from: usize, to: &[usize], out: &mut [f64]) -> Result<(), Error> {
        self.metric.distances_sq_batch_idx_into_with_kth(from, to, None, out)?;
        for gap in out {
            *gap = gap.sqrt();
        }
        Ok(())
    }
}
