//! A group's search: which points are evaluated, in which order.
//!
//! First, for k-NN, each query's best regions by `|g|`: its `k` largest `|g.f|` there are evaluated, which makes a distance that the k-th cannot
//! exceed. Then all regions that may reach it, the most promising first: points whose bound passes are evaluated, and what they find
//! narrows the rest. A query that too many points pass for is given up.

use super::bounds::{below, reach_of};
use super::exact::Exact;
use super::found::{ALL, Found};
use super::group::{Job, WORKSPACE, Workspace};
use super::index::Index;
use super::lanes::Sieve;
use crate::error::Error;
use crate::memory::{reserve, zeros};

/// Of a query's best regions are looked at first so many points, for each neighbour wanted.
const FIRST: usize = 12;
/// Points that a queue may hold before they are evaluated.
const QUEUE: usize = 64;

/// Points to evaluate for the queries of one vector.
pub(super) struct Queue {
    /// A bit for each point that was ever in the queue.
    pub seen: Vec<u64>,
    pub ids: Vec<u32>,
    /// All that were.
    pub all: Vec<u32>,
}

impl Queue {
    fn push(&mut self, id: u32) -> Result<(), Error> {
        let (word, bit) = (id as usize / 64, 1_u64 << (id % 64));
        if self.seen[word] & bit == 0 {
            reserve(WORKSPACE, &mut self.ids, 1)?;
            reserve(WORKSPACE, &mut self.all, 1)?;
            self.seen[word] |= bit;
            self.ids.push(id);
            self.all.push(id);
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.all.iter().for_each(|&id| self.seen[id as usize / 64] = 0);
        self.all.clear();
        self.ids.clear();
    }
}

impl Workspace {
    /// Search for some queries, at most a group's width; returns those that were given up, as bits.
    pub(super) fn run(
        &mut self,
        job: &Job,
        rows: &[usize],
        found: &mut [Found],
    ) -> Result<u64, Error> {
        self.prepare(job, rows)?;
        if found[0].wanted().k != ALL {
            self.first(job, found)?;
        }
        let given_up = self.sift(job, found)?;
        self.queues.iter_mut().for_each(Queue::clear);
        Ok(given_up)
    }

    /// Evaluate each query's most promising points.
    fn first(&mut self, job: &Job, found: &mut [Found]) -> Result<(), Error> {
        let (width, regions) = (self.width, &job.index.regions);
        let mut takers = vec![0_u64; regions.len()];
        for (lane, found) in found.iter().enumerate() {
            let wanted = found.wanted();
            let n = job.index.sizes[0];
            let share = n as f64 / wanted.limit.clamp(1, n) as f64;
            let mut open = (FIRST * wanted.k) as f64 * share;
            let mut taken = 0;
            while open > 0.0 && taken < regions.len() {
                let free = (0..regions.len()).filter(|&r| takers[r] >> lane & 1 == 0);
                let norm = |r: usize| self.norm[r * width + lane];
                let Some(best) = free.max_by(|&a, &b| norm(a).total_cmp(&norm(b))) else { break };
                takers[best] |= 1 << lane;
                open -= regions[best].points.len() as f64;
                taken += 1;
            }
        }
        self.keys.iter_mut().for_each(Vec::clear);
        for (r, &takers) in takers.iter().enumerate().filter(|(_, takers)| **takers != 0) {
            self.score(job.index, r);
            self.collect(job.index, r, takers, found)?;
        }
        for (lane, found) in found.iter().enumerate() {
            let (keys, k) = (&mut self.keys[lane], found.wanted().k);
            if keys.len() > k {
                keys.select_nth_unstable_by(k, |a, b| b.cmp(a));
                keys.truncate(k);
            }
            let queue = &mut self.queues[lane / self.vector];
            for &key in keys.iter() {
                queue.push(key as u32)?;
            }
        }
        (0..self.queues.len()).try_for_each(|queue| self.evaluate(job, queue, found))
    }

    /// Keys that order a lane's points by score, with their ids below.
    fn collect(
        &mut self,
        index: &Index,
        r: usize,
        takers: u64,
        found: &[Found],
    ) -> Result<(), Error> {
        let ids = &index.order[index.regions[r].points.clone()];
        for (lane, found) in found.iter().enumerate().filter(|(lane, _)| takers >> lane & 1 == 1) {
            let (keys, limit) = (&mut self.keys[lane], found.wanted().limit);
            reserve(WORKSPACE, keys, ids.len())?;
            let scores = self.scores.chunks_exact(self.width).zip(ids);
            for (row, &id) in scores.filter(|(_, id)| (**id as usize) < limit) {
                keys.push(u64::from(row[lane].to_bits()) << 32 | u64::from(id));
            }
        }
        Ok(())
    }

