//! How an output tensor is cut into boxes of whole rows, one per task.
//!
//! The cut decides only who computes what, never the order of a sum, so it
//! may depend on the number of threads and the result does not.

/// Output voxels of a task: enough that its weights are used often, few
/// enough that its accumulators stay in the second-level cache.
const TASK_VOXELS: usize = 512;

/// Below this many voxels a task's weights cost more than its sums.
const SMALL_TASK_VOXELS: usize = 48;

/// Tasks per thread that keep all threads busy to the end.
const TASKS_PER_THREAD: usize = 4;

/// A box of whole rows in a grid `[z, y, x]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Region {
    pub z: usize,
    pub y: usize,
    pub depth: usize,
    pub height: usize,
    pub width: usize,
}

/// The pieces of the output that belong to one region.
pub(super) struct Task<'a> {
    pub region: Region,
    /// `[channel][plane]`: each slice holds `height` rows of one plane.
    pub planes: Vec<&'a mut [f32]>,
}

/// Cuts `out`, whose channels have `scale` times the size of `dims` along
/// each axis, into regions of `dims` (scale 1: convolution; 2: transposed).
pub(super) fn split(out: &mut [f32], dims: [usize; 3], scale: usize) -> Vec<Task<'_>> {
    let [depth, height, width] = dims;
    let share = depth * height * width / (rayon::current_num_threads() * TASKS_PER_THREAD);
    let voxels = share.clamp(SMALL_TASK_VOXELS, TASK_VOXELS);
    let rows = (voxels / width).clamp(1, height);
    let planes = (voxels / (width * height)).clamp(1, depth);

    let row_blocks = height.div_ceil(rows);
    let mut tasks = Vec::with_capacity(depth.div_ceil(planes) * row_blocks);
    for z in (0..depth).step_by(planes) {
        for y in (0..height).step_by(rows) {
            let region = Region { z, y, depth: planes.min(depth - z), height: rows.min(height - y), width };
            let planes = Vec::new();
            tasks.push(Task { region, planes });
        }
    }
    let plane_len = height * width * scale * scale;
    for (index, plane) in out.chunks_mut(plane_len).enumerate() {
        let first = (index % (depth * scale)) / (planes * scale) * row_blocks;
        let blocks = plane.chunks_mut(rows * width * scale * scale);
        for (task, block) in tasks[first..].iter_mut().zip(blocks) {
            task.planes.push(block);
        }
    }
    tasks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_voxel_belongs_to_exactly_one_task() {
        for (dims, scale) in [([5, 7, 100], 1), ([9, 3, 4], 1), ([3, 5, 6], 2), ([1, 1, 900], 1)] {
            let [d, h, w] = dims.map(|n| n * scale);
            let mut out = vec![0.0; 3 * d * h * w];
            for task in split(&mut out, dims, scale) {
                let region = task.region;
                assert_eq!(task.planes.len(), 3 * region.depth * scale);
                for (i, plane) in task.planes.into_iter().enumerate() {
                    let z = region.z * scale + i % (region.depth * scale);
                    let channel = i / (region.depth * scale);
                    for (j, value) in plane.iter_mut().enumerate() {
                        let y = region.y * scale + j / w;
                        *value += (((channel * d + z) * h + y) * w + j % w + 1) as f32;
                    }
                }
            }
            let is_complete = out.iter().enumerate().all(|(i, &v)| v == (i + 1) as f32);
            assert!(is_complete, "{dims:?} x {scale}");
        }
    }
}
