//! Neighbours by a full scan: for each query the k smallest of (distance, index), or all within a radius, ascending.
//!
//! A task takes a block of queries through one chunk of data rows at a time: dot tile, kernel row, distance row, and what beats a
//! query's worst neighbour so far enters its heap. Memory is a task's tiles, a packed chunk and the heaps, never n x q. Neither the
//! chunk nor the blocks change an answer: keys are final distances, ties go to the lower index. A query with a limit sees the rows
//! below it. Numba twin: `knn_rows`, `radius_rows` in `covertreex/metrics/_numba_loops.py`.

use crate::distance::DistanceRow;
use crate::dot::{self, DotRows};
use crate::environment;
use crate::error::Error;
use crate::kernel::{Kernel, KernelRow};
use crate::level::Level;
use crate::matrix::{Packed, expect_area, expect_length, expect_radii};
use crate::memory::{refusal, room, zeros};
use crate::metric::Points;
use crate::numeric::Real;
use rayon::prelude::*;
use std::collections::BinaryHeap;
use std::ops::Range;

/// Queries of one task, a multiple of every level's tile rows.
const BLOCK: usize = 48;
/// Queries that are packed together: between them a chunk is packed once.
const SPAN: usize = 85 * BLOCK;
/// Data rows of a chunk: a multiple of every level's tile width, and at most so many.
const CHUNK_STEP: usize = 48;
const MAX_CHUNK: usize = 20 * CHUNK_STEP;

/// What a scan asks memory for.
const HEAPS: &str = "the neighbours so far";
const TILES: &str = "a task's tiles";

/// A full scan: its metric, its data and which rows each query sees.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)] // the fields are named for what they hold
pub struct Scan<'a, T> {
    pub level: Level,
    pub kernel: Kernel,
    pub eps: f64,
    pub data: Points<'a, T>,
    /// Query `i` sees the rows below `limits[i]`; without limits, all.
    pub limits: Option<&'a [i64]>,
    /// Data rows to take at a time; a hint that changes no answer.
    pub chunk_size: usize,
}

/// What a query keeps of the distances that it is offered.
trait Keep: Send {
    /// Offer distances of the rows from `first` on; rows come in ascending order.
    fn offer(&mut self, first: usize, distances: &[f64]) -> Result<(), Error>;
}

/// The best neighbours so far: a max-heap of (distance, index), distances as bits, whose order is theirs since none is negative.
#[derive(Clone, Debug)]
struct Nearest {
    heap: BinaryHeap<(u64, usize)>,
    k: usize,
    worst: f64,
}

impl Nearest {
    fn new(k: usize) -> Result<Self, Error> {
        let heap = BinaryHeap::from(room(HEAPS, &[k])?);
        Ok(Self { heap, k, worst: f64::INFINITY })
    }

    /// Write them ascending; what no row was found for is index -1, at infinity.
    fn write(self, indices: &mut [i64], distances: &mut [f64]) {
        indices.fill(-1);
        distances.fill(f64::INFINITY);
        let sorted = self.heap.into_sorted_vec();
        for ((bits, index), (i, d)) in sorted.into_iter().zip(indices.iter_mut().zip(distances)) {
            (*i, *d) = (index as i64, f64::from_bits(bits));
        }
    }
}

impl Keep for Nearest {
    /// Rows come in ascending order, so one that equals the worst is past it.
    fn offer(&mut self, first: usize, distances: &[f64]) -> Result<(), Error> {
        for (index, &distance) in (first..).zip(distances) {
            if distance < self.worst {
                if self.heap.len() == self.k {
                    self.heap.pop();
                }
                self.heap.push((distance.to_bits(), index));
                if self.heap.len() == self.k {
                    self.worst =
                        self.heap.peek().map_or(f64::INFINITY, |top| f64::from_bits(top.0));
                }
            }
        }
        Ok(())
    }
}

/// All within a radius: (distance, index), distances as bits.
#[derive(Clone, Debug)]
struct Within {
    radius: f64,
    found: Vec<(u64, usize)>,
}

impl Keep for Within {
    fn offer(&mut self, first: usize, distances: &[f64]) -> Result<(), Error> {
        for (index, &distance) in (first..).zip(distances) {
            if distance <= self.radius {
                let len = self.found.len();
                if self.found.try_reserve(1).is_err() {
                    return Err(refusal::<(u64, usize)>(HEAPS, &[len + 1]));
                }
                self.found.push((distance.to_bits(), index));
            }
        }
        Ok(())
    }
}

