//! Voxel bytes, streamed: nothing is allocated before it has arrived.

use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::header::{self, HEADER_BYTES, Layout};
use crate::io::error::{Problem, ReadError};
use crate::io::limits::Limits;
use crate::io::warning::Warning;
use crate::io::{bounded, detect};
use crate::volume::Grid;

/// Bytes read at a time; a multiple of every element size.
const CHUNK: usize = 1 << 20;

/// Compression that real CTs stay below by far (they reach 2 to 10).
const LIKELY_INFLATION: u64 = 64;

/// Number type of a voxel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::io) enum Kind {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

impl Kind {
    pub(in crate::io) const fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }
}

/// How the bytes of a voxel become its value.
#[derive(Debug, Clone, Copy)]
pub(in crate::io) struct Element {
    pub kind: Kind,
    pub is_big_endian: bool,
    pub slope: f64,
    pub inter: f64,
}

impl Element {
    /// Calls `each` with every scaled value in `bytes`.
    fn for_each(self, bytes: &[u8], mut each: impl FnMut(f64)) {
        /// One number type: both byte orders, then to `f64`.
        macro_rules! values {
            ($t:ty) => {{
                let (whole, _) = bytes.as_chunks::<{ size_of::<$t>() }>();
                let scale = |v: $t| v as f64 * self.slope + self.inter;
                if self.is_big_endian {
                    whole.iter().for_each(|b| each(scale(<$t>::from_be_bytes(*b))));
                } else {
                    whole.iter().for_each(|b| each(scale(<$t>::from_le_bytes(*b))));
                }
            }};
        }
        match self.kind {
            Kind::U8 => values!(u8),
            Kind::I8 => values!(i8),
            Kind::U16 => values!(u16),
            Kind::I16 => values!(i16),
            Kind::U32 => values!(u32),
            Kind::I32 => values!(i32),
            Kind::U64 => values!(u64),
            Kind::I64 => values!(i64),
            Kind::F32 => values!(f32),
            Kind::F64 => values!(f64),
        }
    }

    pub(in crate::io) fn append_f32(self, bytes: &[u8], out: &mut Vec<f32>) {
        out.reserve(bytes.len() / self.kind.bytes());
        self.for_each(bytes, |v| out.push(v as f32));
    }

    /// Appends labels; the first voxel that is none is returned with its index.
    pub(in crate::io) fn append_u8(self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), (usize, f64)> {
        if self.kind == Kind::U8 && self.slope == 1.0 && self.inter == 0.0 {
            out.extend_from_slice(bytes);
            return Ok(());
        }
        let mut first_bad = None;
        self.for_each(bytes, |v| {
            if !((0.0..=255.0).contains(&v) && v.fract() == 0.0) {
                first_bad.get_or_insert((out.len(), v));
            }
            out.push(v as u8);
        });
        first_bad.map_or(Ok(()), Err)
    }
}

/// An opened NIfTI file whose header was read and found possible.
pub(super) struct Source {
    path: PathBuf,
    layout: Layout,
    grid: Grid,
    reader: Box<dyn Read>,
    /// Bytes of voxels.
    data_bytes: u64,
    /// Bytes of the file.
    present: u64,
}

/// Whether there are bytes after the voxels. All of them are read, up to
/// 64 MiB: a decompressor compares its checksum at the end only, and damaged
/// data may well be longer than it was.
///
/// # Errors
/// What the decompressor says.
pub(in crate::io) fn has_more(reader: &mut dyn Read) -> std::io::Result<bool> {
    let mut buffer = vec![0; 1 << 16];
    for round in 0..1024 {
        if reader.read(&mut buffer)? == 0 {
            return Ok(round > 0);
        }
    }
    Ok(true)
}

