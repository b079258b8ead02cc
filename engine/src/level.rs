//! Names and numbers of the vertebral levels.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A vertebral level by its VerSe number: 1-7 C1-C7, 8-19 T1-T12, 20-25
/// L1-L6, 26 sacrum, 27 coccyx, 28 T13.
///
/// Numbering: Sekuboyina et al., Med. Image Anal. 73, 2021,
/// doi:10.1016/j.media.2021.102166.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Level(u8);

impl Level {
    /// The level with VerSe number `number`, or `None` outside 1-28.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        if number >= 1 && number <= 28 { Some(Self(number)) } else { None }
    }

    /// The VerSe number, 1-28.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// True for C1-L6 and T13, false for sacrum and coccyx.
    #[must_use]
    pub const fn is_vertebra(self) -> bool {
        self.0 != 26 && self.0 != 27
    }

    /// The level from its name, `"T12"`, in any case.
    ///
    /// ```
    /// use engine::level::Level;
    /// assert_eq!(Level::from_name("l3").unwrap().number(), 22);
    /// assert_eq!(Level::from_number(19).unwrap().to_string(), "T12");
    /// ```
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        (1..=28).map(Self).find(|level| level.to_string().eq_ignore_ascii_case(name))
    }
}

impl TryFrom<u8> for Level {
    type Error = String;
    fn try_from(number: u8) -> Result<Self, String> {
        Self::from_number(number).ok_or_else(|| format!("{number} is no VerSe level; levels are numbered 1 to 28"))
    }
}

impl From<Level> for u8 {
    fn from(level: Level) -> Self {
        level.0
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n @ 1..=7 => write!(f, "C{n}"),
            n @ 8..=19 => write!(f, "T{}", n - 7),
            n @ 20..=25 => write!(f, "L{}", n - 19),
            26 => f.write_str("sacrum"),
            27 => f.write_str("coccyx"),
            _ => f.write_str("T13"),
        }
    }
}

/// The levels that occur in a label map's voxels, in numeric order. Numbers
/// outside 1-28 are no levels and are left out.
#[must_use]
pub fn present(labels: &[u8]) -> Vec<Level> {
    let mut seen = [false; 256];
    for label in labels {
        seen[usize::from(*label)] = true;
    }
    (1..=28).filter(|n| seen[usize::from(*n)]).filter_map(Level::from_number).collect()
}
