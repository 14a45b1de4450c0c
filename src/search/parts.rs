//! An index as plain arrays, for a file to hold, and an index made of them again without what building costs.
//!
//! Bases and coordinates are row-major here, and packed for a level there, so that parts move between CPUs. What the reading of memory rests
//! on is checked; what the bounds rest on is taken on trust. Numba twin: none.

use super::bounds::{Certificate, MAX_RANK};
use super::correlate::{Gathered, RowSide};
use super::index::{Index, expect_order};
use super::region::{Limits, Region};
use crate::dot;
use crate::error::Error;
use crate::kernel::Kernel;
use crate::level::Level;
use crate::matrix::{Matrix, Packed, expect_length};
use crate::memory::room;
use crate::metric::Points;
use std::borrow::Cow;

/// To be raised whenever the bounds mean another thing by a part: an index of another revision is built anew.
pub const REVISION: u32 = 1;

const PARTS: &str = "the parts of the index";
/// Numbers of a [`Limits`].
const LIMITS: usize = 8;

/// An index of n points in R regions, of which the i-th has `n_i` points and `r_i` pivots.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts<'a> {
    /// Ids of the points, region after region: (n,).
    pub order: Cow<'a, [i64]>,
    /// `n_i` and `r_i`: (R, 2).
    pub regions: Cow<'a, [i64]>,
    /// Ids of the pivots, region after region: (sum of `r_i`,).
    pub pivots: Cow<'a, [i64]>,
    /// Each region's `A`: (`r_i`, `r_i`), one after the other.
    pub bases: Cow<'a, [f32]>,
    /// Each region's points in its basis: (`n_i`, `r_i`), one after the other.
    pub coordinates: Cow<'a, [f32]>,
    /// `sigma` of each point of the order: (n,).
    pub sigma: Cow<'a, [f32]>,
    /// Each region's limits, in the order of their fields: (R, 8).
    pub limits: Cow<'a, [f32]>,
}

impl Index {
    /// The arrays that [`Index::from_parts`] takes.
    pub fn parts(&self) -> Result<Parts<'static>, Error> {
        let height = dot::rows(self.level);
        let (mut regions, mut sigma, mut limits) = (Vec::new(), Vec::new(), Vec::new());
        let cells: usize = self.shape().map(|(points, rank)| points * rank).sum();
        let (mut bases, mut coordinates) = (Vec::new(), room(PARTS, &[cells])?);
        for region in &self.regions {
            let (points, rank) = (region.points.len(), region.pivots.len());
            regions.extend([points as i64, rank as i64]);
            unpack(&region.basis, rank, height, &mut bases);
            unpack(&region.coordinates, points, height, &mut coordinates);
            sigma.extend_from_slice(&region.sigma);
            limits.extend(numbers(&region.limits));
        }
        let ids = |ids: &[u32]| ids.iter().map(|&id| i64::from(id)).collect::<Vec<_>>();
        Ok(Parts {
            order: ids(&self.order).into(),
            regions: regions.into(),
            pivots: ids(&self.pivot_ids).into(),
            bases: bases.into(),
            coordinates: coordinates.into(),
            sigma: sigma.into(),
            limits: limits.into(),
        })
    }

    /// The index that had these parts, of the same points.
    pub fn from_parts(
        level: Level,
        kernel: Kernel,
        points: Points<f64>,
        certificate: Certificate,
        parts: &Parts<'_>,
    ) -> Result<Self, Error> {
        let n = points.count()?;
        expect_order(&parts.order, n)?;
        let shapes = parts.shapes(n)?;
        let height = dot::rows(level);
        let (mut bases, mut coordinates, mut sigma) =
            (&*parts.bases, &*parts.coordinates, &*parts.sigma);
        let (mut first, mut pivot, mut regions) = (0, 0, Vec::new());
        for (&(size, rank), limits) in shapes.iter().zip(parts.limits.chunks(LIMITS)) {
            let basis = Matrix::new("bases", take(&mut bases, rank * rank), rank, rank)?;
            let own = Matrix::new("coordinates", take(&mut coordinates, size * rank), size, rank)?;
            regions.push(Region {
                points: first..first + size,
                pivots: pivot..pivot + rank,
                basis: Packed::new(basis, height)?,
                coordinates: Packed::new(own, height)?,
                sigma: take(&mut sigma, size).to_vec(),
                limits: named(limits),
            });
            (first, pivot) = (first + size, pivot + rank);
        }
        let mut gathered = Gathered::default();
        gathered.fill(points, parts.pivots.iter().map(|&id| id as usize))?;
        let pivots = RowSide::new(level, &gathered)?;
        let ids = |ids: &[i64]| ids.iter().map(|&id| id as u32).collect::<Vec<_>>();
        let (order, pivot_ids) = (ids(&parts.order), ids(&parts.pivots));
        let sizes = [n, points.v.cols(), points.u.cols()];
        Ok(Self { level, kernel, certificate, order, regions, pivots, pivot_ids, sizes })
    }
}

