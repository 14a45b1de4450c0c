//! Searches: the order of points that they go through.

pub mod hilbert;
