//! Touches of landmarks in a recording that names none: which stretches are
//! touches, and of which landmark.

use geom::{Frame, Point, Tool, Transform};

use super::{LandmarkTip, TipSettings, TouchedLandmark, tip_from_landmarks};
use crate::error::{CalibrationError, check_count};
use crate::landmarks::match_points;
use crate::pivot::{Dwell, DwellSettings, PivotSettings, find_dwells, pivot_recording};
use crate::verdict::Verdict;

/// How touches are found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TipSearch {
    /// When a tip counts as resting.
    pub dwell: DwellSettings,
    /// How far a touch may lie from its landmark while the tip is only roughly
    /// known, mm. Default 3.
    pub tolerance_mm: f64,
}

impl Default for TipSearch {
    fn default() -> Self {
        Self { dwell: DwellSettings::default(), tolerance_mm: 3.0 }
    }
}

/// A tip from a recording, and the touches found in it.
#[derive(Debug, Clone)]
pub struct RecordedTip<Room: Frame, Phantom: Frame> {
    /// The calibration.
    pub found: LandmarkTip<Room, Phantom>,
    /// The touches, in order.
    pub touches: Vec<TouchedLandmark>,
    /// Rests that met no landmark.
    pub strays: usize,
}

/// Rounds in which the tip finds the touches and the touches the tip.
const ROUNDS: usize = 3;

/// Finds the tip in a recording of touches in any order.
///
/// * `guess` - a rough tip, mm, from a drawing or an older calibration; without
///   one the tool must have been tilted in its touches, which gives the start.
///
/// # Errors
/// [`CalibrationError`] as [`tip_from_landmarks`], and where no touches are
/// found or their order is not.
pub fn tip_from_recording<Room: Frame, Phantom: Frame>(
    room_from_tool: &[Transform<Room, Tool>],
    times_s: &[f64],
    landmarks: &[Point<Phantom>],
    guess: Option<Point<Tool>>,
    search: &TipSearch,
    settings: &TipSettings,
) -> Result<RecordedTip<Room, Phantom>, CalibrationError> {
    let mut tip = match guess {
        Some(guess) => guess,
        None => pivot_recording(room_from_tool, times_s, &search.dwell, &PivotSettings::default())?.pivot.tip,
    };
    let mut last = None;
    for _ in 0..ROUNDS {
        let dwells = find_dwells(room_from_tool, times_s, tip, &search.dwell)?;
        let remedy = "hold the tip on each landmark for more than a second";
        check_count("a tip from landmarks", "rests of the tip", dwells.len(), (4, 128), remedy)?;
        let rests: Vec<Point<Room>> = dwells.iter().map(|d| d.at).collect();
        let matched = match_points(&rests, landmarks, search.tolerance_mm)?;
        let touch = |(dwell, partner): (&Dwell<Room>, &Option<usize>)| {
            partner.map(|landmark| TouchedLandmark { landmark, poses: dwell.poses.clone() })
        };
        let touches: Vec<TouchedLandmark> = dwells.iter().zip(&matched.partners).filter_map(touch).collect();
        let strays = dwells.len() - touches.len();
        let mut found = tip_from_landmarks(room_from_tool, &touches, landmarks, settings)?;
        if matched.is_ambiguous {
            let reason = "the touches fit the landmarks in two ways";
            found.judgement.add(Verdict::Reject, reason, "touch one more landmark that breaks the symmetry");
        }
        tip = found.tip;
        last = Some(RecordedTip { found, touches, strays });
    }
    last.ok_or_else(|| CalibrationError::Undetermined {
        what: "the tip",
        reason: "no touch was found".into(),
        remedy: "touch the landmarks of the phantom",
    })
}
