//! Devices and the numeric operations SpineNav runs on them.
//!
//! Promises: every operation gives the same bits for any number of threads,
//! refuses impossible shapes with an error that names the operation and the
//! shapes, and never reads outside its buffers. `unsafe` and GPU types are in this
//! folder only: in `cpu` and `cuda`, and in the crate `headset` beside `src`.
//!
//! Does not promise: the same bits on different devices; there the tests
//! bound the difference. Nothing here knows files, patients or frames: grids
//! are slices with dimensions `[z, y, x]` (x fastest), and the caller owns
//! their meaning.
//!
//! | module | what it holds | who calls it |
//! |---|---|---|
//! | [`graph`], [`architectures`] | networks as data, and the published ones | `engine::segment`, `engine::nnunet` |
//! | [`weights`] | trained numbers by name | the same |
//! | [`program`] | a graph fused with its weights, its memory, its tiles | [`device`] |
//! | [`device`], [`cpu`], [`cuda`] | where programs run, and which one is taken | `engine`, `nav_app` |
//! | [`detect`] | boxes from a detector's logits | `engine` |
//! | [`tensor`] | `[channels, depth, height, width]` data | all |
//! | [`roofline`] | what this processor can do at most | `spinenav bench segment` |
//! | [`mod@resample`], [`gaussian`] | grids into other grids | `engine::volume` |
//! | [`mod@radiograph`] | X-rays of a CT | `engine::xray` |
//! | [`distance`], [`morphology`], [`components`] | binary masks | `engine::segment` |
//! | [`cell_table`] | how a surface crosses a cell | `engine::surface`, [`cuda`] |
//! | [`disk_space`] | room on a disk | `engine::dicom_receiver` |
//! | [`interrupt`] | Ctrl-C as a wish to end | `nav_app`'s recordings |
//! | [`memory_lock`] | pages that stay in memory | `engine::rt` |
//! | [`system_calls`] | what a reader of strange files may not ask the system | `engine::io` |
//! | [`processor_affinity`] | threads that share a processor | `engine::rt` |
//! | [`point_to_plane`] | sums over the points of a registration | `engine::register` |

pub mod architectures;
pub mod cell_table;
pub mod components;
pub mod cpu;
pub mod cuda;
pub mod detect;
pub mod device;
mod disjoint_sets;
pub mod disk_space;
pub mod distance;
pub mod error;
pub mod gaussian;
pub mod graph;
mod grid;
mod half_precision;
pub mod interrupt;
pub mod memory_lock;
pub mod morphology;
pub mod point_to_plane;
pub mod processor_affinity;
pub mod program;
pub mod radiograph;
pub mod resample;
pub mod roofline;
pub mod system_calls;
pub mod tensor;
pub mod weights;

pub use components::{Components, Connectivity, connected_components};
pub use cpu::Cpu;
pub use cuda::Cuda;
pub use device::{Device, Executable, Precision};
pub use distance::distance_transform;
pub use error::{GridError, OpError};
pub use gaussian::{antialias_sigma, gaussian_blur};
pub use graph::{Graph, NetworkError};
pub use morphology::{dilate_mm, erode_mm};
pub use program::Program;
pub use resample::{Interpolation, Voxel, resample};
pub use tensor::Tensor;
pub use weights::Weights;
