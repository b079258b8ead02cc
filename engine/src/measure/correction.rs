//! What a person moved: landmarks and levels, by file, with name and time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use geom::nalgebra::{Matrix3, Vector3};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::fit::{self, Plane, Sphere};
use super::vertebra::{Endplate, Origin, Side};
use crate::level::Level;
use crate::volume::LabelMap;

/// How exactly a landmark is placed by hand, mm (one standard deviation).
pub(crate) const HAND_SD_MM: f64 = 1.5;
/// Largest file that is read, bytes.
const MAX_BYTES: u64 = 1 << 20;
/// Most points of one landmark.
const MAX_POINTS: usize = 10_000;

/// Why a correction file cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CorrectionError {
    /// The system could not read it.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system could not write it.
    #[error("the corrections were not saved in {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is larger than any list of landmarks.
    #[error("{path} has {bytes} bytes, a correction file has at most {MAX_BYTES}; is it the right file?")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// It is not the JSON expected.
    #[error("{path} is no correction file: {source}")]
    Json {
        /// The file.
        path: PathBuf,
        /// Line and reason.
        source: serde_json::Error,
    },
    /// A landmark of an unknown name or with unusable points.
    #[error(
        "landmark {name:?} cannot be used: {why}; names are sacral-plate, femoral-head-left, femoral-head-right, C7-centre, and LEVEL-superior or LEVEL-inferior such as L1-superior"
    )]
    Landmark {
        /// Its name.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// A level that does not exist, is not in the map, or would be there twice.
    #[error("level {name:?} cannot be changed: {why}")]
    Level {
        /// Its name.
        name: String,
        /// What is wrong.
        why: String,
    },
}

/// A correction file, checked.
///
/// ```json
/// { "by": "Dr. Example", "when": "2026-01-31T09:30:00Z",
///   "levels": { "T12": "L1" },
///   "landmarks": {
///     "sacral-plate": [[-12, -140, 300], [-10, -108, 286], [8, -124, 293]],
///     "femoral-head-left": [[90, -130, 210], [95, -140, 215], [85, -120, 205], [99, -131, 222]] } }
/// ```
///
/// Points are LPS mm. An endplate needs three, or two (front and back corner:
/// the plate is then level from left to right), or its front, back, left and
/// right end in this order, which then stay its ends; a femoral head needs four on
/// its surface; C7 needs one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Corrections {
    /// Who made them.
    #[serde(default)]
    pub by: String,
    /// When, as that person's program wrote it.
    #[serde(default)]
    pub when: String,
    /// What is called so in the map, and what it is.
    #[serde(default)]
    pub levels: BTreeMap<String, String>,
    /// Points of each landmark, LPS mm.
    #[serde(default)]
    pub landmarks: BTreeMap<String, Vec<[f64; 3]>>,
}

/// What a landmark's name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Plate(Level, Side),
    Sacral,
    Head(usize),
    C7,
}

fn target(name: &str) -> Option<Target> {
    match name {
        "sacral-plate" => return Some(Target::Sacral),
        "femoral-head-left" => return Some(Target::Head(0)),
        "femoral-head-right" => return Some(Target::Head(1)),
        "C7-centre" => return Some(Target::C7),
        _ => {}
    }
    let (level, side) = name.split_once('-')?;
    let side = match side {
        "superior" => Side::Superior,
        "inferior" => Side::Inferior,
        _ => return None,
    };
    Level::from_name(level).filter(|l| l.is_vertebra()).map(|level| Target::Plate(level, side))
}

