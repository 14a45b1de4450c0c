//! Queries through the index: by bounding boxes, nearest first, or past every leaf where boxes do not pay.
//!
//! Either way a goal is offered every point that may belong to its answer, once. Numba twin: none, the oracle scans.

use super::boxes::{Boxes, MAX_DEPTH};
use super::leaves::{LANES as WIDTH, Leaves};
use super::nearest::Goal;
use crate::level::Routine;
use crate::matrix::Matrix;
use crate::simd::Simd;

/// A query, and the leaf that it is sorted by: its own, or nearly.
#[derive(Clone, Debug)]
pub(super) struct Job<O> {
    pub(super) home: u32,
    pub(super) query: usize,
    /// Ids below it may be found; the largest number if all may.
    pub(super) limit: u32,
    /// Where its answer goes.
    pub(super) out: O,
}

/// Find the home leaf of each job.
pub(super) struct Locate<'a, O> {
    pub(super) boxes: &'a Boxes,
    pub(super) queries: Matrix<'a, f64>,
    pub(super) jobs: &'a mut [Job<O>],
}

impl<O> Routine for Locate<'_, O> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        for job in self.jobs {
            let (mut node, mut bounds) = (0, [0.0; WIDTH]);
            for level in 0..self.boxes.depth() {
                let (at, query) = ((level, node), self.queries.row(job.query));
                // SAFETY: the caller's promise.
                unsafe { self.boxes.bounds::<S, 0>(at, query, &mut bounds, 0.0) };
                let mut nearest = 0;
                for slot in 1..WIDTH {
                    if bounds[slot] < bounds[nearest] {
                        nearest = slot;
                    }
                }
                node = node * WIDTH + nearest;
            }
            job.home = node as u32;
        }
    }
}

/// Take jobs to their goals; returns how many leaves were read.
pub(super) struct Sweep<'a, O, G> {
    pub(super) leaves: &'a Leaves,
    /// None to go past every leaf.
    pub(super) boxes: Option<&'a Boxes>,
    pub(super) queries: Matrix<'a, f64>,
    pub(super) jobs: &'a [Job<O>],
    pub(super) goals: &'a mut [G],
}

impl<O, G: Goal> Routine for Sweep<'_, O, G> {
    type Output = usize;

    #[inline(always)]
    unsafe fn run<S: Simd>(self) -> usize {
        // SAFETY: the caller's promise.
        unsafe {
            match self.queries.cols() {
                2 => self.run_in::<S, 2>(),
                3 => self.run_in::<S, 3>(),
                _ => self.run_in::<S, 0>(),
            }
        }
    }
}

/// A node to visit, or a leaf below the last level.
#[derive(Clone, Copy, Default)]
struct Visit {
    bound: f64,
    node: u32,
    level: u32,
}

impl<O, G: Goal> Sweep<'_, O, G> {
    #[inline(always)]
    unsafe fn run_in<S: Simd, const D: usize>(self) -> usize {
        let Self { leaves, boxes, queries, jobs, goals } = self;
        let Some(boxes) = boxes else {
            for leaf in 0..leaves.count() {
                for (job, goal) in jobs.iter().zip(&mut *goals) {
                    let query = queries.row(job.query);
                    // SAFETY: the caller's promise.
                    unsafe { leaves.offer::<S, D, G>(leaf, query, job.limit, goal) };
                }
            }
            return leaves.count() * jobs.len();
        };
        let mut read = 0;
        for (job, goal) in jobs.iter().zip(goals) {
            let query = queries.row(job.query);
            // SAFETY: the caller's promise.
            unsafe {
                leaves.offer::<S, D, G>(job.home as usize, query, job.limit, goal);
                read += 1 + walk::<S, D, O, G>(leaves, boxes, job, query, goal);
            }
        }
        read
    }
}

/// Read every leaf within reach but the home leaf, nearest first.
#[inline(always)]
unsafe fn walk<S: Simd, const D: usize, O, G: Goal>(
    leaves: &Leaves,
    boxes: &Boxes,
    job: &Job<O>,
    query: &[f64],
    goal: &mut G,
) -> usize {
    let mut read = 0;
    // A node leaves at most seven behind when one of its slots is taken.
    let mut stack = [Visit::default(); WIDTH * MAX_DEPTH];
    let mut height = usize::from(boxes.depth() > 0); // the root
    let mut bounds = [0.0; WIDTH];
    while height > 0 {
        height -= 1;
        let Visit { bound, node, level } = stack[height];
        if bound > goal.reach() {
            continue;
        }
        let at = (level as usize, node as usize);
        if at.0 == boxes.depth() {
            if node != job.home {
                // SAFETY: the caller's promise.
                unsafe { leaves.offer::<S, D, G>(at.1, query, job.limit, goal) };
                read += 1;
            }
            continue;
        }
        // SAFETY: the caller's promise.
        let mut within = unsafe { boxes.bounds::<S, D>(at, query, &mut bounds, goal.reach()) };
        if job.limit < u32::MAX {
            within = boxes.below(at, job.limit, within);
        }
        let first = height;
        while within != 0 {
            let slot = within.trailing_zeros();
            within &= within - 1;
            let visit =
                Visit { bound: bounds[slot as usize], node: node * 8 + slot, level: level + 1 };
            let mut place = height;
            while place > first && stack[place - 1].bound < visit.bound {
                stack[place] = stack[place - 1];
                place -= 1;
            }
            stack[place] = visit;
            height += 1;
        }
    }
    read
}
