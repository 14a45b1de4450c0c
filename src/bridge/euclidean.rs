//! Euclidean neighbours at the boundary: an index to keep, and scans.

use super::arrays::{Input, Output, doubles, limits_of, radii_of};
use super::call::call;
use super::{Array1, Array2, Object};
use crate::error::Error;
use crate::euclidean::{Hits, Index, Queries};
use crate::level::Level;
use numpy::{Ix1, Ix2, PyArray1};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

type Neighbours<'py> = (Array2<'py, i64>, Array2<'py, f64>);
type Within<'py> = (Array1<'py, i64>, Array1<'py, i64>, Array1<'py, f64>);

/// Queries, borrowed.
struct Borrowed<'py> {
    rows: Input<'py, f64, Ix2>,
    limits: Option<Input<'py, i64, Ix1>>,
}

impl<'py> Borrowed<'py> {
    fn new(u_q: Object<'_, 'py>, limits: Option<Object<'_, 'py>>) -> PyResult<Self> {
        Ok(Self { rows: doubles("u_q", u_q)?, limits: limits_of(limits)? })
    }

    fn queries(&self) -> Result<Queries<'_>, Error> {
        Ok(Queries { rows: self.rows.matrix()?, limits: self.limits.as_ref().map(Input::slice) })
    }
}

fn knn<'py>(
    py: Python<'py>,
    (level, threads): (Level, Option<usize>),
    index: &Index,
    queries: Queries,
    k: usize,
) -> PyResult<Neighbours<'py>> {
    index.validate(queries, k)?;
    let mut indices = Output::matrix(py, queries.rows.rows(), k)?;
    let mut distances = Output::matrix(py, queries.rows.rows(), k)?;
    let (i, d) = (indices.slice(), distances.slice());
    call(py, threads, || index.knn(level, queries, k, i, d))?;
    Ok((indices.done(), distances.done()))
}

fn within(py: Python<'_>, Hits { offsets, indices, distances }: Hits) -> Within<'_> {
    let [offsets, indices] = [offsets, indices].map(|ids| PyArray1::from_vec(py, ids));
    (offsets, indices, PyArray1::from_vec(py, distances))
}

/// Points (n, d), indexed for Euclidean searches, and the array that they came in.
#[pyclass(frozen, module = "covertreex._rust")]
pub(super) struct EuclideanIndex {
    index: Index,
    points: Py<PyAny>,
}

#[pymethods]
impl EuclideanIndex {
    #[new]
    #[pyo3(signature = (u, *, threads=None))]
    fn new(u: Object<'_, '_>, threads: Option<usize>) -> PyResult<Self> {
        let (py, points) = (u.py(), u.clone().unbind());
        let u = doubles("u", u)?;
        let u = u.matrix()?;
        Ok(Self { index: call(py, threads, || Index::new(u))?, points })
    }

    /// Whether it was built from this very array.
    #[pyo3(signature = (*of))]
    fn is_of(&self, of: &Bound<'_, PyTuple>) -> bool {
        of.extract::<(Bound<'_, PyAny>,)>().is_ok_and(|(u,)| self.points.is(&u))
    }

    #[getter]
    fn shape(&self) -> (usize, usize) {
        self.index.shape()
    }

    #[pyo3(signature = (u_q, k, limits=None, *, threads=None, level=None))]
    fn knn<'py>(
        &self,
        u_q: Object<'_, 'py>,
        k: usize,
        limits: Option<Object<'_, 'py>>,
        threads: Option<usize>,
        level: Option<&str>,
    ) -> PyResult<Neighbours<'py>> {
        let (py, settings) = (u_q.py(), (Level::named(level)?, threads));
        let borrowed = Borrowed::new(u_q, limits)?;
        knn(py, settings, &self.index, borrowed.queries()?, k)
    }

    #[pyo3(signature = (u_q, radii, limits=None, *, threads=None, level=None))]
    fn radius<'py>(
        &self,
        u_q: Object<'_, 'py>,
        radii: Object<'_, 'py>,
        limits: Option<Object<'_, 'py>>,
        threads: Option<usize>,
        level: Option<&str>,
    ) -> PyResult<Within<'py>> {
        let (py, level) = (u_q.py(), Level::named(level)?);
        let (borrowed, radii) = (Borrowed::new(u_q, limits)?, radii_of(radii)?);
        let (queries, radii) = (borrowed.queries()?, radii.slice());
        Ok(within(py, call(py, threads, || self.index.radius(level, queries, radii))?))
    }
}

#[pyfunction]
#[pyo3(signature = (u_q, u, k, limits=None, *, threads=None, level=None))]
pub(super) fn euclidean_knn<'py>(
    u_q: Object<'_, 'py>,
    u: Object<'_, 'py>,
    k: usize,
    limits: Option<Object<'_, 'py>>,
    threads: Option<usize>,
    level: Option<&str>,
) -> PyResult<Neighbours<'py>> {
    let (py, settings) = (u_q.py(), (Level::named(level)?, threads));
    let (borrowed, u) = (Borrowed::new(u_q, limits)?, doubles("u", u)?);
    let (queries, u) = (borrowed.queries()?, u.matrix()?);
    let index = call(py, threads, || Index::scanned(u))?;
    knn(py, settings, &index, queries, k)
}

#[pyfunction]
#[pyo3(signature = (u_q, u, radii, limits=None, *, threads=None, level=None))]
pub(super) fn euclidean_radius<'py>(
    u_q: Object<'_, 'py>,
    u: Object<'_, 'py>,
    radii: Object<'_, 'py>,
    limits: Option<Object<'_, 'py>>,
    threads: Option<usize>,
    level: Option<&str>,
) -> PyResult<Within<'py>> {
    let (py, level) = (u_q.py(), Level::named(level)?);
    let (borrowed, u, radii) = (Borrowed::new(u_q, limits)?, doubles("u", u)?, radii_of(radii)?);
    let (queries, u, radii) = (borrowed.queries()?, u.matrix()?, radii.slice());
    let hits = call(py, threads, || Index::scanned(u)?.radius(level, queries, radii))?;
    Ok(within(py, hits))
}
