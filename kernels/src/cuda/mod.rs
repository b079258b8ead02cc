//! NVIDIA GPUs as a [`Device`](crate::Device), with the kernels of `kernels/cuda`.
//!
//! Without the cargo feature `cuda-device` the same types exist, and
//! [`Cuda::open`] returns an error that says so. With it, nothing of CUDA is
//! needed to build or to start: the driver is looked up when a GPU is opened.
//!
//! Activations and weights are fp16 in both precisions, sums are f32 (see
//! `kernels/cuda/README.md` for what that means for results).

#[cfg(not(feature = "cuda-device"))]
mod absent;
#[cfg(feature = "cuda-device")]
mod constants;
#[cfg(feature = "cuda-device")]
mod device;
#[cfg(feature = "cuda-device")]
pub(crate) mod driver;
#[cfg(feature = "cuda-device")]
mod executable;
#[cfg(feature = "cuda-device")]
pub(crate) mod memory;
#[cfg(feature = "cuda-device")]
mod network;
#[cfg(feature = "cuda-device")]
mod pack;
#[cfg(feature = "cuda-device")]
mod parameters;
#[cfg(feature = "cuda-device")]
mod plan;
#[cfg(feature = "cuda-device")]
mod plan_conv;
#[cfg(feature = "cuda-device")]
pub(crate) mod recording;
#[cfg(feature = "cuda-device")]
mod session;
#[cfg(feature = "cuda-device")]
mod staging;
#[cfg(feature = "cuda-device")]
pub mod volume;

#[cfg(not(feature = "cuda-device"))]
pub use absent::Cuda;
#[cfg(feature = "cuda-device")]
pub use device::Cuda;
#[cfg(feature = "cuda-device")]
pub use network::DeviceNetwork;
