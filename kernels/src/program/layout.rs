//! Sizes and memory of a program for one size of image.

use super::Program;
use super::step::{BLOCK, GridId, Target};
use crate::graph::NetworkError;

/// Buffers start at multiples of this many bytes (a cache line).
const ALIGN: usize = 64;

/// How the size of a grid follows from another grid's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GridRule {
    /// The size of the input.
    Input,
    /// Windows moved over `from`: `(n + 2 padding - extent) / stride + 1`.
    Window {
        /// Grid the windows move over.
        from: GridId,
        /// Voxels a window spans: `dilation * (kernel - 1) + 1`.
        extent: [usize; 3],
        /// Step.
        stride: [usize; 3],
        /// Reach beyond each border.
        padding: [usize; 3],
    },
    /// `factor` voxels for each of `from`.
    Finer {
        /// Grid that is refined.
        from: GridId,
        /// Voxels per voxel.
        factor: [usize; 3],
    },
    /// `from` with voxels around it.
    Padded {
        /// Grid inside.
        from: GridId,
        /// Voxels added along each axis, both sides together.
        added: [usize; 3],
    },
}

/// Where everything lies for one size of image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Size `[z, y, x]` of every grid.
    pub grids: Vec<[usize; 3]>,
    /// First byte of every buffer in the arena, a multiple of 64. Buffers
    /// share bytes when they are never needed at the same time.
    pub offsets: Vec<usize>,
    /// Bytes of the arena.
    pub arena_bytes: usize,
}

impl Program {
    /// Plans the memory for an image of `dims` `[z, y, x]`, with activations
    /// of `bytes_per_value` bytes.
    ///
    /// # Errors
    /// [`NetworkError::InputSize`] when the sides cannot be halved often
    /// enough, [`NetworkError::TooLarge`].
    ///
    /// Cost: quadratic in the number of steps, which is below a millisecond.
    pub fn layout(&self, dims: [usize; 3], bytes_per_value: usize) -> Result<Layout, NetworkError> {
        let grids = self.sizes(dims)?;
        let mut sizes = Vec::with_capacity(self.buffers.len());
        for buffer in &self.buffers {
            let [z, y, x] = grids[buffer.grid.0];
            let bytes = [z, y, x, BLOCK, buffer.blocks(), bytes_per_value]
                .iter()
                .try_fold(1_usize, |n, &factor| n.checked_mul(factor))
                .filter(|&n| n <= isize::MAX as usize / 4)
                .ok_or(NetworkError::TooLarge { dims })?;
            sizes.push(bytes.next_multiple_of(ALIGN));
        }
        let (offsets, arena_bytes) = place(&sizes, &self.lifetimes());
        Ok(Layout { grids, offsets, arena_bytes })
    }

    fn sizes(&self, dims: [usize; 3]) -> Result<Vec<[usize; 3]>, NetworkError> {
        let too_large = || NetworkError::TooLarge { dims };
        let refuse = |reason: String| NetworkError::InputSize { dims, divisor: self.divisor, reason };
        if dims.contains(&0) {
            return Err(NetworkError::InputShape {
                shape: [self.inputs, dims[0], dims[1], dims[2]],
                channels: self.inputs,
            });
        }
        let mut grids: Vec<[usize; 3]> = Vec::with_capacity(self.grids.len());
        for rule in &self.grids {
            let mut size = [0; 3];
            for axis in 0..3 {
                size[axis] = match *rule {
                    GridRule::Input => dims[axis],
                    GridRule::Window { from, extent, stride, padding } => {
                        let padded = grids[from.0][axis].checked_add(2 * padding[axis]).ok_or_else(too_large)?;
                        match padded.checked_sub(extent[axis]) {
                            Some(rest) => rest / stride[axis] + 1,
                            None => {
                                return Err(refuse(format!(
                                    "a window of {} voxels does not fit in {padded}",
                                    extent[axis]
                                )));
                            }
                        }
                    }
                    GridRule::Finer { from, factor } => {
                        grids[from.0][axis].checked_mul(factor[axis]).ok_or_else(too_large)?
                    }
                    GridRule::Padded { from, added } => {
                        grids[from.0][axis].checked_add(added[axis]).ok_or_else(too_large)?
                    }
                };
            }
            grids.push(size);
        }
        for (a, b, node) in &self.equal {
            let (first, second) = (grids[a.0], grids[b.0]);
            if first != second {
                return Err(refuse(format!("{node} meets {first:?} and {second:?}")));
            }
        }
        Ok(grids)
    }

    /// First and last step that needs each buffer.
    fn lifetimes(&self) -> Vec<(usize, usize)> {
        let mut lives = vec![(usize::MAX, 0); self.buffers.len()];
        let mut touch = |buffer: usize, step: usize| {
            let life = &mut lives[buffer];
            *life = (life.0.min(step), life.1.max(step));
        };
        for (index, step) in self.steps.iter().enumerate() {
            if let Target::Buffer(buffer) = step.target {
                touch(buffer.0, index);
            }
            for part in step.values().flat_map(|value| &value.parts) {
                touch(part.buffer.0, index);
            }
        }
        lives
    }
}

/// Largest buffers first, each at the lowest place where it meets nobody
/// alive at the same time (Pisarchyk & Lee 2020, arXiv:2001.03288,
/// "greedy by size").
fn place(sizes: &[usize], lives: &[(usize, usize)]) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..sizes.len()).filter(|&i| lives[i].0 <= lives[i].1).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(sizes[i]), i));
    let mut offsets = vec![0; sizes.len()];
    let mut placed: Vec<usize> = Vec::with_capacity(order.len());
    let mut total = 0;
    for index in order {
        let meets = |&&other: &&usize| lives[other].0 <= lives[index].1 && lives[index].0 <= lives[other].1;
        let mut taken: Vec<(usize, usize)> =
            placed.iter().filter(meets).map(|&other| (offsets[other], offsets[other] + sizes[other])).collect();
        taken.sort_unstable();
        let mut offset = 0;
        for (start, end) in taken {
            if offset + sizes[index] <= start {
                break;
            }
            offset = offset.max(end);
        }
        offsets[index] = offset;
        total = total.max(offset + sizes[index]);
        placed.push(index);
    }
    (offsets, total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_alive_together_never_overlap() {
        let sizes = [640, 128, 1280, 64, 640, 256, 64];
        let lives = [(0, 3), (1, 2), (2, 5), (3, 4), (4, 6), (0, 6), (5, 5)];
        let (offsets, total) = place(&sizes, &lives);
        for a in 0..sizes.len() {
            assert!(offsets[a] + sizes[a] <= total && offsets[a] % ALIGN == 0);
            for b in 0..a {
                let together = lives[a].0 <= lives[b].1 && lives[b].0 <= lives[a].1;
                let apart = offsets[a] + sizes[a] <= offsets[b] || offsets[b] + sizes[b] <= offsets[a];
                assert!(!together || apart, "{a} {b}");
            }
        }
        assert!(total < sizes.iter().sum());
    }
}
