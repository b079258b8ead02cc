//! PyTorch checkpoints without Python.
//!
//! Promises: nothing in a checkpoint is ever executed. The archive is read by
//! a bounds-checked reader (`archive`), its pickle by a small machine that
//! builds data only (`pickle`), and a tensor is copied only after its place
//! in the file and its shape were checked (`storage`). A file that is
//! damaged, absurd or hostile is an error that names the entry, quickly and
//! without taking memory for what it claims.
//!
//! Not supported: files from `torch.save` before 1.6 (not a zip archive),
//! TorchScript, compressed archives, big-endian files, quantised and complex
//! tensors. Checksums are not verified, because torch may write wrong ones
//! (`torch.serialization.set_crc32_options`).
//!
//! [`super::import()`] calls it.

mod archive;
mod checkpoint;
mod error;
mod names;
mod opcode;
mod pickle;
mod storage;
mod value;

pub use checkpoint::Checkpoint;
pub use error::CheckpointError;

#[cfg(test)]
mod tests;