    /// Take each region that may reach a query, evaluate the points that may.
    fn sift(&mut self, job: &Job, found: &mut [Found]) -> Result<u64, Error> {
        let (width, regions) = (self.width, job.index.regions.len());
        let most = |r: usize| self.reach[r * width..][..found.len()].iter().copied();
        let mut order: Vec<(f32, usize)> =
            (0..regions).map(|r| (most(r).fold(0.0, f32::max), r)).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        self.passed.fill(0);
        let mut given_up = 0;
        for (_, r) in order {
            if !self.aim(r, given_up, found) {
                continue;
            }
            self.sieve(job.index, r)?;
            given_up |= self.enqueue(job, r, given_up, found)?;
            for queue in 0..self.queues.len() {
                if self.queues[queue].ids.len() >= QUEUE {
                    self.evaluate(job, queue, found)?;
                }
            }
        }
        (0..self.queues.len()).try_for_each(|queue| self.evaluate(job, queue, found))?;
        Ok(given_up)
    }

    /// What each lane asks of the points of a region; false if it reaches none.
    fn aim(&mut self, r: usize, given_up: u64, found: &[Found]) -> bool {
        self.least.fill(f32::INFINITY); // lanes past the queries take nothing
        let mut any = false;
        for (lane, found) in found.iter().enumerate() {
            let at = r * self.width + lane;
            let least = reach_of(found.farthest());
            let beyond = f64::from(self.reach[at]) < least; // not so where a bound is NaN
            let open = given_up >> lane & 1 == 0 && !beyond;
            let least = below(least - f64::from(self.slack[at]));
            self.least[lane] = if open { least } else { f32::INFINITY };
            any |= open;
        }
        any
    }

    /// The points of a region that pass for some lane.
    fn sieve(&mut self, index: &Index, r: usize) -> Result<(), Error> {
        let (region, width) = (&index.regions[r], self.width);
        self.hits.clear();
        reserve(WORKSPACE, &mut self.hits, region.points.len())?;
        let rows = region.pivots.start * width..region.pivots.end * width;
        let sieve = Sieve {
            region,
            coordinates: &self.coordinates[rows],
            t: &self.t[r * width..(r + 1) * width],
            least: &self.least,
            hits: &mut self.hits,
        };
        // SAFETY: panels have the level's heights, arrays the width of its tile.
        unsafe { index.level.run(sieve) };
        Ok(())
    }

    /// Put what passed into the queues; returns the lanes for which too much did, as bits.
    fn enqueue(
        &mut self,
        job: &Job,
        r: usize,
        given_up: u64,
        found: &[Found],
    ) -> Result<u64, Error> {
        let ids = &job.index.order[job.index.regions[r].points.clone()];
        let searched = u64::MAX >> (64 - found.len()) & !given_up; // a bound of NaN passes past the queries too
        let mut too_many = 0;
        for &(row, lanes) in &self.hits {
            let (id, mut lanes) = (ids[row as usize], lanes & searched);
            while lanes != 0 {
                let lane = lanes.trailing_zeros() as usize;
                lanes &= lanes - 1;
                if (id as usize) < found[lane].wanted().limit {
                    self.passed[lane] += 1;
                    too_many |= u64::from(self.passed[lane] > job.patience) << lane;
                    if self.passed[lane] <= job.patience {
                        self.queues[lane / self.vector].push(id)?;
                    }
                }
            }
        }
        Ok(too_many)
    }

    /// Evaluate what stands in a queue, and offer it to the queue's queries.
    fn evaluate(&mut self, job: &Job, queue: usize, found: &mut [Found]) -> Result<(), Error> {
        let ids = &mut self.queues[queue].ids;
        if ids.is_empty() {
            return Ok(());
        }
        let (vector, panel) = (self.vector, queue * self.vector / self.columns.panel_width());
        let lanes = queue * vector..((queue + 1) * vector).min(found.len());
        if self.distances.len() < ids.len() * vector {
            self.distances = zeros(WORKSPACE, &[ids.len(), vector])?;
        }
        let exact = Exact {
            kernel: job.index.kernel,
            points: job.points,
            ids,
            u: self.columns.u.panel(panel),
            v: self.columns.v.panel(panel),
            vector: queue % (self.columns.panel_width() / vector),
            p: &self.gathered.p[queue * vector..(queue + 1) * vector],
            floor: job.floor,
            out: &mut self.distances[..ids.len() * vector],
        };
        // SAFETY: panels have the level's widths.
        unsafe { job.index.level.run(exact) };
        for (&id, distances) in ids.iter().zip(self.distances.chunks_exact(vector)) {
            for (found, &distance) in found[lanes.clone()].iter_mut().zip(distances) {
                found.offer(distance, id as usize)?;
            }
        }
        ids.clear();
        Ok(())
    }
}
