//! Trees by their definition, carried out naively, and the bound of the boxes.

use super::*;
use crate::draws::sample;
use crate::kernel::{Family, Kernel};
use crate::level::Level;
use crate::matrix::Matrix;
use crate::metric::{Points, ResidualMetric};
use crate::numeric::squared_distance;

/// Nets from all distances, (n, n): parents, levels and floor.
fn naive(distances: &[Vec<f64>], seed: u64, most: usize) -> (Vec<i64>, Vec<i32>, i32) {
    let n = distances.len();
    let closest = |at: usize, among: &[usize]| {
        let key = |&&a: &&usize, &&b: &&usize| {
            distances[a][at].total_cmp(&distances[b][at]).then(a.cmp(&b))
        };
        *among.iter().min_by(key).unwrap()
    };
    let gap = |at: usize, among: &[usize]| distances[closest(at, among)][at];
    let mut generator = SplitMix64::new(seed);
    let mut priority: Vec<_> = (0..n).map(|id| (generator.draw(), id)).collect();
    priority.sort_unstable();
    let (mut parent, mut level) = (vec![-1; n], vec![NEVER; n]);
    let (mut centres, mut floor) = (vec![priority[0].1], NEVER);
    level[centres[0]] = 0;
    loop {
        let waiting = priority.iter().map(|&(_, id)| id).filter(|id| !centres.contains(id));
        let waiting: Vec<_> = waiting.filter(|&id| gap(id, &centres) > 0.0).collect();
        let farthest = waiting.iter().map(|&id| gap(id, &centres)).fold(0.0, f64::max);
        if waiting.is_empty() {
            break;
        }
        let next = (-1022..1024).rev().find(|&i| reach(i) < farthest).unwrap();
        if centres.len() == 1 {
            level[centres[0]] = next + 1;
        }
        let mut net = centres.clone();
        for id in waiting {
            if gap(id, &net) > reach(next) {
                net.push(id);
            }
        }
        if net.len() > most {
            floor = next + 1;
            break;
        }
        for &id in &net[centres.len()..] {
            (parent[id], level[id]) = (closest(id, &centres) as i64, next);
        }
        centres = net;
    }
    for id in (0..n).filter(|id| !centres.contains(id)) {
        parent[id] = closest(id, &centres) as i64;
    }
    (parent, level, floor)
}

/// A tree is the naive one, and its layout and radii fit.
fn check(space: &mut impl Space, most: usize) -> Tree {
    let n = space.ids().len();
    let everyone: Vec<_> = (0..n).collect();
    let mut distances = vec![vec![0.0; n]; n];
    for (id, row) in distances.iter_mut().enumerate() {
        space.distances(id, &everyone, row).unwrap();
    }
    let rank: Vec<_> = (0..n as i64).rev().collect();
    let tree = Tree::new(space, 5, most, &rank).unwrap();
    let nets = (tree.parent.clone(), tree.level.clone(), tree.floor);
    assert_eq!(nets, naive(&distances, 5, most));
    let mut sorted = tree.order.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..n as i64).collect::<Vec<_>>());
    for id in 0..n {
        let below = tree.first[id] as usize..tree.last[id] as usize;
        assert_eq!(tree.order[below.start], id as i64);
        let below = tree.order[below].iter().map(|&below| below as usize);
        let radius = below.clone().filter(|&below| below != id).map(|below| distances[id][below]);
        assert_eq!(tree.radius[id], radius.fold(0.0, f64::max));
        for below in below.filter(|&below| below != id) {
            let above = tree.parent[below] as usize;
            assert!(tree.first[id] <= tree.first[above] && tree.last[above] <= tree.last[id]);
        }
    }
    tree
}

/// Points with duplicates and clusters.
fn points(n: usize, d: usize, scale: f64) -> Vec<f64> {
    let mut u: Vec<_> = sample::<f64>(3, n * d).iter().map(|x| x * scale).collect();
    for i in (5..n).step_by(5) {
        u.copy_within((i - 3) * d..(i - 2) * d, i * d);
        u[(i - 1) * d] = u[(i - 2) * d] + 2f64.powi(-(i as i32)) * scale;
    }
    u
}

