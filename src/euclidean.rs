//! Euclidean neighbours: for each query the k smallest of (distance, id), or all within a radius, as a sorted full scan gives them.
//!
//! The squared distance of q and x is the chain `dd = q[c] - x[c]; s = fma(dd, dd, s)`, c ascending from +0.0, the distance its
//! correctly rounded root. Numbers that overflow do so to infinity, at which ties are broken by id like any other.
//!
//! # Why a box may be skipped
//! For a box that holds x, `low[c] <= x[c] <= high[c]`, and `g[c] = max(0, fl(low[c] - q[c]), fl(q[c] - high[c]))`. Rounding to
//! nearest is monotone and odd, so `g[c] <= |fl(q[c] - x[c])|`. One step `fl(g^2 + s)` is monotone in `g >= 0` and in `s`, so by
//! induction the same chain over `g` is at most the chain of q and x: rounding included, with no slack, and overflow to infinity
//! too. The root is monotone. So a box whose chain is above what [`nearest::reach`] gives for the k-th distance holds no point that
//! is as near as the k-th; one that is equally near is kept, and the ids decide.
//!
//! Numba twin: `euclidean_knn` and `euclidean_radius` of `_numba_search.py`, which scan; the oracle of the tests here is a sorted scan by
//! the definition, [`crate::numeric::squared_distance`].

mod boxes;
mod build;
mod leaves;
mod nearest;
#[cfg(test)]
mod tests;
mod walk;

use crate::environment;
use crate::error::Error;
use crate::level::Level;
use crate::matrix::{Matrix, expect_area, expect_length, expect_radii};
use crate::memory::{room, zeros};
use boxes::Boxes;
use leaves::Leaves;
use nearest::{Ball, Goal, Nearest, goals, pair};
use rayon::prelude::*;
use walk::{Job, Locate, Sweep};

/// Points of a leaf, at most.
const LEAF: usize = 24;
/// Queries of one task.
const BLOCK: usize = 64;
/// Neighbours that a task keeps at a time, unless one query has more.
const BLOCK_KEYS: usize = 1 << 18;
/// Queries that are sorted together.
const SPAN: usize = 1 << 18;
/// Queries that try the boxes before all do.
const PROBES: usize = 8;
/// Boxes pay if a query reads less than one leaf in so many.
const SHARE: usize = 8;
/// What a search asks memory for.
const JOBS: &str = "the queries in order";
const RESULT: &str = "the result";

/// Points, ready to be searched.
#[derive(Clone, Debug)]
pub struct Index {
    leaves: Leaves,
    /// None where every search reads every leaf.
    boxes: Option<Boxes>,
    n: usize,
    d: usize,
}

/// Hits of all queries: those of query `i` are `offsets[i]..offsets[i + 1]`, ascending by (distance, id).
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // the fields are the summary's
pub struct Hits {
    pub offsets: Vec<i64>,
    pub indices: Vec<i64>,
    pub distances: Vec<f64>,
}

/// Queries (q, d), and for each the number of points it may find, those with the lowest ids.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)] // the fields are the summary's
pub struct Queries<'a> {
    pub rows: Matrix<'a, f64>,
    pub limits: Option<&'a [i64]>,
}

impl Index {
    /// Index points (n, d) for many queries.
    pub fn new(points: Matrix<f64>) -> Result<Self, Error> {
        environment::check()?;
        expect_points(points)?;
        let count = points.rows().div_ceil(LEAF).next_power_of_two();
        let leaves = build::leaves(points, count.ilog2())?;
        let boxes = Some(Boxes::new(&leaves, points.cols())?);
        Ok(Self { leaves, boxes, n: points.rows(), d: points.cols() })
    }

    /// Points (n, d) in the order of their ids, without boxes: each search reads all of them.
    pub fn scanned(points: Matrix<f64>) -> Result<Self, Error> {
        environment::check()?;
        expect_points(points)?;
        let leaves = Leaves::in_order(points, LEAF)?;
        Ok(Self { leaves, boxes: None, n: points.rows(), d: points.cols() })
    }

