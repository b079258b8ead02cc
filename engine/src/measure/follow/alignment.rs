//! Before, now and target, as scene, report and machines are given them.

use serde::{Deserialize, Serialize};

use super::target::Target;

/// A value with one standard deviation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// In the unit of its parameter.
    pub value: f64,
    /// One standard deviation, same unit.
    pub sd: f64,
}

/// One parameter before and now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FollowedParameter {
    /// Key; its end is the unit.
    pub key: String,
    /// What it is called.
    pub name: String,
    /// On the CT.
    pub before: Option<Estimate>,
    /// With the levels where they are; the standard deviation holds that of the
    /// landmarks and of the registrations.
    pub now: Option<Estimate>,
    /// What the registrations alone add, one standard deviation. A change has
    /// this error: the landmarks are the same before and now.
    pub registration_sd: Option<f64>,
    /// What is to be reached.
    pub target: Option<Target>,
    /// What the value must still change by; 0 when it is reached.
    pub to_go: Option<f64>,
    /// Levels behind it that were registered by themselves.
    pub followed: Vec<String>,
    /// Levels behind it that are assumed to lie as in the CT.
    pub assumed: Vec<String>,
    /// True when a registration behind it is doubtful.
    pub is_doubtful: bool,
    /// Why there is no value now.
    pub reason: Option<String>,
}

impl FollowedParameter {
    /// `"deg"` or `"mm"`.
    #[must_use]
    pub fn unit(&self) -> &str {
        self.key.rsplit_once('_').map_or("", |(_, unit)| unit)
    }

    /// By how much it has changed.
    #[must_use]
    pub fn change(&self) -> Option<f64> {
        Some(self.now?.value - self.before?.value)
    }
}

/// A level that was registered by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FollowedLevel {
    /// Its name.
    pub level: String,
    /// `"accepted"`, `"doubtful"` or `"rejected"`, in the program's words.
    pub verdict: String,
    /// How far the middle of its landmarks stands from where the whole spine's registration puts it, mm.
    pub moved_mm: f64,
    /// How far it is turned against it, degrees.
    pub turned_deg: f64,
}

/// All parameters before and now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Alignment {
    /// Levels that were registered by themselves, from head to foot.
    pub levels: Vec<FollowedLevel>,
    /// One for each of [`FOLLOWED`](super::FOLLOWED), in its order.
    pub parameters: Vec<FollowedParameter>,
    /// Where the targets come from; empty without targets.
    pub targets_source: String,
}

impl Alignment {
    /// The parameter of a key.
    #[must_use]
    pub fn parameter(&self, key: &str) -> Option<&FollowedParameter> {
        self.parameters.iter().find(|parameter| parameter.key == key)
    }

    /// How far the level that moved most stands from where the whole spine's registration shows it, mm:
    /// guidance does not follow single levels.
    #[must_use]
    pub fn most_moved_mm(&self) -> f64 {
        self.levels.iter().map(|level| level.moved_mm).fold(0.0, f64::max)
    }
}
