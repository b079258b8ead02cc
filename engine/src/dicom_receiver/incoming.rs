//! One object on its way to the disk.
//!
//! The data set is written as it comes, behind a file header of our own; it is
//! never held in memory and never decoded here. An object that is not kept
//! leaves no file and gives its bytes back.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dicom_dictionary_std::uids;
use dicom_object::FileMetaTableBuilder;
use sha2::{Digest, Sha256};

use super::command::Command;
use super::identity::{self, Identity};
use super::quota::Quota;
use super::refusal::{Refusal, Status};

/// SHA-256 of a data set.
pub(super) type Hash = [u8; 32];

/// An object that is being received, or was and waits for its place.
pub(super) struct Incoming {
    path: PathBuf,
    file: Option<BufWriter<File>>,
    /// Where the data set begins.
    data_at: u64,
    bytes: u64,
    hash: Sha256,
    is_explicit: bool,
    quota: Arc<Quota>,
    limit: u64,
}

impl Incoming {
    /// Opens `path` for the object that `command` announces.
    pub(super) fn create(
        path: PathBuf,
        command: &Command,
        transfer_syntax: &str,
        quota: Arc<Quota>,
        limit: u64,
    ) -> Result<Self, Refusal> {
        let full = |_| Refusal::new(Status::OutOfResources, "the object cannot be written");
        let meta = FileMetaTableBuilder::new()
            .media_storage_sop_class_uid(command.sop_class.as_str())
            .media_storage_sop_instance_uid(command.sop_instance.as_str())
            .transfer_syntax(transfer_syntax)
            .build()
            .map_err(|_| Refusal::new(Status::CannotUnderstand, "no file header can be made"))?;
        let mut file = BufWriter::with_capacity(1 << 16, File::create_new(&path).map_err(full)?);
        let mut incoming = Self {
            path,
            file: None,
            data_at: 0,
            bytes: 0,
            hash: Sha256::new(),
            is_explicit: transfer_syntax != uids::IMPLICIT_VR_LITTLE_ENDIAN,
            quota,
            limit,
        };
        file.write_all(&[0; 128]).and_then(|()| file.write_all(b"DICM")).map_err(full)?;
        meta.write(&mut file).map_err(|_| Refusal::new(Status::OutOfResources, "the object cannot be written"))?;
        incoming.data_at = file.stream_position().map_err(full)?;
        incoming.file = Some(file);
        Ok(incoming)
    }

    /// The next piece of the data set.
    pub(super) fn write(&mut self, piece: &[u8]) -> Result<(), Refusal> {
        let length = piece.len() as u64;
        if self.bytes + length > self.limit {
            return Err(Refusal::new(
                Status::OutOfResources,
                format!("objects above {} bytes are not kept", self.limit),
            ));
        }
        if !self.quota.take(length) {
            return Err(Refusal::new(Status::OutOfResources, "the disk space for received objects is used up"));
        }
        self.bytes += length;
        self.hash.update(piece);
        let file = self.file.as_mut().ok_or_else(|| Refusal::new(Status::OutOfResources, "the object is closed"))?;
        file.write_all(piece).map_err(|_| Refusal::new(Status::OutOfResources, "the disk does not take the object"))
    }

    /// Ends the data set; its own UIDs must be those of the request.
    pub(super) fn finish(&mut self, command: &Command) -> Result<(Identity, Hash), Refusal> {
        let full = |_| Refusal::new(Status::OutOfResources, "the disk does not take the object");
        if let Some(mut file) = self.file.take() {
            file.flush().map_err(full)?;
        }
        let mut file = BufReader::new(File::open(&self.path).map_err(full)?);
        file.seek(SeekFrom::Start(self.data_at)).map_err(full)?;
        let identity = identity::read(file, self.bytes, self.is_explicit)
            .map_err(|reason| Refusal::new(Status::CannotUnderstand, reason))?;
        if identity.sop_instance != command.sop_instance || identity.sop_class != command.sop_class {
            return Err(Refusal::new(Status::Mismatch, "the data set is another object than the request says"));
        }
        Ok((identity, std::mem::take(&mut self.hash).finalize().into()))
    }

    /// Gives the object its place; returns its bytes.
    pub(super) fn keep_as(mut self, path: &Path) -> Result<u64, Refusal> {
        fs::rename(&self.path, path)
            .map_err(|_| Refusal::new(Status::OutOfResources, "the object cannot be renamed"))?;
        // Nothing is left to be removed, and its bytes stay counted.
        self.path = PathBuf::new();
        Ok(std::mem::take(&mut self.bytes))
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            let _already_gone = fs::remove_file(&self.path);
        }
        self.quota.give(self.bytes);
    }
}
