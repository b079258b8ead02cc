//! How much a network computes and moves, for the roofline.

use std::collections::HashSet;

use kernels::program::{BLOCK, GridId, Kind, Source, Target};
use kernels::{NetworkError, Program};
use serde::{Deserialize, Serialize};

/// Operations and memory traffic of one run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// Multiply-accumulates of the textbook convolution, 10^9. A Winograd
    /// kernel does fewer; it is credited with all.
    pub gmac: f64,
    /// Bytes, 10^9, when every step reads its operands and weights once and
    /// writes its result once.
    pub gigabytes: f64,
}

impl Work {
    /// Counts for an image of `dims` and activations of `bytes_per_value` bytes.
    ///
    /// # Errors
    /// When the network does not take this size.
    pub fn of(program: &Program, dims: [usize; 3], bytes_per_value: usize) -> Result<Self, NetworkError> {
        let layout = program.layout(dims, bytes_per_value)?;
        let voxels = |grid: GridId| layout.grids.get(grid.0).map_or(0, |size| size.iter().product::<usize>());
        let mut bytes = program.weight_bytes();
        for step in &program.steps {
            let mut blocks: HashSet<(usize, usize)> = HashSet::new();
            for part in step.values().flat_map(|value| &value.parts) {
                blocks.extend((0..part.blocks()).map(|block| (part.buffer.0, part.first_block + block)));
            }
            bytes += blocks.len() * BLOCK * voxels(step.input_grid) * bytes_per_value;
            if let Kind::Conv { input: Source::Input { channels }, .. }
            | Kind::Copy { input: Source::Input { channels }, .. } = &step.kind
            {
                bytes += channels * voxels(step.input_grid) * size_of::<f32>();
            }
            bytes += voxels(step.output_grid)
                * match step.target {
                    Target::Buffer(_) => step.channels.next_multiple_of(BLOCK) * bytes_per_value,
                    Target::Output(_) => step.channels * size_of::<f32>(),
                };
        }
        Ok(Self { gmac: program.macs(dims)? as f64 * 1e-9, gigabytes: bytes as f64 * 1e-9 })
    }
}

#[cfg(test)]
mod tests {
    use kernels::Weights;
    use kernels::graph::{Conv, GraphBuilder};

    use super::*;

    /// One convolution 1 -> 16, 3x3x3, on 8^3 voxels: a mistake here would
    /// move every share of the roof.
    #[test]
    fn one_convolution_is_counted_by_hand() {
        let mut g = GraphBuilder::new();
        let x = g.input(1);
        let y = g.conv(x, "a", Conv::new(16, [3; 3]).without_bias());
        let z = g.conv(y, "b", Conv::new(2, [1; 3]).without_bias());
        g.output("logits", z);
        let graph = g.build().unwrap();
        let mut weights = Weights::new();
        for (name, shape) in graph.tensors() {
            let count = shape.iter().product();
            weights.insert(&name, shape, vec![0.5; count]).unwrap();
        }
        let program = Program::new(&graph, &weights).unwrap();
        let work = Work::of(&program, [8; 3], 4).unwrap();
        assert_eq!(work.gmac, (512 * (27 * 16 + 16 * 2)) as f64 * 1e-9);
        let activations = 512 * (1 + 16 + 16 + 2);
        let weights = 27 * 16 + 16 + 32 + 2; // biases are stored, as zeros
        assert_eq!((work.gigabytes * 1e9).round(), f64::from(4 * (activations + weights)));
    }
}
