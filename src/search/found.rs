//! What a query has found: the `k` smallest of (distance, id) within a radius, offered in any order.

use crate::error::Error;
use crate::memory::{refusal, room};
use std::collections::BinaryHeap;

const FOUND: &str = "the neighbours so far";

/// The best so far: a max-heap of (distance, id), distances as bits, whose order is theirs since none is negative.
#[derive(Clone, Debug)]
pub(super) struct Found {
    heap: BinaryHeap<(u64, usize)>,
    wanted: Wanted,
    /// The largest pair that may still enter, inclusive.
    last: (u64, usize),
}

/// As many as there are.
pub(super) const ALL: usize = usize::MAX;

/// What a query asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// As many as this, or [`ALL`].
    pub k: usize,
    /// Not farther than this.
    pub radius: f64,
    /// With ids below this.
    pub limit: usize,
}

impl Found {
    pub(super) fn new(wanted: Wanted) -> Result<Self, Error> {
        let bounded = if wanted.k == ALL { 0 } else { wanted.k };
        let heap = BinaryHeap::from(room(FOUND, &[bounded])?);
        Ok(Self { heap, wanted, last: (wanted.radius.to_bits(), usize::MAX) })
    }

    pub(super) fn wanted(&self) -> Wanted {
        self.wanted
    }

    /// The distance past which nothing can enter.
    pub(super) fn farthest(&self) -> f64 {
        f64::from_bits(self.last.0)
    }

    /// Offer a point that was not offered before.
    #[inline]
    pub(super) fn offer(&mut self, distance: f64, id: usize) -> Result<(), Error> {
        if distance > f64::from_bits(self.last.0) || id >= self.wanted.limit {
            return Ok(());
        }
        let pair = (distance.to_bits(), id);
        if pair > self.last {
            return Ok(());
        }
        if self.heap.len() < self.wanted.k {
            if self.heap.try_reserve(1).is_err() {
                return Err(refusal::<(u64, usize)>(FOUND, &[self.heap.len() + 1]));
            }
            self.heap.push(pair);
        } else if let Some(mut worst) = self.heap.peek_mut() {
            *worst = pair;
        }
        if self.heap.len() == self.wanted.k {
            self.last = self.heap.peek().copied().unwrap_or(self.last);
        }
        Ok(())
    }

    /// Ascending pairs.
    pub(super) fn sorted(self) -> Vec<(u64, usize)> {
        self.heap.into_sorted_vec()
    }
}