impl Corrections {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`CorrectionError`] naming the file, landmark or level.
    pub fn read(path: &Path) -> Result<Self, CorrectionError> {
        let failed = |source| CorrectionError::Read { path: path.into(), source };
        let bytes = std::fs::metadata(path).map_err(failed)?.len();
        if bytes > MAX_BYTES {
            return Err(CorrectionError::TooLarge { path: path.into(), bytes });
        }
        let text = crate::io::read_text(path).map_err(failed)?;
        let read: Self =
            serde_json::from_str(&text).map_err(|source| CorrectionError::Json { path: path.into(), source })?;
        read.check()?;
        Ok(read)
    }

    /// Checks names and points.
    ///
    /// # Errors
    /// The first landmark that cannot be used.
    pub fn check(&self) -> Result<(), CorrectionError> {
        for (name, points) in &self.landmarks {
            let bad = |why: &str| CorrectionError::Landmark { name: name.clone(), why: why.to_owned() };
            let target = target(name).ok_or_else(|| bad("no landmark has this name"))?;
            if points.len() > MAX_POINTS || points.iter().flatten().any(|c| !c.is_finite() || c.abs() > 1e5) {
                return Err(bad("its points are too many, too far away or not finite"));
            }
            let is_usable = match target {
                Target::C7 => points.len() == 1,
                Target::Head(_) => sphere_of(points).is_some(),
                Target::Plate(..) | Target::Sacral => plate_of(points).is_some(),
            };
            if !is_usable {
                return Err(bad(
                    "it needs three points (or a front and a back one) for an endplate, four points on a ball of 10 to 45 mm for a femoral head, one for C7",
                ));
            }
        }
        Ok(())
    }

    /// True when nothing is corrected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.levels.is_empty() && self.landmarks.is_empty()
    }

    /// Takes a later change: levels are renamed after those before, landmarks of a renamed level keep to it, and
    /// landmarks replace those of the same name.
    pub fn merge(&mut self, change: Self) {
        let renamed = |name: &String| change.levels.get(name).unwrap_or(name).clone();
        // Keys are the names in the map.
        let is_known = |name: &String| self.levels.values().any(|now| now == name);
        let new: Vec<(String, String)> =
            change.levels.iter().filter(|(from, _)| !is_known(from)).map(|(a, b)| (a.clone(), b.clone())).collect();
        self.levels.values_mut().for_each(|now| *now = renamed(now));
        self.levels.extend(new);
        self.levels.retain(|from, to| from != to);
        let moved = std::mem::take(&mut self.landmarks).into_iter().map(|(name, points)| {
            let name = match name.split_once('-') {
                Some((level, side)) => format!("{}-{side}", renamed(&level.to_owned())),
                None => name,
            };
            (name, points)
        });
        self.landmarks = moved.collect();
        self.landmarks.extend(change.landmarks);
        (self.by, self.when) = (change.by, change.when);
    }

    /// The same as changes one after the other, each with all levels or one landmark, as a journal keeps them.
    #[must_use]
    pub fn pieces(&self) -> Vec<Self> {
        let of = |levels: BTreeMap<String, String>, landmarks: BTreeMap<String, Vec<[f64; 3]>>| Self {
            by: self.by.clone(),
            when: self.when.clone(),
            levels,
            landmarks,
        };
        let levels = (!self.levels.is_empty()).then(|| of(self.levels.clone(), BTreeMap::new()));
        let landmark =
            |(name, points): (&String, &Vec<[f64; 3]>)| of(BTreeMap::new(), [(name.clone(), points.clone())].into());
        levels.into_iter().chain(self.landmarks.iter().map(landmark)).collect()
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// [`CorrectionError::Write`].
    pub fn write(&self, path: &Path) -> Result<(), CorrectionError> {
        let failed = |source| CorrectionError::Write { path: path.into(), source };
        let text = serde_json::to_string_pretty(self).map_err(|e| failed(e.into()))?;
        let new = path.with_extension(format!("json.{}", std::process::id()));
        std::fs::write(&new, format!("{text}\n")).and_then(|()| std::fs::rename(&new, path)).map_err(failed)
    }

    /// Renames levels in `map`, all at once, so that a whole column can move up.
    ///
    /// # Errors
    /// [`CorrectionError::Level`]; the map is then as it was.
    pub fn rename(&self, map: &mut LabelMap) -> Result<(), CorrectionError> {
        let mut to: [u8; 256] = std::array::from_fn(|i| u8::try_from(i).unwrap_or(0));
        let is_there = crate::level::present(&map.labels);
        for (from, into) in &self.levels {
            let bad = |name: &str, why: &str| CorrectionError::Level { name: name.to_owned(), why: why.to_owned() };
            let level = |name: &str| {
                Level::from_name(name).ok_or_else(|| bad(name, "levels are C1 to L6, T13, sacrum, coccyx"))
            };
            let (old, new) = (level(from)?, level(into)?);
            if !is_there.contains(&old) {
                return Err(bad(from, "it is not in the label map"));
            }
            to[usize::from(old.number())] = new.number();
        }
        let mut seen = [None; 256];
        for level in is_there {
            let new = to[usize::from(level.number())];
            if let Some(other) = seen[usize::from(new)].replace(level) {
                let why = format!("{other} would have the same name; rename that one too");
                return Err(CorrectionError::Level { name: level.to_string(), why });
            }
        }
        map.labels.iter_mut().for_each(|label| *label = to[usize::from(*label)]);
        Ok(())
    }

    fn find(&self, wanted: impl Fn(Target) -> bool) -> Option<&Vec<[f64; 3]>> {
        self.landmarks.iter().find(|(name, _)| target(name).is_some_and(&wanted)).map(|(_, points)| points)
    }

    pub(super) fn endplates(&self) -> Vec<(Level, Side, Endplate)> {
        let one = |(name, points): (&String, &Vec<[f64; 3]>)| match target(name)? {
            Target::Plate(level, side) => Some((level, side, plate_of(points)?)),
            _ => None,
        };
        self.landmarks.iter().filter_map(one).collect()
    }

    pub(super) fn sacral_plate(&self) -> Option<Endplate> {
        plate_of(self.find(|t| t == Target::Sacral)?)
    }

    pub(super) fn femoral_heads(&self) -> [Option<Sphere>; 2] {
        [0, 1].map(|side| sphere_of(self.find(|t| t == Target::Head(side))?))
    }

    pub(super) fn c7_centre(&self) -> Option<Vector3<f64>> {
        self.find(|t| t == Target::C7).and_then(|points| points.first()).map(|p| Vector3::from(*p))
    }
}

