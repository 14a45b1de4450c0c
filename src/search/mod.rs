//! Exact neighbours without looking at every point: an index of regions, each with a basis of residual correlations.
//!
//! [`Index::build`] cuts an order of the points (Hilbert's, or a tree's) into regions; [`Search`] answers by bounds that are proven in
//! [`bounds`], so that it returns the bits of the full scan of `knn.rs`, and hands to that scan the queries for which bounds do not pay.

mod answers;
pub mod bounds;
mod correlate;
mod exact;
mod found;
mod group;
pub mod hilbert;
mod index;
mod lanes;
mod parts;
mod region;
mod sift;
#[cfg(test)]
mod soundness;
mod sweep;

pub use answers::Search;
pub use bounds::Certificate;
pub use index::Index;
pub use parts::{Parts, REVISION};
