//! Connected parts of a binary mask.

use std::cmp::Reverse;

use rayon::prelude::*;

use crate::disjoint_sets::DisjointSets;
use crate::error::GridError;
use crate::grid::check_len;

/// Which neighbours touch a voxel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connectivity {
    /// The 6 that share a face.
    Faces,
    /// The 26 that share a face, an edge or a corner.
    Corners,
}

/// A label image and the size of each label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Components {
    /// 0 is background; parts count from 1 in the order in which their first
    /// voxel appears (x fastest).
    pub labels: Vec<u32>,
    /// Voxels of label `i + 1`.
    pub sizes: Vec<usize>,
}

impl Components {
    /// The label with the most voxels (the first of equals), or `None` when
    /// the mask was empty.
    #[must_use]
    pub fn largest(&self) -> Option<u32> {
        let by_size = self.sizes.iter().zip(1_u32..);
        by_size.max_by_key(|&(size, label)| (size, Reverse(label))).map(|(_, label)| label)
    }
}

/// Labels the connected parts of `mask`, whose dimensions are `[z, y, x]`.
///
/// # Errors
/// [`GridError`] for lengths that do not match, empty grids, and grids of
/// 2^32 voxels or more.
///
/// Cost: linear in the voxels. Each row is cut into runs (all threads of the
/// current rayon pool), runs that touch are united (one thread; there are far
/// fewer runs than voxels), and the labels are written (all threads). After
/// He, Chao & Suzuki 2008, DOI 10.1109/TIP.2008.919369, extended to 3-D. The
/// result does not depend on the threads.
///
/// ```
/// use kernels::{Connectivity, connected_components};
/// let mask = [true, true, false, true];
/// let parts = connected_components(&mask, [1, 1, 4], Connectivity::Faces)?;
/// assert_eq!(parts.labels, [1, 1, 0, 2]);
/// assert_eq!(parts.sizes, [2, 1]);
/// assert_eq!(parts.largest(), Some(1));
/// # Ok::<(), kernels::GridError>(())
/// ```
pub fn connected_components(
    mask: &[bool],
    dims: [usize; 3],
    connectivity: Connectivity,
) -> Result<Components, GridError> {
    const OPERATION: &str = "connected_components";
    let voxels = check_len(OPERATION, dims, mask.len())?;
    if u32::try_from(voxels).is_err() {
        return Err(GridError::Dims { operation: OPERATION, dims });
    }
    let [_, height, width] = dims;
    let mut rows: Vec<Vec<Run>> = mask.par_chunks(width).map(runs_of).collect();
    let mut count = 0;
    for run in rows.iter_mut().flatten() {
        run.id = count;
        count += 1;
    }
    let mut sets = DisjointSets::new(count);
    for (index, row) in rows.iter().enumerate() {
        for earlier in earlier_rows(index, height, connectivity) {
            unite_touching(&mut sets, row, &rows[earlier], connectivity);
        }
    }
    let (labels_of_runs, mut sizes) = sets.number();
    for run in rows.iter().flatten() {
        sizes[labels_of_runs[run.id] as usize - 1] += run.end - run.start;
    }
    let mut labels = vec![0; voxels];
    labels.par_chunks_mut(width).zip(&rows).for_each(|(labels, row)| {
        for run in row {
            labels[run.start..run.end].fill(labels_of_runs[run.id]);
        }
    });
    Ok(Components { labels, sizes })
}

/// Consecutive `true` voxels of a row, `start..end`.
#[derive(Debug, Clone, Copy)]
struct Run {
    start: usize,
    end: usize,
    id: usize,
}

fn runs_of(row: &[bool]) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut start = 0;
    for run in row.chunk_by(|a, b| a == b) {
        let end = start + run.len();
        if row[start] {
            runs.push(Run { start, end, id: 0 });
        }
        start = end;
    }
    runs
}

