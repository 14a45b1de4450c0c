//! Points under the residual-correlation metric: every centre is offered to every point, tile by tile.
//!
//! Rounding leaves this distance no law that a bound could stand on: not in float32, nor for a V of a caller's own. So nothing is
//! skipped, and the cost is points times centres, which `max_centres` limits.
//!
//! Numba twin: `residual_tree` in `covertreex/search/_tree_numba.py`.

use super::{Nearest, Space, TREE, offer};
use crate::distance::DistanceRow;
use crate::dot::{self, DotRows};
use crate::environment;
use crate::error::Error;
use crate::kernel::{Kernel, KernelRow};
use crate::level::Level;
use crate::matrix::{Matrix, Packed, expect_area};
use crate::memory::{room, zeros};
use crate::metric::{Points, ResidualMetric};
use crate::numeric::Real;
use rayon::prelude::*;

/// Points of one task, a multiple of every level's tile rows.
const BLOCK: usize = 48;

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
}

/// Some points' rows, one after the other.
struct Gathered<T> {
    u: Vec<f64>,
    v: Vec<T>,
    p: Vec<T>,
    /// Columns of u and of v.
    cols: (usize, usize),
}

impl<T: Real> Gathered<T> {
    fn new(points: &Points<T>, ids: &[usize]) -> Result<Self, Error> {
        let cols = (points.u.cols(), points.v.cols());
        let mut u = room(TREE, &[ids.len(), cols.0])?;
        let mut v = room(TREE, &[ids.len(), cols.1])?;
        let mut p = room(TREE, &[ids.len()])?;
        for &id in ids {
            u.extend_from_slice(points.u.row(id));
            v.extend_from_slice(points.v.row(id));
            p.push(points.p[id]);
        }
        Ok(Self { u, v, p, cols })
    }

    fn points(&self) -> Result<Points<'_, T>, Error> {
        let n = self.p.len();
        let u = Matrix::new("u", &self.u, n, self.cols.0)?;
        Ok(Points { u, v: Matrix::new("v", &self.v, n, self.cols.1)?, p: &self.p })
    }
}

/// Points packed as columns for the tiles, and the metric to them.
struct Columns<T> {
    cpu: Level,
    kernel: Kernel,
    eps: f64,
    u: Packed<f64>,
    v: Packed<T>,
    p: Vec<f64>,
}

/// A task's buffers.
struct Tiles<T> {
    rows: Packed<T>,
    dot: Vec<T>,
    kernel: Vec<T>,
    distances: Vec<f64>,
}

impl<T: Real> Columns<T> {
    fn tiles(&self) -> Result<Tiles<T>, Error> {
        let cols = self.p.len();
        Ok(Tiles {
            rows: Packed::empty(dot::rows(self.cpu)),
            dot: zeros(TREE, &[BLOCK, cols])?,
            kernel: zeros(TREE, &[cols])?,
            distances: zeros(TREE, &[cols])?,
        })
    }

    /// Hand each row's number and its distances to all columns to `take`; at most [`BLOCK`] rows.
    fn distances(
        &self,
        rows: Points<T>,
        tiles: &mut Tiles<T>,
        mut take: impl FnMut(usize, &[f64]),
    ) -> Result<(), Error> {
        environment::check()?;
        let Self { cpu, kernel, eps, .. } = *self;
        let cols = self.p.len();
        tiles.rows.fill(rows.v)?;
        let dots = &mut tiles.dot[..rows.p.len() * cols];
        let block = DotRows { a: &tiles.rows, first: 0, b: &self.v, out: dots, stride: cols, cols };
        // SAFETY: both packed matrices have the level's widths and one depth, and hold these rows.
        unsafe { cpu.run(block) };
        for (i, dot) in dots.chunks(cols).enumerate() {
            let (point, kernels) = (rows.u.row(i), &mut tiles.kernel[..]);
            let row = KernelRow { kernel, point, panels: &self.u, out: &mut *kernels };
            // SAFETY: the panels have the level's width and as many columns as `point`.
            unsafe { cpu.run(row) };
            let (out, p_i) = (&mut tiles.distances[..], rows.p[i].widen());
            let row = DistanceRow { kernel: kernels, dot, p_i, p: &self.p, floor: eps * eps, out };
            // SAFETY: the routine checks its slices' lengths.
            unsafe { cpu.run(row) };
            take(i, &tiles.distances);
        }
        Ok(())
    }
}

impl<'a, T: Real> Correlated<'a, T> {
    /// The points of this metric.
    pub fn new(cpu: Level, kernel: Kernel, eps: f64, points: Points<'a, T>) -> Result<Self, Error> {
        let n = points.count()?;
        let mut ids = room(TREE, &[n])?;
        ids.extend(0..n);
        let metric = ResidualMetric::new(cpu, kernel, eps, points)?;
        Ok(Self { cpu, kernel, eps, points, metric, ids, nearest: Nearest::new(n)? })
    }

    fn columns(&self, points: Points<T>) -> Result<Columns<T>, Error> {
        let Self { cpu, kernel, eps, .. } = *self;
        let u = Packed::new(points.u, dot::width::<f64>(cpu))?;
        let v = Packed::new(points.v, dot::width::<T>(cpu))?;
        let mut p = room(TREE, &[points.p.len()])?;
        p.extend(points.p.iter().map(|p| p.widen()));
        Ok(Columns { cpu, kernel, eps, u, v, p })
    }
}

impl<T: Real> Space for Correlated<'_, T> {
    fn ids(&self) -> &[usize] {
        &self.ids
    }

    fn nearest(&mut self) -> &mut Nearest {
        &mut self.nearest
    }

    fn relax(&mut self, centres: &[usize]) -> Result<(), Error> {
        let gathered = Gathered::new(&self.points, centres)?;
        let columns = self.columns(gathered.points()?)?;
        let points = self.points;
        let Nearest { distance, centre } = &mut self.nearest;
        let blocks = distance.par_chunks_mut(BLOCK).zip(centre.par_chunks_mut(BLOCK)).enumerate();
        blocks.try_for_each_init(
            || columns.tiles(),
            |tiles, (block, (distance, centre))| {
                let tiles = tiles.as_mut().map_err(|error| error.clone())?;
                let rows = points.slice(block * BLOCK..block * BLOCK + distance.len());
                columns.distances(rows, tiles, |i, found| {
                    for (&found, &id) in found.iter().zip(centres) {
                        offer(&mut distance[i], &mut centre[i], found, id);
                    }
                })
            },
        )
    }

    fn block(&self, ids: &[usize], out: &mut [f64]) -> Result<(), Error> {
        let n = ids.len();
        expect_area("out", out.len(), n, n)?;
        let gathered = Gathered::new(&self.points, ids)?;
        let points = gathered.points()?;
        let columns = self.columns(points)?;
        let blocks = out.par_chunks_mut(BLOCK * n.max(1)).enumerate();
        blocks.try_for_each(|(block, out)| {
            let rows = points.slice(block * BLOCK..block * BLOCK + out.len() / n);
            columns.distances(rows, &mut columns.tiles()?, |i, found| {
                out[i * n..(i + 1) * n].copy_from_slice(found);
            })
        })
    }

    fn distances(&self, from: usize, to: &[usize], out: &mut [f64]) -> Result<(), Error> {
        self.metric.distances_sq_batch_idx_into_with_kth(from, to, None, out)?;
        for gap in out {
            *gap = gap.sqrt();
        }
        Ok(())
    }
}
