//! One group of queries: lanes of a tile, in a workspace that is used again.
//!
//! [`Workspace::prepare`] finds every pivot's correlation with every query, and from them coordinates and bounds; `sift.rs` searches with them.

use super::bounds::above;
use super::correlate::{ColumnSide, Gathered, correlate};
use super::index::Index;
use super::lanes::{Meet, Meeting, Scores, Width};
use super::sift::Queue;
use crate::dot;
use crate::error::Error;
use crate::memory::zeros;
use crate::metric::Points;

pub(super) const WORKSPACE: &str = "a task's workspace";
/// Rows of pivots that are correlated at a time, about.
const PIVOTS: usize = 96;

/// What all groups share.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub index: &'a Index,
    pub points: Points<'a, f64>,
    pub queries: Points<'a, f64>,
    /// `eps * eps`.
    pub floor: f64,
    /// Points that may pass a query's bounds before it is given up.
    pub patience: usize,
}

/// A group's arrays; those with two sizes are (row, lane).
pub(super) struct Workspace {
    pub(super) width: usize,
    pub(super) vector: usize,
    pub(super) gathered: Gathered,
    pub(super) columns: ColumnSide,
    pub(super) kernels: Vec<f64>,
    pub(super) block: Vec<f64>,
    pub(super) correlations: Vec<f32>,
    pub(super) coordinates: Vec<f32>,
    pub(super) norm: Vec<f32>,
    pub(super) t: Vec<f32>,
    pub(super) slack: Vec<f32>,
    pub(super) reach: Vec<f32>,
    pub(super) scale: Vec<f32>,
    pub(super) own: Vec<f32>,
    pub(super) scores: Vec<f32>,
    pub(super) hits: Vec<(u32, u64)>,
    /// What a lane asks for.
    pub(super) least: Vec<f32>,
    /// How many points passed for a lane.
    pub(super) passed: Vec<usize>,
    pub(super) keys: Vec<Vec<u64>>,
    pub(super) queues: Vec<Queue>,
    pub(super) distances: Vec<f64>,
}

impl Workspace {
    pub(super) fn new(index: &Index) -> Result<Self, Error> {
        // SAFETY: the routine only looks at constants.
        let (width, vector) = unsafe { index.level.run(Width) };
        let (n, regions, pivots) = (index.sizes[0], index.regions.len(), index.pivots());
        let most = index.regions.iter().map(|region| region.points.len()).max().unwrap_or(0);
        let block = PIVOTS.next_multiple_of(dot::rows(index.level));
        let lanes = |rows| zeros::<f32>(WORKSPACE, &[rows, width]);
        let mut queues = Vec::new();
        for _ in 0..width / vector {
            let seen = zeros(WORKSPACE, &[n.div_ceil(64)])?;
            queues.push(Queue { seen, ids: Vec::new(), all: Vec::new() });
        }
        Ok(Self {
            width,
            vector,
            gathered: Gathered::default(),
            columns: ColumnSide::empty(index.level),
            kernels: Vec::new(),
            block: zeros(WORKSPACE, &[block, width])?,
            correlations: lanes(pivots)?,
            coordinates: lanes(pivots)?,
            norm: lanes(regions)?,
            t: lanes(regions)?,
            slack: lanes(regions)?,
            reach: lanes(regions)?,
            scale: lanes(1)?,
            own: lanes(1)?,
            scores: lanes(most)?,
            hits: Vec::new(),
            least: vec![f32::INFINITY; width],
            passed: vec![0; width],
            keys: vec![Vec::new(); width],
            queues,
            distances: Vec::new(),
        })
    }

    /// How many queries make a group.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Coordinates and bounds of some queries; lanes past them repeat the last.
    pub(super) fn prepare(&mut self, job: &Job, rows: &[usize]) -> Result<(), Error> {
        let last = rows.len() - 1;
        self.gathered.fill(job.queries, (0..self.width).map(|lane| rows[lane.min(last)]))?;
        self.columns.fill(&self.gathered)?;
        let noise = job.index.certificate.noise;
        for (lane, &scale) in self.gathered.scale.iter().enumerate() {
            self.scale[lane] = above(scale * (1.0 + 1e-12));
            self.own[lane] = above(noise * scale * scale * (1.0 + 1e-12) + 1e-12);
        }
        self.correlate(job.index)?;
        self.meet(job.index);
        Ok(())
    }

    /// Correlations of the group with all pivots.
    fn correlate(&mut self, index: &Index) -> Result<(), Error> {
        let width = self.width;
        let blocks = self.correlations.chunks_mut(self.block.len());
        for (first, out) in (0..).step_by(self.block.len() / width).zip(blocks) {
            let block = &mut self.block[..out.len()];
            let rows = (&index.pivots, first);
            correlate(index.level, index.kernel, rows, &self.columns, &mut self.kernels, block)?;
            out.iter_mut().zip(block).for_each(|(x, wide)| *x = *wide as f32);
        }
        Ok(())
    }

    /// Coordinates and bounds of the group in all regions.
    fn meet(&mut self, index: &Index) {
        let width = self.width;
        for (r, region) in index.regions.iter().enumerate() {
            let rows = region.pivots.start * width..region.pivots.end * width;
            let lanes = r * width..(r + 1) * width;
            let meet = Meet {
                region,
                correlations: &self.correlations[rows.clone()],
                coordinates: &mut self.coordinates[rows],
                scale: &self.scale,
                own: &self.own,
                meeting: Meeting {
                    norm: &mut self.norm[lanes.clone()],
                    t: &mut self.t[lanes.clone()],
                    slack: &mut self.slack[lanes.clone()],
                    reach: &mut self.reach[lanes],
                },
            };
            // SAFETY: panels have the level's heights, arrays the width of its tile.
            unsafe { index.level.run(meet) }
        }
    }

    /// `|g.f|` of a region's points.
    pub(super) fn score(&mut self, index: &Index, r: usize) {
        let region = &index.regions[r];
        let rows = region.pivots.start * self.width..region.pivots.end * self.width;
        let out = &mut self.scores[..region.points.len() * self.width];
        // SAFETY: panels have the level's heights, arrays the width of its tile.
        unsafe {
            index.level.run(Scores { region, coordinates: &self.coordinates[rows], out });
        }
    }
}
