//! Every bound against the value it bounds, on inputs that are hard on it; and faults planted in the bounds, which must be seen.

use super::bounds::{Certificate, below, reach_of};
use super::found::{ALL, Found, Wanted};
use super::group::{Job, Workspace};
use super::index::Index;
use crate::draws::sample;
use crate::factor::{cholesky, project};
use crate::kernel::{Family, Kernel};
use crate::level::Level;
use crate::matrix::Matrix;
use crate::metric::{Points, ResidualMetric};

pub(super) const FAMILIES: [Family; 4] =
    [Family::Rbf, Family::Matern12, Family::Matern32, Family::Matern52];

/// Points of a real model.
pub(super) struct Model {
    kernel: Kernel,
    u: Vec<f64>,
    v: Vec<f64>,
    p: Vec<f64>,
    sizes: [usize; 3],
}

impl Model {
    /// The first `m` of the points are the inducing ones.
    pub(super) fn new(kernel: Kernel, u: Vec<f64>, m: usize, d: usize) -> Self {
        let (n, level) = (u.len() / d, Level::best());
        let all = Matrix::new("u", &u, n, d).unwrap();
        let mut lower = vec![0.0; m * m];
        cholesky(level, kernel, all.slice(0..m), &mut lower).unwrap();
        let lower = Matrix::new("l", &lower, m, m).unwrap();
        let (mut v, mut p) = (vec![0.0; n * m], vec![0.0; n]);
        project(level, kernel, all, all.slice(0..m), lower, (&mut v, &mut p)).unwrap();
        Self { kernel, u, v, p, sizes: [n, m, d] }
    }

    pub(super) fn points(&self) -> Points<'_, f64> {
        let [n, m, d] = self.sizes;
        let u = Matrix::new("u", &self.u, n, d).unwrap();
        Points { u, v: Matrix::new("v", &self.v, n, m).unwrap(), p: &self.p }
    }

    pub(super) fn index(&self, level: Level, region: usize) -> Index {
        let [n, m, d] = self.sizes;
        let order = super::hilbert::order(self.points().u).unwrap();
        let cuts: Vec<i64> = (0..n as i64).step_by(region).collect();
        let certificate = Certificate::new(self.kernel, m, d);
        assert!(certificate.is_some());
        Index::build(level, self.kernel, self.points(), &order, Some(&cuts), certificate).unwrap()
    }

    fn eps(&self) -> f64 {
        1e-9 * self.kernel.variance
    }
}

/// Coordinates at which bounds are hard pressed: plain, near duplicates of few, a grid, far apart, so near that p is at its floor.
pub(super) fn wild(seed: u64, n: usize, d: usize) -> Vec<Vec<f64>> {
    let plain: Vec<f64> = sample(seed, n * d);
    let near = (0..n * d).map(|i| plain[i % (7 * d)] + 1e-7 * plain[i]).collect();
    let grid = plain.iter().map(|x| (x * 3.0).round() * 0.5).collect();
    let spread = |factor: f64| plain.iter().map(|x| x * factor).collect();
    vec![plain.clone(), near, grid, spread(30.0), spread(0.3), spread(0.01)]
}

/// The parts of a bound, which a planted fault changes: score, t, sigma, slack.
type Fault = fn(&Parts) -> [f32; 4];

struct Parts {
    score: f32,
    t: f32,
    sigma: f32,
    slack: f32,
    /// `1 - |f|^2` and `1 - |g|^2`, as computed.
    left: [f32; 2],
}

const SOUND: Fault = |parts| [parts.score, parts.t, parts.sigma, parts.slack];

/// Pairs that bounds would skip though their distance is no larger than asked for, of all and by regions' reach.
fn wrong(model: &Model, level: Level, region: usize, fault: Fault) -> usize {
    let (index, points) = (model.index(level, region), model.points());
    let metric = ResidualMetric::new(level, model.kernel, model.eps(), points).unwrap();
    let floor = model.eps() * model.eps();
    let job = Job { index: &index, points, queries: points, floor, patience: usize::MAX };
    let mut workspace = Workspace::new(&index).unwrap();
    let rows: Vec<usize> = (0..model.sizes[0]).collect();
    let width = workspace.width();
    let mut wrong = 0;
    for rows in rows.chunks(width) {
        workspace.prepare(&job, rows).unwrap();
        for (r, region) in index.regions.iter().enumerate() {
            workspace.score(&index, r);
            for (i, &id) in index.order[region.points.clone()].iter().enumerate() {
                let f: f32 =
                    (0..region.pivots.len()).map(|a| region.coordinates.at(i, a).powi(2)).sum();
                for (lane, &query) in rows.iter().enumerate() {
                    let at = r * width + lane;
                    let parts = Parts {
                        score: workspace.scores[i * width + lane],
                        t: workspace.t[at],
                        sigma: region.sigma[i],
                        slack: workspace.slack[at],
                        left: [1.0 - f, 1.0 - workspace.norm[at].powi(2)],
                    };
                    let [score, t, sigma, slack] = fault(&parts);
                    let reach = reach_of(metric.distance_idx(query, id as usize));
                    let kept = t.mul_add(sigma, score) >= below(reach - f64::from(slack));
                    let open = f64::from(workspace.reach[at]) >= reach;
                    wrong += usize::from(!kept) + usize::from(!open);
                }
            }
        }
    }
    wrong
}

