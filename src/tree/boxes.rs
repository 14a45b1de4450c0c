//! Points under the Euclidean metric of scaled coordinates, in a binary tree of boxes.
//!
//! Slots are in the order of repeated halving at the median of the widest coordinate, until at most [`LANES`] are left: a leaf. A node
//! knows the box of its points and the largest distance of them to their nearest centres; new centres go down from the top,
//! and only those whose box distance does not exceed that largest go on.
//!
//! # Why nothing is lost
//! In each coordinate the distance of `x` to the box, `lo - x` or `x - hi` or 0, is rounded from a difference no larger than that to a
//! point in the box. Rounding, fma in magnitudes and the square root are monotone, so the box distance, computed by the same
//! chain, is at most the computed distance to the point: to the bit, overflow and underflow included. Equals go on, for ties.
//!
//! Numba twin: `relax` in `covertreex/search/_tree_loops.py`.

use super::{Nearest, Space, TREE, offer};
use crate::environment;
use crate::error::Error;
use crate::level::{Level, Routine};
use crate::matrix::{Matrix, expect_area, expect_length};
use crate::memory::{room, zeros};
use crate::numeric::squared_distance;
use crate::simd::Simd;

/// Points of a leaf, at most.
const LANES: usize = 16;
/// Nodes of at least this height are visited, or made, in parallel.
const FORK: u32 = 6;

/// Points in boxes, each with its nearest centre.
#[derive(Clone, Debug)]
pub struct Boxes<'a> {
    frame: Frame<'a>,
    /// For each node, depth first: the largest distance of its points to their nearest centres.
    farthest: Vec<f64>,
    nearest: Nearest,
}

/// The boxes, which never change.
#[derive(Clone, Debug)]
struct Frame<'a> {
    cpu: Level,
    u: Matrix<'a, f64>,
    ids: Vec<usize>,
    /// Of the topmost node; a leaf has height 0.
    height: u32,
    /// For each node, depth first: the lower corner, then the upper one.
    corners: Vec<f64>,
    /// For each leaf: its points, coordinate after coordinate, [`LANES`] each.
    packed: Vec<f64>,
}

/// Where a leaf of a tree of this height starts among n slots.
fn start(leaf: usize, height: u32, n: usize) -> usize {
    (leaf * n) >> height
}

impl<'a> Boxes<'a> {
    /// Put scaled coordinates (n, d) into boxes.
    pub fn new(cpu: Level, u: Matrix<'a, f64>) -> Result<Self, Error> {
        let (n, d) = (u.rows(), u.cols());
        let height = n.div_ceil(LANES).next_power_of_two().ilog2();
        let nodes = (2 << height) - 1;
        let mut ids = room(TREE, &[n])?;
        ids.extend(0..n);
        let mut corners = zeros(TREE, &[nodes, 2, d])?;
        Halving { u, top: height, n }.run(height, 0, &mut ids, &mut corners);
        let mut packed = zeros(TREE, &[1 << height, d, LANES])?;
        for (leaf, packed) in packed.chunks_exact_mut((d * LANES).max(1)).enumerate() {
            let slots = start(leaf, height, n)..start(leaf + 1, height, n);
            for (lane, &id) in ids[slots].iter().enumerate() {
                for (coordinate, &x) in u.row(id).iter().enumerate() {
                    packed[coordinate * LANES + lane] = x;
                }
            }
        }
        let mut farthest = room(TREE, &[nodes])?;
        farthest.resize(nodes, f64::INFINITY);
        let frame = Frame { cpu, u, ids, height, corners, packed };
        Ok(Self { frame, farthest, nearest: Nearest::new(n)? })
    }
}

#[cfg(test)]
impl Boxes<'_> {
    /// Whether the bound lets a centre on to this leaf, whose points are at most so far from theirs.
    pub(super) fn may_reach(&self, id: usize, leaf: usize, bound: f64) -> bool {
        let height = self.frame.height;
        let step = |bit| if leaf >> bit & 1 == 1 { 2_usize << bit } else { 1 };
        let index = (0..height).map(step).sum();
        let mut queue = vec![id];
        let node = Reaching { frame: &self.frame, index, bound, queue: &mut queue, from: 0 };
        // SAFETY: the routine's fields promise nothing.
        unsafe { self.frame.cpu.run(node) };
        queue.len() == 2
    }
}

