//! NumPy arrays at the boundary: borrowed for a call when they are as wanted, refused otherwise; new ones for results.

use super::Object;
use crate::error::Error;
use crate::matrix::Matrix;
use crate::memory::{count, room};
use crate::metric::Points;
use crate::numeric::Real;
use numpy::ndarray::Dimension;
use numpy::{
    Element, Ix1, Ix2, PyArray, PyArrayDescrMethods, PyArrayMethods, PyReadonlyArray,
    PyReadwriteArray, PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// What a block may hold, to the numerics and to NumPy.
pub(super) trait Block: Real + Element {}
impl Block for f32 {}
impl Block for f64 {}

/// An input array, for the length of a call.
pub(super) struct Input<'py, T: Element, D: Dimension> {
    name: &'static str,
    pub(super) array: PyReadonlyArray<'py, T, D>,
}

impl<'py, T: Element, D: Dimension> Input<'py, T, D> {
    /// Borrow an array of this element type and rank, C-contiguous.
    pub(super) fn new(
        name: &'static str,
        object: Object<'_, 'py>,
        wanted: &'static str,
    ) -> PyResult<Self> {
        let untyped = untyped(name, object)?;
        if Some(untyped.ndim()) != D::NDIM {
            let (given, rank) = (format!("{:?}", untyped.shape()), D::NDIM.unwrap_or_default());
            return Err(Error::Shape { name, given, wanted: format!("{rank} dimensions") }.into());
        }
        let refuse = |given: String| PyErr::from(Error::Dtype { name, given, wanted });
        let Ok(array) = object.cast::<PyArray<T, D>>() else {
            return Err(refuse(format!("an array of {}", untyped.dtype())));
        };
        if !array.is_c_contiguous() {
            return Err(refuse("an array that is not C-contiguous".into()));
        }
        let array = array.try_readonly().map_err(|error| refuse(error.to_string()))?;
        if array.as_slice().is_err() {
            return Err(refuse("an array that is not aligned".into()));
        }
        Ok(Self { name, array })
    }

    pub(super) fn slice(&self) -> &[T] {
        self.array.as_slice().unwrap_or_default() // `new` has seen that it is one
    }
}

impl<T: Block> Input<'_, T, Ix2> {
    pub(super) fn matrix(&self) -> Result<Matrix<'_, T>, Error> {
        let &[rows, cols] = self.array.shape() else { unreachable!("Ix2 has two dimensions") };
        Matrix::new(self.name, self.slice(), rows, cols)
    }
}

fn untyped<'a, 'py>(
    name: &'static str,
    object: Object<'a, 'py>,
) -> PyResult<&'a Bound<'py, PyUntypedArray>> {
    object.cast::<PyUntypedArray>().map_err(|_| {
        let given = object.get_type().to_string();
        Error::Dtype { name, given, wanted: "a NumPy array" }.into()
    })
}

pub(super) fn doubles<'py>(
    name: &'static str,
    object: Object<'_, 'py>,
) -> PyResult<Input<'py, f64, Ix2>> {
    Input::new(name, object, "a C-contiguous array of float64")
}

pub(super) fn block<'py, T: Block, D: Dimension>(
    name: &'static str,
    object: Object<'_, 'py>,
) -> PyResult<Input<'py, T, D>> {
    let wanted = "a C-contiguous array of the block type, the same float32 or float64 everywhere";
    Input::new(name, object, wanted)
}

/// u, V and p of some points.
pub(super) struct Arrays<'py, T: Block> {
    u: Input<'py, f64, Ix2>,
    v: Input<'py, T, Ix2>,
    p: Input<'py, T, Ix1>,
}

impl<'py, T: Block> Arrays<'py, T> {
    pub(super) fn new(names: [&'static str; 3], [u, v, p]: [Object<'_, 'py>; 3]) -> PyResult<Self> {
        let [u_name, v_name, p_name] = names;
        Ok(Self { u: doubles(u_name, u)?, v: block(v_name, v)?, p: block(p_name, p)? })
    }

    pub(super) fn points(&self) -> Result<Points<'_, T>, Error> {
        Ok(Points { u: self.u.matrix()?, v: self.v.matrix()?, p: self.p.slice() })
    }
}

