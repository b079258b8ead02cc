//! Copies between ordinary memory and the GPU through two page-locked pieces
//! in turn: the processor fills or empties one while the bus moves the other.
//!
//! A copy straight from ordinary memory runs at about half the bus's rate,
//! and page-locking a CT in place costs more than copying it.
#![allow(unsafe_code)]

use std::sync::PoisonError;

use cudarc::driver::{CudaEvent, CudaStream, DeviceRepr, ValidAsZeroBits, result};
use rayon::prelude::*;

use super::driver::{Driver, failed};
use super::memory::Pinned;
use super::parameters::Address;
use crate::error::OpError;

/// Bytes of a piece: long against the start of a copy (10 us), short against
/// a CT (100 MiB).
const PIECE_BYTES: usize = 8 << 20;

/// Below this the driver's own staging is as good.
const SMALL_BYTES: usize = 1 << 18;

/// Two page-locked pieces and when each is free again.
#[derive(Debug)]
pub(crate) struct Staging {
    pieces: [(Pinned<u8>, Copied); 2],
}

/// The end of the last copy of a piece.
struct Copied(CudaEvent);

impl std::fmt::Debug for Copied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Copied")
    }
}

impl Copied {
    fn wait(&self) -> Result<(), OpError> {
        self.0.synchronize().map_err(failed("waiting for a copy"))
    }

    fn follows(&self, stream: &CudaStream) -> Result<(), OpError> {
        self.0.record(stream).map_err(failed("marking a copy"))
    }
}

impl Staging {
    fn new(driver: &Driver) -> Result<Self, OpError> {
        let piece = || {
            let event = driver.context.new_event(None).map_err(failed("making an event"))?;
            Ok::<_, OpError>((Pinned::new(&driver.context, PIECE_BYTES)?, Copied(event)))
        };
        Ok(Self { pieces: [piece()?, piece()?] })
    }

    fn upload(&mut self, bytes: &[u8], to: Address, stream: &CudaStream) -> Result<(), OpError> {
        for (index, chunk) in bytes.chunks(PIECE_BYTES).enumerate() {
            let (piece, copied) = &mut self.pieces[index % 2];
            copied.wait()?;
            copy(&mut piece.values_mut()[..chunk.len()], chunk);
            let address = to + (index * PIECE_BYTES) as u64;
            // SAFETY: the chunk lies within what the caller promised, and the
            // piece is not touched before `copied`. Watched by `cuda_volume::copies`.
            unsafe { piece.copy_to_gpu(address, chunk.len(), stream)? };
            copied.follows(stream)?;
        }
        Ok(())
    }

    fn download(&mut self, bytes: &mut [u8], from: Address, stream: &CudaStream) -> Result<(), OpError> {
        // The last use may have been an upload that is still under way.
        self.pieces.iter().try_for_each(|(_, copied)| copied.wait())?;
        let mut waiting: Option<(usize, &mut [u8])> = None;
        for (index, chunk) in bytes.chunks_mut(PIECE_BYTES).enumerate() {
            let (piece, copied) = &mut self.pieces[index % 2];
            let address = from + (index * PIECE_BYTES) as u64;
            // SAFETY: as above.
            unsafe { piece.copy_from_gpu(address, chunk.len(), stream)? };
            copied.follows(stream)?;
            self.empty(waiting.replace((index, chunk)))?;
        }
        self.empty(waiting)
    }

    /// Copies a piece that is on its way, once it is there.
    fn empty(&self, arrived: Option<(usize, &mut [u8])>) -> Result<(), OpError> {
        let Some((index, chunk)) = arrived else { return Ok(()) };
        let (piece, copied) = &self.pieces[index % 2];
        copied.wait()?;
        copy(chunk, &piece.values()[..chunk.len()]);
        Ok(())
    }
}

impl Driver {
    /// Copies `values` to `to`, in order with the GPU's work. They are free
    /// when this returns; the copy may still be under way.
    ///
    /// # Safety
    /// That many values must fit at `to`, and `T` must have no padding.
    ///
    /// # Errors
    /// [`OpError::Device`] when the driver refuses.
    pub(crate) unsafe fn upload<T: DeviceRepr>(&self, values: &[T], to: Address) -> Result<(), OpError> {
        // SAFETY: plain numbers without padding are bytes.
        let bytes = unsafe { std::slice::from_raw_parts(values.as_ptr().cast::<u8>(), size_of_val(values)) };
        if bytes.len() < SMALL_BYTES {
            self.context.bind_to_thread().map_err(failed("copying to the GPU"))?;
            // SAFETY: passed on to the caller; the driver has read ordinary
            // memory when the call returns.
            return unsafe { result::memcpy_htod_async(to, bytes, self.stream.cu_stream()) }
                .map_err(failed("copying to the GPU"));
        }
        self.staged(|staging| staging.upload(bytes, to, &self.stream))
    }

