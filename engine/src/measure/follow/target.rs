//! What a correction is to reach, from a file.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::{self, FollowError};
use super::follower::FOLLOWED;

/// Where a value is to lie, in the unit of its parameter; a bound may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Least value.
    #[serde(default)]
    pub low: Option<f64>,
    /// Largest value.
    #[serde(default)]
    pub high: Option<f64>,
}

impl Target {
    /// What `value` must change by to lie within the bounds; 0 when it does.
    ///
    /// ```
    /// use engine::measure::follow::Target;
    /// let target = Target { low: Some(45.0), high: Some(60.0) };
    /// assert_eq!((target.to_go(37.0), target.to_go(50.0), target.to_go(62.5)), (8.0, 0.0, -2.5));
    /// ```
    #[must_use]
    pub fn to_go(&self, value: f64) -> f64 {
        match (self.low, self.high) {
            (Some(low), _) if value < low => low - value,
            (_, Some(high)) if value > high => high - value,
            _ => 0.0,
        }
    }

    /// As it is written: `45 to 60`, `below 20`, `above 45`.
    #[must_use]
    pub fn words(&self) -> String {
        match (self.low, self.high) {
            (Some(low), Some(high)) => format!("{low} to {high}"),
            (None, Some(high)) => format!("below {high}"),
            (Some(low), None) => format!("above {low}"),
            (None, None) => String::new(),
        }
    }
}

/// A file of targets.
///
/// ```json
/// { "source": "Schwab et al. 2012, doi:10.1097/BRS.0b013e31823e15e2: modifiers without deformity",
///   "targets": { "pi_ll_deg": { "low": -10, "high": 10 }, "pt_deg": { "high": 20 }, "sva_mm": { "high": 40 } } }
/// ```
///
/// Keys are those of [`FOLLOWED`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Targets {
    /// Where the targets come from: a study, or who set them.
    pub source: String,
    /// The targets by the key of their parameter.
    pub targets: BTreeMap<String, Target>,
}

impl Targets {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`FollowError`] naming the file or the target.
    pub fn read(path: &Path) -> Result<Self, FollowError> {
        let targets: Self = error::read(path, "a file of alignment targets")?;
        targets.check()?;
        Ok(targets)
    }

    /// Checks names and bounds.
    ///
    /// # Errors
    /// The first target that cannot be used.
    pub fn check(&self) -> Result<(), FollowError> {
        let refused = |entry: &str, why: String| Err(FollowError::Entry { entry: entry.into(), why });
        if self.source.trim().is_empty() {
            return refused("source", "say where the targets come from: a study, or who set them".into());
        }
        for (key, target) in &self.targets {
            if !FOLLOWED.iter().any(|parameter| parameter.key == key) {
                let known: Vec<&str> = FOLLOWED.iter().map(|parameter| parameter.key).collect();
                return refused(key, format!("no parameter has this name; there are {}", known.join(", ")));
            }
            let bounds = [target.low, target.high];
            if bounds == [None, None] || bounds.iter().flatten().any(|bound| !bound.is_finite()) {
                return refused(key, "give a finite \"low\", \"high\" or both".into());
            }
            if let [Some(low), Some(high)] = bounds
                && low > high
            {
                return refused(key, format!("its low bound {low} lies above its high bound {high}"));
            }
        }
        Ok(())
    }
}
