//! The compressed cover tree: nested nets of the points, from one root down, each point once.
//!
//! # Definition
//! The net of level `i` is a set of points, its centres, pairwise more than `2^i` apart, such that every point lies within `2^i` of one.
//! The root alone is the net of the lowest level that holds all. From there, with `D` the largest distance of a point to its nearest
//! centre, the next net that can differ is that of the largest `i` with `2^i < D`. It keeps the centres it finds, and the points that lie
//! beyond `2^i` of all of them come by priority, `SplitMix64` draws in order of id, ties to the lower id: each that no earlier
//! one of its level covers joins. A centre's `level` is that of the net it joined; its parent is the nearest centre of the net above, ties to
//! the lower id. The nets end where all other points lie at distance 0 of a centre, or before the first one of more than `max_centres`:
//! the points that never joined have [`NEVER`] for a level, and their nearest centre for a parent.
//!
//! So the tree is a function of the distances and the seed alone: no order of work, no thread, no bound that skips a distance decides
//! anything. All comparisons are those of the contract's rounded distances; no law of a metric is asked for, float32 keeps none.
//!
//! # Layout
//! `order` is depth first, each node before its descendants, children by ascending level and then by `rank`: the points below a node
//! are one range of it, and so are those below it at any one level, a prefix of that range.
//! Numba twin: `grow`, `assemble` in `covertreex/search/_tree_numba.py`.

mod boxes;
mod residual;
#[cfg(test)]
mod tests;

pub use boxes::Boxes;
pub use residual::Correlated;

use crate::draws::SplitMix64;
use crate::environment;
use crate::error::Error;
use crate::matrix::expect_length;
use crate::memory::{room, zeros};
use rayon::prelude::*;

/// The level of a point that is the centre of no net.
pub const NEVER: i32 = i32::MIN;
/// Points that are asked at a time whether they join; changes no tree.
const BATCH: usize = 256;
/// Distances of one task.
const TASK: usize = 4096;
/// What a tree asks memory for.
const TREE: &str = "the tree";

/// A tree over n points, all arrays by id.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// Ids, depth first.
    pub order: Vec<i64>,
    /// The parent's id; -1 for the root.
    pub parent: Vec<i64>,
    /// The level of the net that the point joined, or [`NEVER`].
    pub level: Vec<i32>,
    /// Where the point stands in `order`.
    pub first: Vec<i64>,
    /// Where its descendants end in `order`.
    pub last: Vec<i64>,
    /// The largest distance from the point to one of its descendants.
    pub radius: Vec<f64>,
    /// Points that never joined lie within `2^floor` of their parent; [`NEVER`], for distance 0, in a tree that is complete.
    pub floor: i32,
}

/// The nearest centre of each slot so far: the smallest (distance, id).
#[derive(Clone, Debug)]
pub struct Nearest {
    distance: Vec<f64>,
    centre: Vec<usize>,
}

impl Nearest {
    fn new(n: usize) -> Result<Self, Error> {
        let mut distance = room(TREE, &[n])?;
        distance.resize(n, f64::INFINITY);
        let mut centre = room(TREE, &[n])?;
        centre.resize(n, usize::MAX); // after every id, so that a first centre at infinity is taken
        Ok(Self { distance, centre })
    }

    fn offer(&mut self, slot: usize, distance: f64, centre: usize) {
        offer(&mut self.distance[slot], &mut self.centre[slot], distance, centre);
    }
}

#[inline(always)]
fn offer(best: &mut f64, best_centre: &mut usize, distance: f64, centre: usize) {
    if distance < *best || (distance == *best && centre < *best_centre) {
        (*best, *best_centre) = (distance, centre);
    }
}

/// Points under a metric, in slots of its own order.
pub trait Space: Sync {
    /// The id of the point in each slot.
    fn ids(&self) -> &[usize];
    /// The nearest centre of each slot.
    fn nearest(&mut self) -> &mut Nearest;
    /// Offer centres, given by id, to all slots.
    fn relax(&mut self, centres: &[usize]) -> Result<(), Error>;
    /// Distances among some points, given by id, row after row.
    fn block(&self, ids: &[usize], out: &mut [f64]) -> Result<(), Error>;
    /// Distances from a point to others, all given by id.
    fn distances(&self, from: usize, to: &[usize], out: &mut [f64]) -> Result<(), Error>;
}

impl Tree {
    /// The tree of these points; siblings of a level stand by `rank`, one number for each id.
    pub fn new(
        space: &mut impl Space,
        seed: u64,
        max_centres: usize,
        rank: &[i64],
    ) -> Result<Self, Error> {
        environment::check()?;
        expect_length("rank", rank.len(), space.ids().len())?;
        let (parent, level, floor) = grow(space, seed, max_centres)?;
        let mut tree = assemble(parent, level, floor, rank)?;
        tree.radius = radii(space, &tree)?;
        Ok(tree)
    }
}

/// All slots by priority, first to last.
fn by_priority(ids: &[usize], seed: u64) -> Result<Vec<usize>, Error> {
    let n = ids.len();
    let (mut generator, mut draws) = (SplitMix64::new(seed), room(TREE, &[n])?);
    draws.extend((0..n).map(|_| generator.draw()));
    let mut slots = room(TREE, &[n])?;
    slots.extend(0..n);
    slots.par_sort_unstable_by_key(|&slot: &usize| (draws[ids[slot]], ids[slot]));
    Ok(slots)
}

/// The largest `i` with `2^i < distance`, which is above 0, so never subnormal: it is a square root.
fn level_below(distance: f64) -> i32 {
    let bits = distance.to_bits();
    (bits >> 52) as i32 - 1023 - i32::from(bits << 12 == 0)
}

