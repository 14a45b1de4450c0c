//! Small fixed workloads for callgrind: factor, then a search of every point, by the scan or by an index; no Python, no threads.
//!
//! `counted LEVEL scan|index`; `benchmarks/counts.py` builds it, runs it and reads the counts.

use covertreex::draws::{SplitMix64, inducing_rows};
use covertreex::factor::{cholesky, project};
use covertreex::kernel::{Family, Kernel};
use covertreex::knn::Scan;
use covertreex::level::Level;
use covertreex::matrix::Matrix;
use covertreex::metric::Points;
use covertreex::search::{Certificate, Index, Search, hilbert};

const N: usize = 1_500;
const M: usize = 48;
const D: usize = 3;
const K: usize = 10;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "avx2".into());
    let level = Level::named(Some(&name))?;
    let kernel = Kernel { family: Family::Rbf, variance: 1.0 };
    let mut stream = SplitMix64::new(42);
    let u: Vec<f64> = (0..N * D).map(|_| stream.normal()).collect();
    let rows = inducing_rows(42, N, M)?;
    let z: Vec<f64> = rows.iter().flat_map(|&row| u[row as usize * D..][..D].to_vec()).collect();
    let (u, z) = (Matrix::new("u", &u, N, D)?, Matrix::new("z", &z, M, D)?);
    let mut lower = vec![0.0; M * M];
    cholesky(level, kernel, z, &mut lower)?;
    let lower = Matrix::new("lower", &lower, M, M)?;
    let (mut v, mut p) = (vec![0.0; N * M], vec![0.0; N]);
    project(level, kernel, u, z, lower, (&mut v, &mut p))?;
    let data = Points { u, v: Matrix::new("v", &v, N, M)?, p: &p };
    let (mut ids, mut distances) = (vec![0; N * K], vec![0.0; N * K]);
    let (eps, limits, chunk_size) = (1e-9, None, 1024);
    if std::env::args().nth(2).as_deref() == Some("index") {
        let order = hilbert::order(u)?;
        let certificate = Certificate::new(kernel, M, D);
        let index = &Index::build(level, kernel, data, &order, None, certificate)?;
        let search = Search { index, points: data, eps, limits, chunk_size };
        search.nearest(data, K, &mut ids, &mut distances)?;
    } else {
        let scan = Scan { level, kernel, eps, data, limits, chunk_size };
        scan.nearest(data, K, &mut ids, &mut distances)?;
    }
    println!("{}", ids.iter().sum::<i64>());
    Ok(())
}
