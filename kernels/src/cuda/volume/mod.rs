//! CT volumes that stay on the GPU, from memory to labels and surfaces.
//!
//! Promises: the results of the CPU functions of this crate ([`crate::resample`],
//! [`crate::gaussian_blur`], [`crate::connected_components`]) and of the
//! engine's surface extraction and registration, to the rounding of f32
//! (labels, parts and triangles exactly), and the same bits in every run on
//! one GPU. All work of a [`Cuda`](super::Cuda) is queued in order on one
//! stream; a `download` waits for it. [`SegmentChain`] is all of it in one
//! call, from a CT in memory to labels and surfaces.
//!
//! Does not promise anything about frames: grids are `[z, y, x]`, x fastest,
//! and points are where the caller says. Grids have fewer than 2^31 voxels.
//!
//! Called by the engine when a GPU is there. The kernels are in
//! `kernels/cuda/volume_*.cu` and `register_*.cu`; the tests in
//! `tests/cuda_volume` run them on a CPU model of the GPU or on a GPU.

mod buffer;
mod chain;
mod classes;
mod components;
mod equations;
mod gaussian;
mod grids;
mod label_fields;
mod points;
mod radiograph;
mod recording;
mod resample;
mod scan;
mod sliding;
mod surface;
mod surface_of_label;
mod tensor;

pub use chain::{ChainSettings, Ct, LabelSurface, SegmentChain, Segmented};
pub(super) use classes::ClassChain;
pub use components::{DeviceComponents, Touching};
pub use equations::{NormalEquations, RobustKernel};
pub use grids::{DeviceLabels, DeviceVolume};
pub use label_fields::LabelBox;
pub use points::{DeviceNeighbours, DevicePoints, DeviceTarget, Neighbour, PointsPose, Search};
pub(super) use recording::recording_stream;
pub use sliding::{SlidingSettings, SlidingSums};
pub use surface::{DeviceMesh, TriangleMesh};
pub use tensor::DeviceTensor;