impl<T: Real> Scan<'_, T> {
    /// An error unless queries, limits and data fit each other.
    pub fn validate(&self, queries: &Points<T>) -> Result<(), Error> {
        let (q, n) = (queries.count()?, self.data.count()?);
        queries.u.expect("u_q", q, self.data.u.cols())?;
        queries.v.expect("v_q", q, self.data.v.cols())?;
        let Some(limits) = self.limits else { return Ok(()) };
        expect_length("limits", limits.len(), q)?;
        let inside = |&limit: &i64| usize::try_from(limit).is_ok_and(|limit| limit <= n);
        match limits.iter().position(|limit| !inside(limit)) {
            None => Ok(()),
            Some(position) => {
                let value = limits[position];
                Err(Error::IndexRange { name: "limits", position, value, limit: n + 1 })
            }
        }
    }

    /// An error unless there are `k` rows.
    pub fn expect_rows(&self, k: usize) -> Result<(), Error> {
        let n = self.data.count()?;
        if (1..=n).contains(&k) {
            return Ok(());
        }
        let wanted = format!("1 <= k <= n = {n}");
        Err(Error::Parameter { name: "k", given: k.to_string(), wanted })
    }

    /// The `k` nearest of each query: `indices` and `distances`, (q, k) each.
    pub fn nearest(
        &self,
        queries: Points<T>,
        k: usize,
        indices: &mut [i64],
        distances: &mut [f64],
    ) -> Result<(), Error> {
        environment::check()?;
        self.validate(&queries)?;
        self.expect_rows(k)?;
        let q = queries.p.len();
        expect_area("indices", indices.len(), q, k)?;
        expect_area("distances", distances.len(), q, k)?;
        let spans = indices.chunks_mut(SPAN * k).zip(distances.chunks_mut(SPAN * k));
        for (start, (indices, distances)) in (0..q).step_by(SPAN).zip(spans) {
            let found =
                self.scan(queries, start..start + indices.len() / k, |_| Nearest::new(k))?;
            let outputs = indices.chunks_mut(k).zip(distances.chunks_mut(k));
            found.into_iter().zip(outputs).for_each(|(nearest, (i, d))| nearest.write(i, d));
        }
        Ok(())
    }

    /// All within each query's radius: offsets (q + 1,), and what stands between two of them, ascending.
    pub fn within(&self, queries: Points<T>, radii: &[f64]) -> Result<Neighbourhoods, Error> {
        environment::check()?;
        self.validate(&queries)?;
        let q = queries.p.len();
        expect_radii(radii, q)?;
        let mut all = Neighbourhoods::new(q)?;
        for start in (0..q).step_by(SPAN) {
            let rows = start..(start + SPAN).min(q);
            let keep = |i: usize| Ok(Within { radius: radii[i], found: Vec::new() });
            self.scan(queries, rows, keep)?
                .into_iter()
                .try_for_each(|within| all.add(within.found))?;
        }
        Ok(all)
    }

    /// Take some queries through all the data.
    fn scan<K: Keep>(
        &self,
        queries: Points<T>,
        rows: Range<usize>,
        keep: impl Fn(usize) -> Result<K, Error>,
    ) -> Result<Vec<K>, Error> {
        let mut kept = room(HEAPS, &[rows.len()])?;
        for i in rows.clone() {
            kept.push(keep(i)?);
        }
        let limits = self.limits.map(|limits| &limits[rows.clone()]);
        let queries = queries.slice(rows);
        let mut packed = Packed::empty(dot::rows(self.level));
        packed.fill_in_parallel(queries.v)?;
        let chunk_size = self.chunk_size.clamp(1, MAX_CHUNK).next_multiple_of(CHUNK_STEP);
        let mut chunk = Chunk::new(self);
        for start in (0..self.data.p.len()).step_by(chunk_size) {
            let rows = start..(start + chunk_size).min(self.data.p.len());
            chunk.fill(rows)?;
            let tasks = kept.par_chunks_mut(BLOCK).enumerate();
            tasks.try_for_each_init(
                || Tiles::new(chunk.p.len()),
                |tiles, (task, kept)| {
                    environment::check()?;
                    let tiles = tiles.as_mut().map_err(|error| error.clone())?;
                    let first = task * BLOCK;
                    let limits = limits.map(|limits| &limits[first..first + kept.len()]);
                    chunk.scan_block(queries, limits, &packed, first, kept, tiles)
                },
            )?;
        }
        Ok(kept)
    }
}

