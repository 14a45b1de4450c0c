//! The index: an order of the points cut into regions, and all their pivots side by side.
//!
//! It borrows nothing: u (n, d), V (n, m), p (n,) come again with each search. Beside V it keeps the pivots' rows and a few `float32` a point.

use super::bounds::Certificate;
use super::correlate::{Gathered, RowSide};
use super::region::{Builder, Region};
use crate::environment;
use crate::error::Error;
use crate::kernel::Kernel;
use crate::level::Level;
use crate::memory::room;
use crate::metric::Points;
use rayon::prelude::*;
use std::ops::Range;

const INDEX: &str = "the index";
/// What may be left of a point of the sample that pivots are chosen from.
const TAIL: f64 = 0.15;

/// Bases pay while there is at most one pivot for so many points.
const SHARE: usize = 6;
/// One region in so many is tried before the others are built.
const TRIED: usize = 16;
/// Regions to aim at, and the fewest and the most points of one.
const REGIONS: usize = 64;
const POINTS: (usize, usize) = (512, 2048);

/// Regions of a set of points under one metric.
#[derive(Clone, Debug)]
pub struct Index {
    pub(super) level: Level,
    pub(super) kernel: Kernel,
    pub(super) certificate: Certificate,
    pub(super) order: Vec<u32>,
    pub(super) regions: Vec<Region>,
    pub(super) pivots: RowSide,
    pub(super) pivot_ids: Vec<u32>,
    /// n, m, d.
    pub(super) sizes: [usize; 3],
}

impl Index {
    /// An index of points in an order of their ids, cut before each of `cuts`, or into equal parts. Without a certificate, which says that V
    /// and p are the contract's own, it has no bases, and its searches are scans.
    pub fn build(
        level: Level,
        kernel: Kernel,
        points: Points<f64>,
        order: &[i64],
        cuts: Option<&[i64]>,
        certificate: Option<Certificate>,
    ) -> Result<Self, Error> {
        let n = expect_order(order, points.count()?)?;
        let ranges = if certificate.is_some() { ranges(cuts, n)? } else { Vec::new() };
        let certificate = certificate.unwrap_or_default();
        Builder { level, kernel, points, order, certificate, tail: TAIL }.index(ranges)
    }

    /// The same, without its bases where they are too many to pay. Where some regions tell that, the others are not built.
    pub fn build_paying(
        level: Level,
        kernel: Kernel,
        points: Points<f64>,
        order: &[i64],
        cuts: Option<&[i64]>,
        certificate: Option<Certificate>,
    ) -> Result<Self, Error> {
        let n = expect_order(order, points.count()?)?;
        let ranges = if certificate.is_some() { ranges(cuts, n)? } else { Vec::new() };
        let certificate = certificate.unwrap_or_default();
        let builder = Builder { level, kernel, points, order, certificate, tail: TAIL };
        let some: Vec<_> = ranges.iter().step_by(TRIED).cloned().collect();
        let tried = some.iter().map(Range::len).sum::<usize>();
        if some.len() < ranges.len() && SHARE * builder.index(some)?.pivots() > tried + tried / 4 {
            return builder.index(Vec::new());
        }
        let index = builder.index(ranges)?;
        if index.pays(1) { Ok(index) } else { builder.index(Vec::new()) }
    }

    /// Whether a search for `k` neighbours can be cheaper than a scan: there are bases, their pivots are few, `k` is.
    pub(super) fn pays(&self, k: usize) -> bool {
        let n = self.sizes[0];
        self.pivots() > 0 && SHARE * self.pivots() <= n && SHARE * k <= n
    }

    /// The kernel it was built by.
    #[must_use]
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Bytes beside the points' own arrays.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let [_, m, d] = self.sizes;
        let regions = self.regions.iter().map(|region| {
            let (points, rank) = (region.points.len(), region.pivots.len());
            4 * (points * (rank + 1) + rank * rank)
        });
        8 * self.pivots() * (m + d + 1)
            + 4 * (self.order.len() + self.pivots())
            + regions.sum::<usize>()
    }

    /// How many pivots all regions have.
    #[must_use]
    pub fn pivots(&self) -> usize {
        self.pivots.scale.len()
    }

    /// Regions' sizes and ranks, in order.
    pub fn shape(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.regions.iter().map(|region| (region.points.len(), region.pivots.len()))
    }
}

impl Builder<'_> {
    /// The index of these regions.
    fn index(&self, ranges: Vec<Range<usize>>) -> Result<Index, Error> {
        environment::check()?;
        let Self { level, kernel, points, order, certificate, .. } = *self;
        let built: Result<Vec<_>, Error> = ranges
            .into_par_iter()
            .map(|range| {
                environment::check()?;
                self.build(range)
            })
            .collect();
        let (mut regions, mut positions) = (Vec::new(), Vec::new());
        for (mut region, pivots) in built? {
            region.pivots = positions.len()..positions.len() + pivots.len();
            positions.extend(pivots);
            regions.push(region);
        }
        let pivot_ids: Vec<u32> = positions.iter().map(|&at| order[at] as u32).collect();
        let mut gathered = Gathered::default();
        gathered.fill(points, pivot_ids.iter().map(|&id| id as usize))?;
        let pivots = RowSide::new(level, &gathered)?;
        let mut ids = room(INDEX, &[order.len()])?;
        ids.extend(order.iter().map(|&id| id as u32));
        let sizes = [order.len(), points.v.cols(), points.u.cols()];
        Ok(Index { level, kernel, certificate, order: ids, regions, pivots, pivot_ids, sizes })
    }
}

/// The ranges between cuts, which begin at 0 and ascend; equal parts of `0..n` without cuts.
fn ranges(cuts: Option<&[i64]>, n: usize) -> Result<Vec<Range<usize>>, Error> {
    let size = (n / REGIONS).clamp(POINTS.0, POINTS.1);
    let Some(cuts) = cuts else {
        return Ok((0..n).step_by(size).map(|start| start..(start + size).min(n)).collect());
    };
    let ascend = cuts.windows(2).all(|pair| pair[0] < pair[1]);
    if cuts.first() == Some(&0) && ascend && cuts.last() < Some(&(n as i64)) {
        let ends = cuts[1..].iter().map(|&end| end as usize).chain([n]);
        return Ok(cuts.iter().map(|&start| start as usize).zip(ends).map(|(a, b)| a..b).collect());
    }
    let given = format!("{} cuts, {:?} first and {:?} last", cuts.len(), cuts.first(), cuts.last());
    let wanted = format!("0 first, then ascending, all below {n}");
    Err(Error::Parameter { name: "cuts", given, wanted })
}

/// `n`, or an error unless each of `0..n` stands once in the order.
pub(super) fn expect_order(order: &[i64], n: usize) -> Result<usize, Error> {
    let mut seen = vec![false; n];
    let fresh = |&id: &i64| {
        let seen = usize::try_from(id).ok().and_then(|id| seen.get_mut(id));
        seen.is_some_and(|seen| !std::mem::replace(seen, true))
    };
    let given = match order.iter().position({
        let mut fresh = fresh;
        move |id| !fresh(id)
    }) {
        None if order.len() == n && u32::try_from(n).is_ok() => return Ok(n),
        None => format!("of {} ids", order.len()),
        Some(at) => format!("{} at {at}", order[at]),
    };
    Err(Error::Parameter { name: "order", given, wanted: format!("each of 0..{n} once") })
}