/// `2^level`, for a level that [`level_below`] gives.
fn reach(level: i32) -> f64 {
    f64::from_bits(((level + 1023) as u64) << 52)
}

/// Nets from the root down: parents and levels by id, and the floor.
fn grow(
    space: &mut impl Space,
    seed: u64,
    max_centres: usize,
) -> Result<(Vec<i64>, Vec<i32>, i32), Error> {
    let n = space.ids().len();
    let mut parent = room(TREE, &[n])?;
    parent.resize(n, -1);
    let mut level = room(TREE, &[n])?;
    level.resize(n, NEVER);
    let mut waiting = by_priority(space.ids(), seed)?;
    let Some(&root) = waiting.first() else { return Ok((parent, level, NEVER)) };
    let (slot, root) = (root, space.ids()[root]);
    space.nearest().offer(slot, 0.0, root); // whatever a float32 distance to itself may be
    space.relax(&[root])?;
    let (mut floor, mut centres) = (NEVER, 1);
    let mut above = zeros(TREE, &[n])?;
    level[root] = 0;
    loop {
        above.copy_from_slice(&space.nearest().centre);
        let distance = &space.nearest().distance;
        waiting.retain(|&slot| distance[slot] > 0.0);
        let farthest = waiting.iter().map(|&slot| distance[slot]).fold(0.0, f64::max);
        if farthest == 0.0 {
            break;
        }
        let next = level_below(farthest);
        if centres == 1 {
            level[root] = next + 1;
        }
        let joined = net(space, &waiting, reach(next), max_centres.saturating_sub(centres))?;
        let Some(joined) = joined else {
            floor = next + 1;
            break;
        };
        centres += joined.len();
        for slot in joined {
            let id = space.ids()[slot];
            (parent[id], level[id]) = (above[slot] as i64, next);
        }
    }
    for (&id, &centre) in space.ids().iter().zip(&above) {
        if level[id] == NEVER {
            parent[id] = centre as i64;
        }
    }
    Ok((parent, level, floor))
}

/// The slots that join a net: by priority, each of `waiting` beyond `reach` of all centres; `None` if they are more than `most`.
fn net(
    space: &mut impl Space,
    waiting: &[usize],
    reach: f64,
    most: usize,
) -> Result<Option<Vec<usize>>, Error> {
    let mut joined = Vec::new();
    let mut waiting = waiting.iter().copied();
    loop {
        let distance = &space.nearest().distance;
        let batch: Vec<_> =
            waiting.by_ref().filter(|&slot| distance[slot] > reach).take(BATCH).collect();
        if batch.is_empty() {
            return Ok(Some(joined));
        }
        let joining = apart(space, &batch, reach)?;
        if joined.len() + joining.len() > most {
            return Ok(None);
        }
        let mut ids: Vec<_> = joining.iter().map(|&slot| space.ids()[slot]).collect();
        ids.sort_unstable();
        for &slot in &joining {
            let id = space.ids()[slot];
            space.nearest().offer(slot, 0.0, id);
        }
        space.relax(&ids)?;
        joined.extend(joining);
    }
}

/// Those of a batch that no earlier one of these covers.
fn apart(space: &impl Space, batch: &[usize], reach: f64) -> Result<Vec<usize>, Error> {
    let n = batch.len();
    let ids: Vec<_> = batch.iter().map(|&slot| space.ids()[slot]).collect();
    let mut block = zeros(TREE, &[n, n])?;
    space.block(&ids, &mut block)?;
    let mut joining: Vec<usize> = Vec::with_capacity(n); // places in the batch
    for (at, row) in block.chunks(n).enumerate() {
        if joining.iter().all(|&earlier| row[earlier] > reach) {
            joining.push(at);
        }
    }
    Ok(joining.into_iter().map(|at| batch[at]).collect())
}

/// Lay the nodes out depth first.
fn assemble(parent: Vec<i64>, level: Vec<i32>, floor: i32, rank: &[i64]) -> Result<Tree, Error> {
    let n = parent.len();
    let mut ascending = room(TREE, &[n])?; // so that children come before their parents
    ascending.extend(0..n);
    ascending.par_sort_unstable_by_key(|&id: &usize| (level[id], rank[id], id));
    let (mut first, mut last) = (zeros(TREE, &[n])?, room(TREE, &[n])?);
    last.resize(n, 1_i64); // how many points lie below a node, itself among them
    for &id in &ascending {
        if let Ok(above) = usize::try_from(parent[id]) {
            first[id] = last[above]; // how far behind its parent it stands
            last[above] += last[id];
        }
    }
    let mut order = zeros(TREE, &[n])?;
    for &id in ascending.iter().rev() {
        if let Ok(above) = usize::try_from(parent[id]) {
            first[id] += first[above];
        }
        last[id] += first[id];
        order[first[id] as usize] = id as i64;
    }
    Ok(Tree { order, parent, level, first, last, radius: Vec::new(), floor })
}

/// The largest distance from each node to its descendants, by id.
fn radii(space: &impl Space, tree: &Tree) -> Result<Vec<f64>, Error> {
    let mut radii = zeros(TREE, &[tree.order.len()])?;
    radii.par_iter_mut().enumerate().try_for_each(|(id, radius)| {
        let below = &tree.order[tree.first[id] as usize + 1..tree.last[id] as usize];
        let tasks = below.par_chunks(TASK).map(|task| {
            environment::check()?;
            let to: Vec<_> = task.iter().map(|&id| id as usize).collect();
            let mut row = vec![0.0; to.len()];
            space.distances(id, &to, &mut row)?;
            Ok(row.into_iter().fold(0.0, f64::max))
        });
        *radius = tasks.try_reduce(|| 0.0, |a, b| Ok(a.max(b)))?;
        Ok(())
    })?;
    Ok(radii)
}
