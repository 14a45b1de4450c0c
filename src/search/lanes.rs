//! A group of queries in the lanes of a tile: their coordinates in each region's basis, and what those rule out.
//!
//! A group is as wide as the level's `float32` tile. Arrays are (row, lane), a row a pivot, a region or a point. Every bound is that of
//! [`super::bounds`], a sum of positive `float32` terms pushed up.

use super::bounds::{U32, UP};
use super::region::Region;
use crate::dot::{Tile, tile};
use crate::level::Routine;
use crate::numeric::Real;
use crate::simd::{MAX_ROWS, Simd, VECTORS, Vector};

/// More than rounding adds to `|g.f| + t sigma`, and than what is left of `float64` roundings.
const SPECK: f32 = 1e-6;

/// What a region and a group's queries make of each other; a value a lane.
#[derive(Debug)]
pub(super) struct Meeting<'a> {
    /// `|g|`.
    pub norm: &'a mut [f32],
    /// At least `|e_q|`.
    pub t: &'a mut [f32],
    /// All that a bound adds to `|g.f| + t sigma`.
    pub slack: &'a mut [f32],
    /// No point of the region has a larger `|rho|`.
    pub reach: &'a mut [f32],
}

/// Coordinates `g = A c` of a group, from its correlations with the region's pivots, and the meeting's bounds.
pub(super) struct Meet<'a> {
    pub region: &'a Region,
    /// (r, lane).
    pub correlations: &'a [f32],
    /// (r, lane), written.
    pub coordinates: &'a mut [f32],
    /// `1 / sqrt(p)` of the queries, at least.
    pub scale: &'a [f32],
    /// `noise / p` of the queries, at least.
    pub own: &'a [f32],
    pub meeting: Meeting<'a>,
}

impl Routine for Meet<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(mut self) {
        let (lanes, rank) = (S::F32::LANES, self.region.pivots.len());
        let width = VECTORS * lanes;
        assert!(self.correlations.len() == rank * width && self.coordinates.len() == rank * width);
        for (p, start) in (0..rank).step_by(S::ROWS).enumerate() {
            let depth = rank.min(start + S::ROWS); // beyond it, A is zero
            // SAFETY: the panel has `depth` columns and more, the correlations `rank` rows of the tile's width.
            unsafe {
                let zero: Tile<S, f32> = [[S::F32::splat(0.0); VECTORS]; MAX_ROWS];
                let basis = self.region.basis.panel(p).as_ptr();
                let acc = tile::<S, f32, false>(basis, self.correlations.as_ptr(), depth, zero);
                for (r, row) in acc.iter().enumerate().take(S::ROWS.min(rank - start)) {
                    for (v, x) in row.iter().enumerate() {
                        let at = (start + r) * width + v * lanes;
                        x.store(self.coordinates[at..at + lanes].as_mut_ptr());
                    }
                }
            }
        }
        for v in 0..VECTORS {
            // SAFETY: the level is the caller's promise.
            unsafe { self.bound::<S>(v * lanes, width) }
        }
    }
}

impl Meet<'_> {
    /// The bounds of the lanes from `at` on.
    ///
    /// # Safety
    /// The CPU has the level of `S`.
    #[inline(always)]
    unsafe fn bound<S: Simd>(&mut self, at: usize, width: usize) {
        let rank = self.region.pivots.len();
        let limits = &self.region.limits;
        let rounding = ((rank as f64 + 8.0) * U32) as f32 * UP;
        // SAFETY: the caller's promise; each slice below is checked to hold a vector.
        unsafe {
            let c = |x: f32| S::F32::splat(x);
            let load = |x: &[f32]| S::F32::load(x[at..at + S::F32::LANES].as_ptr());
            let (up, one) = (c(UP), c(1.0));
            let mut square = c(0.0);
            for row in self.coordinates.chunks_exact(width) {
                let g = load(row);
                square = g.fma(g, square);
            }
            let norm = square.fma(c(rounding), square).sqrt().mul(up);
            let theta = load(self.scale).fma(c(limits.of_noise), c(limits.of_rounding)).mul(up);
            let h = norm.fma(c(limits.omega), theta).mul(up);
            // |e_q|^2: 1 + noise / p - |g|^2 + omega |g|^2 + 2 |g| h
            let mut more = norm.mul(c(limits.omega)).fma(norm, load(self.own));
            more = norm.add(norm).fma(h, more);
            more = square.add(one).fma(c(rounding), more).mul(up);
            let left = one.sub(square).max(c(0.0)).add(more);
            let t = left.sqrt().mul(up);
            // |g| (omega |f| + H) + |f| h + noise of the pair, and the rounding of g.f
            let of_g = (limits.omega * limits.f + limits.h + rounding * limits.f) * UP;
            let mut slack = norm.fma(c(of_g), h.mul(c(limits.f)));
            slack = load(self.scale).fma(c(limits.noise), slack).add(c(SPECK)).mul(up);
            // the largest |g| sqrt(1 + excess - s^2) + t s for s up to sigma
            let all = (1.0 + limits.excess) * UP;
            let length = norm.fma(norm, t.mul(t)).add(c(f32::MIN_POSITIVE)).sqrt();
            let best = t.mul(c(all.sqrt())).div(length);
            let s = c(limits.sigma).min(best);
            let rest = s.neg_fma(s, c(all)).max(c(0.0)).sqrt().mul(up);
            let reach = norm.mul(rest).add(t.mul(s)).mul(up).add(slack).mul(up);
            let out = &mut self.meeting;
            norm.store(out.norm[at..at + S::F32::LANES].as_mut_ptr());
            t.store(out.t[at..at + S::F32::LANES].as_mut_ptr());
            slack.store(out.slack[at..at + S::F32::LANES].as_mut_ptr());
            reach.store(out.reach[at..at + S::F32::LANES].as_mut_ptr());
        }
    }
}

