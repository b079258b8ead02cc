//! How a graph runs: steps over blocks of channels, the same for every device.
//!
//! [`Program::new`] fuses a [`Graph`] with its weights: batch norms go into
//! the convolution before them, activations into whoever writes or reads,
//! instance norms into the next load, concatenation into nothing.
//! [`Program::layout`] plans the memory for one size of image.

mod divisor;
mod layout;
mod lower;
mod norms;
mod receptive;
mod step;
mod tiles;

use crate::graph::{Graph, NetworkError};
use crate::weights::Weights;

pub use layout::{GridRule, Layout};
pub use receptive::ReceptiveField;
pub use step::{
    Affine, AffineId, BLOCK, Buffer, BufferId, CombineKind, Conv, ConvTranspose, Finish, GridId, Kind, Load, Part,
    Source, StatisticsId, Step, Target, Value,
};
pub use tiles::run_in_tiles;

/// A result of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramOutput {
    /// Its name, such as `logits`.
    pub name: String,
    /// Its channels.
    pub channels: usize,
    /// Its grid.
    pub grid: GridId,
}

/// A network with its weights, ready for any device. See the module page.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// In order of execution.
    pub steps: Vec<Step>,
    /// What the steps write.
    pub buffers: Vec<Buffer>,
    /// Scales and shifts that loads refer to.
    pub affines: Vec<Affine>,
    /// Channels of each statistics slot.
    pub statistics: Vec<usize>,
    /// Resolutions; the first is the input's.
    pub grids: Vec<GridRule>,
    /// Channels of the input.
    pub inputs: usize,
    /// The results.
    pub outputs: Vec<ProgramOutput>,
    /// Sides of the input must be multiples of this, `[z, y, x]`.
    pub divisor: [usize; 3],
    /// Grids that must have equal sizes, and the node that needs it.
    equal: Vec<(GridId, GridId, String)>,
}

impl Program {
    /// Fuses `graph` with `weights`.
    ///
    /// # Errors
    /// [`NetworkError`] naming the tensor that is missing, left over, or of
    /// another shape.
    ///
    /// Cost: one copy of the weights.
    pub fn new(graph: &Graph, weights: &Weights) -> Result<Self, NetworkError> {
        weights.check(graph)?;
        lower::lower(graph, weights)
    }

    /// Multiply-accumulates of one run on an image of `dims` `[z, y, x]`, as
    /// executed (direct convolution; norms and activations not counted).
    ///
    /// # Errors
    /// As [`Program::layout`].
    pub fn macs(&self, dims: [usize; 3]) -> Result<u64, NetworkError> {
        let layout = self.layout(dims, 4)?;
        let voxels = |grid: GridId| layout.grids[grid.0].iter().map(|&n| n as u64).product::<u64>();
        let macs = self.steps.iter().map(|step| match &step.kind {
            Kind::Conv { conv, .. } => conv.weight.len() as u64 * voxels(step.output_grid),
            Kind::ConvTranspose { conv, .. } => conv.weight.len() as u64 * voxels(step.input_grid),
            _ => 0,
        });
        Ok(macs.sum())
    }

    /// Bytes of the weights in 32-bit floats.
    #[must_use]
    pub fn weight_bytes(&self) -> usize {
        let sizes = self.steps.iter().map(|step| match &step.kind {
            Kind::Conv { conv, .. } => conv.weight.len() + conv.bias.len(),
            Kind::ConvTranspose { conv, .. } => conv.weight.len() + conv.bias.len(),
            _ => 0,
        });
        sizes.sum::<usize>() * size_of::<f32>()
    }

    /// Whether every output voxel depends only on a neighbourhood of the
    /// input: no norm over the whole image. Only then may an image be cut
    /// into tiles without changing the result.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.statistics.is_empty()
    }
}
