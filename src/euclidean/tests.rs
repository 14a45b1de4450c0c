//! The search against a sorted scan by the definition, and the bounds against the points they speak of.

use super::boxes::MAX_DEPTH;
use super::leaves::LANES;
use super::*;
use crate::draws::{SplitMix64, sample};
use crate::level::Routine;
use crate::numeric::squared_distance;
use crate::simd::Simd;

/// Kinds of points: like a sample, far apart, overflowing, underflowing, subnormal, of all magnitudes, on a grid, few of many times.
const KINDS: usize = 8;

fn points(kind: usize, seed: u64, n: usize, d: usize) -> Vec<f64> {
    let (mut draws, normals) = (SplitMix64::new(seed), sample::<f64>(seed, n * d));
    let value = |x: f64| match kind {
        0 => x,
        1 => x * 1e150,
        2 => x * 2e307,
        3 => x * 1e-160,
        4 => x * 1e-322,
        5 => x * 10f64.powi((draws.draw() % 600) as i32 - 300),
        6 => (x * 1.5).round(),
        _ => f64::from(x > 1.0) * 0.1,
    };
    normals.into_iter().map(value).collect()
}

/// All that a query may find, sorted by (distance, id).
fn by_definition(query: &[f64], points: Matrix<f64>, limit: usize) -> Vec<(f64, i64)> {
    let pair = |j: usize| (squared_distance(query, points.row(j)).sqrt(), j as i64);
    let mut all: Vec<_> = (0..limit).map(pair).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    all
}

/// Both kinds of index at every level against the definition: k-NN, and within the k-th distance.
fn check(kind: usize, [q, n, d, k]: [usize; 4], limits: Option<&[i64]>) {
    let (of, data) = (points(kind, 3, q, d), points(kind, 4, n, d));
    let (rows, data) =
        (Matrix::new("u_q", &of, q, d).unwrap(), Matrix::new("u", &data, n, d).unwrap());
    let queries = Queries { rows, limits };
    let limit = |i: usize| limits.map_or(n, |limits| limits[i] as usize);
    let all: Vec<_> = (0..q).map(|i| by_definition(rows.row(i), data, limit(i))).collect();
    let padded = |i: usize, at: usize| *all[i].get(at).unwrap_or(&(f64::INFINITY, -1));
    let wanted: Vec<_> = (0..q * k).map(|at| padded(at / k, at % k)).collect();
    let radii: Vec<_> = (0..q).map(|i| padded(i, k - 1).0).collect();
    let inside = all.iter().zip(&radii).map(|(all, radius)| {
        let count = all.partition_point(|(distance, _)| distance <= radius);
        &all[..count]
    });
    let hits: Vec<_> = inside.collect();
    let index = Index::new(data).unwrap();
    let flat = Index::scanned(data).unwrap();
    assert!(flat.boxes.is_none());
    for (index, &level) in [&index, &flat]
        .into_iter()
        .flat_map(|index| Level::available().iter().map(move |level| (index, level)))
    {
        let name = format!("{level:?} kind {kind}, {q} {n} {d} {k}, {limits:?}");
        let (mut indices, mut distances) = (vec![-9; q * k], vec![f64::NAN; q * k]);
        index.knn(level, queries, k, &mut indices, &mut distances).unwrap();
        assert_same(distances.iter().copied().zip(indices), &wanted, &name);
        let found = index.radius(level, queries, &radii).unwrap();
        assert_same(found.distances.iter().copied().zip(found.indices), &hits.concat(), &name);
        let sizes = found.offsets.windows(2).map(|pair| (pair[1] - pair[0]) as usize);
        assert!(sizes.eq(hits.iter().map(|hits| hits.len())), "{name}");
        assert_eq!((found.offsets[0], found.offsets.len()), (0, q + 1));
    }
}

fn assert_same(found: impl Iterator<Item = (f64, i64)>, wanted: &[(f64, i64)], name: &str) {
    let bits = |(distance, id): (f64, i64)| (distance.to_bits(), id);
    let found: Vec<_> = found.map(bits).collect();
    let wanted: Vec<_> = wanted.iter().copied().map(bits).collect();
    let at = found.iter().zip(&wanted).position(|(found, wanted)| found != wanted);
    assert!(found == wanted, "{name}: differs at {at:?} of {}", wanted.len());
}

