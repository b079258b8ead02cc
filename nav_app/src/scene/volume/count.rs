//! How much work the rays of one eye are, counted and not timed.
//!
//! Walks the same rays as `volume.wgsl`, on the processor, for a grid of pixels;
//! from the counts follows what a graphics card would have to do, whether or not
//! there is one here.

use bevy::math::{Mat4, Vec3};
use engine::case::Case;
use engine::volume::BLOCK;
use geom::Point;

use super::super::units::SceneFrame;
use super::transfer::{ENTRIES, HIGHEST_HU, LOWEST_HU, Preset, VisibleRanges};
use super::{clip::ClipBox, step_mm, texture};

/// Opacity at which a ray ends; see `volume.wgsl`.
const OPAQUE: f32 = 0.97;

/// Work of an eye's rays, each a mean over all its pixels.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct RayWork {
    /// Pixels looked at.
    pub pixels: u32,
    /// Share of them whose ray meets the box.
    pub share_in_box: f32,
    /// Reads of the table of empty blocks.
    pub block_reads: f32,
    /// Interpolated reads of HU, those of gradients left out.
    pub samples: f32,
    /// Samples that were seen and shaded: six more reads each.
    pub shaded: f32,
}

impl RayWork {
    /// Interpolated reads of HU a pixel.
    #[must_use]
    pub const fn reads(&self) -> f32 {
        self.samples + 6.0 * self.shaded
    }
}

/// Counts for an eye at `eye` (scene, m) that looks at the middle of the spine
/// with `across_rad` from side to side, `side` by `side` pixels.
#[must_use]
pub fn count(case: &Case, preset: &Preset, clip: ClipBox, eye: Vec3, across_rad: f32, side: u16) -> RayWork {
    let frame = SceneFrame::new(middle(case));
    let rays = Rays::new(case, preset, clip, &frame);
    let turn = bevy::prelude::Transform::from_translation(eye).looking_at(Vec3::ZERO, Vec3::Y).rotation;
    let reach = (0.5 * across_rad).tan();
    let mut total = RayWork { pixels: u32::from(side) * u32::from(side), ..RayWork::default() };
    let at = |i: u16| ((f32::from(i) + 0.5) / f32::from(side) * 2.0 - 1.0) * reach;
    for row in 0..side {
        for column in 0..side {
            rays.walk(eye, turn * Vec3::new(at(column), at(row), -1.0).normalize(), &mut total);
        }
    }
    let pixels = total.pixels.max(1) as f32;
    for sum in [&mut total.share_in_box, &mut total.block_reads, &mut total.samples, &mut total.shaded] {
        *sum /= pixels;
    }
    total
}

fn middle(case: &Case) -> Point<geom::Ct> {
    let (low, high) = case.ct.grid.bounds();
    low + (high - low) * 0.5
}

struct Rays<'a> {
    case: &'a Case,
    table: Vec<u8>,
    distances: Vec<u8>,
    blocks: [usize; 3],
    texture_from_world: Mat4,
    keep: (Vec3, Vec3),
    step_m: f32,
}

impl<'a> Rays<'a> {
    fn new(case: &'a Case, preset: &Preset, clip: ClipBox, frame: &SceneFrame) -> Self {
        let table = preset.table();
        let visible = VisibleRanges::new(&table);
        let ranges = case.ct.block_ranges();
        Self {
            case,
            distances: ranges.distances(&|range| visible.of(range)),
            table,
            blocks: ranges.size(),
            texture_from_world: texture::scene_from_texture(&case.ct.grid, frame).inverse(),
            keep: clip.corners(case, frame),
            step_m: step_mm(&case.ct.grid) * 1e-3,
        }
    }

    fn walk(&self, eye: Vec3, dir: Vec3, work: &mut RayWork) {
        let voxels = Vec3::from_array(self.case.ct.grid.size().map(|n| n as f32));
        let o = self.texture_from_world.transform_point3(eye) * voxels;
        let d = self.texture_from_world.transform_vector3(dir) * voxels;
        let whole = crossing(o, d, Vec3::ZERO, voxels);
        let kept = crossing(eye, dir, self.keep.0, self.keep.1);
        let (mut t, end) = (whole.0.max(kept.0).max(0.0), whole.1.min(kept.1));
        if t >= end {
            return;
        }
        work.share_in_box += 1.0;
        let mut alpha = 0.0;
        while t < end && alpha <= OPAQUE {
            let at = o + d * t;
            let block: [usize; 3] =
                std::array::from_fn(|i| ((at[i].max(0.0) as usize) / BLOCK).min(self.blocks[i] - 1));
            let index = (block[2] * self.blocks[1] + block[1]) * self.blocks[0] + block[0];
            let distance = f32::from(self.distances.get(index).copied().unwrap_or_default());
            work.block_reads += 1.0;
            if distance > 0.0 {
                let corner = Vec3::from_array(block.map(|b| b as f32));
                let edge = BLOCK as f32;
                let leave = crossing(o, d, (corner - (distance - 1.0)) * edge, (corner + distance) * edge).1;
                t += ((leave - t) / self.step_m).ceil().max(1.0) * self.step_m;
                continue;
            }
            work.samples += 1.0;
            let opacity = self.opacity(at);
            if opacity > 0.002 {
                work.shaded += 1.0;
                alpha += (1.0 - alpha) * (1.0 - (1.0 - opacity).powf(self.step_m * 1e3));
            }
            t += self.step_m;
        }
    }

    /// Of the nearest voxel: near enough for counting.
    fn opacity(&self, at: Vec3) -> f32 {
        let size = self.case.ct.grid.size();
        let voxel: [usize; 3] = std::array::from_fn(|i| (at[i].max(0.0) as usize).min(size[i] - 1));
        let hu = self.case.ct.hu.get(self.case.ct.grid.index(voxel)).copied().unwrap_or(LOWEST_HU);
        let place = ((hu - LOWEST_HU) / (HIGHEST_HU - LOWEST_HU)).clamp(0.0, 0.9999);
        let entry = (place * ENTRIES as f32) as usize;
        self.table.get(entry * 4 + 3).map_or(0.0, |a| f32::from(*a) / 255.0)
    }
}

/// Where a ray is within a box.
fn crossing(o: Vec3, d: Vec3, low: Vec3, high: Vec3) -> (f32, f32) {
    let safe = Vec3::select(d.abs().cmplt(Vec3::splat(1e-9)), Vec3::splat(1e-9), d);
    let (a, b) = ((low - o) / safe, (high - o) / safe);
    (a.min(b).max_element(), a.max(b).min_element())
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::volume::{Grid, LabelMap, Volume};

    fn case(hu: f32) -> Case {
        let grid = Grid::axis_aligned([64; 3], [1.0; 3], [0.0; 3].into()).unwrap();
        Case {
            ct: Volume { hu: vec![hu; grid.len()], grid: grid.clone() },
            labels: LabelMap { labels: vec![0; grid.len()], grid },
            vertebrae: Vec::new(),
            levels_are_anchored: true,
        }
    }

    #[test]
    fn air_costs_nearly_nothing_and_bone_ends_rays() {
        let eye = Vec3::new(0.05, 0.03, 0.5);
        let work = |hu| count(&case(hu), &Preset::Bone, ClipBox::Whole, eye, 0.2, 24);
        let (air, bone) = (work(-1000.0), work(1500.0));
        assert!(air.samples == 0.0 && air.block_reads < 3.0 && air.share_in_box > 0.3, "{air:?}");
        assert!(bone.shaded > 0.0 && bone.samples < 6.0, "{bone:?}");
    }
}