/// `|g.f|` of every point of a region: (point, lane).
pub(super) struct Scores<'a> {
    pub region: &'a Region,
    pub coordinates: &'a [f32],
    pub out: &'a mut [f32],
}

impl Routine for Scores<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let width = VECTORS * S::F32::LANES;
        let rank = self.region.pivots.len();
        assert!(self.coordinates.len() == rank * width);
        for (p, rows) in self.out.chunks_mut(S::ROWS * width).enumerate() {
            // SAFETY: the panel has `rank` columns, the coordinates `rank` rows of the tile's width.
            let acc = unsafe { scores::<S>(self.region, p, self.coordinates) };
            for (row, acc) in rows.chunks_exact_mut(width).zip(&acc) {
                for (lanes, x) in row.chunks_exact_mut(S::F32::LANES).zip(acc) {
                    // SAFETY: a chunk has a vector's lanes.
                    unsafe { x.abs().store(lanes.as_mut_ptr()) }
                }
            }
        }
    }
}

/// `g.f` of a panel of points.
///
/// # Safety
/// `coordinates` has as many rows of the tile's width as the region has pivots; the CPU has the level of `S`.
#[inline(always)]
unsafe fn scores<S: Simd>(region: &Region, p: usize, coordinates: &[f32]) -> Tile<S, f32> {
    // SAFETY: the caller's promise.
    unsafe {
        let zero: Tile<S, f32> = [[S::F32::splat(0.0); VECTORS]; MAX_ROWS];
        let points = region.coordinates.panel(p).as_ptr();
        tile::<S, f32, false>(points, coordinates.as_ptr(), region.pivots.len(), zero)
    }
}

/// Points of a region that may be near enough to some lane: their row, and the lanes as bits.
pub(super) struct Sieve<'a> {
    pub region: &'a Region,
    pub coordinates: &'a [f32],
    pub t: &'a [f32],
    /// A lane takes points whose `|g.f| + t sigma` is not below this.
    pub least: &'a [f32],
    /// Has room for every point.
    pub hits: &'a mut Vec<(u32, u64)>,
}

impl Routine for Sieve<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let lanes = S::F32::LANES;
        let width = VECTORS * lanes;
        assert!(self.coordinates.len() == self.region.pivots.len() * width);
        assert!(self.t.len() == width && self.least.len() == width);
        for (p, sigmas) in self.region.sigma.chunks(S::ROWS).enumerate() {
            // SAFETY: the panel has `rank` columns, the coordinates `rank` rows of the tile's width, `t` and `least` one.
            unsafe {
                let acc = scores::<S>(self.region, p, self.coordinates);
                for (r, &sigma) in sigmas.iter().enumerate() {
                    let sigma = S::F32::splat(sigma);
                    let mut mask = 0_u64;
                    for (v, x) in acc[r].iter().enumerate() {
                        let t = S::F32::load(self.t.as_ptr().add(v * lanes));
                        let least = S::F32::load(self.least.as_ptr().add(v * lanes));
                        let bound = t.fma(sigma, x.abs());
                        mask |= u64::from(bound.reaches(least)) << (v * lanes);
                    }
                    if mask != 0 {
                        self.hits.push(((p * S::ROWS + r) as u32, mask));
                    }
                }
            }
        }
    }
}

/// The width of a group.
pub(super) struct Width;

impl Routine for Width {
    /// Lanes of `f32` in a tile, lanes of one `f64` vector.
    type Output = (usize, usize);

    #[inline(always)]
    unsafe fn run<S: Simd>(self) -> (usize, usize) {
        (VECTORS * <f32 as Real>::Vector::<S>::LANES, S::F64::LANES)
    }
}
