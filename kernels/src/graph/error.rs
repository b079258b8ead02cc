//! What can be wrong with a network: its graph, its weights, its input.

use thiserror::Error;

use crate::error::OpError;

/// A network could not be built, loaded or run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// The graph makes no network.
    #[error("graph: {node}: {reason}")]
    Graph {
        /// The node, by its number and operation.
        node: String,
        /// What is wrong with it, with the numbers.
        reason: String,
    },
    /// The graph is not readable JSON of the expected form.
    #[error("graph: {reason}")]
    GraphFile {
        /// What the parser said.
        reason: String,
    },
    /// The file is not a safetensors file, or its header lies.
    #[error("not a readable safetensors file; was it cut short while copying?")]
    File {
        /// What the reader found.
        #[source]
        source: safetensors::SafeTensorError,
    },
    /// The graph needs a tensor the weights do not have.
    #[error("tensor `{name}` is missing (needed with shape {expected:?}); do the weights belong to this network?")]
    MissingTensor {
        /// Name of the tensor.
        name: String,
        /// Shape the graph needs.
        expected: Vec<usize>,
    },
    /// The weights have a tensor the graph does not know.
    #[error("tensor `{name}` of shape {actual:?} has no place in this network")]
    UnknownTensor {
        /// Name of the tensor.
        name: String,
        /// Its shape.
        actual: Vec<usize>,
    },
    /// A tensor has another shape than the graph says.
    #[error("tensor `{name}` has shape {actual:?}, the network needs {expected:?}")]
    TensorShape {
        /// Name of the tensor.
        name: String,
        /// Shape in the file.
        actual: Vec<usize>,
        /// Shape the graph needs.
        expected: Vec<usize>,
    },
    /// A tensor holds something other than floats.
    #[error("tensor `{name}` holds {dtype}; only F32, F16 and BF16 are supported")]
    TensorType {
        /// Name of the tensor.
        name: String,
        /// Type in the file.
        dtype: String,
    },
    /// A weight is NaN or infinite: the training diverged or the file is damaged.
    #[error("tensor `{name}`: value {index} is {value}; weights must be finite")]
    NonFiniteWeight {
        /// Name of the tensor.
        name: String,
        /// Index of the first such value.
        index: usize,
        /// The value.
        value: f32,
    },
    /// The input does not fit the network's strides.
    #[error("input {dims:?} [z, y, x]: sides must be multiples of {divisor:?}; pad it first ({reason})")]
    InputSize {
        /// Size of the input.
        dims: [usize; 3],
        /// What the sides must be divisible by.
        divisor: [usize; 3],
        /// Which two sizes did not meet.
        reason: String,
    },
    /// The input has another number of channels, or no voxels.
    #[error("input {shape:?} [channels, z, y, x]: the network takes {channels} channels and at least one voxel")]
    InputShape {
        /// Shape of the input.
        shape: [usize; 4],
        /// Channels the network takes.
        channels: usize,
    },
    /// The input has a NaN or an infinity.
    #[error("input value {index} is {value}; inputs must be finite")]
    NonFiniteInput {
        /// Index of the first such value.
        index: usize,
        /// The value.
        value: f32,
    },
    /// Intermediate results would not fit in any memory.
    #[error("input {dims:?} [z, y, x] needs more memory than can be addressed; cut it into tiles")]
    TooLarge {
        /// Size of the input.
        dims: [usize; 3],
    },
    /// Tiles were asked for although they would change the result.
    #[error("this network cannot be run in tiles: {reason}; run the whole image at once, or overlapping windows")]
    Tiles {
        /// Why not.
        reason: &'static str,
    },
    /// An operation failed.
    #[error(transparent)]
    Operation {
        /// Which and why.
        #[from]
        source: OpError,
    },
}