#[test]
fn neighbours_are_those_of_a_sorted_scan() {
    for kind in 0..KINDS {
        for d in [1, 2, 3, 5, 50] {
            check(kind, [5, 1, d, 1], None);
            check(kind, [9, 49, d, 7], None);
            check(kind, [9, 300, d, 10], None);
        }
        check(kind, [20, 2_000, 3, 12], None);
        check(kind, [3, 500, 2, 500], None); // more than insertion takes
        check(kind, [0, 30, 2, 1], None);
    }
}

#[test]
fn limits_leave_the_first_points_alone() {
    let mut draws = SplitMix64::new(5);
    for kind in 0..KINDS {
        for n in [1, 30, 700] {
            let mut limits: Vec<i64> = (0..12).map(|_| (draws.draw() % (n + 1)) as i64).collect();
            limits[..4].copy_from_slice(&[0, 1, n as i64, n as i64 / 2]);
            check(kind, [12, n as usize, 3, n.min(9) as usize], Some(&limits));
        }
    }
}

#[test]
fn threads_tasks_and_probes_change_nothing() {
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            check(6, [5 * BLOCK + 3, 600, 3, 4], None); // boxes pay
            check(0, [2 * BLOCK, 600, 12, 5], None); // they do not
            check(0, [4, 2 * 4096 + 1, 2, 3], None); // split in parallel
        });
    }
}

#[test]
fn a_scan_has_no_boxes_however_many_points_there_are() {
    let data = points(0, 1, 5_000, 2);
    let scanned = Index::scanned(Matrix::new("u", &data, 5_000, 2).unwrap()).unwrap();
    assert!(scanned.boxes.is_none());
}

#[test]
fn boxes_are_dropped_where_they_do_not_pay() {
    let level = Level::best();
    for (d, pay) in [(2, true), (20, false)] {
        let data = points(0, 1, 5_000, d);
        let rows = Matrix::new("u", &data, 5_000, d).unwrap();
        let (index, queries) = (Index::new(rows).unwrap(), Queries { rows, limits: None });
        let jobs = index.jobs(level, queries, 0, (0..5_000).map(|_| ())).unwrap();
        let goal = |_: &Job<()>| Nearest::new(5);
        let kept = index.boxes_that_pay(level, queries, &jobs, goal).unwrap();
        assert_eq!(kept.is_some(), pay, "{d}");
    }
}

/// Every box's bound is at most the squared distance of every point below it, and is counted within that reach.
struct CheckBounds<'a> {
    index: &'a Index,
    points: Matrix<'a, f64>,
    query: &'a [f64],
}

impl Routine for CheckBounds<'_> {
    type Output = usize;

    #[inline(always)]
    unsafe fn run<S: Simd>(self) -> usize {
        let boxes = self.index.boxes.as_ref().unwrap();
        let mut tight = 0;
        for leaf in 0..self.index.leaves.count() {
            for &id in self.index.leaves.ids(leaf).iter().filter(|&&id| id < u32::MAX) {
                let s = squared_distance(self.query, self.points.row(id as usize));
                for level in 0..boxes.depth() {
                    let child = leaf / LANES.pow((boxes.depth() - 1 - level) as u32);
                    let (at, slot) = ((level, child / LANES), child % LANES);
                    let mut bounds = [0.0; LANES];
                    // SAFETY: the level is the caller's promise.
                    let within = unsafe { boxes.bounds::<S, 0>(at, self.query, &mut bounds, s) };
                    assert!(bounds[slot] <= s && within >> slot & 1 == 1, "{} {s}", bounds[slot]);
                    assert_eq!(boxes.below(at, id + 1, within) >> slot & 1, 1);
                    tight += usize::from(bounds[slot] == s);
                }
            }
        }
        tight
    }
}

