//! A search: queries in Hilbert order, in groups, through the index; those that bounds do not help through the full scan.
//!
//! Neither the order nor the groups, threads or CPU level change an answer: it is that of [`Scan`], bit for bit.

use super::found::{ALL, Found, Wanted};
use super::group::{Job, Workspace};
use super::hilbert;
use super::index::Index;
use super::sweep::Sweep;
use crate::environment;
use crate::error::Error;
use crate::knn::{Neighbourhoods, Scan};
use crate::matrix::{expect_area, expect_length, expect_radii};
use crate::memory::zeros;
use crate::metric::Points;
use rayon::prelude::*;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Queries that are searched before their answers are written.
const SPAN: usize = 4096;
/// A query is given up when one in so many points passes its bounds, because as many exact chains cost a scan; within a radius, where what
/// passes is mostly wanted, one in `PATIENCE_WITHIN`.
const PATIENCE: usize = 32;
const PATIENCE_WITHIN: usize = 8;
/// One group in so many is searched even while bounds do not pay, to see whether they do again.
const PROBE: usize = 16;
const ANSWERS: &str = "answers";

/// An index together with the points it was built from.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)] // the fields are named for what they hold
pub struct Search<'a> {
    pub index: &'a Index,
    pub points: Points<'a, f64>,
    pub eps: f64,
    /// Query `i` sees the points with ids below `limits[i]`; without limits, all.
    pub limits: Option<&'a [i64]>,
    /// Points that the full scan takes at a time; a hint that changes no answer.
    pub chunk_size: usize,
}

/// What a query found, ascending.
type Answer = Vec<(u64, usize)>;

impl<'a> Search<'a> {
    /// The full scan with the same answers.
    #[must_use]
    pub fn scan(&self) -> Scan<'a, f64> {
        let Self { index, points, eps, limits, chunk_size } = *self;
        Scan { level: index.level, kernel: index.kernel, eps, data: points, limits, chunk_size }
    }

    /// An error unless the index is of such points, and the scan finds queries and limits in order.
    pub fn validate(&self, queries: &Points<f64>) -> Result<(), Error> {
        let [n, m, d] = self.index.sizes;
        self.points.u.expect("u", n, d)?;
        self.points.v.expect("v", n, m)?;
        expect_length("p", self.points.p.len(), n)?;
        self.scan().validate(queries)
    }

    /// The `k` nearest of each query: `indices` and `distances`, (q, k) each; -1 and infinity where there are fewer.
    pub fn nearest(
        &self,
        queries: Points<f64>,
        k: usize,
        indices: &mut [i64],
        distances: &mut [f64],
    ) -> Result<(), Error> {
        environment::check()?;
        self.validate(&queries)?;
        self.scan().expect_rows(k)?;
        if !self.index.pays(k) {
            return self.scan().nearest(queries, k, indices, distances);
        }
        let q = queries.p.len();
        expect_area("indices", indices.len(), q, k)?;
        expect_area("distances", distances.len(), q, k)?;
        indices.fill(-1);
        distances.fill(f64::INFINITY);
        let wanted = |row| Wanted { k, radius: f64::INFINITY, limit: self.limit(row) };
        let patience = self.index.sizes[0] / PATIENCE + 2 * k;
        self.run(queries, patience, wanted, |row, pairs| {
            let out = indices[row * k..].iter_mut().zip(&mut distances[row * k..]);
            for ((bits, id), (i, d)) in pairs.into_iter().zip(out) {
                (*i, *d) = (id as i64, f64::from_bits(bits));
            }
        })
    }

    /// All within each query's radius: offsets (q + 1,), and what stands between two of them, ascending.
    pub fn within(&self, queries: Points<f64>, radii: &[f64]) -> Result<Neighbourhoods, Error> {
        environment::check()?;
        self.validate(&queries)?;
        let q = queries.p.len();
        expect_radii(radii, q)?;
        if !self.index.pays(1) {
            return self.scan().within(queries, radii);
        }
        let wanted = |row| Wanted { k: ALL, radius: radii[row], limit: self.limit(row) };
        let mut answers: Vec<Answer> = zeros(ANSWERS, &[q])?;
        let patience = self.index.sizes[0] / PATIENCE_WITHIN;
        self.run(queries, patience, wanted, |row, pairs| answers[row] = pairs)?;
        let mut all = Neighbourhoods::new(q)?;
        answers.into_iter().try_for_each(|answer| all.add(answer))?;
        Ok(all)
    }

    fn limit(&self, row: usize) -> usize {
        self.limits.map_or(usize::MAX, |limits| limits[row] as usize)
    }

    /// Search for all queries and hand each answer to `take`.
    fn run(
        &self,
        queries: Points<f64>,
        patience: usize,
        wanted: impl Fn(usize) -> Wanted + Sync,
        mut take: impl FnMut(usize, Answer),
    ) -> Result<(), Error> {
        let (index, points, floor) = (self.index, self.points, self.eps * self.eps);
        let job = Job { index, points, queries, floor, patience };
        let pool = Mutex::new(Vec::new());
        let order = hilbert::order(queries.u)?;
        let width = Workspace::new(index)?.width();
        let mut rest = Vec::new();
        let tally = Tally::default();
        for span in order.chunks(SPAN.next_multiple_of(width)) {
            let groups = span.par_chunks(width).enumerate().map(|(group, rows)| {
                let probe = group % PROBE == PROBE / 2;
                if !probe && !tally.pays() {
                    return Ok(rows.iter().map(|&row| (row as usize, None)).collect());
                }
                let found = search(&job, &pool, rows, &wanted)?;
                tally.add(&found);
                Ok(found)
            });
            let groups: Result<Vec<Vec<_>>, Error> = groups.collect();
            for (row, answer) in groups?.into_iter().flatten() {
                match answer {
                    Some(pairs) => take(row, pairs),
                    None => rest.push(row),
                }
            }
        }
        let Index { level, kernel, .. } = *index;
        let sweep = Sweep { level, kernel, points, queries, floor };
        for rows in rest.chunks(SPAN) {
            let found = sweep.run(rows, &wanted)?;
            rows.iter().zip(found).for_each(|(&row, found)| take(row, found.sorted()));
        }
        Ok(())
    }
}

