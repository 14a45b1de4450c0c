//! The Python boundary, `covertreex._rust`: NumPy arrays in and out, nothing computed here.
//!
//! Arrays come in C-contiguous, aligned and native, or are refused; results are new arrays. Each computing call releases the
//! GIL, checks the floating-point environment, runs in the pool of `threads`, and turns a panic into `InternalError`.
//! Stubs: `covertreex/_rust.pyi`.

mod arrays;
mod call;
mod euclidean;
mod metric;
mod scan;
mod search;
mod tree;

use crate::distance::{self, DistanceBlock};
use crate::draws::SplitMix64;
use crate::kernel::{self, Kernel};
use crate::knn::Neighbourhoods;
use crate::level::{self, Level};
use crate::{dot, draws, factor, numeric};
use arrays::{Block, Input, Output, block, doubles, indices, is_wide, is_wide_name};
use call::call;
use numpy::{Element, Ix1, Ix2, PyArray1, PyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use std::collections::BTreeMap;

/// The private extension module.
#[pymodule]
mod _rust {
    #[pymodule_export]
    use super::euclidean::{EuclideanIndex, euclidean_knn, euclidean_radius};
    #[pymodule_export]
    use super::metric::{distance_idx, distances_sq_batch, max_distance_hint};
    #[pymodule_export]
    use super::scan::{knn, radius};
    #[pymodule_export]
    use super::search::SearchIndex;
    #[pymodule_export]
    use super::tree::{euclidean_tree, hilbert_order, residual_tree};
    #[pymodule_export]
    use super::{
        best_level, build_profile, cholesky, cpu_features, distance_block_no_gate, dot_block, exp,
        exp_constants, inducing_rows, kernel_block, levels, normals, project, splitmix64, uniforms,
    };
}

type Object<'a, 'py> = &'a Bound<'py, PyAny>;
type Array1<'py, T> = Bound<'py, PyArray1<T>>;
type Array2<'py, T> = Bound<'py, PyArray2<T>>;
type Triple<'py> = (Array1<'py, i64>, Array1<'py, i64>, Array1<'py, f64>);
type Pair<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

#[pyfunction]
fn levels() -> Vec<&'static str> {
    Level::available().iter().map(|level| level.name()).collect()
}

#[pyfunction]
fn best_level() -> &'static str {
    Level::best().name()
}

#[pyfunction]
fn cpu_features() -> Vec<&'static str> {
    level::cpu_features()
}

#[pyfunction]
fn build_profile() -> &'static str {
    if cfg!(debug_assertions) { "debug" } else { "release" }
}

#[pyfunction]
fn exp_constants() -> BTreeMap<String, u64> {
    numeric::exp_constants().collect()
}

#[pyfunction]
#[pyo3(signature = (x, *, level=None))]
fn exp<'py>(x: Object<'_, 'py>, level: Option<&str>) -> PyResult<Array1<'py, f64>> {
    let (py, level) = (x.py(), Level::named(level)?);
    let x: Input<f64, Ix1> = Input::new("x", x, "a C-contiguous array of float64")?;
    let mut out = Output::vector(py, x.array.len())?;
    let (from, to) = (x.slice(), out.slice());
    call(py, None, || {
        to.copy_from_slice(from);
        numeric::exp_in_place(level, to);
        Ok(())
    })?;
    Ok(out.done())
}

/// `count` draws of one generator.
fn drawn<T: Element + Copy>(
    py: Python<'_>,
    seed: u64,
    count: usize,
    draw: fn(&mut SplitMix64) -> T,
) -> PyResult<Array1<'_, T>> {
    let mut out = Output::vector(py, count)?;
    let to = out.slice();
    call(py, None, || {
        let mut generator = SplitMix64::new(seed);
        to.fill_with(|| draw(&mut generator));
        Ok(())
    })?;
    Ok(out.done())
}

