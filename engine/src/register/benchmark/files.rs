//! The files that all programs of the comparison read.
//!
//! Little-endian. `target.bin`: u32 0x54475431, u32 n, n times position and
//! normal (6 f32), n level numbers (u8). `cases_N.bin`: u32 0x43415331, u32
//! cases, u32 points, u32 targets; per case f32 degrees, f32 mm, u32 levels,
//! u32 middle level, the pose as 16 f64 (row by row, CT from patient), the
//! points and the targets (3 f32 each). The frame is RAS: posterior is -y; the
//! first guess is the identity.

use std::path::Path;

use geom::{Ct, Patient, Transform, TransformError, Vector};
use thiserror::Error;

use super::{Case, Suite};
use crate::surface::PointCloud;

const TARGET_MAGIC: u32 = 0x5447_5431;
const CASES_MAGIC: u32 = 0x4341_5331;

/// Why a file cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// The file cannot be read.
    #[error("{path} cannot be read; name the folder with target.bin and cases_N.bin")]
    Read {
        /// Its path.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is of another kind.
    #[error("{path} begins with {found:#010x} instead of {expected:#010x}; is it the right file?")]
    Magic {
        /// Its path.
        path: String,
        /// What it begins with.
        found: u32,
        /// What it should begin with.
        expected: u32,
    },
    /// The file is shorter than it says.
    #[error("{path} ends early; was it copied completely?")]
    Short {
        /// Its path.
        path: String,
    },
    /// A pose is no rigid transform.
    #[error("case {case} holds no rigid pose")]
    Pose {
        /// Index of the case.
        case: usize,
        /// Why.
        source: TransformError,
    },
}

/// Reads `target.bin` and `cases_N.bin` (N the number of `points`) of `folder`.
///
/// # Errors
/// [`FileError`] for files that are missing, of another kind or cut short.
pub fn read(folder: &Path, points: usize) -> Result<Suite, FileError> {
    let mut file = Reader::open(&folder.join("target.bin"), TARGET_MAGIC)?;
    let count = file.u32()? as usize;
    let mut cloud = PointCloud::default();
    for _ in 0..count {
        cloud.points.push(file.triple()?);
        cloud.normals.push(file.triple()?);
    }
    let levels = file.bytes(count)?.to_vec();

    let mut file = Reader::open(&folder.join(format!("cases_{points}.bin")), CASES_MAGIC)?;
    let (case_count, points, targets) = (file.u32()?, file.u32()?, file.u32()?);
    let mut cases = Vec::new();
    for number in 0..case_count as usize {
        let (offset_deg, offset_mm) = (f64::from(file.f32()?), f64::from(file.f32()?));
        let _levels_and_middle = (file.u32()?, file.u32()?);
        let mut matrix = [0.0; 16];
        for value in &mut matrix {
            *value = f64::from_le_bytes(file.take()?);
        }
        let ct_from_patient = Transform::<Ct, Patient>::from_row_major(&matrix)
            .map_err(|source| FileError::Pose { case: number, source })?;
        cases.push(Case {
            offset_deg,
            offset_mm,
            initial: Transform::identity(),
            truth: ct_from_patient.inverse(),
            points: (0..points).map(|_| Ok(file.triple()?.into())).collect::<Result<_, FileError>>()?,
            targets: (0..targets).map(|_| Ok(file.triple()?.into())).collect::<Result<_, FileError>>()?,
        });
    }
    let name = format!("shared cases, {points} points");
    Ok(Suite { name, cloud, levels, approach: Vector::new(0.0, -1.0, 0.0), cases })
}

/// Numbers out of a file, bounds-checked.
struct Reader {
    path: String,
    bytes: Vec<u8>,
    at: usize,
}

impl Reader {
    fn open(path: &Path, expected: u32) -> Result<Self, FileError> {
        let name = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|source| FileError::Read { path: name.clone(), source })?;
        let mut reader = Self { path: name, bytes, at: 0 };
        let found = reader.u32()?;
        if found == expected { Ok(reader) } else { Err(FileError::Magic { path: reader.path, found, expected }) }
    }

    fn bytes(&mut self, count: usize) -> Result<&[u8], FileError> {
        let end = self.at.saturating_add(count);
        let Some(bytes) = self.bytes.get(self.at..end) else {
            return Err(FileError::Short { path: self.path.clone() });
        };
        self.at = end;
        Ok(bytes)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], FileError> {
        let mut taken = [0; N];
        taken.copy_from_slice(self.bytes(N)?);
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32, FileError> {
        Ok(u32::from_le_bytes(self.take()?))
    }

    fn f32(&mut self) -> Result<f32, FileError> {
        Ok(f32::from_le_bytes(self.take()?))
    }

    fn triple(&mut self) -> Result<[f32; 3], FileError> {
        Ok([self.f32()?, self.f32()?, self.f32()?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_and_cut_files_are_refused_with_their_name() {
        let folder = std::env::temp_dir().join(format!("spinenav-cases-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        assert!(matches!(read(&folder, 5), Err(FileError::Read { .. })));
        let write = |name: &str, words: &[u32]| {
            std::fs::write(folder.join(name), words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>()).unwrap();
        };
        write("target.bin", &[7, 0]);
        assert!(matches!(read(&folder, 5), Err(FileError::Magic { found: 7, .. })));
        write("target.bin", &[TARGET_MAGIC, u32::MAX, 1, 2]);
        assert!(matches!(read(&folder, 5), Err(FileError::Short { .. })));
        write("target.bin", &[TARGET_MAGIC, 0]);
        write("cases_5.bin", &[CASES_MAGIC, 1, u32::MAX, 1]);
        assert!(read(&folder, 5).unwrap_err().to_string().contains("cases_5.bin"));
        write("cases_5.bin", &[CASES_MAGIC, 0, 5, 1]);
        assert!(read(&folder, 5).unwrap().cases.is_empty());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
