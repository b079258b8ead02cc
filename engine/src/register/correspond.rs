//! Which surface point belongs to a touched point.

use kernels::point_to_plane::{LANES, Lanes, NO_SITE, Placement, PointBlocks, Site, Sites};
use rayon::prelude::*;

use super::target::Target;

/// Blocks a thread takes at a time. Fixed, so that the order of the sums does
/// not depend on the number of threads.
pub(super) const CHUNK: usize = 128;

/// Look-up by grid: nanoseconds, off by up to a cell. For the search.
pub(super) struct Coarse<'a>(pub &'a Target);

impl Sites for Coarse<'_> {
    #[inline(always)]
    fn indices(&self, _: usize, at: &[Lanes; 3]) -> [u32; LANES] {
        self.0.grid.nearest_lanes(at)
    }
    #[inline(always)]
    fn sites(&self) -> &[Site] {
        &self.0.sites
    }
}

/// The nearest surface points at some pose, kept while the pose moves little.
pub(super) struct Matched<'a> {
    target: &'a Target,
    indices: Vec<[u32; LANES]>,
}

impl<'a> Matched<'a> {
    /// Finds the nearest surface point of every point that has one within
    /// about `reach_mm`. Cost: 100 ns a point.
    pub fn new(target: &'a Target, points: &PointBlocks, placement: &Placement, reach_mm: f32) -> Self {
        let one = |block: &[Lanes; 3]| {
            let at = placed(block, placement);
            let mut indices = target.grid.nearest_lanes(&at);
            for (lane, index) in indices.iter_mut().enumerate() {
                *index = exact(target, [at[0][lane], at[1][lane], at[2][lane]], *index, reach_mm);
            }
            indices
        };
        let blocks = points.blocks();
        let indices = if blocks.len() <= 2 * CHUNK {
            blocks.iter().map(one).collect()
        } else {
            blocks.par_iter().with_min_len(CHUNK).map(one).collect()
        };
        Self { target, indices }
    }

    /// The surface point of point number `index`.
    pub fn site_of(&self, index: usize) -> Option<(usize, &Site)> {
        let found = *self.indices.get(index / LANES)?.get(index % LANES)? as usize;
        Some((found, self.target.sites.get(found)?))
    }

    /// A surface point near `at`, for points that were too far to match.
    pub fn site_near(&self, at: [f32; 3]) -> Option<(usize, &Site)> {
        let found = self.target.grid.nearest(at)? as usize;
        Some((found, self.target.sites.get(found)?))
    }
}

impl Sites for Matched<'_> {
    #[inline(always)]
    fn indices(&self, block: usize, _: &[Lanes; 3]) -> [u32; LANES] {
        match self.indices.get(block) {
            Some(indices) => *indices,
            None => [NO_SITE; LANES],
        }
    }
    #[inline(always)]
    fn sites(&self) -> &[Site] {
        &self.target.sites
    }
}

fn placed(block: &[Lanes; 3], placement: &Placement) -> [Lanes; 3] {
    let (r, c) = (&placement.rotation, &placement.centre);
    [0, 1, 2].map(|axis| {
        std::array::from_fn(|lane| {
            r[3 * axis] * block[0][lane] + r[3 * axis + 1] * block[1][lane] + r[3 * axis + 2] * block[2][lane] + c[axis]
        })
    })
}

/// The nearest site to `at`, from the grid's answer; `NO_SITE` further than the
/// grid's error beyond `reach_mm`.
fn exact(target: &Target, at: [f32; 3], hint: u32, reach_mm: f32) -> u32 {
    let Some(site) = target.sites.get(hint as usize) else { return NO_SITE };
    let m = &site.point;
    let squared = (at[0] - m[0]).powi(2) + (at[1] - m[1]).powi(2) + (at[2] - m[2]).powi(2);
    if squared > (reach_mm + target.grid.error_mm()).powi(2) {
        return NO_SITE;
    }
    target.cells.nearest(&target.sites, |s| s.point, at, (hint, squared)).0
}
