//! What a query is after: its k nearest points, or all within a radius.
//!
//! A point is offered by its distance and id, and kept as one integer that orders as (distance, id) does, since no distance is
//! negative: the distance's bits above, the id below. Numba twin: none; the oracle sorts.

use crate::error::Error;
use crate::memory::{refusal, room, zeros};

/// What is asked to keep up to here by insertion; more, by a heap.
const FEW: usize = 64;
/// No point: the largest key, at infinity and with id -1.
const NONE: u128 = key(f64::INFINITY, u64::MAX);
/// What goals ask memory for.
const FOUND: &str = "the neighbours found";

const fn key(distance: f64, id: u64) -> u128 {
    (distance.to_bits() as u128) << 64 | id as u128
}

/// Distance and id of a key.
pub(super) fn pair(key: u128) -> (f64, i64) {
    (f64::from_bits((key >> 64) as u64), key as i64)
}

/// A bound on squared distances `s` whose rounded root is at most `distance`: such a root's preimage ends below the midpoint to the
/// next float, so `s` is below that float's square, hence at most the square rounded.
pub(super) fn reach(distance: f64) -> f64 {
    let beyond = distance.next_up();
    beyond * beyond
}

/// A query's answer in the making.
pub(super) trait Goal {
    /// No point whose squared distance is above this can change the answer.
    fn reach(&self) -> f64;
    /// Take a point if it belongs to the answer so far.
    fn offer(&mut self, distance: f64, id: u32);
}

/// The k smallest (distance, id): descending while they are few, else a heap; the first is the worst either way.
#[derive(Clone, Debug)]
pub(super) struct Nearest {
    keys: Vec<u128>,
    reach: f64,
}

impl Nearest {
    pub(super) fn new(k: usize) -> Result<Self, Error> {
        let mut keys = zeros(FOUND, &[k])?;
        keys.fill(NONE);
        Ok(Self { keys, reach: f64::INFINITY })
    }

    /// Write them ascending, -1 and infinity where there are fewer, and forget them.
    pub(super) fn write(&mut self, indices: &mut [i64], distances: &mut [f64]) {
        self.keys.sort_unstable();
        for (&key, (i, d)) in self.keys.iter().zip(indices.iter_mut().zip(distances)) {
            (*d, *i) = pair(key);
        }
        self.keys.fill(NONE);
        self.reach = f64::INFINITY;
    }

    /// Put a key in the place of the worst.
    #[inline(always)]
    fn replace_worst(&mut self, key: u128) {
        let keys = &mut self.keys[..];
        let (mut at, few) = (0, keys.len() <= FEW);
        loop {
            let mut next = if few { at + 1 } else { 2 * at + 1 };
            if !few && next + 1 < keys.len() && keys[next + 1] > keys[next] {
                next += 1;
            }
            if next >= keys.len() || keys[next] < key {
                break;
            }
            keys[at] = keys[next];
            at = next;
        }
        keys[at] = key;
    }
}

impl Goal for Nearest {
    #[inline(always)]
    fn reach(&self) -> f64 {
        self.reach
    }

    #[inline(always)]
    fn offer(&mut self, distance: f64, id: u32) {
        let key = key(distance, u64::from(id));
        if key < self.keys[0] {
            self.replace_worst(key);
            self.reach = reach(pair(self.keys[0]).0);
        }
    }
}

/// All points within a radius.
#[derive(Clone, Debug)]
pub(super) struct Ball {
    radius: f64,
    reach: f64,
    keys: Vec<u128>,
    full: bool,
}

impl Ball {
    pub(super) fn new(radius: f64) -> Self {
        Self { radius, reach: reach(radius), keys: Vec::new(), full: false }
    }

    /// Put the hits in order; an error if there was no memory for all.
    pub(super) fn sort(&mut self) -> Result<(), Error> {
        if self.full {
            return Err(refusal::<u128>(FOUND, &[2, self.keys.len()]));
        }
        self.keys.sort_unstable();
        Ok(())
    }

    /// The hits, in the order of [`Ball::sort`].
    pub(super) fn keys(&self) -> &[u128] {
        &self.keys
    }
}

impl Goal for Ball {
    #[inline(always)]
    fn reach(&self) -> f64 {
        self.reach
    }

    #[inline(always)]
    fn offer(&mut self, distance: f64, id: u32) {
        if distance <= self.radius {
            self.full |=
                self.keys.len() == self.keys.capacity() && self.keys.try_reserve(1).is_err();
            if !self.full {
                self.keys.push(key(distance, u64::from(id)));
            }
        }
    }
}

/// As many goals as there are queries, each made from its query's number.
pub(super) fn goals<G>(
    count: usize,
    mut make: impl FnMut(usize) -> Result<G, Error>,
) -> Result<Vec<G>, Error> {
    let mut goals = room(FOUND, &[count])?;
    for query in 0..count {
        goals.push(make(query)?);
    }
    Ok(goals)
}
