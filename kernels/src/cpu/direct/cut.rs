//! How the output of a layer is cut into shares of work.
//!
//! Boxes depend on shapes only, never on the number of threads, because
//! statistics are summed box by box.

use super::layer::Direct;
pub(in crate::cpu) use crate::cpu::cut::Cut;
pub(super) use crate::cpu::cut::Region;

impl Region {
    #[cfg(test)]
    fn voxels(&self) -> usize {
        self.size.iter().product()
    }
}

/// Most positions of a share: enough to use each weight often.
const VOXELS: usize = 512;

/// Most bytes of a patch, and of the unfinished sums: both and the weights
/// fit a second-level cache of 512 KB.
const PATCH_BYTES: usize = 160 * 1024;
const SUM_BYTES: usize = 128 * 1024;

/// Shares per thread that keep all threads busy to the end.
const SHARES: usize = 4;

impl Cut {
    /// The cut of `layer` for positions `dims`. The number of threads decides
    /// only how many shares the panels of a box make.
    pub fn of_direct(layer: &Direct, dims: [usize; 3], threads: usize) -> Self {
        let bytes = |size: [usize; 3]| {
            let patch: usize = layer.patch_dims(size).iter().product();
            patch * layer.planes_at_once() * layer.run * 4
        };
        let mut counts = [1; 3];
        let size_of = |counts: [usize; 3]| std::array::from_fn(|axis| dims[axis].div_ceil(counts[axis]));
        loop {
            let size: [usize; 3] = size_of(counts);
            let is_small = size.iter().product::<usize>() <= VOXELS && bytes(size) <= PATCH_BYTES;
            // Rows stay long: x counts half.
            let longest = (0..3).max_by_key(|&axis| (size[axis] * [2, 2, 1][axis], 3 - axis)).unwrap_or(0);
            let axis = if size[longest] > 1 { longest } else { 2 };
            if is_small || size[axis] == 1 {
                break;
            }
            counts[axis] += 1;
            while dims[axis].div_ceil(counts[axis]) == size[axis] {
                counts[axis] += 1;
            }
        }
        let size: [usize; 3] = size_of(counts);
        let panels = layer.panels();
        let fitting = if layer.chunks.len() == 1 { panels } else { SUM_BYTES / (size.iter().product::<usize>() * 64) };
        Self::of(dims, size, panels, |boxes| {
            let sharing = panels.div_ceil((SHARES * threads).div_ceil(boxes));
            fitting.min(sharing).max(1)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Activation;
    use crate::program::Conv;

    #[test]
    fn every_voxel_and_panel_belongs_to_one_share() {
        for (outputs, kernel, dims) in
            [(33, 3, [5, 7, 100]), (320, 3, [6, 6, 6]), (3, 1, [1, 1, 9000]), (16, 3, [40, 3, 4]), (17, 5, [1, 1, 1])]
        {
            let conv = Conv {
                name: String::new(),
                outputs,
                kernel: [kernel; 3],
                stride: [1; 3],
                padding: [kernel / 2; 3],
                dilation: [1; 3],
                weight: vec![0.0; outputs * 16 * kernel.pow(3)].into(),
                bias: vec![0.0; outputs].into(),
                activation: Activation::Identity,
            };
            let lanes: Vec<_> = (0..16).map(Some).collect();
            let layer = Direct::of_blocks(&conv, &lanes);
            let cut = Cut::of_direct(&layer, dims, 3);
            let mut seen = vec![0; dims.iter().product::<usize>() * layer.panels()];
            for share in 0..cut.shares() {
                let (number, region, panels) = cut.share(share);
                assert!(number < cut.boxes() && region.voxels() > 0 && region.voxels() <= VOXELS);
                for panel in panels {
                    for i in 0..region.voxels() {
                        let [_, h, w] = region.size;
                        let at = [i / (w * h), i / w % h, i % w];
                        let [z, y, x] = std::array::from_fn(|axis| region.start[axis] + at[axis]);
                        seen[((panel * dims[0] + z) * dims[1] + y) * dims[2] + x] += 1;
                    }
                }
            }
            assert!(seen.iter().all(|&n| n == 1), "{dims:?}");
        }
    }
}