    /// How many points, of how many coordinates.
    #[must_use]
    pub fn shape(&self) -> (usize, usize) {
        (self.n, self.d)
    }

    /// An error unless the queries fit the points and each may have `k` neighbours, if there were no limits.
    pub fn validate(&self, queries: Queries, k: usize) -> Result<(), Error> {
        self.expect_queries(queries)?;
        if (1..=self.n).contains(&k) {
            return Ok(());
        }
        let wanted = format!("1 <= k <= n = {}", self.n);
        Err(Error::Parameter { name: "k", given: k.to_string(), wanted })
    }

    /// Neighbours of each query, ascending by (distance, id): (q, k) each, -1 and infinity where a limit leaves fewer than k.
    pub fn knn(
        &self,
        level: Level,
        queries: Queries,
        k: usize,
        indices: &mut [i64],
        distances: &mut [f64],
    ) -> Result<(), Error> {
        environment::check()?;
        self.validate(queries, k)?;
        expect_area("indices", indices.len(), queries.rows.rows(), k)?;
        expect_area("distances", distances.len(), queries.rows.rows(), k)?;
        let block = (BLOCK_KEYS / k).clamp(1, BLOCK);
        let spans = indices.chunks_mut(SPAN * k).zip(distances.chunks_mut(SPAN * k));
        for (start, (indices, distances)) in (0..).step_by(SPAN).zip(spans) {
            let rows = indices.chunks_mut(k).zip(distances.chunks_mut(k));
            let mut jobs = self.jobs(level, queries, start, rows)?;
            let boxes = self.boxes_that_pay(level, queries, &jobs, |_| Nearest::new(k))?;
            jobs.par_chunks_mut(block).try_for_each_init(
                || goals(block, |_| Nearest::new(k)),
                |goals, jobs| {
                    let goals = goals.as_mut().map_err(|error| error.clone())?;
                    let goals = &mut goals[..jobs.len()];
                    self.sweep(level, boxes, queries, jobs, goals)?;
                    for (job, goal) in jobs.iter_mut().zip(goals) {
                        goal.write(job.out.0, job.out.1);
                    }
                    Ok(())
                },
            )?;
        }
        Ok(())
    }

    /// All points within the radius of each query, itself included.
    pub fn radius(&self, level: Level, queries: Queries, radii: &[f64]) -> Result<Hits, Error> {
        environment::check()?;
        self.expect_queries(queries)?;
        let q = queries.rows.rows();
        expect_radii(radii, q)?;
        let jobs = self.jobs(level, queries, 0, (0..q).map(|_| ()))?;
        let ball = |job: &Job<()>| Ok(Ball::new(radii[job.query]));
        let boxes = self.boxes_that_pay(level, queries, &jobs, ball)?;
        let mut balls = goals(q, |at| ball(&jobs[at]))?;
        let tasks = jobs.par_chunks(BLOCK).zip(balls.par_chunks_mut(BLOCK));
        tasks.try_for_each(|(jobs, balls)| {
            self.sweep(level, boxes, queries, jobs, balls)?;
            balls.iter_mut().try_for_each(Ball::sort)
        })?;
        hits(&jobs, &balls)
    }

    /// The queries from `start` on, one for each output, in the order of their home leaves.
    fn jobs<O: Send>(
        &self,
        level: Level,
        queries: Queries,
        start: usize,
        outputs: impl ExactSizeIterator<Item = O>,
    ) -> Result<Vec<Job<O>>, Error> {
        let mut jobs = room(JOBS, &[outputs.len()])?;
        for (query, out) in (start..).zip(outputs) {
            let limit = queries.limits.map_or(u32::MAX, |limits| limits[query] as u32);
            jobs.push(Job { home: 0, query, limit, out });
        }
        if let Some(boxes) = &self.boxes {
            jobs.par_chunks_mut(BLOCK).try_for_each(|jobs| {
                environment::check()?;
                // SAFETY: the queries have as many coordinates as the boxes.
                unsafe { level.run(Locate { boxes, queries: queries.rows, jobs }) };
                Ok(())
            })?;
            jobs.par_sort_unstable_by_key(|job| (job.home, job.query));
        }
        Ok(jobs)
    }