#[pyfunction]
fn splitmix64(py: Python<'_>, seed: u64, count: usize) -> PyResult<Array1<'_, u64>> {
    drawn(py, seed, count, SplitMix64::draw)
}

#[pyfunction]
fn uniforms(py: Python<'_>, seed: u64, count: usize) -> PyResult<Array1<'_, f64>> {
    drawn(py, seed, count, SplitMix64::uniform)
}

#[pyfunction]
fn normals(py: Python<'_>, seed: u64, count: usize) -> PyResult<Array1<'_, f64>> {
    drawn(py, seed, count, SplitMix64::normal)
}

#[pyfunction]
fn inducing_rows(py: Python<'_>, seed: u64, n: usize, m: usize) -> PyResult<Array1<'_, i64>> {
    let rows = call(py, None, || draws::inducing_rows(seed, n, m))?;
    Ok(PyArray1::from_vec(py, rows))
}

#[pyfunction]
#[pyo3(signature = (u_z, kernel, variance, *, level=None, threads=None))]
fn cholesky<'py>(
    u_z: Object<'_, 'py>,
    kernel: &str,
    variance: f64,
    level: Option<&str>,
    threads: Option<usize>,
) -> PyResult<Array2<'py, f64>> {
    let (py, level, kernel) = (u_z.py(), Level::named(level)?, Kernel::named(kernel, variance)?);
    let u_z = doubles("u_z", u_z)?;
    let u_z = u_z.matrix()?;
    let mut out = Output::matrix(py, u_z.rows(), u_z.rows())?;
    let lower = out.slice();
    call(py, threads, || factor::cholesky(level, kernel, u_z, lower))?;
    Ok(out.done())
}

#[pyfunction]
#[pyo3(signature = (u, u_z, chol, kernel, variance, block_dtype, *, level=None, threads=None))]
#[allow(clippy::too_many_arguments)]
fn project<'py>(
    u: Object<'_, 'py>,
    u_z: Object<'_, 'py>,
    chol: Object<'_, 'py>,
    kernel: &str,
    variance: f64,
    block_dtype: &str,
    level: Option<&str>,
    threads: Option<usize>,
) -> PyResult<Pair<'py>> {
    let (level, kernel) = (Level::named(level)?, Kernel::named(kernel, variance)?);
    if is_wide_name(block_dtype)? {
        project_as::<f64>(u, u_z, chol, kernel, level, threads)
    } else {
        project_as::<f32>(u, u_z, chol, kernel, level, threads)
    }
}

fn project_as<'py, T: Block>(
    u: Object<'_, 'py>,
    u_z: Object<'_, 'py>,
    chol: Object<'_, 'py>,
    kernel: Kernel,
    level: Level,
    threads: Option<usize>,
) -> PyResult<Pair<'py>> {
    let py = u.py();
    let (u, u_z, chol) = (doubles("u", u)?, doubles("u_z", u_z)?, doubles("chol", chol)?);
    let (u, u_z, chol) = (u.matrix()?, u_z.matrix()?, chol.matrix()?);
    let mut v = Output::<T, Ix2>::matrix(py, u.rows(), u_z.rows())?;
    let mut p = Output::<T, Ix1>::vector(py, u.rows())?;
    let out = (v.slice(), p.slice());
    call(py, threads, || factor::project(level, kernel, u, u_z, chol, out))?;
    Ok((v.done().into_any(), p.done().into_any()))
}

#[pyfunction]
#[pyo3(signature = (u_q, u_c, kernel, variance, block_dtype, *, level=None, threads=None))]
fn kernel_block<'py>(
    u_q: Object<'_, 'py>,
    u_c: Object<'_, 'py>,
    kernel: &str,
    variance: f64,
    block_dtype: &str,
    level: Option<&str>,
    threads: Option<usize>,
) -> PyResult<Bound<'py, PyAny>> {
    let (level, kernel) = (Level::named(level)?, Kernel::named(kernel, variance)?);
    if is_wide_name(block_dtype)? {
        kernel_block_as::<f64>(u_q, u_c, kernel, level, threads)
    } else {
        kernel_block_as::<f32>(u_q, u_c, kernel, level, threads)
    }
}

fn kernel_block_as<'py, T: Block>(
    u_q: Object<'_, 'py>,
    u_c: Object<'_, 'py>,
    kernel: Kernel,
    level: Level,
    threads: Option<usize>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = u_q.py();
    let (u_q, u_c) = (doubles("u_q", u_q)?, doubles("u_c", u_c)?);
    let (u_q, u_c) = (u_q.matrix()?, u_c.matrix()?);
    let mut out = Output::<T, Ix2>::matrix(py, u_q.rows(), u_c.rows())?;
    let to = out.slice();
    call(py, threads, || kernel::kernel_block(level, kernel, u_q, u_c, to))?;
    Ok(out.done().into_any())
}

