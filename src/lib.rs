//! The Rust engine of covertreex: nearest neighbours by Gaussian-process residual correlation, to the bit of its Numba twin.
//!
//! The numeric contract fixes every rounding: `+ - * / sqrt fma` alone, one chain a sum, the engine's own `exp`. So each stage gives
//! the same bits at every CPU level, with any number of threads, in any block or chunk. Stages, in the order of data:
//! [`draws`] → [`factor`] (on [`kernel`]) → [`kernel`] and [`dot`] blocks → [`distance`] → [`knn`]; [`metric`] is the same distance pair by pair.
//! They run in the current rayon pool. The feature `python` adds the boundary, `covertreex._rust`.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod distance;
pub mod dot;
pub mod draws;
pub mod environment;
pub mod error;
pub mod euclidean;
pub mod factor;
pub mod kernel;
pub mod knn;
pub mod level;
pub mod matrix;
mod memory;
pub mod metric;
pub mod numeric;
pub mod search;
pub mod simd;
pub mod tree;

#[cfg(feature = "python")]
mod bridge;

pub use error::Error;
pub use kernel::{Family, Kernel};
pub use level::Level;
pub use matrix::Matrix;
pub use metric::{Points, ResidualMetric};
