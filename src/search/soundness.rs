//! Every bound against the value it bounds, on inputs that are hard on it; and faults planted in the bounds, which must be seen.

use super::bounds::{Certificate, above, below, reach_of};
use super::found::{ALL, Found, Wanted};
use super::group::{Job, Workspace};
use super::index::Index;
use super::region::{Limits, remainder};
use crate::draws::sample;
use crate::factor::{cholesky, project};
use crate::kernel::{Family, Kernel};
use crate::level::Level;
use crate::matrix::Matrix;
use crate::metric::{Points, ResidualMetric};
use crate::numeric::chain;

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

    /// The points that are not inducing ones, with one more column of V, so that a residual covariance is off by `noise` times the two
    /// standard deviations.
    fn noisy(mut self, noise: f64) -> Self {
        let [n, m, d] = self.sizes;
        (self.u, self.p) = (self.u[m * d..].to_vec(), self.p[m..].to_vec());
        let rows = self.v[m * m..].chunks(m).zip(&self.p);
        self.v =
            rows.flat_map(|(row, &p)| row.iter().copied().chain([(noise * p).sqrt()])).collect();
        self.sizes = [n - m, m + 1, d];
        self
    }

    pub(super) fn index(&self, level: Level, region: usize) -> Index {
        let [_, m, d] = self.sizes;
        self.index_by(Certificate::new(self.kernel, m, d).unwrap(), level, region)
    }

    fn index_by(&self, certificate: Certificate, level: Level, region: usize) -> Index {
        let order = super::hilbert::order(self.points().u).unwrap();
        let cuts: Vec<i64> = (0..self.p.len() as i64).step_by(region).collect();
        let (kernel, points) = (self.kernel, self.points());
        Index::build(level, kernel, points, &order, Some(&cuts), Some(certificate)).unwrap()
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

/// The parts of a bound, which a planted fault changes: score, t, sigma, slack, and the region's reach.
type Fault = fn(&Parts) -> [f32; 5];

struct Parts {
    score: f32,
    t: f32,
    sigma: f32,
    slack: f32,
    reach: f32,
    /// `1 - |f|^2` and `1 - |g|^2`, as computed.
    left: [f32; 2],
}

const SOUND: Fault = |parts| [parts.score, parts.t, parts.sigma, parts.slack, parts.reach];

/// Pairs that bounds would skip though their distance is no larger than asked for, of all and by regions' reach.
fn wrong(model: &Model, level: Level, region: usize, fault: Fault) -> usize {
    wrong_by(&model.index(level, region), model, fault)
}

/// As [`wrong`], by an index of the model.
fn wrong_by(index: &Index, model: &Model, fault: Fault) -> usize {
    let points = model.points();
    let metric = ResidualMetric::new(index.level, model.kernel, model.eps(), points).unwrap();
    let floor = model.eps() * model.eps();
    let job = Job { index, points, queries: points, floor, patience: usize::MAX };
    let mut workspace = Workspace::new(index).unwrap();
    let rows: Vec<usize> = (0..model.sizes[0]).collect();
    let width = workspace.width();
    let mut wrong = 0;
    for rows in rows.chunks(width) {
        workspace.prepare(&job, rows).unwrap();
        for (r, region) in index.regions.iter().enumerate() {
            workspace.score(index, r);
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
                        reach: workspace.reach[at],
                        left: [1.0 - f, 1.0 - workspace.norm[at].powi(2)],
                    };
                    let [score, t, sigma, slack, most] = fault(&parts);
                    let reach = reach_of(metric.distance_idx(query, id as usize));
                    let kept = t.mul_add(sigma, score) >= below(reach - f64::from(slack));
                    let open = f64::from(most) >= reach;
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
    let faults: [(&str, Fault); 5] = [
        ("nothing for rounding", |parts| {
            let [sigma, t] = parts.left.map(|left| left.max(0.0).sqrt());
            [parts.score, t, sigma, 0.0, parts.reach]
        }),
        ("no remainder", |parts| [parts.score, 0.0, parts.sigma, parts.slack, parts.reach]),
        ("sigma too small by 1%", |parts| {
            [parts.score, parts.t, 0.99 * parts.sigma, parts.slack, parts.reach]
        }),
        ("no score", |parts| [0.0, parts.t, parts.sigma, parts.slack, parts.reach]),
        ("reach too small by 1%", |parts| {
            [parts.score, parts.t, parts.sigma, parts.slack, 0.99 * parts.reach]
        }),
    ];
    let kernel = Kernel { family: Family::Rbf, variance: 1.0 };
    let model = Model::new(kernel, sample(43, 300 * 2), 20, 2);
    for (name, fault) in faults {
        assert!(wrong(&model, Level::best(), 100, fault) > 0, "{name}");
    }
    assert_eq!(wrong(&model, Level::best(), 100, SOUND), 0);
}

/// The regions whose `omega`, and the points whose `theta`, do not hold what they bound, of a noisy model whose last column of V is the noise.
fn short(index: &Index, model: &Model) -> (usize, usize) {
    let Points { u, v, p } = model.points();
    let quiet = |id: usize| &v.row(id)[..v.cols() - 1];
    let exact = |x: usize, y: usize| {
        (model.kernel.between(u.row(x), u.row(y)) - chain(quiet(x), quiet(y)))
            / (p[x] * p[y]).sqrt()
    };
    let mut short = (0, 0);
    for region in &index.regions {
        let pivots: Vec<_> =
            index.pivot_ids[region.pivots.clone()].iter().map(|&id| id as usize).collect();
        let rank = pivots.len();
        let basis = |a: usize, b: usize| f64::from(region.basis.at(a, b));
        let product = |a: usize, id: usize| -> f64 {
            (0..=a).map(|b| basis(a, b) * exact(pivots[b], id)).sum()
        };
        let mut off = 0.0;
        for a in 0..rank {
            let row: Vec<_> = pivots.iter().map(|&id| product(a, id)).collect();
            for b in 0..rank {
                let gram: f64 = (0..=b).map(|k| basis(b, k) * row[k]).sum();
                off += (gram - f64::from(u8::from(a == b))).powi(2);
            }
        }
        short.0 += usize::from(off.sqrt() > f64::from(region.limits.omega));
        for (i, &id) in index.order[region.points.clone()].iter().enumerate() {
            let id = id as usize;
            let apart = |a: usize| product(a, id) - f64::from(region.coordinates.at(i, a));
            let apart = (0..rank).map(|a| apart(a).powi(2)).sum::<f64>().sqrt();
            let Limits { of_noise, of_rounding, .. } = region.limits;
            let theta = f64::from(of_noise) / p[id].sqrt() + f64::from(of_rounding);
            short.1 += usize::from(apart > theta);
        }
    }
    short
}

#[test]
fn omega_and_theta_hold_the_noise_and_too_little_of_either_is_seen() {
    for (family, noise) in FAMILIES.into_iter().zip([1e-4; 4]) {
        let kernel = Kernel { family, variance: 4.0 };
        let spread = sample::<f64>(43, 260 * 3).into_iter().map(|x| 3.0 * x).collect();
        let model = Model::new(kernel, spread, 12, 3).noisy(noise);
        let certificate = Certificate { noise: 1.01 * noise * kernel.variance };
        let sound = model.index_by(certificate, Level::best(), 60);
        assert_eq!(short(&sound, &model), (0, 0), "{family:?}");
        let (mut omega, mut theta) = (sound.clone(), sound);
        omega.regions.iter_mut().for_each(|region| region.limits.omega = 0.0);
        theta.regions.iter_mut().for_each(|region| region.limits.of_noise = 0.0);
        let without = model.index_by(Certificate { noise: 0.0 }, Level::best(), 60);
        let found = [&omega, &theta, &without].map(|index| short(index, &model));
        let seen = matches!(found, [(1.., 0), (0, 1..), (1.., 1..)]);
        assert!(seen, "{family:?} {found:?}");
    }
}

#[test]
fn a_remainder_that_is_no_number_skips_nothing() {
    assert_eq!(remainder(f64::NAN), f32::INFINITY);
    assert_eq!(remainder(f64::INFINITY), f32::INFINITY);
    assert_eq!(remainder(-1.0), above(0.0));
    assert!((0.5..0.5001).contains(&remainder(0.25)));
}

/// An infinite remainder passes whatever is asked for, in the lanes past the queries too.
#[test]
fn lanes_past_the_queries_find_nothing() {
    let kernel = Kernel { family: Family::Rbf, variance: 1.0 };
    let model = Model::new(kernel, sample(46, 300 * 2), 20, 2);
    let (mut index, points) = (model.index(Level::best(), 100), model.points());
    for region in &mut index.regions {
        (region.sigma[7], region.limits.sigma) = (f32::INFINITY, f32::INFINITY);
    }
    let floor = model.eps() * model.eps();
    let job = Job { index: &index, points, queries: points, floor, patience: usize::MAX };
    let mut workspace = Workspace::new(&index).unwrap();
    let wanted = Wanted { k: 5, radius: f64::INFINITY, limit: 300 };
    let mut found = vec![Found::new(wanted).unwrap()];
    assert_eq!(workspace.run(&job, &[0], &mut found).unwrap(), 0);
    assert_eq!(found.remove(0).sorted().len(), 5);
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
