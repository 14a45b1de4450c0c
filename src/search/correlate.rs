//! Residual correlations between some points and a packed set of others: what bases are built from, and what a query needs of them.
//!
//! Not the contract's rounding: `(kernel - dot) * (scale_i * scale_j)`, `scale = 1 / sqrt(p)`, whose distance from the exact number
//! [`super::bounds`] knows.

use crate::dot::{self, DotRows};
use crate::error::Error;
use crate::kernel::{Kernel, KernelRow};
use crate::level::{Level, Routine};
use crate::matrix::{Matrix, Packed};
use crate::memory::{room, zeros};
use crate::metric::Points;
use crate::simd::Simd;

const ROWS: &str = "rows of points";

/// Points copied out of order.
#[derive(Clone, Debug, Default)]
pub(super) struct Gathered {
    pub u: Vec<f64>,
    pub v: Vec<f64>,
    /// `1 / sqrt(p)`.
    pub scale: Vec<f64>,
    /// Residual variances.
    pub p: Vec<f64>,
}

impl Gathered {
    pub(super) fn fill(
        &mut self,
        points: Points<f64>,
        ids: impl ExactSizeIterator<Item = usize>,
    ) -> Result<(), Error> {
        let (n, m, d) = (ids.len(), points.v.cols(), points.u.cols());
        for (values, columns) in [(&mut self.u, d), (&mut self.v, m)] {
            values.clear();
            if values.capacity() < n * columns {
                *values = room(ROWS, &[n, columns])?;
            }
        }
        self.scale.clear();
        self.p.clear();
        for id in ids {
            self.u.extend_from_slice(points.u.row(id));
            self.v.extend_from_slice(points.v.row(id));
            self.scale.push(1.0 / points.p[id].sqrt());
            self.p.push(points.p[id]);
        }
        Ok(())
    }

    pub(super) fn u(&self) -> Result<Matrix<'_, f64>, Error> {
        Matrix::new("u", &self.u, self.p.len(), self.u.len() / self.p.len().max(1))
    }

    pub(super) fn v(&self) -> Result<Matrix<'_, f64>, Error> {
        Matrix::new("v", &self.v, self.p.len(), self.v.len() / self.p.len().max(1))
    }
}

/// Points as rows of a block of correlations.
#[derive(Clone, Debug)]
pub(super) struct RowSide {
    pub u: Vec<f64>,
    /// Panels as high as the level's tile.
    pub v: Packed<f64>,
    pub scale: Vec<f64>,
}

impl RowSide {
    pub(super) fn new(level: Level, points: &Gathered) -> Result<Self, Error> {
        let v = Packed::new(points.v()?, dot::rows(level))?;
        Ok(Self { u: points.u.clone(), v, scale: points.scale.clone() })
    }
}

/// Points as columns of a block of correlations.
#[derive(Clone, Debug)]
pub(super) struct ColumnSide {
    width: usize,
    /// Panels as wide as the level's tile.
    pub u: Packed<f64>,
    pub v: Packed<f64>,
    pub scale: Vec<f64>,
}

impl ColumnSide {
    pub(super) fn empty(level: Level) -> Self {
        let width = dot::width::<f64>(level);
        Self { width, u: Packed::empty(width), v: Packed::empty(width), scale: Vec::new() }
    }

    /// How wide its panels are.
    pub(super) fn panel_width(&self) -> usize {
        self.width
    }

    pub(super) fn fill(&mut self, points: &Gathered) -> Result<(), Error> {
        self.u.fill(points.u()?)?;
        self.v.fill(points.v()?)?;
        self.scale.clear();
        self.scale.extend_from_slice(&points.scale);
        Ok(())
    }
}

/// A block of correlations: `out` has rows of `columns.scale.len()`, the first of them row `first`, where a panel begins.
pub(super) fn correlate(
    level: Level,
    kernel: Kernel,
    (rows, first): (&RowSide, usize),
    columns: &ColumnSide,
    scratch: &mut Vec<f64>,
    out: &mut [f64],
) -> Result<(), Error> {
    let cols = columns.scale.len();
    if out.is_empty() {
        return Ok(());
    }
    if scratch.len() < cols {
        *scratch = zeros(ROWS, &[cols])?;
    }
    let panel = first / dot::rows(level);
    let dots = DotRows { a: &rows.v, first: panel, b: &columns.v, out, stride: cols, cols };
    // SAFETY: both packed matrices have the level's widths and one depth, and hold these rows.
    unsafe { level.run(dots) };
    let d = rows.u.len() / rows.scale.len();
    for (i, out) in (first..).zip(out.chunks_mut(cols)) {
        let (point, kernels) = (&rows.u[i * d..(i + 1) * d], &mut scratch[..cols]);
        let row = KernelRow { kernel, point, panels: &columns.u, out: &mut *kernels };
        // SAFETY: the panels have the level's width and as many columns as `point`.
        unsafe { level.run(row) };
        let scaled = Scaled { kernel: kernels, of: rows.scale[i], scale: &columns.scale, out };
        // SAFETY: the routine's fields promise nothing.
        unsafe { level.run(scaled) };
    }
    Ok(())
}

/// `out = (kernel - out) * (of * scale)`.
struct Scaled<'a> {
    kernel: &'a [f64],
    of: f64,
    scale: &'a [f64],
    out: &'a mut [f64],
}

impl Routine for Scaled<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        for ((out, kernel), scale) in self.out.iter_mut().zip(self.kernel).zip(self.scale) {
            *out = (kernel - *out) * (self.of * scale);
        }
    }
}