#[test]
fn bounds_hold_to_the_last_bit() {
    for (kind, d) in (0..KINDS).flat_map(|kind| [1, 2, 3, 7].map(|d| (kind, d))) {
        let (data, queries) = (points(kind, 8, 400, d), points(kind, 9, 5, d));
        let points = Matrix::new("u", &data, 400, d).unwrap();
        let index = Index::new(points).unwrap();
        for query in queries.chunks(d) {
            for &level in Level::available() {
                // SAFETY: query and points have `d` coordinates.
                let tight = unsafe { level.run(CheckBounds { index: &index, points, query }) };
                assert!(tight > 0 || d > 1, "a point that lies on its box has its bound");
            }
        }
    }
}

#[test]
fn a_reach_holds_all_whose_root_is_no_larger() {
    let mut draws = SplitMix64::new(6);
    let numbers = (0..20_000).map(|_| f64::from_bits(draws.draw() >> 1)).filter(|x| !x.is_nan());
    for s in numbers.chain([0.0, 5e-324, f64::MIN_POSITIVE, 1.0, f64::MAX, f64::INFINITY]) {
        let distance = s.sqrt();
        let mut last = s;
        while last.next_up().sqrt() == distance && last < f64::INFINITY {
            last = last.next_up();
        }
        assert!(nearest::reach(distance) >= last, "{s}");
    }
}

/// [`Nearest`] with a fault planted in its reach or in what it takes.
struct Faulty {
    nearest: Nearest,
    reach: fn(f64) -> f64,
    drops_ties: bool,
}

impl Goal for Faulty {
    fn reach(&self) -> f64 {
        (self.reach)(self.nearest.reach())
    }
    fn offer(&mut self, distance: f64, id: u32) {
        if !self.drops_ties || distance < self.nearest.reach().sqrt().next_down() {
            self.nearest.offer(distance, id);
        }
    }
}

/// A nearer square of a higher id, and one an ulp larger of the same root and a lower id: the second is the answer.
#[test]
fn planted_faults_at_ties_are_noticed() {
    let merged = [[1.0, 2f64.powi(-26)], [1.0, 0.0]].map(|point| [point; 100]);
    let data = merged.as_flattened().as_flattened();
    let (points, rows) =
        (Matrix::new("u", data, 200, 2).unwrap(), Matrix::new("u_q", &[0.0; 2], 1, 2).unwrap());
    let (index, queries) = (Index::new(points).unwrap(), Queries { rows, limits: None });
    let find = |reach: fn(f64) -> f64, drops_ties| {
        let jobs = index.jobs(Level::best(), queries, 0, std::iter::once(())).unwrap();
        let goals = &mut [Faulty { nearest: Nearest::new(1).unwrap(), reach, drops_ties }];
        index.sweep(Level::best(), index.boxes.as_ref(), queries, &jobs, goals).unwrap();
        let (mut id, mut distance) = ([0], [0.0]);
        goals[0].nearest.write(&mut id, &mut distance);
        assert_eq!(distance, [1.0]);
        id[0]
    };
    let square = |reach: f64| if reach < f64::INFINITY { 1.0 } else { reach };
    assert_eq!(find(|reach| reach, false), by_definition(&[0.0; 2], points, 200)[0].1);
    assert_ne!(find(square, false), 0, "the square of the k-th distance as reach");
    assert_ne!(find(|reach| reach, true), 0, "a tie with the k-th dropped");
}

