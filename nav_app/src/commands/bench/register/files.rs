//! Registration cases as files, so that whoever wants can run the same. The
//! form is that of [`engine::register::benchmark::files`], which reads them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use engine::register::benchmark::{Case, Suite};

const TARGET_MAGIC: u32 = 0x5447_5431;
const CASES_MAGIC: u32 = 0x4341_5331;

/// Numbers of points for which `folder` holds cases, ascending.
pub fn sizes(folder: &Path) -> Result<Vec<usize>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let size = |name: &str| name.strip_prefix("cases_")?.strip_suffix(".bin")?.parse().ok();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut sizes: Vec<usize> = names.filter_map(|name| size(&name)).collect();
    sizes.sort_unstable();
    Ok(sizes)
}

/// Folders with a bone: `folder` itself, then those within it, by name.
pub fn suites(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut within: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    within.sort();
    let all = std::iter::once(folder.to_owned()).chain(within);
    Ok(all.filter(|folder| folder.join("target.bin").exists()).collect())
}

/// Writes `target.bin`. The suite is in LPS, the file in RAS.
pub fn write_bone(folder: &Path, suite: &Suite) -> Result<()> {
    let mut bytes = Vec::with_capacity(8 + 25 * suite.levels.len());
    bytes.extend(TARGET_MAGIC.to_le_bytes());
    bytes.extend(u32::try_from(suite.cloud.len())?.to_le_bytes());
    for (point, normal) in suite.cloud.points.iter().zip(&suite.cloud.normals) {
        [point, normal].into_iter().flat_map(|v| flipped(*v)).for_each(|value| bytes.extend(value.to_le_bytes()));
    }
    bytes.extend(&suite.levels);
    write(&folder.join("target.bin"), &bytes)
}

/// Writes `cases_N.bin` for cases of N points each that start from the
/// identity.
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
        [case.offset_deg, case.offset_mm].iter().for_each(|value| bytes.extend((*value as f32).to_le_bytes()));
        bytes.extend([0; 8]); // number and name of the levels: nobody reads them
        let matrix = flipped_matrix(case.truth.inverse().to_row_major());
        matrix.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
        let arrays = case.points.iter().map(|p| p.to_array()).chain(case.targets.iter().map(|p| p.to_array()));
        arrays.flat_map(|p| flipped(p.map(|v| v as f32))).for_each(|value| bytes.extend(value.to_le_bytes()));
    }
    write(&folder.join(format!("cases_{points}.bin")), &bytes)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// LPS to RAS and back.
fn flipped([x, y, z]: [f32; 3]) -> [f32; 3] {
    [-x, -y, z]
}

fn flipped_matrix(matrix: [f64; 16]) -> [f64; 16] {
    let sign = |axis: usize| if axis < 2 { -1.0 } else { 1.0 };
    std::array::from_fn(|i| matrix[i] * sign(i / 4) * sign(i % 4))
}

#[cfg(test)]
mod tests {
    use engine::register::benchmark::files::read;
    use engine::surface::PointCloud;
    use geom::{Point, Transform, Vector};

    use super::*;

    #[test]
    fn what_is_written_is_read_in_the_other_axes() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("spinenav-files-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let case = Case {
            offset_deg: 5.0,
            offset_mm: 10.0,
            initial: Transform::identity(),
            truth: Transform::from_translation(Vector::new(1.0, -2.0, 3.0)),
            points: vec![Point::new(1.0, 2.0, 3.0), Point::new(4.0, 5.0, -6.0)],
            targets: vec![Point::new(7.0, 8.0, 9.0)],
        };
        let cloud = PointCloud { points: vec![[1.0, 2.0, 3.0]], normals: vec![[0.0, 1.0, 0.0]] };
        let approach = Vector::new(0.0, 1.0, 0.0);
        let suite = Suite { name: String::new(), cloud, levels: vec![20], approach, cases: vec![case] };
        write_bone(&folder, &suite)?;
        write_cases(&folder, &suite.cases)?;
        assert_eq!((sizes(&folder)?, suites(&folder)?), (vec![2], vec![folder.clone()]));
        let found = read(&folder, 2)?;
        assert_eq!((found.cloud.points[0], found.levels[0]), ([-1.0, -2.0, 3.0], 20));
        assert_eq!(found.cases[0].truth.translation().as_slice(), [-1.0, 2.0, 3.0]);
        assert_eq!(found.cases[0].points[1].to_array(), [-4.0, -5.0, -6.0]);
        assert_eq!((found.cases[0].offset_deg, found.cases[0].offset_mm), (5.0, 10.0));
        // An error in one frame is as large in the other.
        let error = |suite: &Suite| {
            let case = &suite.cases[0];
            (case.truth * case.targets[0]).distance(case.points[0])
        };
        assert!((error(&found) - error(&suite)).abs() < 1e-5);
        Ok(std::fs::remove_dir_all(&folder)?)
    }
}
