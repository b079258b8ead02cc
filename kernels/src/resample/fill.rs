//! Visits the destination voxels row by row, the axis-aligned grids quickly.

use rayon::prelude::*;

use super::sample::Job;

/// Sets every destination voxel that lies in the source to its `sample`.
///
/// `locate` turns a source coordinate along an axis of some length into what
/// `sample` needs, or `None` outside.
pub(super) fn fill<T: Send + Sync, At: Copy + Send + Sync>(
    job: &Job<'_, T>,
    dst: &mut [T],
    locate: impl Fn(f64, usize) -> Option<At> + Sync,
    sample: impl Fn([At; 3]) -> T + Sync,
) {
    let [depth, height, width] = job.dst_dims;
    let lengths = [job.src_dims[2], job.src_dims[1], job.src_dims[0]];
    // Written once, so that both paths below round alike.
    let coordinate = |axis: usize, [x, y, z]: [usize; 3]| {
        let [along_x, along_y, along_z, origin] = job.src_from_dst[axis];
        along_x * x as f64 + (along_y * y as f64 + (along_z * z as f64 + origin))
    };
    let rows = dst.par_chunks_mut(width).enumerate();
    if is_diagonal(job.src_from_dst) {
        let table = |axis: usize, count: usize| -> Vec<Option<At>> {
            (0..count).map(|i| locate(coordinate(axis, [i; 3]), lengths[axis])).collect()
        };
        let (xs, ys, zs) = (table(0, width), table(1, height), table(2, depth));
        rows.for_each(|(index, row)| {
            let (Some(y), Some(z)) = (ys[index % height], zs[index / height]) else {
                return;
            };
            for (voxel, x) in row.iter_mut().zip(&xs) {
                if let Some(x) = *x {
                    *voxel = sample([x, y, z]);
                }
            }
        });
    } else {
        rows.for_each(|(index, row)| {
            let (y, z) = (index % height, index / height);
            for (x, voxel) in row.iter_mut().enumerate() {
                let at = |axis: usize| locate(coordinate(axis, [x, y, z]), lengths[axis]);
                if let (Some(x), Some(y), Some(z)) = (at(0), at(1), at(2)) {
                    *voxel = sample([x, y, z]);
                }
            }
        });
    }
}

/// Whether each source axis depends on the same destination axis only.
fn is_diagonal(src_from_dst: &[[f64; 4]; 3]) -> bool {
    (0..9).all(|i| i / 3 == i % 3 || src_from_dst[i / 3][i % 3] == 0.0)
}
