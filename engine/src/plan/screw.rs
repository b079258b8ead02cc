//! One planned screw, the sizes there are, and the grade of a breach.

use std::fmt;

use geom::{Ct, Point, Vector};
use serde::{Deserialize, Serialize};

use crate::level::Level;

/// Diameters of screws in the library, mm: what thoracolumbar systems offer, in
/// half millimetres.
pub const DIAMETERS_MM: [f64; 10] = [4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 7.5, 8.0, 8.5];
/// Lengths of screws in the library, mm. Systems come in steps of 5 mm (Kiyak
/// et al. 2019, doi:10.31616/asj.2018.0177, on why 2.5 mm would help).
pub const LENGTHS_MM: [f64; 8] = [25.0, 30.0, 35.0, 40.0, 45.0, 50.0, 55.0, 60.0];

/// The thickest screw of the library that is at most `most_mm` thick.
#[must_use]
pub fn thickest_within(most_mm: f64) -> Option<f64> {
    DIAMETERS_MM.into_iter().rev().find(|mm| *mm <= most_mm)
}

/// The longest screw of the library that is at most `most_mm` long.
#[must_use]
pub fn longest_within(most_mm: f64) -> Option<f64> {
    LENGTHS_MM.into_iter().rev().find(|mm| *mm <= most_mm)
}

/// The patient's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The patient's left, LPS +x.
    Left,
    /// The patient's right.
    Right,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Left, Self::Right];

    /// +1 to the left, -1 to the right.
    #[must_use]
    pub const fn sign(self) -> f64 {
        match self {
            Self::Left => 1.0,
            Self::Right => -1.0,
        }
    }

    /// One word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
        }
    }
}

/// A planned screw: a cylinder from the entry towards the target.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Screw {
    /// Its vertebra.
    pub level: Level,
    /// Which pedicle.
    pub side: Side,
    /// Where it enters the bone.
    pub entry: Point<Ct>,
    /// A point it aims at; the axis runs from the entry through it.
    pub target: Point<Ct>,
    /// Outer diameter of the thread, mm.
    pub diameter_mm: f64,
    /// From the entry to the tip, mm.
    pub length_mm: f64,
}

impl Screw {
    /// Unit direction from entry to target; `None` when they coincide.
    #[must_use]
    pub fn direction(&self) -> Option<Vector<Ct>> {
        (self.target - self.entry).normalized()
    }

    /// The place `mm` along the axis from the entry.
    #[must_use]
    pub fn along(&self, mm: f64) -> Point<Ct> {
        self.direction().map_or(self.entry, |d| self.entry + d * mm)
    }

    /// The tip: `length_mm` from the entry.
    #[must_use]
    pub fn tip(&self) -> Point<Ct> {
        self.along(self.length_mm)
    }

    /// Level and side, `"L3 left"`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", self.level, self.side.name())
    }
}

/// How far a screw leaves the pedicle.
///
/// Gertzbein, Robbins 1990, doi:10.1097/00007632-199001000-00004, in steps of
/// 2 mm, by the letters in use since: A none, B less than 2 mm, C less than 4,
/// D less than 6, E more. The authors graded screws after the operation; here
/// it is a plan that is graded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Grade {
    /// No breach.
    A,
    /// Less than 2 mm.
    B,
    /// 2 to less than 4 mm.
    C,
    /// 4 to less than 6 mm.
    D,
    /// 6 mm or more.
    E,
}

impl Grade {
    /// All, the best first.
    pub const ALL: [Self; 5] = [Self::A, Self::B, Self::C, Self::D, Self::E];

    /// The grade of a breach; not a number counts as the worst.
    ///
    /// ```
    /// use engine::plan::Grade;
    /// assert_eq!([-1.0, 0.5, 2.0, 5.9, 6.0].map(Grade::of_breach), Grade::ALL);
    /// ```
    #[must_use]
    pub fn of_breach(breach_mm: f64) -> Self {
        match breach_mm {
            mm if mm <= 0.0 => Self::A,
            mm if mm < 2.0 => Self::B,
            mm if mm < 4.0 => Self::C,
            mm if mm < 6.0 => Self::D,
            _ => Self::E,
        }
    }

    /// The letter.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::A => 'A',
            Self::B => 'B',
            Self::C => 'C',
            Self::D => 'D',
            Self::E => 'E',
        }
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.letter())
    }
}