/// One group; none where a query was given up.
fn search(
    job: &Job,
    pool: &Mutex<Vec<Workspace>>,
    rows: &[i64],
    wanted: &(impl Fn(usize) -> Wanted + Sync),
) -> Result<Vec<(usize, Option<Answer>)>, Error> {
    environment::check()?;
    let idle = || pool.lock().map_or(None, |mut idle| idle.pop());
    let mut workspace = idle().map_or_else(|| Workspace::new(job.index), Ok)?;
    let rows: Vec<usize> = rows.iter().map(|&row| row as usize).collect();
    let mut found: Vec<Found> =
        rows.iter().map(|&row| Found::new(wanted(row))).collect::<Result<_, _>>()?;
    let given_up = workspace.run(job, &rows, &mut found)?;
    if let Ok(mut idle) = pool.lock() {
        idle.push(workspace);
    }
    let answer = |(lane, found): (usize, Found)| {
        (rows[lane], (given_up >> lane & 1 == 0).then(|| found.sorted()))
    };
    Ok(found.into_iter().enumerate().map(answer).collect())
}

/// How many queries were searched so far, and how many of them given up.
#[derive(Default)]
struct Tally {
    tried: AtomicUsize,
    given_up: AtomicUsize,
}

impl Tally {
    /// Whether bounds have helped with half of the queries or more.
    fn pays(&self) -> bool {
        2 * self.given_up.load(Relaxed) <= self.tried.load(Relaxed)
    }

    fn add(&self, found: &[(usize, Option<Answer>)]) {
        let given_up = found.iter().filter(|(_, answer)| answer.is_none()).count();
        self.tried.fetch_add(found.len(), Relaxed);
        self.given_up.fetch_add(given_up, Relaxed);
    }
}