/// The neighbours of several queries, one after the other.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // the fields are named for what they hold
pub struct Neighbourhoods {
    pub offsets: Vec<i64>,
    pub indices: Vec<i64>,
    pub distances: Vec<f64>,
}

impl Neighbourhoods {
    /// None yet, with room for the offsets of so many queries.
    pub(crate) fn new(queries: usize) -> Result<Self, Error> {
        let mut offsets = room(HEAPS, &[queries + 1])?;
        offsets.push(0);
        Ok(Self { offsets, indices: Vec::new(), distances: Vec::new() })
    }

    /// Add those of the next query, (distance as bits, index) in any order.
    pub(crate) fn add(&mut self, mut found: Vec<(u64, usize)>) -> Result<(), Error> {
        found.sort_unstable();
        let more = found.len();
        let reserved =
            self.indices.try_reserve(more).and_then(|()| self.distances.try_reserve(more));
        if reserved.is_err() {
            return Err(refusal::<(i64, f64)>(HEAPS, &[self.indices.len() + more]));
        }
        self.indices.extend(found.iter().map(|&(_, index)| index as i64));
        self.distances.extend(found.iter().map(|&(bits, _)| f64::from_bits(bits)));
        self.offsets.push(self.indices.len() as i64);
        Ok(())
    }
}

/// A task's buffers.
struct Tiles<T> {
    dot: Vec<T>,
    kernel: Vec<T>,
    distances: Vec<f64>,
}

impl<T: Real> Tiles<T> {
    fn new(chunk: usize) -> Result<Self, Error> {
        let (dot, kernel) = (zeros(TILES, &[BLOCK, chunk])?, zeros(TILES, &[chunk])?);
        Ok(Self { dot, kernel, distances: zeros(TILES, &[chunk])? })
    }
}

/// Consecutive data rows, packed for the tiles.
struct Chunk<'a, T> {
    scan: &'a Scan<'a, T>,
    start: usize,
    u: Packed<f64>,
    v: Packed<T>,
    p: Vec<f64>,
}

impl<'a, T: Real> Chunk<'a, T> {
    fn new(scan: &'a Scan<'a, T>) -> Self {
        let u = Packed::empty(dot::width::<f64>(scan.level));
        let v = Packed::empty(dot::width::<T>(scan.level));
        Self { scan, start: 0, u, v, p: Vec::new() }
    }

    /// Take other rows.
    fn fill(&mut self, rows: Range<usize>) -> Result<(), Error> {
        self.start = rows.start;
        let data = self.scan.data.slice(rows);
        self.u.fill(data.u)?;
        self.v.fill_in_parallel(data.v)?;
        self.p.clear();
        self.p.extend(data.p.iter().map(|p| p.widen()));
        Ok(())
    }

