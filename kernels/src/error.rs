//! What can be wrong with a call; each message carries the operation and the
//! numbers, so that a log line alone is enough to find the caller.

use thiserror::Error;

/// A tensor operation was asked for something impossible.
///
/// Shapes are `[channels, depth, height, width]`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpError {
    /// The number of values is not the product of the shape.
    #[error("{operation}: shape {shape:?} needs {needed} values, got {given}")]
    Length {
        /// The operation that was asked for.
        operation: &'static str,
        /// The shape that was declared.
        shape: Vec<usize>,
        /// Values the shape needs.
        needed: usize,
        /// Values that were given.
        given: usize,
    },
    /// A dimension is zero, or their product does not fit in memory.
    #[error("{operation}: shape {shape:?} is empty or too large")]
    Shape {
        /// The operation that was asked for.
        operation: &'static str,
        /// The shape that was refused.
        shape: Vec<usize>,
    },
    /// The tensor has another number of channels than the layer.
    #[error("{operation}: the layer takes {expected} channels, the input is {shape:?}")]
    Channels {
        /// The operation that was asked for.
        operation: &'static str,
        /// Channels of the layer.
        expected: usize,
        /// Shape of the tensor.
        shape: [usize; 4],
    },
    /// Tensors that must agree in depth, height and width do not.
    #[error("{operation}: shapes {first:?} and {second:?} differ in depth, height or width")]
    Mismatch {
        /// The operation that was asked for.
        operation: &'static str,
        /// Shape of the first tensor.
        first: [usize; 4],
        /// Shape of the tensor that does not fit it.
        second: [usize; 4],
    },
    /// A layer setting that no kernel implements.
    #[error("{operation}: {setting} = {value} is not supported (supported: {supported})")]
    Unsupported {
        /// The operation that was asked for.
        operation: &'static str,
        /// Name of the setting.
        setting: &'static str,
        /// Value that was asked for.
        value: usize,
        /// Values that exist.
        supported: &'static str,
    },
    /// The device itself could not be set up or used.
    #[error("{device}: {reason}")]
    Device {
        /// Which device.
        device: &'static str,
        /// What it reported.
        reason: String,
    },
}

/// An operation on a voxel grid was asked for something impossible.
///
/// Dimensions are `[z, y, x]`.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum GridError {
    /// A dimension is zero, or their product does not fit in memory.
    #[error("{operation}: dimensions {dims:?} [z, y, x] are empty or too large")]
    Dims {
        /// The operation that was asked for.
        operation: &'static str,
        /// The dimensions that were refused.
        dims: [usize; 3],
    },
    /// The number of voxels is not the product of the dimensions.
    #[error("{operation}: dimensions {dims:?} [z, y, x] need {needed} voxels, got {given}")]
    Length {
        /// The operation that was asked for.
        operation: &'static str,
        /// Declared dimensions.
        dims: [usize; 3],
        /// Voxels they need.
        needed: usize,
        /// Voxels that were given.
        given: usize,
    },
    /// A setting is NaN, infinite, or outside its range.
    #[error("{operation}: {setting} = {value} must be {range}")]
    Setting {
        /// The operation that was asked for.
        operation: &'static str,
        /// Name of the setting.
        setting: &'static str,
        /// The refused value.
        value: f64,
        /// What would be accepted.
        range: &'static str,
    },
    /// Linear interpolation between labels would invent labels.
    #[error("resample: {voxel} voxels are labels; use nearest-neighbour interpolation")]
    LinearLabels {
        /// The voxel type.
        voxel: &'static str,
    },
}