#[test]
fn euclidean_trees_are_those_of_the_definition() {
    for (n, d, scale) in [(1, 1, 1.0), (2, 3, 1.0), (90, 1, 1.0), (90, 3, 7.0), (40, 70, 1.0)] {
        let u = points(n, d, scale);
        let u = Matrix::new("u", &u, n, d).unwrap();
        for most in [1, 7, n] {
            let mut trees =
                Level::available().iter().map(|&cpu| check(&mut Boxes::new(cpu, u).unwrap(), most));
            let first = trees.next().unwrap();
            assert!(trees.all(|tree| tree == first));
        }
    }
}

#[test]
fn trees_hold_where_distances_underflow_or_overflow() {
    for scale in [1e-161, 1e-170, 1e160, 1e300] {
        let u = points(60, 2, scale);
        let u = Matrix::new("u", &u, 60, 2).unwrap();
        check(&mut Boxes::new(Level::best(), u).unwrap(), 60);
    }
}

#[test]
fn residual_trees_are_those_of_the_definition() {
    let (n, m) = (110, 5);
    let kernel = Kernel { family: Family::Rbf, variance: 1.0 };
    let u = points(n, 2, 1.0);
    let u = Matrix::new("u", &u, n, 2).unwrap();
    let v: Vec<f32> = sample::<f32>(4, n * m).iter().map(|x| 0.3 * x).collect();
    let v = Matrix::new("v", &v, n, m).unwrap();
    for &cpu in Level::available() {
        for most in [1, 30, n] {
            let points = Points { u, v, p: &vec![0.6; n] };
            let mut space = Correlated::new(cpu, kernel, 1e-9, points).unwrap();
            check(&mut space, most);
            let ids = [7, 3, 7, 100, 0];
            let mut block = [f64::NAN; 25];
            space.block(&ids, &mut block).unwrap();
            let metric = ResidualMetric::new(cpu, kernel, 1e-9, points).unwrap();
            for (at, found) in block.iter().enumerate() {
                let pair = metric.distance_idx(ids[at / 5], ids[at % 5]);
                assert_eq!(found.to_bits(), pair.to_bits());
            }
        }
    }
}

#[test]
fn levels_are_the_largest_below_a_distance() {
    for level in [-538, -27, -1, 0, 1, 511, 1023] {
        let power = reach(level);
        assert_eq!(power, 2f64.powi(level));
        assert_eq!(level_below(power), level - 1);
        assert_eq!(level_below(power.next_up()), level);
        assert_eq!(level_below(power.next_down()), level - 1);
    }
    assert_eq!(level_below(f64::INFINITY), 1023);
}

#[test]
fn a_box_is_never_farther_than_a_point_in_it() {
    for scale in [1.0, 1e-161, 1e155, 1e308] {
        let (n, d) = (64, 3);
        let u = points(n, d, scale / 8.0);
        let u = Matrix::new("u", &u, n, d).unwrap();
        for &cpu in Level::available() {
            let boxes = Boxes::new(cpu, u).unwrap();
            for from in 0..n {
                for (leaf, slots) in boxes.ids().chunks(16).enumerate() {
                    for &to in slots {
                        let distance = squared_distance(u.row(from), u.row(to)).sqrt();
                        assert!(boxes.may_reach(from, leaf, distance), "{from} {to} {distance}");
                    }
                }
            }
            assert!(!boxes.may_reach(boxes.ids()[0], 3, 0.0), "a bound that stops nothing");
        }
    }
}

#[test]
fn a_rank_for_each_point_is_wanted() {
    let u = Matrix::new("u", &[1.0, 2.0], 2, 1).unwrap();
    let mut space = Boxes::new(Level::best(), u).unwrap();
    assert!(Tree::new(&mut space, 1, 2, &[0]).is_err());
    assert!(space.block(&[0, 1], &mut [0.0; 3]).is_err());
    assert!(space.distances(0, &[0, 1], &mut [0.0; 3]).is_err());
}