fn plate_of(points: &[[f64; 3]]) -> Option<Endplate> {
    let mut points: Vec<Vector3<f64>> = points.iter().map(|p| Vector3::from(*p)).collect();
    if let [front, back, left, right] = points[..] {
        let along = |v: Vector3<f64>, axis: Vector3<f64>| v.dot(&axis) > 0.7 * v.norm();
        if along(front - back, -Vector3::y()) && along(left - right, Vector3::x()) {
            return Endplate::of_ends([front, back, left, right], HAND_SD_MM, Origin::ByHand);
        }
    }
    if let [a, b] = points[..] {
        // Two corners: level from left to right.
        let middle = (a + b) / 2.0;
        let half = (a - b).norm() / 2.0;
        points.extend([middle + Vector3::x() * half, middle - Vector3::x() * half]);
    }
    if points.len() < 3 {
        return None;
    }
    let count = points.len() as f64;
    let centre = points.iter().sum::<Vector3<f64>>() / count;
    let covariance = points.iter().fold(Matrix3::zeros(), |m, p| m + (p - centre) * (p - centre).transpose());
    let eigen = (covariance / count).symmetric_eigen();
    let mut order = [0, 1, 2];
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    let axis =
        |i: usize| (eigen.eigenvectors.column(order[i]).into_owned(), eigen.eigenvalues[order[i]].max(0.0).sqrt());
    if axis(1).1 < 2.0 {
        return None;
    }
    let normal: Vector3<f64> = axis(2).0;
    let normal = if normal.z < 0.0 { -normal } else { normal };
    let left = (Vector3::x() - normal * normal.x).try_normalize(0.1)?;
    let anterior = left.cross(&normal);
    let reach = |direction: Vector3<f64>| {
        points.iter().map(|p| (p - centre).dot(&direction)).fold((0f64, 0f64), |(l, h), v| (l.min(v), h.max(v)))
    };
    let ((back, front), (right, left_end)) = (reach(anterior), reach(left));
    let plane = Plane::by_hand(centre, normal, [axis(0), axis(1)], points.len(), HAND_SD_MM);
    Some(Endplate {
        plane,
        origin: Origin::ByHand,
        anterior: centre + anterior * front,
        posterior: centre + anterior * back,
        left: centre + left * left_end,
        right: centre + left * right,
        relief_mm: [0.0; 3],
    })
}

fn sphere_of(points: &[[f64; 3]]) -> Option<Sphere> {
    let points: Vec<Vector3<f64>> = points.iter().map(|p| Vector3::from(*p)).collect();
    let (centre, radius_mm) = fit::through(&points, &vec![1.0; points.len()]).filter(|_| points.len() >= 4)?;
    let rms_mm =
        (points.iter().map(|p| ((p - centre).norm() - radius_mm).powi(2)).sum::<f64>() / points.len() as f64).sqrt();
    let centre_sd_mm = HAND_SD_MM * (3.0 / points.len() as f64).sqrt();
    (10.0..=45.0).contains(&radius_mm).then_some(Sphere { centre, radius_mm, rms_mm, cover: 1.0, centre_sd_mm })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(pairs: &[(&str, &str)]) -> Corrections {
        let levels = pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        Corrections { levels, by: "Dr. Example".into(), ..Corrections::default() }
    }

    #[test]
    fn a_level_renamed_twice_is_renamed_from_the_map_and_its_landmarks_go_along() {
        let mut all = levels(&[("T12", "L1"), ("L1", "L2")]);
        all.landmarks.insert("L2-superior".into(), vec![[0.0; 3]]);
        all.landmarks.insert("sacral-plate".into(), vec![[1.0; 3]]);
        all.merge(levels(&[("L1", "T12"), ("L2", "L1")]));
        assert!(all.levels.is_empty(), "back as in the map: {:?}", all.levels);
        assert_eq!(all.landmarks.keys().collect::<Vec<_>>(), ["L1-superior", "sacral-plate"]);
        all.merge(levels(&[("L3", "L4")]));
        all.merge(levels(&[("L4", "L5")]));
        assert_eq!(all.levels, levels(&[("L3", "L5")]).levels);
    }
}
