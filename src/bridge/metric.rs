//! The metric pair by pair at the boundary: one distance, or squared ones from a point to others.

use super::arrays::{Arrays, Block, Output, POINTS, indices, is_wide, rows};
use super::call::call;
use super::{Array1, Object};
use crate::kernel::Kernel;
use crate::level::Level;
use crate::metric::{self, ResidualMetric};
use pyo3::prelude::*;

#[pyfunction]
#[pyo3(signature = (u, v, p, kernel, variance, eps, i, j, *, level=None))]
#[allow(clippy::too_many_arguments)]
pub(super) fn distance_idx<'py>(
    u: Object<'_, 'py>,
    v: Object<'_, 'py>,
    p: Object<'_, 'py>,
    kernel: &str,
    variance: f64,
    eps: f64,
    i: i64,
    j: i64,
    level: Option<&str>,
) -> PyResult<f64> {
    let options = (Level::named(level)?, Kernel::named(kernel, variance)?, eps);
    if is_wide("v", v)? {
        distance_idx_as::<f64>([u, v, p], options, (i, j))
    } else {
        distance_idx_as::<f32>([u, v, p], options, (i, j))
    }
}

fn distance_idx_as<T: Block>(
    points: [Object<'_, '_>; 3],
    (level, kernel, eps): (Level, Kernel, f64),
    (i, j): (i64, i64),
) -> PyResult<f64> {
    let (py, arrays) = (points[0].py(), Arrays::<T>::new(POINTS, points)?);
    let points = arrays.points()?;
    call(py, None, || {
        let metric = ResidualMetric::new(level, kernel, eps, points)?;
        let (i, j) = (rows("i", &[i], points.p.len())?, rows("j", &[j], points.p.len())?);
        metric.expect_points("i", &i)?;
        metric.expect_points("j", &j)?;
        Ok(metric.distance_idx(i[0], j[0]))
    })
}

#[pyfunction]
#[pyo3(signature = (u, v, p, kernel, variance, eps, query, idxs, kth, *, level=None))]
#[allow(clippy::too_many_arguments)]
pub(super) fn distances_sq_batch<'py>(
    u: Object<'_, 'py>,
    v: Object<'_, 'py>,
    p: Object<'_, 'py>,
    kernel: &str,
    variance: f64,
    eps: f64,
    query: i64,
    idxs: Object<'_, 'py>,
    kth: Option<f64>,
    level: Option<&str>,
) -> PyResult<Array1<'py, f64>> {
    let options = (Level::named(level)?, Kernel::named(kernel, variance)?, eps);
    let idxs = indices("idxs", idxs)?;
    if is_wide("v", v)? {
        distances_sq_batch_as::<f64>([u, v, p], options, (query, idxs.slice(), kth))
    } else {
        distances_sq_batch_as::<f32>([u, v, p], options, (query, idxs.slice(), kth))
    }
}

fn distances_sq_batch_as<'py, T: Block>(
    points: [Object<'_, 'py>; 3],
    (level, kernel, eps): (Level, Kernel, f64),
    (query, idxs, kth): (i64, &[i64], Option<f64>),
) -> PyResult<Array1<'py, f64>> {
    let (py, arrays) = (points[0].py(), Arrays::<T>::new(POINTS, points)?);
    let points = arrays.points()?;
    let mut out = Output::vector(py, idxs.len())?;
    let to = out.slice();
    call(py, None, || {
        let metric = ResidualMetric::new(level, kernel, eps, points)?;
        let query = rows("query", &[query], points.p.len())?[0];
        let idxs = rows("idxs", idxs, points.p.len())?;
        metric.distances_sq_batch_idx_into_with_kth(query, &idxs, kth, to)
    })?;
    Ok(out.done())
}

#[pyfunction]
pub(super) fn max_distance_hint() -> f64 {
    metric::MAX_DISTANCE
}