    /// Copies what lies at `from` to `values` once all work so far is done.
    ///
    /// # Safety
    /// That many values must lie at `from`, any bits must be a `T`, and `T`
    /// must have no padding.
    ///
    /// # Errors
    /// [`OpError::Device`] when anything queued before failed.
    pub(crate) unsafe fn download<T: DeviceRepr>(&self, from: Address, values: &mut [T]) -> Result<(), OpError> {
        // SAFETY: as in `upload`, and any bits are a `T`.
        let bytes = unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast::<u8>(), size_of_val(values)) };
        if bytes.len() < SMALL_BYTES {
            self.context.bind_to_thread().map_err(failed("copying from the GPU"))?;
            // SAFETY: passed on to the caller, and waited for.
            unsafe { result::memcpy_dtoh_async(bytes, from, self.stream.cu_stream()) }
                .map_err(failed("copying from the GPU"))?;
            return self.stream.synchronize().map_err(failed("waiting for the GPU"));
        }
        self.staged(|staging| staging.download(bytes, from, &self.stream))
    }

    /// Lends the pieces; two threads take turns.
    fn staged(&self, work: impl FnOnce(&mut Staging) -> Result<(), OpError>) -> Result<(), OpError> {
        let mut staging = self.staging.lock().unwrap_or_else(PoisonError::into_inner);
        let lent = match staging.take() {
            Some(lent) => lent,
            None => Staging::new(self)?,
        };
        let done = work(staging.insert(lent));
        if done.is_err() {
            // A copy may be under way that no event tells of.
            let _ = self.stream.synchronize();
        }
        done
    }
}

/// One thread copies slower than the bus delivers.
pub(crate) fn copy<T: Copy + Send + Sync>(to: &mut [T], from: &[T]) {
    const CHUNK: usize = 1 << 18;
    to.par_chunks_mut(CHUNK).zip(from.par_chunks(CHUNK)).for_each(|(to, from)| to.copy_from_slice(from));
}

/// A copy on its way to the host while the GPU goes on with other work.
///
/// Dropped before it has arrived, it waits: neither side may go away earlier.
#[derive(Debug)]
pub(crate) struct Arriving<'a, T> {
    values: &'a mut Pinned<T>,
    driver: &'a Driver,
}

impl<'a, T: DeviceRepr + ValidAsZeroBits + Copy + Send + Sync> Arriving<'a, T> {
    /// Starts to fill `values` from `from`, once all work so far is done.
    ///
    /// # Safety
    /// As many values must lie at `from`, and stay there for `'a`.
    ///
    /// # Errors
    /// [`OpError::Device`] when the driver refuses.
    pub(crate) unsafe fn start(driver: &'a Driver, from: Address, values: &'a mut Pinned<T>) -> Result<Self, OpError> {
        driver.copies.join(&driver.stream).map_err(failed("ordering a copy"))?;
        let arriving = Self { values, driver };
        let count = arriving.values.values().len();
        // SAFETY: the caller keeps the source, and `values` is borrowed until
        // the copy is done (`finish`, `drop`). Watched by `cuda_volume::copies`.
        unsafe { arriving.values.copy_from_gpu(from, count, &driver.copies) }.map(|()| arriving)
    }

    /// Waits and hands the values over.
    ///
    /// # Errors
    /// [`OpError::Device`] when anything queued before failed.
    pub(crate) fn finish(self) -> Result<Vec<T>, OpError> {
        self.driver.copies.synchronize().map_err(failed("waiting for a copy"))?;
        let arrived = self.values.values();
        let mut values = Vec::with_capacity(arrived.len());
        arrived.par_iter().copied().collect_into_vec(&mut values);
        Ok(values)
    }
}

impl<T> Drop for Arriving<'_, T> {
    fn drop(&mut self) {
        // An error here was or will be told by the next call.
        let _ = self.driver.copies.synchronize();
    }
}
