//! Poses of the whole spine and of single levels, from a file: what `register --json` prints, or of any source.

use std::path::Path;

use geom::nalgebra::Matrix6;
use geom::{Ct, Patient, PoseCovariance, Transform};
use serde::Deserialize;

use super::error::{self, FollowError};
use super::follower::Placed;
use crate::level::Level;
use crate::register::Verdict;

/// One pose as it is written; entries that `register` prints beside are left alone.
#[derive(Debug, Deserialize)]
struct Written {
    level: Option<String>,
    patient_from_ct: Option<Transform<Patient, Ct>>,
    covariance: Option<Vec<f64>>,
    verdict: Option<String>,
    #[serde(default)]
    levels: Vec<Self>,
}

/// A file of poses.
///
/// ```json
/// { "patient_from_ct": [1,0,0,0, 0,1,0,0, 0,0,1,0, 0,0,0,1],
///   "levels": [ { "level": "L3", "patient_from_ct": [1,0,0,0, 0,0.995,0.0998,0, 0,-0.0998,0.995,0, 0,0,0,1],
///                 "verdict": "accept" } ] }
/// ```
///
/// Poses are 16 numbers row by row; the whole one is the identity where it is left out, so that motions within the CT
/// can be given. `covariance` has 36 numbers: rotation (rad) before translation (mm), disturbed from the left.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacedFile {
    /// The whole spine.
    pub whole: Placed,
    /// Single levels.
    pub levels: Vec<(Level, Placed)>,
    /// True when a pose came without its covariance: its error is then missing in what follows.
    pub lacks_covariance: bool,
}

impl PlacedFile {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`FollowError`] naming the file or the level.
    pub fn read(path: &Path) -> Result<Self, FollowError> {
        Self::checked(&error::read(path, "a file of poses (`register --method articulated --json`)")?)
    }

    fn checked(written: &Written) -> Result<Self, FollowError> {
        let named = |one: &Written| one.level.clone().unwrap_or_else(|| "patient_from_ct".into());
        let mut lacks_covariance = written.covariance.is_none() && written.patient_from_ct.is_some();
        let whole = placed(written, &named(written))?;
        let mut levels = Vec::new();
        for one in &written.levels {
            let refused = |why: &str| FollowError::Entry { entry: named(one), why: why.into() };
            let level = one.level.as_deref().and_then(Level::from_name);
            let level = level.ok_or_else(|| refused("\"level\" is C1 to L6, T13 or sacrum"))?;
            if one.patient_from_ct.is_none() {
                return Err(refused("it has no \"patient_from_ct\", 16 numbers row by row"));
            }
            if levels.iter().any(|(known, _)| *known == level) {
                return Err(refused("it is there twice"));
            }
            lacks_covariance |= one.covariance.is_none();
            levels.push((level, placed(one, &named(one))?));
        }
        if levels.is_empty() {
            let why = "it holds no single level; nothing would change".into();
            return Err(FollowError::Entry { entry: "levels".into(), why });
        }
        Ok(Self { whole, levels, lacks_covariance })
    }
}

fn placed(written: &Written, name: &str) -> Result<Placed, FollowError> {
    let refused = |why: &str| FollowError::Entry { entry: name.into(), why: why.into() };
    let covariance = match &written.covariance {
        None => PoseCovariance::zero(),
        Some(numbers) if numbers.len() == 36 => PoseCovariance::new(Matrix6::from_row_slice(numbers))
            .ok_or_else(|| refused("its \"covariance\" is none: it must be symmetric, finite and not negative"))?,
        Some(numbers) => return Err(refused(&format!("its \"covariance\" has {} numbers, not 36", numbers.len()))),
    };
    let verdict = match written.verdict.as_deref() {
        None | Some("accept") => Verdict::Accept,
        Some("doubtful") => Verdict::Doubtful,
        Some("reject") => Verdict::Reject,
        Some(other) => return Err(refused(&format!("\"verdict\" is accept, doubtful or reject, not {other:?}"))),
    };
    Ok(Placed { patient_from_ct: written.patient_from_ct.unwrap_or_else(Transform::identity), covariance, verdict })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PlacedFile, FollowError> {
        PlacedFile::checked(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn a_wrong_pose_is_refused_by_its_level() {
        let pose = "[1,0,0,0, 0,1,0,0, 0,0,1,5, 0,0,0,1]";
        let good =
            read(&format!(r#"{{"rms_mm": 1, "levels": [{{"level": "L3", "patient_from_ct": {pose}}}]}}"#)).unwrap();
        assert_eq!((good.levels[0].0.to_string(), good.lacks_covariance), ("L3".into(), true));
        assert_eq!(good.whole.patient_from_ct, Transform::identity());
        for (text, word) in [
            (format!(r#"[{{"level": "L9", "patient_from_ct": {pose}}}]"#), "L9"),
            (r#"[{"level": "L3"}]"#.into(), "16 numbers"),
            (format!(r#"[{{"level": "L3", "patient_from_ct": {pose}, "covariance": [1]}}]"#), "36"),
            (format!(r#"[{{"level": "L3", "patient_from_ct": {pose}, "verdict": "fine"}}]"#), "fine"),
            ("[]".into(), "nothing would change"),
        ] {
            let error = read(&format!(r#"{{"levels": {text}}}"#)).unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
