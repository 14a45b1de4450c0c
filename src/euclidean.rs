//! Neighbours by the Euclidean distance of coordinates: the root of the contract's squared distance.
//!
//! A plain scan: every query against every row it sees, sorted by (distance, index). Numba twin: `euclidean_knn_rows`,
//! `euclidean_radius_rows` in `covertreex/metrics/_numba_loops.py`.

use crate::environment;
use crate::error::Error;
use crate::knn::Neighbourhoods;
use crate::matrix::Matrix;
use crate::memory::room;
use crate::numeric::squared_distance;
use rayon::prelude::*;

/// The rows a query sees, by (distance as bits, index), ascending.
fn sorted(
    query: &[f64],
    u: Matrix<f64>,
    limit: Option<i64>,
    radius: f64,
) -> Result<Vec<(u64, usize)>, Error> {
    environment::check()?;
    let seen = limit.map_or(u.rows(), |limit| limit as usize);
    let mut all = room("the neighbours so far", &[seen])?;
    for j in 0..seen {
        let distance = squared_distance(query, u.row(j)).sqrt();
        if distance <= radius {
            all.push((distance.to_bits(), j));
        }
    }
    all.sort_unstable();
    Ok(all)
}

/// The `k` nearest of each query, (q, k) each; what no row is found for is index -1, at infinity.
pub fn nearest(
    u_q: Matrix<f64>,
    u: Matrix<f64>,
    k: usize,
    limits: Option<&[i64]>,
    indices: &mut [i64],
    distances: &mut [f64],
) -> Result<(), Error> {
    let outputs = indices.par_chunks_mut(k).zip(distances.par_chunks_mut(k)).enumerate();
    outputs.try_for_each(|(i, (indices, distances))| {
        indices.fill(-1);
        distances.fill(f64::INFINITY);
        let found = sorted(u_q.row(i), u, limits.map(|limits| limits[i]), f64::INFINITY)?;
        for ((bits, index), (i, d)) in found.into_iter().zip(indices.iter_mut().zip(distances)) {
            (*i, *d) = (index as i64, f64::from_bits(bits));
        }
        Ok(())
    })
}

/// All within each query's radius.
pub fn within(
    u_q: Matrix<f64>,
    u: Matrix<f64>,
    radii: &[f64],
    limits: Option<&[i64]>,
) -> Result<Neighbourhoods, Error> {
    let mut all = Neighbourhoods::new(u_q.rows())?;
    for (i, &radius) in radii.iter().enumerate() {
        all.add(sorted(u_q.row(i), u, limits.map(|limits| limits[i]), radius)?)?;
    }
    Ok(all)
}
