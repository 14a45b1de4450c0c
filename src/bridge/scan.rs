//! The full scan at the boundary: the nearest points of each query, and all within a radius.

use super::arrays::{Arrays, Block, Input, Output, POINTS, QUERIES, is_wide, limits_of, radii_of};
use super::call::call;
use super::{Array2, Object, Triple, triple};
use crate::kernel::Kernel;
use crate::knn::Scan;
use crate::level::Level;
use numpy::Ix1;
use pyo3::prelude::*;

#[pyfunction]
#[pyo3(signature = (u_q, v_q, p_q, u, v, p, kernel, variance, eps, k, chunk_size, limits=None, *, level=None, threads=None))]
#[allow(clippy::too_many_arguments)]
pub(super) fn knn<'py>(
    u_q: Object<'_, 'py>,
    v_q: Object<'_, 'py>,
    p_q: Object<'_, 'py>,
    u: Object<'_, 'py>,
    v: Object<'_, 'py>,
    p: Object<'_, 'py>,
    kernel: &str,
    variance: f64,
    eps: f64,
    k: usize,
    chunk_size: usize,
    limits: Option<Object<'_, 'py>>,
    level: Option<&str>,
    threads: Option<usize>,
) -> PyResult<(Array2<'py, i64>, Array2<'py, f64>)> {
    let (level, kernel) = (Level::named(level)?, Kernel::named(kernel, variance)?);
    let scan = ScanOptions { kernel, eps, chunk_size, level, threads };
    let limits = limits_of(limits)?;
    if is_wide("v_q", v_q)? {
        knn_as::<f64>([u_q, v_q, p_q], [u, v, p], limits.as_ref(), k, scan)
    } else {
        knn_as::<f32>([u_q, v_q, p_q], [u, v, p], limits.as_ref(), k, scan)
    }
}

/// What a scan needs besides its arrays.
#[derive(Clone, Copy)]
struct ScanOptions {
    kernel: Kernel,
    eps: f64,
    chunk_size: usize,
    level: Level,
    threads: Option<usize>,
}

type Limits<'a, 'py> = Option<&'a Input<'py, i64, Ix1>>;

fn knn_as<'py, T: Block>(
    queries: [Object<'_, 'py>; 3],
    points: [Object<'_, 'py>; 3],
    limits: Limits<'_, 'py>,
    k: usize,
    options: ScanOptions,
) -> PyResult<(Array2<'py, i64>, Array2<'py, f64>)> {
    let py = points[0].py();
    let (queries, points) = (Arrays::<T>::new(QUERIES, queries)?, Arrays::new(POINTS, points)?);
    let (queries, data) = (queries.points()?, points.points()?);
    let ScanOptions { kernel, eps, chunk_size, level, threads } = options;
    let limits = limits.map(Input::slice);
    let scan = Scan { level, kernel, eps, data, limits, chunk_size };
    scan.validate(&queries)?;
    scan.expect_rows(k)?;
    let mut indices = Output::matrix(py, queries.p.len(), k)?;
    let mut distances = Output::matrix(py, queries.p.len(), k)?;
    let (i, d) = (indices.slice(), distances.slice());
    call(py, threads, || scan.nearest(queries, k, i, d))?;
    Ok((indices.done(), distances.done()))
}

#[pyfunction]
#[pyo3(signature = (u_q, v_q, p_q, u, v, p, kernel, variance, eps, radii, chunk_size, limits=None, *, level=None, threads=None))]
#[allow(clippy::too_many_arguments)]
pub(super) fn radius<'py>(
    u_q: Object<'_, 'py>,
    v_q: Object<'_, 'py>,
    p_q: Object<'_, 'py>,
    u: Object<'_, 'py>,
    v: Object<'_, 'py>,
    p: Object<'_, 'py>,
    kernel: &str,
    variance: f64,
    eps: f64,
    radii: Object<'_, 'py>,
    chunk_size: usize,
    limits: Option<Object<'_, 'py>>,
    level: Option<&str>,
    threads: Option<usize>,
) -> PyResult<Triple<'py>> {
    let (level, kernel) = (Level::named(level)?, Kernel::named(kernel, variance)?);
    let scan = ScanOptions { kernel, eps, chunk_size, level, threads };
    let radii = radii_of(radii)?;
    let limits = limits_of(limits)?;
    if is_wide("v_q", v_q)? {
        radius_as::<f64>([u_q, v_q, p_q], [u, v, p], limits.as_ref(), &radii, scan)
    } else {
        radius_as::<f32>([u_q, v_q, p_q], [u, v, p], limits.as_ref(), &radii, scan)
    }
}

fn radius_as<'py, T: Block>(
    queries: [Object<'_, 'py>; 3],
    points: [Object<'_, 'py>; 3],
    limits: Limits<'_, 'py>,
    radii: &Input<'py, f64, Ix1>,
    options: ScanOptions,
) -> PyResult<Triple<'py>> {
    let py = points[0].py();
    let (queries, points) = (Arrays::<T>::new(QUERIES, queries)?, Arrays::new(POINTS, points)?);
    let (queries, data) = (queries.points()?, points.points()?);
    let ScanOptions { kernel, eps, chunk_size, level, threads } = options;
    let (limits, radii) = (limits.map(Input::slice), radii.slice());
    let scan = Scan { level, kernel, eps, data, limits, chunk_size };
    Ok(triple(py, call(py, threads, || scan.within(queries, radii))?))
}