    /// The boxes, unless some of the queries try them and read too many leaves.
    fn boxes_that_pay<O, G: Goal>(
        &self,
        level: Level,
        queries: Queries,
        jobs: &[Job<O>],
        goal: impl Fn(&Job<O>) -> Result<G, Error>,
    ) -> Result<Option<&Boxes>, Error> {
        let boxes = self.boxes.as_ref();
        if boxes.is_none() || jobs.len() <= 4 * PROBES {
            return Ok(boxes);
        }
        let mut read = 0;
        for job in jobs.iter().step_by(jobs.len().div_ceil(PROBES)) {
            let (job, goals) = (std::slice::from_ref(job), &mut [goal(job)?]);
            read += self.sweep(level, boxes, queries, job, goals)?;
        }
        Ok(boxes.filter(|_| read * SHARE < self.leaves.count() * PROBES))
    }

    /// Take jobs to their goals; returns how many leaves were read.
    fn sweep<O, G: Goal>(
        &self,
        level: Level,
        boxes: Option<&Boxes>,
        queries: Queries,
        jobs: &[Job<O>],
        goals: &mut [G],
    ) -> Result<usize, Error> {
        environment::check()?;
        let sweep = Sweep { leaves: &self.leaves, boxes, queries: queries.rows, jobs, goals };
        // SAFETY: the queries have as many coordinates as the points.
        Ok(unsafe { level.run(sweep) })
    }

    fn expect_queries(&self, queries: Queries) -> Result<(), Error> {
        let Queries { rows, limits } = queries;
        rows.expect("u_q", rows.rows(), self.d)?;
        let Some(limits) = limits else { return Ok(()) };
        expect_length("limits", limits.len(), rows.rows())?;
        let Some(at) = limits.iter().position(|limit| !(0..=self.n as i64).contains(limit)) else {
            return Ok(());
        };
        let (given, wanted) =
            (format!("{} at {at}", limits[at]), format!("0 <= limit <= n = {}", self.n));
        Err(Error::Parameter { name: "limits", given, wanted })
    }
}

/// An error unless each point has a coordinate, and an id of 32 bits that is not the largest.
fn expect_points(points: Matrix<f64>) -> Result<(), Error> {
    if points.cols() > 0 && points.rows() < u32::MAX as usize {
        return Ok(());
    }
    let given = format!("({}, {})", points.rows(), points.cols());
    let wanted = "(n, d) with n < 2^32 - 1 and d >= 1".into();
    Err(Error::Shape { name: "u", given, wanted })
}

/// What the balls hold, in the order of the queries.
fn hits(jobs: &[Job<()>], balls: &[Ball]) -> Result<Hits, Error> {
    let mut offsets: Vec<i64> = zeros(RESULT, &[jobs.len() + 1])?;
    for (job, ball) in jobs.iter().zip(balls) {
        offsets[job.query + 1] = ball.keys().len() as i64;
    }
    for query in 0..jobs.len() {
        offsets[query + 1] += offsets[query];
    }
    let total = offsets[jobs.len()] as usize;
    let (mut indices, mut distances) = (zeros(RESULT, &[total])?, zeros(RESULT, &[total])?);
    for (job, ball) in jobs.iter().zip(balls) {
        for (at, &key) in (offsets[job.query] as usize..).zip(ball.keys()) {
            (distances[at], indices[at]) = pair(key);
        }
    }
    Ok(Hits { offsets, indices, distances })
}
