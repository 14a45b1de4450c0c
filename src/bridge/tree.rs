//! The cover tree's door: coordinates in, the arrays of a tree out.

use super::arrays::{Block, block, doubles, is_wide};
use super::call::call;
use super::{Array1, Object};
use crate::error::Error;
use crate::kernel::Kernel;
use crate::level::Level;
use crate::matrix::Matrix;
use crate::metric::Points;
use crate::search::hilbert;
use crate::tree::{Boxes, Correlated, Space, Tree};
use numpy::{Ix1, Ix2, PyArray1};
use pyo3::prelude::*;

/// `order`, `parent`, `level`, `first`, `last`, `radius` and the floor.
type Arrays<'py> = (
    Array1<'py, i64>,
    Array1<'py, i64>,
    Array1<'py, i32>,
    Array1<'py, i64>,
    Array1<'py, i64>,
    Array1<'py, f64>,
    i32,
);

/// How a tree is to be grown.
#[derive(Clone, Copy)]
struct Options {
    hilbert: bool,
    mis_seed: u64,
    max_centres: usize,
    threads: Option<usize>,
}

impl Options {
    fn new(
        batch_order: &str,
        mis_seed: u64,
        max_centres: usize,
        threads: Option<usize>,
    ) -> Result<Self, Error> {
        let hilbert = match batch_order {
            "hilbert" => true,
            "natural" => false,
            _ => {
                let (given, wanted) =
                    (format!("{batch_order:?}"), "\"natural\" or \"hilbert\"".into());
                return Err(Error::Parameter { name: "batch_order", given, wanted });
            }
        };
        Ok(Self { hilbert, mis_seed, max_centres, threads })
    }

    /// Grow a tree over points of these coordinates.
    fn grow<'py, S: Space>(
        self,
        py: Python<'py>,
        u: Matrix<'_, f64>,
        space: impl FnOnce() -> Result<S, Error> + Send,
    ) -> PyResult<Arrays<'py>> {
        let tree = call(py, self.threads, || {
            let rank = if self.hilbert { inverse(&hilbert::order(u)?) } else { vec![0; u.rows()] };
            Tree::new(&mut space()?, self.mis_seed, self.max_centres, &rank)
        })?;
        Ok((
            PyArray1::from_vec(py, tree.order),
            PyArray1::from_vec(py, tree.parent),
            PyArray1::from_vec(py, tree.level),
            PyArray1::from_vec(py, tree.first),
            PyArray1::from_vec(py, tree.last),
            PyArray1::from_vec(py, tree.radius),
            tree.floor,
        ))
    }
}

/// Where each id stands in an order.
fn inverse(order: &[i64]) -> Vec<i64> {
    let mut rank = vec![0; order.len()];
    for (at, &id) in (0..).zip(order) {
        rank[id as usize] = at;
    }
    rank
}

#[pyfunction]
#[pyo3(signature = (u, *, threads=None))]
pub(super) fn hilbert_order<'py>(
    u: Object<'_, 'py>,
    threads: Option<usize>,
) -> PyResult<Array1<'py, i64>> {
    let py = u.py();
    let u = doubles("u", u)?;
    let u = u.matrix()?;
    let order = call(py, threads, || hilbert::order(u))?;
    Ok(PyArray1::from_vec(py, order))
}

#[pyfunction]
#[pyo3(signature = (u, batch_order, mis_seed, max_centres, *, level=None, threads=None))]
pub(super) fn euclidean_tree<'py>(
    u: Object<'_, 'py>,
    batch_order: &str,
    mis_seed: u64,
    max_centres: usize,
    level: Option<&str>,
    threads: Option<usize>,
) -> PyResult<Arrays<'py>> {
    let (py, level) = (u.py(), Level::named(level)?);
    let options = Options::new(batch_order, mis_seed, max_centres, threads)?;
    let u = doubles("u", u)?;
    let u = u.matrix()?;
    options.grow(py, u, || Boxes::new(level, u))
}

#[pyfunction]
#[pyo3(signature = (u, v, p, kernel, variance, eps, batch_order, mis_seed, max_centres, *, level=None, threads=None))]
#[allow(clippy::too_many_arguments)]
pub(super) fn residual_tree<'py>(
    u: Object<'_, 'py>,
    v: Object<'_, 'py>,
    p: Object<'_, 'py>,
    kernel: &str,
    variance: f64,
    eps: f64,
    batch_order: &str,
    mis_seed: u64,
    max_centres: usize,
    level: Option<&str>,
    threads: Option<usize>,
) -> PyResult<Arrays<'py>> {
    let metric = (Level::named(level)?, Kernel::named(kernel, variance)?, eps);
    let options = Options::new(batch_order, mis_seed, max_centres, threads)?;
    if is_wide("v", v)? {
        residual_tree_as::<f64>((u, v, p), metric, options)
    } else {
        residual_tree_as::<f32>((u, v, p), metric, options)
    }
}

fn residual_tree_as<'py, T: Block>(
    (u, v, p): (Object<'_, 'py>, Object<'_, 'py>, Object<'_, 'py>),
    (level, kernel, eps): (Level, Kernel, f64),
    options: Options,
) -> PyResult<Arrays<'py>> {
    let py = u.py();
    let (u, v) = (doubles("u", u)?, block::<T, Ix2>("v", v)?);
    let p = block::<T, Ix1>("p", p)?;
    let points = Points { u: u.matrix()?, v: v.matrix()?, p: p.slice() };
    options.grow(py, points.u, || Correlated::new(level, kernel, eps, points))
}
