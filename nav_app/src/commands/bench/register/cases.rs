//! Registration cases on disk, shared with whoever wants to run the same.
//!
//! Little-endian files in one folder, RAS mm (posterior is -y):
//! - `target.bin`: u32 magic `0x54475431`, u32 n, n times point and outward
//!   normal as 6 f32, then n level numbers as u8;
//! - `cases_N.bin`: u32 magic `0x43415331`, u32 cases, u32 N points each, u32
//!   targets each, then per case f32 start angle (deg), f32 start distance
//!   (mm), u32 levels touched, u32 middle level, 16 f64 `ct_from_patient` row
//!   by row, N points and the targets (in the CT) as 3 f32 each.
//!
//! In memory everything is LPS. A registration starts from the identity.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use engine::surface::PointCloud;
use geom::{Ct, Patient, Point, Transform};

const TARGET_MAGIC: u32 = 0x5447_5431;
const CASES_MAGIC: u32 = 0x4341_5331;
/// Beyond it a header is nonsense.
const MAX_COUNT: u32 = 100_000_000;

/// One registration to be solved.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// How far the start is from the truth: an angle in degrees ...
    pub start_deg: f32,
    /// ... and a distance in mm.
    pub start_mm: f32,
    /// Levels touched, and the number of the middle one.
    pub levels: [u32; 2],
    /// The truth.
    pub patient_from_ct: Transform<Patient, Ct>,
    /// Touched points.
    pub points: Vec<Point<Patient>>,
    /// Where the error is measured.
    pub targets: Vec<Point<Ct>>,
}

/// The bone: points with normals, and the level of each.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bone {
    /// Points and outward normals.
    pub cloud: PointCloud,
    /// Level number of each point.
    pub levels: Vec<u8>,
}

/// Numbers of points for which `folder` holds cases, ascending.
pub fn sizes(folder: &Path) -> Result<Vec<usize>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let size = |name: &str| name.strip_prefix("cases_")?.strip_suffix(".bin")?.parse().ok();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut sizes: Vec<usize> = names.filter_map(|name| size(&name)).collect();
    sizes.sort_unstable();
    Ok(sizes)
}

/// Reads `target.bin`.
pub fn read_bone(folder: &Path) -> Result<Bone> {
    let path = folder.join("target.bin");
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    parse_bone(&bytes).with_context(|| path.display().to_string())
}

/// Reads `cases_{points}.bin`.
pub fn read_cases(folder: &Path, points: usize) -> Result<Vec<Case>> {
    let path = folder.join(format!("cases_{points}.bin"));
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    parse_cases(&bytes).with_context(|| path.display().to_string())
}

/// Writes `target.bin`.
pub fn write_bone(folder: &Path, bone: &Bone) -> Result<()> {
    let mut bytes = Vec::with_capacity(8 + 25 * bone.levels.len());
    bytes.extend(TARGET_MAGIC.to_le_bytes());
    bytes.extend(u32::try_from(bone.cloud.len())?.to_le_bytes());
    for (point, normal) in bone.cloud.points.iter().zip(&bone.cloud.normals) {
        [point, normal].into_iter().flat_map(|v| flipped(*v)).for_each(|value| bytes.extend(value.to_le_bytes()));
    }
    bytes.extend(&bone.levels);
    write(&folder.join("target.bin"), &bytes)
}

/// Writes `cases_N.bin` for cases of N points each.
pub fn write_cases(folder: &Path, cases: &[Case]) -> Result<()> {
    let first = cases.first().context("no cases to write")?;
    let (points, targets) = (first.points.len(), first.targets.len());
    let mut bytes = Vec::new();
    for value in [CASES_MAGIC, u32::try_from(cases.len())?, u32::try_from(points)?, u32::try_from(targets)?] {
        bytes.extend(value.to_le_bytes());
    }
    for case in cases {
        if (case.points.len(), case.targets.len()) != (points, targets) {
            bail!("cases of {} and {points} points do not go into one file", case.points.len());
        }
        [case.start_deg, case.start_mm].iter().for_each(|value| bytes.extend(value.to_le_bytes()));
        case.levels.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
        let matrix = flipped_matrix(case.patient_from_ct.inverse().to_row_major());
        matrix.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
        let arrays = case.points.iter().map(|p| p.to_array()).chain(case.targets.iter().map(|p| p.to_array()));
        arrays.flat_map(|p| flipped(p.map(|v| v as f32))).for_each(|value| bytes.extend(value.to_le_bytes()));
    }
    write(&folder.join(format!("cases_{points}.bin")), &bytes)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// RAS to LPS and back.
fn flipped([x, y, z]: [f32; 3]) -> [f32; 3] {
    [-x, -y, z]
}

fn flipped_matrix(matrix: [f64; 16]) -> [f64; 16] {
    let sign = |axis: usize| if axis < 2 { -1.0 } else { 1.0 };
    std::array::from_fn(|i| matrix[i] * sign(i / 4) * sign(i % 4))
}

/// Numbers out of a file, never beyond its end.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>().context("the file ends early; make or copy it again")?;
        self.0 = rest;
        Ok(*head)
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.take()?))
    }

    fn count(&mut self, what: &str, bytes_each: usize) -> Result<usize> {
        let count = self.u32()?;
        // The rest of the file must hold them: nothing is reserved on trust.
        if count == 0 || count > MAX_COUNT || count as usize > self.0.len() / bytes_each {
            bail!("it claims {count} {what}, which its {} bytes cannot hold", self.0.len());
        }
        Ok(count as usize)
    }

    fn magic(&mut self, expected: u32) -> Result<()> {
        let found = self.u32()?;
        if found == expected { Ok(()) } else { Err(anyhow!("it begins with {found:#x}, not with {expected:#x}")) }
    }

    fn f32(&mut self) -> Result<f32> {
        let value = f32::from_le_bytes(self.take()?);
        if value.is_finite() { Ok(value) } else { Err(anyhow!("a number in it is {value}")) }
    }

    fn triple(&mut self) -> Result<[f32; 3]> {
        Ok(flipped([self.f32()?, self.f32()?, self.f32()?]))
    }
}