/// What [`Arrays`] of points, and of queries, are called.
pub(super) const POINTS: [&str; 3] = ["u", "v", "p"];
pub(super) const QUERIES: [&str; 3] = ["u_q", "v_q", "p_q"];

/// The ids below which each query looks.
pub(super) fn limits_of<'py>(
    limits: Option<Object<'_, 'py>>,
) -> PyResult<Option<Input<'py, i64, Ix1>>> {
    limits.map(|limits| indices("limits", limits)).transpose()
}

pub(super) fn radii_of<'py>(radii: Object<'_, 'py>) -> PyResult<Input<'py, f64, Ix1>> {
    Input::new("radii", radii, "a C-contiguous array of float64")
}

pub(super) fn indices<'py>(
    name: &'static str,
    object: Object<'_, 'py>,
) -> PyResult<Input<'py, i64, Ix1>> {
    Input::new(name, object, "a C-contiguous array of int64")
}

/// Row indices as the numerics count them; one below 0 is an error, one past `limit` is for the callee to refuse.
pub(super) fn rows(name: &'static str, indices: &[i64], limit: usize) -> Result<Vec<usize>, Error> {
    let mut rows = room("the indices", &[indices.len()])?;
    for (position, &value) in indices.iter().enumerate() {
        let row = usize::try_from(value);
        rows.push(row.map_err(|_| Error::IndexRange { name, position, value, limit })?);
    }
    Ok(rows)
}

/// Is the block type `f64` (or `f32`), by the first array that has it?
pub(super) fn is_wide(name: &'static str, object: Object<'_, '_>) -> PyResult<bool> {
    let (array, py) = (untyped(name, object)?, object.py());
    if array.dtype().is_equiv_to(&numpy::dtype::<f64>(py)) {
        return Ok(true);
    }
    if array.dtype().is_equiv_to(&numpy::dtype::<f32>(py)) {
        return Ok(false);
    }
    let given = format!("an array of {}", array.dtype());
    Err(Error::Dtype { name, given, wanted: "an array of float32 or float64" }.into())
}

/// Is the block type `f64` (or `f32`), by its name?
pub(super) fn is_wide_name(name: &str) -> PyResult<bool> {
    match name {
        "float64" => Ok(true),
        "float32" => Ok(false),
        _ => {
            let wanted = "\"float32\" or \"float64\"".into();
            Err(Error::Parameter { name: "block_dtype", given: format!("{name:?}"), wanted }.into())
        }
    }
}

/// A new array of zeros, for a call to fill; a `MemoryError` where it cannot be had.
pub(super) struct Output<'py, T: Element, D: Dimension>(PyReadwriteArray<'py, T, D>);

impl<'py, T: Element> Output<'py, T, Ix1> {
    pub(super) fn vector(py: Python<'py>, len: usize) -> PyResult<Self> {
        Self::zeros(py, &[len])
    }
}

impl<'py, T: Element> Output<'py, T, Ix2> {
    pub(super) fn matrix(py: Python<'py>, rows: usize, cols: usize) -> PyResult<Self> {
        Self::zeros(py, &[rows, cols])
    }
}

impl<'py, T: Element, D: Dimension> Output<'py, T, D> {
    /// By `numpy.zeros`, which raises: `PyArray::zeros` panics. NumPy calls a size past all addresses a `ValueError`.
    fn zeros(py: Python<'py>, shape: &[usize]) -> PyResult<Self> {
        count::<T>("the result", shape)?;
        let shape = PyTuple::new(py, shape)?;
        let array = py.import("numpy")?.call_method1("zeros", (shape, numpy::dtype::<T>(py)))?;
        Ok(Self(array.cast_into::<PyArray<T, D>>()?.readwrite()))
    }

    pub(super) fn slice(&mut self) -> &mut [T] {
        self.0.as_slice_mut().unwrap_or_default() // a new array is one
    }

    pub(super) fn done(self) -> Bound<'py, PyArray<T, D>> {
        (**self.0).clone()
    }
}