/// Rows before `index` (a row `z * height + y`) whose voxels can touch its.
fn earlier_rows(index: usize, height: usize, connectivity: Connectivity) -> impl Iterator<Item = usize> {
    let (z, y) = (index / height, index % height);
    let is_diagonal = connectivity == Connectivity::Corners;
    [
        (y > 0, 1),
        (z > 0, height),
        (z > 0 && y > 0 && is_diagonal, height + 1),
        (z > 0 && y + 1 < height && is_diagonal, height - 1),
    ]
    .into_iter()
    .filter(|(exists, _)| *exists)
    .map(move |(_, back)| index - back)
}

/// Unites the runs of two rows that touch, in one sweep over both.
fn unite_touching(sets: &mut DisjointSets, row: &[Run], earlier: &[Run], connectivity: Connectivity) {
    // Diagonal neighbours touch one voxel past the end.
    let reach = usize::from(connectivity == Connectivity::Corners);
    let (mut i, mut j) = (0, 0);
    while let (Some(a), Some(b)) = (row.get(i), earlier.get(j)) {
        if a.start < b.end + reach && b.start < a.end + reach {
            sets.unite(a.id, b.id);
        }
        if a.end < b.end {
            i += 1;
        } else {
            j += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIMS: [usize; 3] = [5, 6, 7];

    /// Flood fill from every voxel in order.
    fn flood(mask: &[bool], connectivity: Connectivity) -> Components {
        let [d, h, w] = DIMS.map(|n| n as i32);
        let mut labels = vec![0; mask.len()];
        let mut sizes = Vec::new();
        for seed in 0..mask.len() {
            if !mask[seed] || labels[seed] != 0 {
                continue;
            }
            sizes.push(0);
            labels[seed] = sizes.len() as u32;
            let mut queue = vec![seed as i32];
            while let Some(i) = queue.pop() {
                *sizes.last_mut().unwrap() += 1;
                for n in 0..27 {
                    let [dz, dy, dx] = [n / 9 - 1, n / 3 % 3 - 1, n % 3 - 1];
                    let [z, y, x] = [i / (h * w) + dz, i / w % h + dy, i % w + dx];
                    let is_far = dz.abs() + dy.abs() + dx.abs() > 1;
                    let is_inside = (0..d).contains(&z) && (0..h).contains(&y) && (0..w).contains(&x);
                    if !is_inside || is_far && connectivity == Connectivity::Faces {
                        continue;
                    }
                    let next = ((z * h + y) * w + x) as usize;
                    if mask[next] && labels[next] == 0 {
                        labels[next] = sizes.len() as u32;
                        queue.push(next as i32);
                    }
                }
            }
        }
        Components { labels, sizes }
    }

    #[test]
    fn equals_a_flood_fill() {
        let mut state = 7_u32;
        for density in [10, 25, 40, 60, 90] {
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) % 100 < density
            };
            let mask: Vec<bool> = (0..210).map(|_| next()).collect();
            for connectivity in [Connectivity::Faces, Connectivity::Corners] {
                let parts = connected_components(&mask, DIMS, connectivity).unwrap();
                assert_eq!(parts, flood(&mask, connectivity), "{density} {connectivity:?}");
            }
        }
    }

    #[test]
    fn a_corner_connects_only_when_asked() {
        let mask = [true, false, false, false, false, false, false, true];
        let parts = |c| connected_components(&mask, [2, 2, 2], c).unwrap().sizes;
        assert_eq!(parts(Connectivity::Faces), [1, 1]);
        assert_eq!(parts(Connectivity::Corners), [2]);
    }

    #[test]
    fn an_empty_mask_has_no_parts() {
        let parts = connected_components(&[false; 4], [1, 2, 2], Connectivity::Corners).unwrap();
        assert_eq!((parts.sizes.len(), parts.largest()), (0, None));
        assert!(connected_components(&[true; 3], [1, 2, 2], Connectivity::Faces).is_err());
    }
}