fn parse_bone(bytes: &[u8]) -> Result<Bone> {
    let mut reader = Reader(bytes);
    reader.magic(TARGET_MAGIC)?;
    let count = reader.count("points", 25)?;
    let mut bone = Bone::default();
    for _ in 0..count {
        bone.cloud.points.push(reader.triple()?);
        bone.cloud.normals.push(reader.triple()?);
    }
    bone.levels = reader.0.get(..count).context("the file ends before its levels")?.to_vec();
    Ok(bone)
}

fn parse_cases(bytes: &[u8]) -> Result<Vec<Case>> {
    let mut reader = Reader(bytes);
    reader.magic(CASES_MAGIC)?;
    let cases = reader.count("cases", 144)?;
    let (points, targets) = (reader.count("points a case", 12)?, reader.count("targets a case", 12)?);
    let case = |reader: &mut Reader<'_>| -> Result<Case> {
        let (start_deg, start_mm, levels) = (reader.f32()?, reader.f32()?, [reader.u32()?, reader.u32()?]);
        let mut matrix = [0.0; 16];
        for value in &mut matrix {
            *value = f64::from_le_bytes(reader.take()?);
        }
        let ct_from_patient = Transform::<Ct, Patient>::from_row_major(&flipped_matrix(matrix))?;
        let points = (0..points).map(|_| reader.triple().map(Point::from)).collect::<Result<_>>()?;
        let targets = (0..targets).map(|_| reader.triple().map(Point::from)).collect::<Result<_>>()?;
        Ok(Case { start_deg, start_mm, levels, patient_from_ct: ct_from_patient.inverse(), points, targets })
    };
    let numbered = |number| case(&mut reader).with_context(|| format!("case {number}"));
    (0..cases).map(numbered).collect()
}

#[cfg(test)]
mod tests {
    use geom::Vector;

    use super::*;

    fn example() -> Case {
        Case {
            start_deg: 5.0,
            start_mm: 10.0,
            levels: [2, 20],
            patient_from_ct: Transform::from_translation(Vector::new(1.0, -2.0, 3.0)),
            points: vec![Point::new(1.0, 2.0, 3.0), Point::new(4.0, 5.0, -6.0)],
            targets: vec![Point::new(7.0, 8.0, 9.0)],
        }
    }

    #[test]
    fn what_is_written_is_read() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("spinenav-cases-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let cloud = PointCloud { points: vec![[1.0, 2.0, 3.0]], normals: vec![[0.0, 1.0, 0.0]] };
        let bone = Bone { cloud, levels: vec![20] };
        write_bone(&folder, &bone)?;
        write_cases(&folder, &[example(), example()])?;
        assert_eq!((read_bone(&folder)?, sizes(&folder)?), (bone, vec![2]));
        let cases = read_cases(&folder, 2)?;
        assert_eq!(cases, [example(), example()]);
        // Whatever is cut off or claimed too large is refused.
        let bytes = std::fs::read(folder.join("cases_2.bin"))?;
        assert!((0..bytes.len()).all(|length| parse_cases(&bytes[..length]).is_err()));
        let huge = [&bytes[..8], &u32::MAX.to_le_bytes(), &bytes[12..]].concat();
        assert!(parse_cases(&huge).is_err_and(|e| e.to_string().contains("4294967295 points")));
        Ok(std::fs::remove_dir_all(&folder)?)
    }
}
