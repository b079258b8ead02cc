//! What is rehearsed, as a file.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::faults;
use crate::fault::FaultScript;
use crate::level::Level;

/// A rehearsal that cannot be run; the message says what to change.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum RehearsalError {
    /// The script is not JSON of the known form.
    #[error("the script is not usable: {0}")]
    Syntax(String),
    /// A number of the script makes no sense.
    #[error("the script says {name} {found}, but it must be {needed}")]
    Setting {
        /// Name of the entry.
        name: &'static str,
        /// What it says.
        found: String,
        /// What it may say.
        needed: &'static str,
    },
    /// A level of the script is not in the case.
    #[error("{wanted} is not whole in this case; whole are: {whole}")]
    Level {
        /// The level of the script.
        wanted: String,
        /// Levels that could be chosen.
        whole: String,
    },
    /// A stroke of a practice cannot be made.
    #[error("stroke {number}: {why}")]
    Stroke {
        /// Its place in the script, from 1.
        number: usize,
        /// What is wrong and what could be touched.
        why: String,
    },
    /// A fault of the script is not one.
    #[error("the script's faults: {0}")]
    Faults(String),
    /// There is nothing to register.
    #[error("the case has no vertebra that lies whole in the scan; use labels of a larger scan")]
    NoVertebra,
    /// The bone cannot be registered to.
    #[error("the bone of this case cannot be used: {0}")]
    Bone(#[from] crate::register::RegisterError),
}

/// A surgeon, a patient and a first guess, drawn anew in every trial. Entries
/// that are left out have their defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// Simulated registrations. Default 100.
    pub trials: usize,
    /// Seed of the chance; the same script gives the same trials. Default 1.
    pub seed: u64,
    /// Levels laid open, such as `["L2", "L3"]`; empty: the lowest three that
    /// are whole.
    pub levels: Vec<String>,
    /// Points touched. Default 200.
    pub points: usize,
    /// Standard deviation of each coordinate of a touched point, mm. Default 0.3.
    pub noise_mm: f64,
    /// Share of points off the bone, half of them on soft tissue above it.
    /// Default 0.1.
    pub outlier_share: f64,
    /// Least and largest share of the exposed bone, beyond a line across it,
    /// that is not touched. Default 0.15 to 0.35.
    pub missed_share: [f64; 2],
    /// The exposure reaches this far to either side, mm. Default 30.
    pub half_width_mm: f64,
    /// The first guess is turned by up to this, degrees. Default 15.
    pub start_deg: f64,
    /// The first guess is shifted by up to this, mm. Default 15.
    pub start_mm: f64,
    /// Faults to be rehearsed beside the registrations, a line each in the
    /// language of [`FaultScript`], such as `"at 4 s for 1 s tracker freeze"`.
    /// Default none.
    pub faults: Vec<String>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            trials: 100,
            seed: 1,
            levels: Vec::new(),
            points: 200,
            noise_mm: 0.3,
            outlier_share: 0.1,
            missed_share: [0.15, 0.35],
            half_width_mm: 30.0,
            start_deg: 15.0,
            start_mm: 15.0,
            faults: Vec::new(),
        }
    }
}

impl Script {
    /// From JSON.
    ///
    /// # Errors
    /// [`RehearsalError::Syntax`] with line and column, and
    /// [`RehearsalError::Setting`].
    ///
    /// ```
    /// use engine::rehearsal::Script;
    /// let script = Script::from_json(r#"{ "levels": ["L3"], "points": 60 }"#)?;
    /// assert_eq!((script.points, script.trials), (60, 100));
    /// assert!(Script::from_json(r#"{ "noise_mm": -1 }"#).is_err());
    /// # Ok::<(), engine::rehearsal::RehearsalError>(())
    /// ```
    pub fn from_json(text: &str) -> Result<Self, RehearsalError> {
        let script: Self = serde_json::from_str(text).map_err(|error| RehearsalError::Syntax(error.to_string()))?;
        script.check()?;
        Ok(script)
    }

    /// Whether all entries make sense.
    ///
    /// # Errors
    /// [`RehearsalError::Setting`].
    pub fn check(&self) -> Result<(), RehearsalError> {
        let number = |name, value: f64, needed, is_right: bool| {
            let found = value.to_string();
            if is_right { Ok(()) } else { Err(RehearsalError::Setting { name, found, needed }) }
        };
        let within = |value: f64, low: f64, high: f64| (low..=high).contains(&value);
        let [least, most] = self.missed_share;
        number("trials", self.trials as f64, "1 to 1000000", (1..=1_000_000).contains(&self.trials))?;
        number("points", self.points as f64, "3 to 1000000", (3..=1_000_000).contains(&self.points))?;
        number("noise_mm", self.noise_mm, "0 to 10", within(self.noise_mm, 0.0, 10.0))?;
        number("outlier_share", self.outlier_share, "0 to 0.9", within(self.outlier_share, 0.0, 0.9))?;
        number("missed_share", least, "two shares of 0 to 0.95, the least first", within(least, 0.0, most))?;
        number("missed_share", most, "two shares of 0 to 0.95, the least first", within(most, 0.0, 0.95))?;
        number("half_width_mm", self.half_width_mm, "1 to 200", within(self.half_width_mm, 1.0, 200.0))?;
        number("start_deg", self.start_deg, "0 to 180", within(self.start_deg, 0.0, 180.0))?;
        number("start_mm", self.start_mm, "0 to 500", within(self.start_mm, 0.0, 500.0))?;
        self.fault_script()?;
        let unknown = self.levels.iter().find(|name| Level::from_name(name).is_none());
        let needed = "names of levels such as L3";
        match unknown {
            None => Ok(()),
            Some(name) => Err(RehearsalError::Setting { name: "levels", found: name.clone(), needed }),
        }
    }

    /// The faults, understood.
    ///
    /// # Errors
    /// [`RehearsalError::Faults`].
    pub fn fault_script(&self) -> Result<FaultScript, RehearsalError> {
        faults::parse(&self.faults)
    }
}