#[pyfunction]
#[pyo3(signature = (v_q, v_c, *, level=None, threads=None))]
fn dot_block<'py>(
    v_q: Object<'_, 'py>,
    v_c: Object<'_, 'py>,
    level: Option<&str>,
    threads: Option<usize>,
) -> PyResult<Bound<'py, PyAny>> {
    let level = Level::named(level)?;
    if is_wide("v_q", v_q)? {
        dot_block_as::<f64>(v_q, v_c, level, threads)
    } else {
        dot_block_as::<f32>(v_q, v_c, level, threads)
    }
}

fn dot_block_as<'py, T: Block>(
    v_q: Object<'_, 'py>,
    v_c: Object<'_, 'py>,
    level: Level,
    threads: Option<usize>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = v_q.py();
    let (v_q, v_c) = (block::<T, Ix2>("v_q", v_q)?, block::<T, Ix2>("v_c", v_c)?);
    let (v_q, v_c) = (v_q.matrix()?, v_c.matrix()?);
    let mut out = Output::<T, Ix2>::matrix(py, v_q.rows(), v_c.rows())?;
    let to = out.slice();
    call(py, threads, || dot::dot_block(level, v_q, v_c, to))?;
    Ok(out.done().into_any())
}

#[pyfunction]
#[pyo3(signature = (p_diag, query_indices, chunk_indices, kernel_block, dot_block, radii, eps, *, level=None, threads=None))]
#[allow(clippy::too_many_arguments)]
fn distance_block_no_gate<'py>(
    p_diag: Object<'_, 'py>,
    query_indices: Object<'_, 'py>,
    chunk_indices: Object<'_, 'py>,
    kernel_block: Object<'_, 'py>,
    dot_block: Object<'_, 'py>,
    radii: Object<'_, 'py>,
    eps: f64,
    level: Option<&str>,
    threads: Option<usize>,
) -> PyResult<(Array2<'py, f64>, Array2<'py, bool>)> {
    let level = Level::named(level)?;
    let (rows, cols) =
        (indices("query_indices", query_indices)?, indices("chunk_indices", chunk_indices)?);
    let radii = Input::new("radii", radii, "a C-contiguous array of float64")?;
    let blocks = (p_diag, kernel_block, dot_block);
    if is_wide("p_diag", p_diag)? {
        distance_block_as::<f64>(blocks, (&rows, &cols), &radii, eps, level, threads)
    } else {
        distance_block_as::<f32>(blocks, (&rows, &cols), &radii, eps, level, threads)
    }
}

fn distance_block_as<'py, T: Block>(
    (p_diag, kernel, dot): (Object<'_, 'py>, Object<'_, 'py>, Object<'_, 'py>),
    (rows, cols): (&Input<'py, i64, Ix1>, &Input<'py, i64, Ix1>),
    radii: &Input<'py, f64, Ix1>,
    eps: f64,
    level: Level,
    threads: Option<usize>,
) -> PyResult<(Array2<'py, f64>, Array2<'py, bool>)> {
    let py = p_diag.py();
    let p_diag = block::<T, Ix1>("p_diag", p_diag)?;
    let (kernel, dot) =
        (block::<T, Ix2>("kernel_block", kernel)?, block::<T, Ix2>("dot_block", dot)?);
    let inputs = DistanceBlock {
        p_diag: p_diag.slice(),
        query_indices: rows.slice(),
        chunk_indices: cols.slice(),
        kernel_block: kernel.matrix()?,
        dot_block: dot.matrix()?,
        radii: radii.slice(),
        eps,
    };
    let (q, c) = (inputs.query_indices.len(), inputs.chunk_indices.len());
    let mut distances = Output::matrix(py, q, c)?;
    let mut mask = Output::matrix(py, q, c)?;
    let (d, inside) = (distances.slice(), mask.slice());
    call(py, threads, || distance::distance_block_no_gate(level, &inputs, d, inside))?;
    Ok((distances.done(), mask.done()))
}

fn triple(py: Python<'_>, found: Neighbourhoods) -> Triple<'_> {
    let Neighbourhoods { offsets, indices, distances } = found;
    (
        PyArray1::from_vec(py, offsets),
        PyArray1::from_vec(py, indices),
        PyArray1::from_vec(py, distances),
    )
}
