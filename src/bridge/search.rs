//! The index at the boundary: an object that keeps the arrays it was built from, and searches them.

use super::arrays::{Arrays, Input, Output, POINTS, QUERIES, indices, limits_of, radii_of};
use super::call::call;
use super::{Array1, Array2, Object, Triple, triple};
use crate::error::Error;
use crate::kernel::Kernel;
use crate::level::Level;
use crate::search::{Certificate, Index, Parts, REVISION, Search, hilbert};
use numpy::{Ix1, PyArray1};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// An index, and the arrays of its points, which nobody may write to while it lives.
#[pyclass(frozen, module = "covertreex._rust")]
pub(super) struct SearchIndex {
    index: Index,
    arrays: [Py<PyAny>; 3],
}

#[pymethods]
impl SearchIndex {
    #[new]
    #[pyo3(signature = (u, v, p, kernel, variance, certified, order=None, cuts=None, *, level=None, threads=None))]
    #[allow(clippy::too_many_arguments)]
    fn new<'py>(
        u: Object<'_, 'py>,
        v: Object<'_, 'py>,
        p: Object<'_, 'py>,
        kernel: &str,
        variance: f64,
        certified: bool,
        order: Option<Object<'_, 'py>>,
        cuts: Option<Object<'_, 'py>>,
        level: Option<&str>,
        threads: Option<usize>,
    ) -> PyResult<Self> {
        let (py, level, kernel) = (u.py(), Level::named(level)?, Kernel::named(kernel, variance)?);
        let arrays = Arrays::new(POINTS, [u, v, p])?;
        let points = arrays.points()?;
        let order = order.map(|order| indices("order", order)).transpose()?;
        let cuts = cuts.map(|cuts| indices("cuts", cuts)).transpose()?;
        let (order, cuts) = (order.as_ref().map(Input::slice), cuts.as_ref().map(Input::slice));
        let certificate = Certificate::new(kernel, points.v.cols(), points.u.cols());
        let certificate = certificate.filter(|_| certified);
        let index = call(py, threads, || {
            let own = if order.is_none() { hilbert::order(points.u)? } else { Vec::new() };
            let order = order.unwrap_or(&own);
            Index::build_paying(level, kernel, points, order, cuts, certificate)
        })?;
        let arrays = [u, v, p].map(|array| array.clone().unbind());
        Ok(Self { index, arrays })
    }

    #[classattr]
    const REVISION: u32 = REVISION;

    /// An index of these points, of what `parts` gave of one.
    #[staticmethod]
    #[pyo3(signature = (u, v, p, kernel, variance, parts, *, level=None))]
    #[allow(clippy::needless_pass_by_value)] // PyO3 hands it over
    fn from_parts<'py>(
        u: Object<'_, 'py>,
        v: Object<'_, 'py>,
        p: Object<'_, 'py>,
        kernel: &str,
        variance: f64,
        parts: [Bound<'py, PyAny>; 7],
        level: Option<&str>,
    ) -> PyResult<Self> {
        let (py, level, kernel) = (u.py(), Level::named(level)?, Kernel::named(kernel, variance)?);
        let arrays = Arrays::new(POINTS, [u, v, p])?;
        let points = arrays.points()?;
        let [order, regions, pivots, bases, coordinates, sigma, limits] = &parts;
        let (order, pivots) = (indices("order", order)?, indices("pivots", pivots)?);
        let regions = indices("regions", regions)?;
        let (bases, coordinates) = (floats("bases", bases)?, floats("coordinates", coordinates)?);
        let (sigma, limits) = (floats("sigma", sigma)?, floats("limits", limits)?);
        let parts = Parts {
            order: order.slice().into(),
            regions: regions.slice().into(),
            pivots: pivots.slice().into(),
            bases: bases.slice().into(),
            coordinates: coordinates.slice().into(),
            sigma: sigma.slice().into(),
            limits: limits.slice().into(),
        };
        let certificate = Certificate::new(kernel, points.v.cols(), points.u.cols());
        let (given, wanted) = ("too large".into(), "sizes that bounds are proven for".into());
        let certificate = certificate.ok_or(Error::Parameter { name: "v", given, wanted })?;
        let make = || Index::from_parts(level, kernel, points, certificate, &parts);
        let index = call(py, None, make)?;
        let arrays = [u, v, p].map(|array| array.clone().unbind());
        Ok(Self { index, arrays })
    }

    /// Whether it was built from these very arrays, by this kernel and variance.
    #[pyo3(signature = (*of))]
    fn is_of(&self, of: &Bound<'_, PyTuple>) -> bool {
        let Ok((u, v, p, name, variance)) = of.extract::<Named<'_>>() else { return false };
        let same = self.arrays.iter().zip([u, v, p]).all(|(own, given)| own.is(&given));
        same && Kernel::named(&name, variance).is_ok_and(|kernel| self.index.kernel() == kernel)
    }

    /// The arrays that `from_parts` takes.
    #[getter]
    fn parts<'py>(&self, py: Python<'py>) -> PyResult<Taken<'py>> {
        let parts = call(py, None, || self.index.parts())?;
        Ok((
            PyArray1::from_vec(py, parts.order.into_owned()),
            PyArray1::from_vec(py, parts.regions.into_owned()),
            PyArray1::from_vec(py, parts.pivots.into_owned()),
            PyArray1::from_vec(py, parts.bases.into_owned()),
            PyArray1::from_vec(py, parts.coordinates.into_owned()),
            PyArray1::from_vec(py, parts.sigma.into_owned()),
            PyArray1::from_vec(py, parts.limits.into_owned()),
        ))
    }

    /// Sizes and ranks of the regions.
    #[getter]
    fn regions(&self) -> Vec<(usize, usize)> {
        self.index.shape().collect()
    }

    /// Bytes that the index takes.
    #[getter]
    fn nbytes(&self) -> usize {
        self.index.bytes()
    }

    #[pyo3(signature = (u_q, v_q, p_q, eps, k, chunk_size, limits=None, *, threads=None))]
    #[allow(clippy::too_many_arguments)]
    fn knn<'py>(
        &self,
        u_q: Object<'_, 'py>,
        v_q: Object<'_, 'py>,
        p_q: Object<'_, 'py>,
        eps: f64,
        k: usize,
        chunk_size: usize,
        limits: Option<Object<'_, 'py>>,
        threads: Option<usize>,
    ) -> PyResult<(Array2<'py, i64>, Array2<'py, f64>)> {
        let py = u_q.py();
        let (queries, arrays) = (Arrays::new(QUERIES, [u_q, v_q, p_q])?, self.arrays(py)?);
        let (queries, points) = (queries.points()?, arrays.points()?);
        let limits = limits_of(limits)?;
        let limits = limits.as_ref().map(Input::slice);
        let search = Search { index: &self.index, points, eps, limits, chunk_size };
        search.validate(&queries)?;
        search.scan().expect_rows(k)?;
        let mut indices = Output::matrix(py, queries.p.len(), k)?;
        let mut distances = Output::matrix(py, queries.p.len(), k)?;
        let (i, d) = (indices.slice(), distances.slice());
        call(py, threads, || search.nearest(queries, k, i, d))?;
        Ok((indices.done(), distances.done()))
    }

    #[pyo3(signature = (u_q, v_q, p_q, eps, radii, chunk_size, limits=None, *, threads=None))]
    #[allow(clippy::too_many_arguments)]
    fn radius<'py>(
        &self,
        u_q: Object<'_, 'py>,
        v_q: Object<'_, 'py>,
        p_q: Object<'_, 'py>,
        eps: f64,
        radii: Object<'_, 'py>,
        chunk_size: usize,
        limits: Option<Object<'_, 'py>>,
        threads: Option<usize>,
    ) -> PyResult<Triple<'py>> {
        let py = u_q.py();
        let (queries, arrays) = (Arrays::new(QUERIES, [u_q, v_q, p_q])?, self.arrays(py)?);
        let (queries, points) = (queries.points()?, arrays.points()?);
        let radii = radii_of(radii)?;
        let limits = limits_of(limits)?;
        let (radii, limits) = (radii.slice(), limits.as_ref().map(Input::slice));
        let search = Search { index: &self.index, points, eps, limits, chunk_size };
        Ok(triple(py, call(py, threads, || search.within(queries, radii))?))
    }
}

/// The arrays of [`Parts`], in the order of its fields.
type Taken<'py> = (
    Array1<'py, i64>,
    Array1<'py, i64>,
    Array1<'py, i64>,
    Array1<'py, f32>,
    Array1<'py, f32>,
    Array1<'py, f32>,
    Array1<'py, f32>,
);

/// The arrays of an index, and the name and the variance of its kernel.
type Named<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>, String, f64);

fn floats<'py>(name: &'static str, object: Object<'_, 'py>) -> PyResult<Input<'py, f32, Ix1>> {
    Input::new(name, object, "a C-contiguous array of float32")
}

impl SearchIndex {
    fn arrays<'py>(&self, py: Python<'py>) -> PyResult<Arrays<'py, f64>> {
        let [u, v, p] = &self.arrays;
        Arrays::new(POINTS, [u.bind(py), v.bind(py), p.bind(py)])
    }
}
