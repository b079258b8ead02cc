//! Why a checkpoint is refused.

use thiserror::Error;

/// What is wrong with a checkpoint; whoever opened the file adds its name.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The system could not read the file.
    #[error("cannot read it: {0}")]
    Read(#[from] std::io::Error),
    /// It does not start like a zip archive.
    #[error(
        "it is no torch checkpoint: it starts with bytes {start:02x?}, a checkpoint starts with 50 4b 03 04; was it downloaded completely, or is it a page of a web site?"
    )]
    NotTorch {
        /// The first bytes.
        start: Vec<u8>,
    },
    /// Written by `torch.save` before version 1.6.
    #[error(
        "it is in the old format of torch before 1.6, which is not read; write it anew in Python: torch.save(torch.load(FILE), NEW_FILE)"
    )]
    Legacy,
    /// The archive is damaged or of another kind.
    #[error("the archive is unusable: {0}")]
    Archive(String),
    /// An entry of the archive is missing or damaged.
    #[error("entry `{entry}`: {what}")]
    Entry {
        /// Name in the archive.
        entry: String,
        /// What is wrong.
        what: String,
    },
    /// The pickle is not what torch writes.
    #[error("entry `data.pkl`, byte {at}: {what}")]
    Pickle {
        /// Offset of the instruction.
        at: usize,
        /// What is wrong.
        what: String,
    },
    /// The pickle names something that runs code.
    #[error(
        "it asks to use `{name}`, which no trained model needs; the file may be an attack. Nothing was executed. Do not load it in Python, and ask where it came from"
    )]
    Hostile {
        /// The function or class.
        name: String,
    },
    /// Something is larger than any checkpoint needs.
    #[error("{what}: {found}, at most {limit} are accepted; this is no checkpoint of a network SpineNav can run")]
    Limit {
        /// What was counted.
        what: &'static str,
        /// How many.
        found: u64,
        /// How many are accepted.
        limit: u64,
    },
    /// A value nnU-Net always writes is not there.
    #[error("it has no `{0}`, which every nnU-Net checkpoint has; is it from another program?")]
    Missing(&'static str),
    /// A weight is not there, or not as it must be.
    #[error("weight `{name}` {what}")]
    Weight {
        /// Its name in `network_weights`.
        name: String,
        /// What is wrong.
        what: String,
    },
}