    /// Offer the chunk's rows to the queries from `first` on, whose V is packed.
    fn scan_block<K: Keep>(
        &self,
        queries: Points<T>,
        limits: Option<&[i64]>,
        packed: &Packed<T>,
        first: usize,
        kept: &mut [K],
        tiles: &mut Tiles<T>,
    ) -> Result<(), Error> {
        let Scan { level, kernel, eps, .. } = *self.scan;
        let cols = self.p.len();
        let seen = |i: usize| {
            limits.map_or(cols, |limits| (limits[i] as usize).saturating_sub(self.start).min(cols))
        };
        if (0..kept.len()).all(|i| seen(i) == 0) {
            return Ok(());
        }
        let dots = &mut tiles.dot[..kept.len() * cols];
        let panel = first / dot::rows(level);
        let rows = DotRows { a: packed, first: panel, b: &self.v, out: dots, stride: cols, cols };
        // SAFETY: both packed matrices have the level's widths and one depth, and hold these rows.
        unsafe { level.run(rows) };
        for (at, (kept, dot)) in kept.iter_mut().zip(dots.chunks(cols)).enumerate() {
            let i = first + at;
            let (point, kernels) = (queries.u.row(i), &mut tiles.kernel[..]);
            let row = KernelRow { kernel, point, panels: &self.u, out: &mut *kernels };
            // SAFETY: the panels have the level's width and as many columns as `point`.
            unsafe { level.run(row) };
            let (out, p_i) = (&mut tiles.distances[..], queries.p[i].widen());
            let row = DistanceRow { kernel: kernels, dot, p_i, p: &self.p, floor: eps * eps, out };
            // SAFETY: the routine checks its slices' lengths.
            unsafe { level.run(row) };
            kept.offer(self.start, &tiles.distances[..seen(at)])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::correlation_gap;
    use crate::draws::sample;
    use crate::kernel::Family;
    use crate::matrix::Matrix;
    use crate::numeric::chain;

    const KERNEL: Kernel = Kernel { family: Family::Matern52, variance: 1.0 };
    const EPS: f64 = 1e-9;

    /// `n` points of dimension 2 and rank `m`; one in three stands twice, so that there are ties.
    fn arrays<T: Real>(seed: u64, n: usize, m: usize) -> (Vec<f64>, Vec<T>, Vec<T>) {
        let (mut u, mut v) = (sample::<f64>(seed, n * 2), sample::<T>(seed + 1, n * m));
        for i in (3..n).step_by(3) {
            u.copy_within((i - 2) * 2..(i - 1) * 2, i * 2);
            v.copy_within((i - 2) * m..(i - 1) * m, i * m);
        }
        (u, v, vec![T::round(1.5); n])
    }

    fn points<T: Real>((u, v, p): &(Vec<f64>, Vec<T>, Vec<T>), m: usize) -> Points<'_, T> {
        let n = p.len();
        Points { u: Matrix::new("u", u, n, 2).unwrap(), v: Matrix::new("v", v, n, m).unwrap(), p }
    }

    /// All the data of a query, sorted by (distance, index).
    fn by_definition<T: Real>(
        queries: Points<T>,
        data: Points<T>,
        query: usize,
    ) -> Vec<(f64, i64)> {
        let pair = |j| {
            let kernel = T::round(KERNEL.between(queries.u.row(query), data.u.row(j)));
            let numerator = kernel.widened_difference(chain(queries.v.row(query), data.v.row(j)));
            let gap =
                correlation_gap(numerator, queries.p[query].widen(), data.p[j].widen(), EPS * EPS);
            (gap.sqrt(), j as i64)
        };
        let mut all: Vec<_> = (0..data.p.len()).map(pair).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        all
    }

    fn check<T: Real>(q: usize, n: usize, m: usize, k: usize, chunk_size: usize) {
        let (queries, data) = (arrays::<T>(21, q, m), arrays::<T>(23, n, m));
        let (queries, data) = (points(&queries, m), points(&data, m));
        let wanted: Vec<_> =
            (0..q).flat_map(|i| by_definition(queries, data, i).into_iter().take(k)).collect();
        for &level in Level::available() {
            let scan = Scan { level, kernel: KERNEL, eps: EPS, data, limits: None, chunk_size };
            let (mut indices, mut distances) = (vec![-1; q * k], vec![f64::NAN; q * k]);
            scan.nearest(queries, k, &mut indices, &mut distances).unwrap();
            for (at, &(distance, index)) in wanted.iter().enumerate() {
                assert_eq!(indices[at], index, "{level:?} {q} {n} {m} {k} {chunk_size} at {at}");
                assert_eq!(distances[at].to_bits(), distance.to_bits());
            }
        }
    }

    #[test]
    fn neighbours_are_those_of_a_sorted_scan() {
        for n in [1, 2, 23, 49, 130] {
            for k in [1, 2, n / 2, n].into_iter().filter(|k| (1..=n).contains(k)) {
                check::<f64>(7, n, 5, k, 48);
                check::<f32>(3, n, 5, k, 1000);
            }
        }
    }

    #[test]
    fn blocks_chunks_and_threads_change_nothing() {
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                for chunk_size in [0, 1, 49, 96, usize::MAX] {
                    check::<f64>(2 * BLOCK + 5, 200, 3, 9, chunk_size);
                }
                check::<f32>(BLOCK, MAX_CHUNK + 50, 2, 4, MAX_CHUNK + 1);
                check::<f32>(SPAN + 2, 5, 1, 2, 48);
            });
        }
        check::<f64>(0, 5, 3, 2, 10);
    }

    #[test]
    fn ties_go_to_the_lower_index_in_any_order() {
        let mut nearest = Nearest::new(3).unwrap();
        nearest.offer(0, &[0.5, 0.25, 0.5, 0.5]).unwrap();
        nearest.offer(4, &[0.25, 0.125, 0.25]).unwrap();
        let (mut indices, mut distances) = ([0; 3], [0.0; 3]);
        nearest.write(&mut indices, &mut distances);
        assert_eq!((indices, distances), ([5, 1, 4], [0.125, 0.25, 0.25]));
    }

    #[test]
    fn a_heap_never_grows_and_one_that_does_not_fit_in_memory_is_refused() {
        let mut nearest = Nearest::new(5).unwrap();
        let room = nearest.heap.capacity();
        assert!(room >= 5);
        nearest.offer(0, &[0.5, 0.25, 0.75, 0.125, 0.5, 0.0, 0.0625]).unwrap();
        assert_eq!((nearest.heap.len(), nearest.heap.capacity()), (5, room));
        for k in [1 << 58, usize::MAX] {
            let refused = Nearest::new(k).unwrap_err();
            assert_eq!(refused, Error::Memory { what: HEAPS, bytes: 16 * k as u128 });
        }
    }

    #[test]
    fn wrong_shapes_and_counts_are_refused() {
        let (some, other) = (arrays::<f64>(1, 6, 4), arrays::<f64>(2, 6, 3));
        let (queries, data) = (points(&some, 4), points(&some, 4));
        let level = Level::best();
        let scan = Scan { level, kernel: KERNEL, eps: EPS, data, limits: None, chunk_size: 5 };
        let run = |k, queries, i: usize, d: usize| {
            scan.nearest(queries, k, &mut vec![0; i], &mut vec![0.0; d])
        };
        assert_eq!(run(6, queries, 36, 36), Ok(()));
        for k in [0, 7] {
            assert!(matches!(run(k, queries, 0, 0), Err(Error::Parameter { name: "k", .. })));
        }
        assert!(run(1, points(&other, 3), 6, 6).is_err());
        assert!(run(1, queries, 5, 6).is_err() && run(1, queries, 6, 7).is_err());
        let flat = Points { u: Matrix::new("u", &some.0, 12, 1).unwrap().slice(0..6), ..queries };
        assert!(run(1, flat, 6, 6).is_err());
        assert!(scan.within(queries, &[1.0; 5]).is_err());
        assert!(scan.within(queries, &[1.0, 1.0, f64::NAN, 1.0, 1.0, 1.0]).is_err());
        for limits in [&[0, 1, 2, 3, 4][..], &[0, 1, 7, 3, 4, 5], &[0, 1, 2, -1, 4, 5]] {
            assert!(Scan { limits: Some(limits), ..scan }.within(queries, &[1.0; 6]).is_err());
        }
    }

    #[test]
    fn limits_hide_rows_and_a_radius_takes_all_within() {
        let (q, n, k) = (2 * BLOCK + 3, 150, 4);
        let (queries, data) = (arrays::<f64>(5, q, 3), arrays::<f64>(7, n, 3));
        let (queries, data) = (points(&queries, 3), points(&data, 3));
        let limits: Vec<i64> = (0..q as i64).map(|i| (i * 7) % (n as i64 + 1)).collect();
        let radii: Vec<f64> = (0..q).map(|i| [0.0, 0.9, 1.0, -1.0, f64::INFINITY][i % 5]).collect();
        let (level, limits) = (Level::best(), Some(&limits[..]));
        let scan = Scan { level, kernel: KERNEL, eps: EPS, data, limits, chunk_size: 48 };
        let (mut indices, mut distances) = (vec![7; q * k], vec![7.0; q * k]);
        scan.nearest(queries, k, &mut indices, &mut distances).unwrap();
        let found = scan.within(queries, &radii).unwrap();
        for (i, &limit) in limits.unwrap().iter().enumerate() {
            let mut wanted = by_definition(queries, data, i);
            wanted.retain(|&(_, j)| j < limit);
            let near = wanted.iter().copied().chain(std::iter::repeat((f64::INFINITY, -1)));
            for (at, (distance, index)) in near.take(k).enumerate() {
                assert_eq!((distances[i * k + at], indices[i * k + at]), (distance, index));
            }
            wanted.retain(|&(distance, _)| distance <= radii[i]);
            let rows = found.offsets[i] as usize..found.offsets[i + 1] as usize;
            let own: Vec<_> = found.distances[rows.clone()]
                .iter()
                .copied()
                .zip(found.indices[rows].iter().copied())
                .collect();
            assert_eq!(own, wanted, "query {i}");
        }
        assert_eq!(found.offsets.len(), q + 1);
    }
}