/// Halves slots, down to the leaves.
#[derive(Clone, Copy)]
struct Halving<'a> {
    u: Matrix<'a, f64>,
    top: u32,
    n: usize,
}

impl Halving<'_> {
    /// Order the slots of the node above `leaf` and write the corners of all nodes below it.
    fn run(self, height: u32, leaf: usize, ids: &mut [usize], corners: &mut [f64]) {
        let d = self.u.cols();
        let (own, below) = corners.split_at_mut(2 * d);
        let (low, high) = own.split_at_mut(d);
        low.fill(f64::INFINITY);
        high.fill(f64::NEG_INFINITY);
        for &id in &*ids {
            for (c, &x) in self.u.row(id).iter().enumerate() {
                (low[c], high[c]) = (low[c].min(x), high[c].max(x));
            }
        }
        if height == 0 {
            return;
        }
        let wider = |&a: &usize, &b: &usize| (high[a] - low[a]).total_cmp(&(high[b] - low[b]));
        let widest = (0..d).max_by(wider).unwrap_or_default();
        let middle = leaf + (1 << (height - 1));
        let at = start(middle, self.top, self.n) - start(leaf, self.top, self.n);
        if at < ids.len() {
            let key = |id: usize| self.u.row(id)[widest];
            ids.select_nth_unstable_by(at, |&a, &b| key(a).total_cmp(&key(b)).then(a.cmp(&b)));
        }
        let (first, second) = ids.split_at_mut(at);
        let (left, right) = below.split_at_mut(below.len() / 2);
        let mut left = || self.run(height - 1, leaf, first, left);
        let mut right = || self.run(height - 1, middle, second, right);
        if height >= FORK {
            rayon::join(left, right);
        } else {
            left();
            right();
        }
    }
}

/// A node on the way down, with what it may change.
struct Node<'a> {
    /// Its place among the nodes, depth first.
    index: usize,
    height: u32,
    /// Its first leaf.
    leaf: usize,
    farthest: &'a mut [f64],
    distance: &'a mut [f64],
    centre: &'a mut [usize],
}

impl<'a> Node<'a> {
    /// What the node itself may change, and its halves.
    fn split(self, top: u32, n: usize) -> (&'a mut f64, Node<'a>, Node<'a>) {
        let height = self.height - 1;
        let middle = self.leaf + (1 << height);
        let at = start(middle, top, n) - start(self.leaf, top, n);
        let (own, farthest) = self.farthest.split_at_mut(1);
        let farthest = farthest.split_at_mut(farthest.len() / 2);
        let (distance, centre) = (self.distance.split_at_mut(at), self.centre.split_at_mut(at));
        let next = self.index + (2 << height);
        let (left, right) = ((self.index + 1, self.leaf), (next, middle));
        let half = |(index, leaf), farthest, distance, centre| Node {
            index,
            height,
            leaf,
            farthest,
            distance,
            centre,
        };
        let left = half(left, farthest.0, distance.0, centre.0);
        (&mut own[0], left, half(right, farthest.1, distance.1, centre.1))
    }
}

impl Frame<'_> {
    /// Offer the centres of `queue[from..]` to the points below a node; the largest distance left there.
    fn visit(&self, node: Node<'_>, queue: &mut Vec<usize>, from: usize) -> Result<f64, Error> {
        let to = queue.len();
        let (index, bound) = (node.index, node.farthest[0]);
        // SAFETY: the routine's fields promise nothing.
        unsafe { self.cpu.run(Reaching { frame: self, index, bound, queue, from }) };
        if queue.len() == to {
            return Ok(bound);
        }
        let farthest = if node.height == 0 {
            let centres = &queue[to..];
            // SAFETY: as above.
            node.farthest[0] = unsafe {
                self.cpu.run(Leaf {
                    frame: self,
                    index: node.leaf,
                    distance: node.distance,
                    centre: node.centre,
                    centres,
                })
            };
            node.farthest[0]
        } else {
            let (own, left, right) = node.split(self.height, self.ids.len());
            let (l, r) = if left.height >= FORK {
                let mut copy = queue[to..].to_vec();
                let other = || {
                    environment::check()?;
                    self.visit(right, &mut copy, 0)
                };
                rayon::join(|| self.visit(left, queue, to), other)
            } else {
                (self.visit(left, queue, to), self.visit(right, queue, to))
            };
            *own = l?.max(r?);
            *own
        };
        queue.truncate(to);
        Ok(farthest)
    }
}