/// Workers whose control register was changed: each call and each task sees it.
#[cfg(target_arch = "x86_64")]
#[test]
fn workers_are_checked() {
    let data = points(0, 1, 5_000, 2);
    let rows = Matrix::new("u", &data, 5_000, 2).unwrap();
    let (level, queries) = (Level::best(), Queries { rows: rows.slice(0..9), limits: None });
    let index = Index::new(rows).unwrap();
    let jobs = index.jobs(level, queries, 0, (0..9).map(|_| ())).unwrap();
    let run = || {
        let goals = &mut [Nearest::new(1)?];
        [
            Index::new(rows).map(drop),
            Index::scanned(rows).map(drop),
            index.knn(level, queries, 1, &mut [0; 9], &mut [0.0; 9]),
            index.radius(level, queries, &[0.1; 9]).map(drop),
            index.jobs(level, queries, 0, (0..9).map(|_| ())).map(drop),
            index.sweep(level, None, queries, &jobs[..1], goals).map(drop),
            build::leaves(rows, 1).map(drop),
            Leaves::in_order(rows, LEAF).map(drop),
        ]
        .into_iter()
        .try_for_each(|found| match found {
            Err(Error::FloatEnvironment { .. }) => Ok(()),
            _ => Err(Error::Internal { message: "not refused".into() }),
        })
    };
    for bits in [1_u32 << 15, 1 << 6, 1 << 13, 2 << 13, 3 << 13] {
        let workers = rayon::ThreadPoolBuilder::new().num_threads(2);
        let workers = workers.start_handler(move |_| {
            crate::environment::tests::plant(bits);
        });
        assert_eq!(workers.build().unwrap().install(run), Ok(()), "{bits:x}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let data = points(0, 1, 6, 2);
    let rows = Matrix::new("u", &data, 6, 2).unwrap();
    let (level, index) = (Level::best(), Index::new(rows).unwrap());
    let run = |queries: Queries, k, i: usize, d: usize| {
        index.knn(level, queries, k, &mut vec![0; i], &mut vec![0.0; d])
    };
    let all = Queries { rows, limits: None };
    assert_eq!((run(all, 6, 36, 36), index.shape()), (Ok(()), (6, 2)));
    for k in [0, 7] {
        assert!(matches!(run(all, k, 0, 0), Err(Error::Parameter { name: "k", .. })));
    }
    assert!(run(all, 1, 5, 6).is_err() && run(all, 1, 6, 5).is_err());
    let flat = Queries { rows: Matrix::new("u_q", &data, 12, 1).unwrap(), limits: None };
    assert!(matches!(run(flat, 1, 12, 12), Err(Error::Shape { name: "u_q", .. })));
    let limited = |limits: &[i64]| run(Queries { rows, limits: Some(limits) }, 1, 6, 6);
    assert_eq!(limited(&[0, 6, 1, 1, 1, 1]), Ok(()));
    for (limits, wrong) in [([0, 7, 1, 1, 1, 1], "7 at 1"), ([0, 1, 1, 1, 1, -1], "-1 at 5")] {
        let refused = limited(&limits);
        assert!(
            matches!(refused, Err(Error::Parameter { name: "limits", given, .. }) if given == wrong)
        );
    }
    assert!(limited(&[1]).is_err());
    assert!(index.radius(level, all, &[1.0; 5]).is_err());
    let radii = [1.0, 1.0, f64::NAN, 1.0, 1.0, 1.0];
    assert!(matches!(
        index.radius(level, all, &radii),
        Err(Error::Parameter { name: "radii", given, .. }) if given == "NaN at 2"
    ));
    assert!(Index::new(Matrix::new("u", &[], 5, 0).unwrap()).is_err());
    assert!(Index::scanned(Matrix::new("u", &[], u32::MAX as usize, 0).unwrap()).is_err());
    for k in [1 << 59, usize::MAX] {
        assert!(
            matches!(Nearest::new(k), Err(Error::Memory { bytes, .. }) if bytes == 16 * k as u128)
        );
    }
}

#[test]
fn no_points_have_no_neighbours() {
    let empty = Matrix::new("u", &[], 0, 3).unwrap();
    let rows = Matrix::new("u_q", &[1.0, 2.0, 3.0], 1, 3).unwrap();
    for index in [Index::new(empty).unwrap(), Index::scanned(empty).unwrap()] {
        let queries = Queries { rows, limits: None };
        let found = index.radius(Level::best(), queries, &[f64::INFINITY]).unwrap();
        assert_eq!(found, Hits { offsets: vec![0, 0], indices: vec![], distances: vec![] });
    }
    let deepest = (u32::MAX as usize).div_ceil(LEAF).next_power_of_two().ilog2();
    assert!(deepest as usize <= 3 * MAX_DEPTH);
}