impl Parts<'_> {
    /// Points and pivots of each region; an error unless every array is as long as these make it, and holds what it may.
    fn shapes(&self, n: usize) -> Result<Vec<(usize, usize)>, Error> {
        let refuse = |name, given: String, wanted: String| Error::Parameter { name, given, wanted };
        let ranks = 0..=MAX_RANK as i64;
        let fits = |pair: &[i64]| pair.len() == 2 && pair[0] > 0 && ranks.contains(&pair[1]);
        if let Some(pair) = self.regions.chunks(2).find(|pair| !fits(pair)) {
            let wanted = format!("a number of points above 0 and of pivots within {ranks:?}");
            return Err(refuse("regions", format!("{pair:?} somewhere"), wanted));
        }
        let shape = |pair: &[i64]| (pair[0] as usize, pair[1] as usize);
        let shapes: Vec<_> = self.regions.chunks(2).map(shape).collect();
        let points = shapes.iter().fold(0_usize, |sum, &(points, _)| sum.saturating_add(points));
        if points != n {
            return Err(refuse("regions", format!("of {points} points"), format!("{n} points")));
        }
        let sum = |of: fn(&(usize, usize)) -> usize| shapes.iter().map(of).sum::<usize>();
        expect_length("pivots", self.pivots.len(), sum(|&(_, rank)| rank))?;
        expect_length("bases", self.bases.len(), sum(|&(_, rank)| rank * rank))?;
        expect_length("coordinates", self.coordinates.len(), sum(|&(n, rank)| n * rank))?;
        expect_length("sigma", self.sigma.len(), n)?;
        expect_length("limits", self.limits.len(), LIMITS * shapes.len())?;
        let outside = |&&id: &&i64| usize::try_from(id).map_or(true, |id| id >= n);
        if let Some(id) = self.pivots.iter().find(outside) {
            return Err(refuse("pivots", format!("{id} somewhere"), format!("ids in 0..{n}")));
        }
        let floats = [
            ("bases", &self.bases),
            ("coordinates", &self.coordinates),
            ("sigma", &self.sigma),
            ("limits", &self.limits),
        ];
        for (name, values) in floats {
            if values.iter().any(|x| x.is_nan()) {
                return Err(refuse(name, "NaN somewhere".into(), "numbers".into()));
            }
        }
        Ok(shapes)
    }
}

/// Cut the front off a slice.
fn take<'a>(rest: &mut &'a [f32], count: usize) -> &'a [f32] {
    let (front, behind) = rest.split_at(count);
    *rest = behind;
    front
}

/// Append rows as they were before they were packed in panels of `width`.
fn unpack(packed: &Packed<f32>, rows: usize, width: usize, out: &mut Vec<f32>) {
    for row in 0..rows {
        let panel = packed.panel(row / width);
        out.extend((0..packed.depth()).map(|k| panel[k * width + row % width]));
    }
}

fn numbers(limits: &Limits) -> [f32; LIMITS] {
    let Limits { sigma, f, excess, h, omega, of_noise, of_rounding, noise } = *limits;
    [sigma, f, excess, h, omega, of_noise, of_rounding, noise]
}

/// The limits of [`numbers`].
fn named(x: &[f32]) -> Limits {
    let &[sigma, f, excess, h, omega, of_noise, of_rounding, noise] = x else {
        unreachable!("chunks of the checked length")
    };
    Limits { sigma, f, excess, h, omega, of_noise, of_rounding, noise }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::sample;
    use crate::kernel::Family;
    use crate::search::soundness::Model;

    fn model() -> (Model, Kernel) {
        let kernel = Kernel { family: Family::Rbf, variance: 1.0 };
        (Model::new(kernel, sample(45, 900 * 2), 20, 2), kernel)
    }

    #[test]
    fn an_index_is_made_of_its_parts_at_any_level() {
        let (model, kernel) = model();
        for &from in Level::available() {
            let index = model.index(from, 250);
            let parts = index.parts().unwrap();
            assert!(!parts.pivots.is_empty());
            for &to in Level::available() {
                let points = model.points();
                let again =
                    Index::from_parts(to, kernel, points, index.certificate, &parts).unwrap();
                assert_eq!(again.parts().unwrap(), parts);
                assert_eq!(again.shape().collect::<Vec<_>>(), index.shape().collect::<Vec<_>>());
                if to == from {
                    assert_eq!(format!("{again:?}"), format!("{index:?}"));
                }
            }
        }
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let (model, kernel) = model();
        let index = model.index(Level::best(), 250);
        let whole = index.parts().unwrap();
        let refused = |change: &dyn Fn(&mut Parts<'_>)| {
            let mut parts = whole.clone();
            change(&mut parts);
            let level = Level::best();
            let points = model.points();
            Index::from_parts(level, kernel, points, index.certificate, &parts).is_err()
        };
        assert!(!refused(&|_| ()));
        let changes: [&dyn Fn(&mut Parts<'_>); 16] = [
            &|parts| parts.order.to_mut()[3] = parts.order[4],
            &|parts| parts.order.to_mut()[0] = -1,
            &|parts| parts.order.to_mut().truncate(3),
            &|parts| parts.regions.to_mut()[0] += 1,
            &|parts| parts.regions.to_mut()[0] = i64::MAX,
            &|parts| parts.regions.to_mut()[0] = -1,
            &|parts| parts.regions.to_mut()[1] += 1,
            &|parts| parts.regions.to_mut()[1] = 129,
            &|parts| parts.regions.to_mut().truncate(3),
            &|parts| parts.pivots.to_mut()[0] = 900,
            &|parts| parts.pivots.to_mut()[0] = -1,
            &|parts| parts.bases.to_mut().truncate(3),
            &|parts| parts.coordinates.to_mut().truncate(3),
            &|parts| parts.sigma.to_mut()[7] = f32::NAN,
            &|parts| parts.limits.to_mut().push(0.0),
            &|parts| parts.regions = Vec::new().into(),
        ];
        for (at, change) in changes.iter().enumerate() {
            assert!(refused(change), "change {at}");
        }
    }
}
