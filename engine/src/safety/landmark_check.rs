//! The landmark check: what is asked of the user, why, and what counts as
//! passed.
//!
//! A place that can be found on the patient and in the CT is touched with the
//! followed instrument; the registration says where the tip is in the CT. One
//! place cannot show a rotation about it: where poses are withheld until a
//! check passes, several places apart from each other are needed.

use std::fmt;

use geom::{Ct, Point};

use super::session::{DegradedReason, SessionState};

/// When a landmark check passes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CheckLimits {
    /// Farthest a touched landmark may lie from its place, mm.
    pub tolerance_mm: f64,
    /// Landmarks needed where poses are withheld; one elsewhere. At most
    /// [`CheckProgress::MOST`].
    pub landmarks: u8,
    /// Least distance of these landmarks from each other, mm.
    pub apart_mm: f64,
}

/// How one touch of a landmark went.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LandmarkCheck {
    /// Distance between the touched and the planned place, mm.
    pub distance_mm: f64,
    /// Whether that is near enough.
    pub has_passed: bool,
    /// Landmarks found in place, of those that are needed; a landmark too
    /// near to one before it adds nothing.
    pub progress: CheckState,
}

impl LandmarkCheck {
    /// True when this touch completes the check.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.has_passed && self.progress.found >= self.progress.needed
    }
}

/// How far a check is; part of every snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CheckState {
    /// Landmarks found in place since the check began.
    pub found: u8,
    /// Landmarks that are needed; 0 while no check is asked for.
    pub needed: u8,
    /// How far the last touch was off, mm; `None` before the first.
    pub last_mm: Option<f32>,
}

/// Landmarks touched so far. Fixed memory, constant work.
#[derive(Debug, Clone, Copy, Default)]
pub struct CheckProgress {
    places: [Option<Point<Ct>>; CheckProgress::MOST],
    last_mm: Option<f32>,
}

impl CheckProgress {
    /// Most landmarks a check can need.
    pub const MOST: usize = 8;

    /// Forgets what was touched: another check begins.
    pub fn restart(&mut self) {
        *self = Self::default();
    }

    /// Takes in a touch that was `distance_mm` off its planned place.
    pub fn touch(&mut self, planned: Point<Ct>, distance_mm: f64, needed: u8, limits: &CheckLimits) -> LandmarkCheck {
        // NaN is not near.
        let has_passed = distance_mm <= limits.tolerance_mm;
        if has_passed {
            let is_apart = self.places.iter().flatten().all(|place| place.distance(planned) >= limits.apart_mm);
            let free = self.places.iter_mut().find(|place| place.is_none());
            if let Some(place) = free.filter(|_| is_apart) {
                *place = Some(planned);
            }
        } else {
            self.places = [None; Self::MOST];
        }
        self.last_mm = Some(distance_mm as f32);
        LandmarkCheck { distance_mm, has_passed, progress: self.state(needed) }
    }

    /// How far the check is, with `needed` landmarks.
    #[must_use]
    pub fn state(&self, needed: u8) -> CheckState {
        let found = self.places.iter().flatten().count();
        CheckState { found: u8::try_from(found).unwrap_or(u8::MAX), needed, last_mm: self.last_mm }
    }
}

/// What the user is asked to do, for the screen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CheckPrompt {
    /// Why poses are withheld; `None` for the check that is due by the clock.
    pub reason: Option<DegradedReason>,
    /// How far the check is.
    pub state: CheckState,
    limits: CheckLimits,
}

impl CheckPrompt {
    /// The prompt for a session in `session` whose snapshot says `state`;
    /// `None` while no check is asked for.
    #[must_use]
    pub const fn of(session: SessionState, state: CheckState, limits: CheckLimits) -> Option<Self> {
        let reason = match session {
            _ if state.needed == 0 => return None,
            SessionState::Degraded(reason) if reason.needs_check() => Some(reason),
            // Something was read back; nothing else awaits a check there.
            SessionState::Segmented => Some(DegradedReason::Restarted),
            _ => None,
        };
        Some(Self { reason, state, limits })
    }
}

impl fmt::Display for CheckPrompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CheckLimits { tolerance_mm, apart_mm, .. } = self.limits;
        match self.reason {
            Some(reason) => write!(f, "no pose is shown, {}. ", reason.words())?,
            None => f.write_str("the last check was long ago. ")?,
        }
        match self.state.needed {
            1 => write!(f, "Touch a landmark: the check passes within {tolerance_mm} mm of its place in the CT")?,
            needed => write!(
                f,
                "Touch {needed} landmarks at least {apart_mm} mm apart: the check passes when each is within \
                 {tolerance_mm} mm of its place in the CT; {} of {needed} so far",
                self.state.found
            )?,
        }
        self.state.last_mm.map_or(Ok(()), |mm| write!(f, " (the last touch was {mm:.1} mm off)"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: CheckLimits = CheckLimits { tolerance_mm: 2.0, landmarks: 3, apart_mm: 20.0 };

    fn touch(progress: &mut CheckProgress, x: f64, distance_mm: f64) -> (bool, u8) {
        let check = progress.touch(Point::new(x, 0.0, 0.0), distance_mm, 3, &LIMITS);
        (check.is_complete(), check.progress.found)
    }

    #[test]
    fn one_landmark_touched_again_and_again_is_one_landmark() {
        let mut progress = CheckProgress::default();
        assert_eq!(touch(&mut progress, 0.0, 1.0), (false, 1));
        assert_eq!(touch(&mut progress, 5.0, 1.0), (false, 1), "too near to show a rotation");
        assert_eq!(touch(&mut progress, 30.0, 2.0), (false, 2));
        assert_eq!(touch(&mut progress, 60.0, 0.3), (true, 3));
    }

    #[test]
    fn one_landmark_out_of_place_begins_the_check_anew() {
        let mut progress = CheckProgress::default();
        touch(&mut progress, 0.0, 1.0);
        touch(&mut progress, 30.0, 1.0);
        assert_eq!(touch(&mut progress, 60.0, 2.1), (false, 0));
        assert_eq!(touch(&mut progress, 60.0, f64::NAN), (false, 0));
        assert_eq!(touch(&mut progress, 60.0, 1.0), (false, 1));
    }

    #[test]
    fn the_prompt_says_why_and_what_counts_as_passed() {
        let state = CheckState { found: 1, needed: 3, last_mm: Some(0.62) };
        let doubtful = SessionState::Degraded(DegradedReason::Doubtful);
        let prompt = CheckPrompt::of(doubtful, state, LIMITS).unwrap().to_string();
        for part in ["doubtful", "3 landmarks at least 20 mm apart", "within 2 mm", "1 of 3", "0.6 mm off"] {
            assert!(prompt.contains(part), "{prompt}");
        }
        let restored = CheckPrompt::of(SessionState::Segmented, state, LIMITS).unwrap();
        assert!(restored.to_string().contains("started again"));
        let due = CheckState { needed: 1, ..CheckState::default() };
        let due = CheckPrompt::of(SessionState::Navigating, due, LIMITS).unwrap().to_string();
        assert!(due.contains("long ago") && !due.contains("no pose"), "{due}");
        assert_eq!(CheckPrompt::of(doubtful, CheckState::default(), LIMITS), None);
    }
}
