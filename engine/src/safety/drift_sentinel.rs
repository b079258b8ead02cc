//! Whether the patient reference still sits where it sat at registration.
//!
//! A second array on the same bone keeps its pose relative to the reference
//! for as long as neither moves. Three points on it are followed by a fast
//! mean, which shows a bump, and a slow one, which shows a slip far below the
//! noise of one measurement. Which of the two arrays moved it cannot tell; a
//! landmark check can.

use geom::{Nanoseconds, Patient, Point, Tool, Transform};

/// When a movement counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DriftLimits {
    /// Displacement of the slow mean, mm. Breathing moves neighbouring
    /// vertebrae by up to a millimetre against each other.
    pub slip_mm: f64,
    /// Displacement of the fast mean, mm.
    pub bump_mm: f64,
    /// Time constant of the slow mean, s.
    pub slow_s: f64,
    /// Time constant of the fast mean, s.
    pub fast_s: f64,
    /// How long the first place is averaged, s.
    pub baseline_s: f64,
}

impl Default for DriftLimits {
    /// 1 mm over 3 s, 1.5 mm over 0.1 s; 3 s for the baseline. The accepted
    /// error of navigation is 2 mm.
    fn default() -> Self {
        Self { slip_mm: 1.0, bump_mm: 1.5, slow_s: 3.0, fast_s: 0.1, baseline_s: 3.0 }
    }
}

/// Points followed, mm in the second array: a turn shows at its rim.
const PROBES: [[f64; 3]; 3] = [[50.0, 0.0, 0.0], [-25.0, 43.3, 0.0], [-25.0, -43.3, 0.0]];

type Probes = [[f64; 3]; 3];

/// Follows the second array. Constant work, no allocation.
#[derive(Debug, Clone, Copy)]
pub struct DriftSentinel {
    limits: DriftLimits,
    baseline: Probes,
    slow: Probes,
    fast: Probes,
    learned_s: f64,
    last: Option<Nanoseconds>,
    has_drifted: bool,
}

fn farthest_mm(a: &Probes, b: &Probes) -> f64 {
    a.iter().zip(b).map(|(a, b)| Point::<Patient>::from(*a).distance(Point::from(*b))).fold(0.0, f64::max)
}

fn approach(mean: &mut Probes, value: &Probes, share: f64) {
    for (m, v) in mean.iter_mut().flatten().zip(value.iter().flatten()) {
        *m += (v - *m) * share;
    }
}

impl DriftSentinel {
    /// A sentinel that still has to learn where the array sits.
    #[must_use]
    pub const fn new(limits: DriftLimits) -> Self {
        let zero = [[0.0; 3]; 3];
        Self { limits, baseline: zero, slow: zero, fast: zero, learned_s: 0.0, last: None, has_drifted: false }
    }

    /// Takes in the second array relative to the reference of the same instant.
    /// Returns true once, when the movement first exceeds a limit.
    pub fn observe(&mut self, time: Nanoseconds, patient_from_second: &Transform<Patient, Tool>) -> bool {
        let probes = PROBES.map(|p| (*patient_from_second * Point::<Tool>::from(p)).to_array());
        let Some(last) = self.last.replace(time) else {
            (self.baseline, self.slow, self.fast) = (probes, probes, probes);
            return false;
        };
        // A gap counts as a tenth of a second at most: one measurement after
        // it must not stand for all of it.
        let seconds = (time.0.saturating_sub(last.0) as f64 * 1e-9).min(0.1);
        if self.learned_s < self.limits.baseline_s {
            self.learned_s += seconds;
            approach(&mut self.baseline, &probes, (seconds / self.learned_s.max(1e-9)).min(1.0));
            (self.slow, self.fast) = (self.baseline, self.baseline);
            return false;
        }
        approach(&mut self.fast, &probes, (seconds / self.limits.fast_s).min(1.0));
        approach(&mut self.slow, &probes, (seconds / self.limits.slow_s).min(1.0));
        let has_moved =
            self.slip_mm() > self.limits.slip_mm || farthest_mm(&self.fast, &self.baseline) > self.limits.bump_mm;
        let is_new = has_moved && !self.has_drifted;
        self.has_drifted |= has_moved;
        is_new
    }

    /// Displacement of the slow mean from the baseline, mm.
    #[must_use]
    pub fn slip_mm(&self) -> f64 {
        farthest_mm(&self.slow, &self.baseline)
    }

    /// True after a movement, until [`relearn`](Self::relearn).
    #[must_use]
    pub const fn has_drifted(&self) -> bool {
        self.has_drifted
    }

    /// A landmark check passed or the patient was registered anew: where the
    /// array sits now is the new baseline.
    pub fn relearn(&mut self) {
        *self = Self::new(self.limits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::random::Random;
    use geom::Twist;
    use geom::nalgebra::{UnitQuaternion, Vector3};

    /// Runs a 60 Hz tracker with its noise; `moved` gives the displacement in
    /// mm at a time in s. Returns when the drift was found, s.
    fn found_at(seconds: f64, moved: impl Fn(f64) -> f64) -> Option<f64> {
        let mut random = Random::new(3);
        let mut sentinel = DriftSentinel::new(DriftLimits::default());
        (0..(seconds * 60.0) as u64).map(|i| i as f64 / 60.0).find(|t| {
            let mut draw = |sigma: f64| Vector3::from(random.normal3()) * sigma;
            // Noise of both arrays, with 100 mm between them.
            let noise = Twist { rotation_rad: draw(0.0013), translation_mm: draw(0.2) };
            let place =
                Transform::<Patient, Tool>::new(UnitQuaternion::identity(), Vector3::new(100.0 + moved(*t), 0.0, 0.0));
            sentinel.observe(Nanoseconds((t * 1e9) as u64), &(place * Transform::<Tool, Tool>::exp(&noise)))
        })
    }

    #[test]
    fn an_hour_of_noise_and_breathing_is_no_drift() {
        assert_eq!(found_at(3600.0, |_| 0.0), None);
        assert_eq!(found_at(3600.0, |t| 0.5 * (t * 1.6).sin()), None);
    }

    #[test]
    fn a_bump_is_found_within_a_quarter_second() {
        let found = found_at(30.0, |t| if t > 20.0 { 3.0 } else { 0.0 }).unwrap();
        assert!((20.0..20.25).contains(&found), "{found}");
    }

    #[test]
    fn a_slow_slip_is_found_before_it_reaches_the_accepted_error() {
        // 1 mm a minute, a hundredth of the noise a packet.
        let found = found_at(300.0, |t| (t - 20.0).max(0.0) / 60.0).unwrap();
        assert!(found > 20.0 && (found - 20.0) / 60.0 < 1.5, "{found}");
    }
}
