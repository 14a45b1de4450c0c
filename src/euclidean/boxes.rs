//! Bounding boxes over leaves, eight to a node, level by level down from the root; child `s` of node `i` is node `8 i + s` below.
//!
//! Slot `s` of node `i` has the lower bound of coordinate `c` at `(i * cols + c) * 16 + s`, the upper one 8 further. Slots without a
//! child are NaN, which no comparison takes. Bounds are coordinates of points, so nothing here is rounded. Numba twin: none.

use super::leaves::{LANES as WIDTH, Leaves};
use crate::error::Error;
use crate::memory::zeros;
use crate::simd::{Double, Simd, Vector};
use rayon::prelude::*;

/// Levels of eight over 2^32 leaves.
pub(super) const MAX_DEPTH: usize = 11;
/// What boxes ask memory for.
const BOXES: &str = "bounding boxes";

/// The boxes of all levels.
#[derive(Clone, Debug)]
pub(super) struct Boxes {
    bounds: Vec<f64>,
    /// The smallest id below each slot.
    least: Vec<u32>,
    /// The first node of each level.
    starts: Vec<usize>,
    cols: usize,
}

impl Boxes {
    pub(super) fn new(leaves: &Leaves, cols: usize) -> Result<Self, Error> {
        let mut sizes = vec![leaves.count()];
        while sizes[sizes.len() - 1] > 1 {
            sizes.push(sizes[sizes.len() - 1].div_ceil(WIDTH));
        }
        let mut starts = vec![0];
        for size in sizes[1..].iter().rev() {
            starts.push(starts[starts.len() - 1] + size);
        }
        let nodes = starts.pop().unwrap_or_default();
        let bounds = zeros(BOXES, &[nodes, cols, 2 * WIDTH])?;
        let mut boxes = Self { bounds, least: zeros(BOXES, &[nodes, WIDTH])?, starts, cols };
        for (level, size) in (0..boxes.depth()).rev().zip(sizes) {
            boxes.fill(level, size, leaves);
        }
        Ok(boxes)
    }

    /// Levels above the leaves.
    pub(super) fn depth(&self) -> usize {
        self.starts.len()
    }

    /// Fill a level from the one below, which has so many nodes or is that of the leaves.
    fn fill(&mut self, level: usize, children: usize, leaves: &Leaves) {
        let (cols, size, start) = (self.cols, 2 * WIDTH * self.cols, self.starts[level]);
        let last = level + 1 == self.depth();
        let end = start + children.div_ceil(WIDTH);
        let (bounds, lower_bounds) = self.bounds.split_at_mut(end * size);
        let (least, lower_least) = self.least.split_at_mut(end * WIDTH);
        let column = |child: usize, c: usize, upper: usize| {
            if last {
                return leaves.column(child, c);
            }
            &lower_bounds[child * size + (2 * c + upper) * WIDTH..][..WIDTH]
        };
        let ids = |child: usize| {
            if last { leaves.ids(child) } else { &lower_least[child * WIDTH..][..WIDTH] }
        };
        let nodes = bounds[start * size..].par_chunks_exact_mut(size);
        let nodes = nodes.zip(least[start * WIDTH..].par_chunks_exact_mut(WIDTH)).enumerate();
        nodes.for_each(|(node, (bounds, least))| {
            bounds.fill(f64::NAN);
            least.fill(u32::MAX);
            for (slot, child) in (node * WIDTH..children.min((node + 1) * WIDTH)).enumerate() {
                for c in 0..cols {
                    let at = 2 * c * WIDTH + slot; // min and max pass over NaN
                    bounds[at] = column(child, c, 0).iter().copied().fold(f64::NAN, f64::min);
                    bounds[at + WIDTH] =
                        column(child, c, 1).iter().copied().fold(f64::NAN, f64::max);
                }
                least[slot] = ids(child).iter().copied().fold(u32::MAX, u32::min);
            }
        });
    }

    /// Bounds on the squared distances below each slot of a node, NaN where there is none.
    ///
    /// # Safety
    /// The CPU has the level of `S`.
    #[inline(always)]
    pub(super) unsafe fn bounds<S: Simd, const D: usize>(
        &self,
        (level, node): (usize, usize),
        query: &[f64],
        bounds: &mut [f64; WIDTH],
        reach: f64,
    ) -> u32 {
        let (cols, mut within) = (if D == 0 { self.cols } else { D }, 0);
        let size = 2 * WIDTH * cols;
        let (boxes, query) =
            (&self.bounds[(self.starts[level] + node) * size..][..size], &query[..cols]);
        for first in (0..WIDTH).step_by(S::F64::LANES) {
            // SAFETY: `WIDTH` is a multiple of the lanes, so each load and store ends within its row.
            unsafe {
                let zero = S::F64::splat(0.0);
                let mut s = zero;
                for c in 0..cols {
                    let (low, x) =
                        (boxes.as_ptr().add(2 * WIDTH * c + first), S::F64::splat(query[c]));
                    let below = S::F64::load(low).sub(x);
                    let above = x.sub(S::F64::load(low.add(WIDTH)));
                    let gap = zero.max(below.max(above)); // in this order NaN stays
                    s = gap.fma(gap, s);
                }
                s.store(bounds.as_mut_ptr().add(first));
                within |= s.at_most(S::F64::splat(reach)) << first;
            }
        }
        within
    }

    /// Of these slots of a node, those with an id below `limit`.
    #[inline(always)]
    pub(super) fn below(&self, (level, node): (usize, usize), limit: u32, slots: u32) -> u32 {
        let least = &self.least[(self.starts[level] + node) * WIDTH..][..WIDTH];
        let allowed = least.iter().enumerate();
        allowed.fold(0, |bits, (slot, &id)| bits | u32::from(id < limit) << slot) & slots
    }
}