/// Appends to `queue` those of `queue[from..]` that may be nearest to a point of a node.
struct Reaching<'a> {
    frame: &'a Frame<'a>,
    index: usize,
    bound: f64,
    queue: &'a mut Vec<usize>,
    from: usize,
}

impl Routine for Reaching<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let d = self.frame.u.cols();
        let (low, high) = self.frame.corners[2 * d * self.index..][..2 * d].split_at(d);
        for at in self.from..self.queue.len() {
            let id = self.queue[at];
            let mut square = 0.0;
            for ((&x, &low), &high) in self.frame.u.row(id).iter().zip(low).zip(high) {
                let outside = if x < low {
                    low - x
                } else if x > high {
                    x - high
                } else {
                    0.0
                };
                square = outside.mul_add(outside, square);
            }
            if square.sqrt() <= self.bound {
                self.queue.push(id);
            }
        }
    }
}

/// Offers centres to the points of a leaf; the largest distance left.
struct Leaf<'a> {
    frame: &'a Frame<'a>,
    index: usize,
    distance: &'a mut [f64],
    centre: &'a mut [usize],
    centres: &'a [usize],
}

impl Routine for Leaf<'_> {
    type Output = f64;

    #[inline(always)]
    unsafe fn run<S: Simd>(self) -> f64 {
        let d = self.frame.u.cols();
        let packed = &self.frame.packed[self.index * d * LANES..][..d * LANES];
        for &id in self.centres {
            let mut found = [0.0; LANES];
            for (&x, column) in self.frame.u.row(id).iter().zip(packed.chunks_exact(LANES)) {
                for (square, &y) in found.iter_mut().zip(column) {
                    *square = (x - y).mul_add(x - y, *square);
                }
            }
            for square in &mut found {
                *square = square.sqrt();
            }
            let nearest = self.distance.iter_mut().zip(&mut *self.centre);
            for ((distance, centre), &found) in nearest.zip(&found) {
                offer(distance, centre, found, id);
            }
        }
        self.distance
            .iter()
            .fold(0.0, |most, &distance| if distance > most { distance } else { most })
    }
}

impl Space for Boxes<'_> {
    fn ids(&self) -> &[usize] {
        &self.frame.ids
    }

    fn nearest(&mut self) -> &mut Nearest {
        &mut self.nearest
    }

    fn relax(&mut self, centres: &[usize]) -> Result<(), Error> {
        environment::check()?;
        let top = Node {
            index: 0,
            height: self.frame.height,
            leaf: 0,
            farthest: &mut self.farthest,
            distance: &mut self.nearest.distance,
            centre: &mut self.nearest.centre,
        };
        self.frame.visit(top, &mut centres.to_vec(), 0)?;
        Ok(())
    }

    fn block(&self, ids: &[usize], out: &mut [f64]) -> Result<(), Error> {
        expect_area("out", out.len(), ids.len(), ids.len())?;
        for (&id, row) in ids.iter().zip(out.chunks_mut(ids.len().max(1))) {
            self.distances(id, ids, row)?;
        }
        Ok(())
    }

    fn distances(&self, from: usize, to: &[usize], out: &mut [f64]) -> Result<(), Error> {
        expect_length("out", out.len(), to.len())?;
        // SAFETY: the routine's fields promise nothing.
        unsafe { self.frame.cpu.run(Row { u: self.frame.u, from, to, out }) };
        Ok(())
    }
}

/// Distances from a point to others.
struct Row<'a> {
    u: Matrix<'a, f64>,
    from: usize,
    to: &'a [usize],
    out: &'a mut [f64],
}

impl Routine for Row<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let from = self.u.row(self.from);
        for (out, &to) in self.out.iter_mut().zip(self.to) {
            *out = squared_distance(from, self.u.row(to)).sqrt();
        }
    }
}