impl Source {
    /// Opens `path`, reads the header and checks what it promises against the
    /// length of the file.
    pub(super) fn open(path: &Path, limits: &Limits) -> Result<Self, ReadError> {
        let fail = |problem| ReadError::new(path, problem);
        let (file, present) = bounded::open(path).map_err(ReadError::io(path, "open the file"))?;
        if present == 0 {
            return Err(fail(Problem::Empty));
        }
        limits.check_bytes(path, present)?;
        let mut file = BufReader::with_capacity(1 << 18, file);
        let is_gzip = std::io::BufRead::fill_buf(&mut file)
            .map_err(ReadError::io(path, "read the file"))?
            .starts_with(&[0x1f, 0x8b]);
        let mut reader: Box<dyn Read> = if is_gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        let mut start = [0; HEADER_BYTES];
        read_exactly(path, &mut *reader, &mut start, 0, HEADER_BYTES as u64)?;
        if !header::looks_like_nifti(&start) {
            return Err(fail(detect::unknown(&start)));
        }
        let layout = header::parse(&start).map_err(fail)?;
        let voxels = limits.check_voxels(path, layout.size)?;
        let data_bytes = voxels as u64 * layout.element.kind.bytes() as u64;
        let declared = layout.offset + data_bytes;
        let possible = if is_gzip { present.saturating_mul(limits.inflation) } else { present };
        if declared > possible {
            let why = if is_gzip {
                format!("cannot hold more than {possible}, even compressed {} to 1", limits.inflation)
            } else {
                format!("ends {} bytes too early", declared - possible)
            };
            return Err(fail(Problem::SizeMismatch { declared, present, why }));
        }
        let grid = header::grid(&layout).map_err(fail)?;
        Ok(Self { path: path.to_owned(), layout, grid, reader, data_bytes, present })
    }

    /// Voxels to make room for at once: all, unless the file compresses so well
    /// that the header may be a lie; then memory grows with what arrives.
    pub(super) fn likely_voxels(&self) -> usize {
        if self.data_bytes <= self.present.saturating_mul(LIKELY_INFLATION) { self.grid.len() } else { 0 }
    }

    /// Hands the voxels to `sink` in chunks of whole elements.
    pub(super) fn read(
        &mut self,
        mut sink: impl FnMut(Element, &Path, &[u8]) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let declared = self.layout.offset + self.data_bytes;
        let mut at = HEADER_BYTES as u64;
        let mut buffer = vec![0; CHUNK];
        while at < declared {
            let is_gap = at < self.layout.offset;
            let end = if is_gap { self.layout.offset } else { declared };
            let wanted = usize::try_from(end - at).unwrap_or(CHUNK).min(CHUNK);
            let part = buffer.get_mut(..wanted).unwrap_or_default();
            read_exactly(&self.path, &mut *self.reader, part, at, declared)?;
            if !is_gap {
                sink(self.layout.element, &self.path, part)?;
            }
            at += wanted as u64;
        }
        match has_more(&mut *self.reader) {
            Ok(false) => {}
            Ok(true) => self.layout.warnings.push(Warning::TrailingBytes),
            Err(source) => {
                return Err(ReadError::new(&self.path, Problem::Compressed { read: at, declared, source }));
            }
        }
        Ok(())
    }

    /// The grid and what was noticed.
    pub(super) fn finish(self) -> (Grid, Vec<Warning>) {
        (self.grid, self.layout.warnings)
    }
}

/// Fills `part`; a stream that ends or breaks is reported with its place.
pub(in crate::io) fn read_exactly(
    path: &Path,
    reader: &mut dyn Read,
    part: &mut [u8],
    at: u64,
    declared: u64,
) -> Result<(), ReadError> {
    let mut filled = 0;
    while let Some(rest) = part.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let problem = match reader.read(rest) {
            Ok(0) => std::io::ErrorKind::UnexpectedEof.into(),
            Ok(n) => {
                filled += n;
                continue;
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => e,
        };
        let read = at + filled as u64;
        return Err(ReadError::new(path, Problem::Compressed { read, declared, source: problem }));
    }
    Ok(())
}