#[test]
fn no_bound_is_below_what_it_bounds() {
    for (family, scale) in FAMILIES.into_iter().zip([1.0, 2f64.powi(20), 2f64.powi(-20), 0.3]) {
        let kernel = Kernel { family, variance: scale };
        for (d, seed) in [(1, 41), (3, 42)] {
            for u in wild(seed, 230, d) {
                let model = Model::new(kernel, u, 40, d);
                for &level in Level::available() {
                    assert_eq!(wrong(&model, level, 60, SOUND), 0, "{family:?} {d} {level:?}");
                }
            }
        }
    }
}

#[test]
fn planted_faults_are_seen() {
    let faults: [(&str, Fault); 4] = [
        ("nothing for rounding", |parts| {
            let [sigma, t] = parts.left.map(|left| left.max(0.0).sqrt());
            [parts.score, t, sigma, 0.0]
        }),
        ("no remainder", |parts| [parts.score, 0.0, parts.sigma, parts.slack]),
        ("sigma too small by 1%", |parts| [parts.score, parts.t, 0.99 * parts.sigma, parts.slack]),
        ("no score", |parts| [0.0, parts.t, parts.sigma, parts.slack]),
    ];
    let kernel = Kernel { family: Family::Rbf, variance: 1.0 };
    let model = Model::new(kernel, sample(43, 300 * 2), 20, 2);
    for (name, fault) in faults {
        assert!(wrong(&model, Level::best(), 100, fault) > 0, "{name}");
    }
    assert_eq!(wrong(&model, Level::best(), 100, SOUND), 0);
}

/// What the others hold would also hold of an index that gives every query up.
#[test]
fn few_queries_are_given_up() {
    let kernel = Kernel { family: Family::Rbf, variance: 1.0 };
    let model = Model::new(kernel, sample(45, 2000 * 2), 40, 2);
    let (index, points) = (model.index(Level::best(), 250), model.points());
    let job = Job { index: &index, points, queries: points, floor: 1e-18, patience: 200 };
    let mut workspace = Workspace::new(&index).unwrap();
    let rows: Vec<usize> = index.order.iter().map(|&id| id as usize).collect();
    let mut given_up = 0;
    for rows in rows.chunks(workspace.width()) {
        let wanted = Wanted { k: 10, radius: f64::INFINITY, limit: 2000 };
        let mut found: Vec<_> = rows.iter().map(|_| Found::new(wanted).unwrap()).collect();
        given_up += workspace.run(&job, rows, &mut found).unwrap().count_ones();
    }
    assert!(given_up < 100, "{given_up}");
}

#[test]
fn a_reach_is_below_every_rho_as_near() {
    for rho in sample::<f64>(44, 4000).into_iter().map(|x| (x / 6.0).abs().min(1.0)) {
        for p in [1.0, 1e-9, 0.37] {
            let numerator = rho * p;
            let distance = crate::distance::correlation_gap(numerator, p, p, 0.0).sqrt();
            let reach = reach_of(distance);
            assert!(rho >= reach && rho - reach < 1e-12, "{rho} {p}");
            assert!(
                crate::distance::correlation_gap(reach.max(0.0) * p, p, p, 0.0).sqrt() > distance
                    || reach < 0.0
            );
        }
    }
    assert_eq!(reach_of(f64::INFINITY), f64::NEG_INFINITY);
}

#[test]
fn found_keeps_the_smallest_pairs_in_any_order() {
    let pairs = [(0.5, 4), (0.25, 9), (0.5, 2), (0.5, 3), (0.75, 1), (0.25, 8), (0.125, 7)];
    let kept = |wanted: Wanted| {
        let mut found = Found::new(wanted).unwrap();
        for (distance, id) in pairs {
            found.offer(distance, id).unwrap();
        }
        found.sorted().into_iter().map(|(bits, id)| (f64::from_bits(bits), id)).collect::<Vec<_>>()
    };
    let all = Wanted { k: 4, radius: f64::INFINITY, limit: usize::MAX };
    assert_eq!(kept(all), [(0.125, 7), (0.25, 8), (0.25, 9), (0.5, 2)]);
    assert_eq!(kept(Wanted { limit: 4, ..all }), [(0.5, 2), (0.5, 3), (0.75, 1)]);
    assert_eq!(kept(Wanted { k: ALL, radius: 0.25, ..all }), [(0.125, 7), (0.25, 8), (0.25, 9)]);
}

#[test]
fn certificates_end_where_bounds_would_be_void() {
    let kernel = Kernel { family: Family::Rbf, variance: 4.0 };
    let noise = |m, d| Certificate::new(kernel, m, d).map(|certificate| certificate.noise);
    assert!(noise(512, 3).unwrap() > 512.0 * f64::EPSILON / 2.0 * 4.0);
    assert!(noise(512, 3).unwrap() < 1e-12);
    assert!(noise(512, 3).unwrap() < noise(513, 3).unwrap());
    assert!(noise(512, 3).unwrap() < noise(512, 4).unwrap());
    assert_eq!(noise(100_000, 3), None);
    assert_eq!(noise(3, 1 << 40), None);
}
