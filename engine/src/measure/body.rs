//! Where the body of a vertebra is: the thickest part of its label.

use geom::Point;
use geom::nalgebra::Vector3;
use kernels::distance_transform;

use crate::volume::LabelMap;

/// Voxels at least this share of the greatest depth belong to the core.
const CORE: f64 = 0.7;
/// The body's core lies this near the middle of the label, across, mm.
const ASIDE_MM: f64 = 16.0;
/// ... and at most this far behind it, mm: the middle of a vertebra is near its canal.
const BEHIND_MM: f64 = 6.0;

/// Lowest and highest voxel of a label, inclusive; `None` when it is absent.
pub(super) type VoxelBox = ([usize; 3], [usize; 3]);

/// The boxes of all labels in one pass.
pub(super) fn boxes(map: &LabelMap) -> Vec<Option<VoxelBox>> {
    let mut boxes: Vec<Option<VoxelBox>> = vec![None; 256];
    let [nx, ny, _] = map.grid.size();
    for (row, line) in map.labels.chunks(nx).enumerate() {
        let (y, z) = (row % ny, row / ny);
        let mut x = 0;
        for run in line.chunk_by(|a, b| a == b) {
            let ends = [x, x + run.len() - 1];
            x += run.len();
            let Some(slot) = run.first().filter(|l| **l != 0).and_then(|l| boxes.get_mut(usize::from(*l))) else {
                continue;
            };
            let (low, high) = slot.get_or_insert(([ends[0], y, z], [ends[1], y, z]));
            *low = [low[0].min(ends[0]), low[1].min(y), low[2].min(z)];
            *high = [high[0].max(ends[1]), high[1].max(y), high[2].max(z)];
        }
    }
    boxes
}

/// The middle of the thickest part of `label` near the label's middle, LPS mm.
///
/// Depth below the surface (exact distance transform) is 8 to 15 mm in a body
/// and below 5 mm in an arch, so that its upper range names the body.
/// Cost: one distance transform of the label's box, 10 to 100 ms.
pub(super) fn core(map: &LabelMap, label: u8, (low, high): VoxelBox) -> Option<Vector3<f64>> {
    let size = [0, 1, 2].map(|i| high[i] - low[i] + 3);
    let mut background = vec![true; size.iter().product()];
    let mut inside = Vec::new();
    let mut sum = Vector3::zeros();
    for z in low[2]..=high[2] {
        for y in low[1]..=high[1] {
            for x in low[0]..=high[0] {
                if map.labels.get(map.grid.index([x, y, z])) != Some(&label) {
                    continue;
                }
                let at = ((z - low[2] + 1) * size[1] + y - low[1] + 1) * size[0] + x - low[0] + 1;
                background[at] = false;
                let place = map.grid.to_ct(Point::new(x as f64, y as f64, z as f64)).vector3();
                sum += place;
                inside.push((at, place));
            }
        }
    }
    let middle: Vector3<f64> = sum / inside.len().max(1) as f64;
    let [sx, sy, sz] = map.grid.spacing_mm();
    let squared = distance_transform(&background, [size[2], size[1], size[0]], [sz, sy, sx]).ok()?;
    let near = |p: &Vector3<f64>| (p.x - middle.x).abs() < ASIDE_MM && p.y - middle.y < BEHIND_MM;
    let depth = |at: usize| squared.get(at).map_or(0.0, |s| f64::from(*s).sqrt());
    let deepest = inside.iter().filter(|(_, p)| near(p)).max_by(|a, b| depth(a.0).total_cmp(&depth(b.0)))?;
    let (most, top) = (depth(deepest.0), deepest.1);
    let core = inside.iter().filter(|(at, p)| depth(*at) >= CORE * most && (p - top).norm() < 1.5 * most);
    let (count, total) = core.fold((0usize, Vector3::zeros()), |(n, s), (_, p)| (n + 1, s + p));
    (count > 0).then(|| total / count as f64)
}
