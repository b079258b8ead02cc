//! Drift: does something that should be fixed stay where it is?
//!
//! Watches the pose of one reference seen from another, or of a pointer left
//! in a divot, over a recording: how far a point moved, how fast it creeps,
//! and whether it jumped. Offline; the live alarm is `engine::safety`.

use geom::nalgebra::{Matrix3, Vector3};
use geom::{Frame, Point, Transform};

use crate::error::{CalibrationError, check_count};
use crate::pivot::check_times;
use crate::rigid::{MAX_POSES, check_points, mean_rotation, rigids, rotation_vector};
use crate::statistics::{correlation_time, median, quantile, rms};
use crate::verdict::{Judgement, Verdict};

/// Settings of [`drift`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DriftSettings {
    /// A point that moves farther is doubted, twice as far rejected, mm.
    /// Default 1.0: half of what navigated spine surgery is accepted with.
    pub max_shift_mm: f64,
    /// Length of the stretches whose medians are compared, s. Default 1.
    pub window_s: f64,
}

impl Default for DriftSettings {
    fn default() -> Self {
        Self { max_shift_mm: 1.0, window_s: 1.0 }
    }
}

/// A jump between two stretches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Jump {
    /// When, s from the beginning.
    pub at_s: f64,
    /// How far, mm.
    pub shift_mm: f64,
}

/// What became of a point that should be fixed.
#[derive(Debug, Clone)]
pub struct Drift {
    /// Length of the recording, s.
    pub seconds: f64,
    /// Distance from the first stretch to the last, mm.
    pub shift_mm: f64,
    /// Largest distance of any stretch from the first, mm.
    pub max_shift_mm: f64,
    /// The same for the rotation, degrees.
    pub max_turn_deg: f64,
    /// Creep: slope of the position over time, mm a minute, in the axes of the
    /// frame the poses lead into.
    pub rate_mm_per_min: [f64; 3],
    /// Standard deviation of each, mm a minute.
    pub rate_sigma_mm_per_min: f64,
    /// RMS distance of single poses from their stretch's median, mm.
    pub noise_mm: f64,
    /// The largest jump, when it is more than noise and creep.
    pub jump: Option<Jump>,
    /// Distance from the first stretch, `(s, mm)` a stretch.
    pub course: Vec<(f64, f64)>,
    /// What it is worth.
    pub judgement: Judgement,
}

/// Stretches at most; longer recordings get longer stretches.
const MAX_STRETCHES: usize = 2000;

/// Watches `point` of `B` in `A` over a recording.
///
/// * `a_from_b` - poses, mm; a reference seen from another reference rather
///   than from the tracker, so that a moved camera is no drift.
/// * `times_s` - their times, ascending, s.
/// * `point` - where it matters, mm: a landmark far from the array shows what
///   a small turn does there.
///
/// # Errors
/// [`CalibrationError`] for fewer than twenty poses, unequal lists, values that
/// are not finite, or fewer than three stretches. Cost: linear.
pub fn drift<A: Frame, B: Frame>(
    a_from_b: &[Transform<A, B>],
    times_s: &[f64],
    point: Point<B>,
    settings: &DriftSettings,
) -> Result<Drift, CalibrationError> {
    let remedy = "record the resting references for ten seconds and more";
    check_count("a drift check", "poses", a_from_b.len(), (20, MAX_POSES), remedy)?;
    check_times(a_from_b.len(), times_s)?;
    let poses = rigids(a_from_b, "pose")?;
    check_points(&[point], "watched point")?;
    let (first_s, last_s) = (times_s[0], times_s[times_s.len() - 1]);
    let window_s = settings.window_s.max((last_s - first_s) / MAX_STRETCHES as f64).max(1e-3);
    let number = |t: f64| ((t - first_s) / window_s) as usize;
    let points: Vec<Vector3<f64>> = poses.iter().map(|p| p.apply(&point.vector3())).collect();
    let mut stretches = Vec::new();
    let mut start = 0;
    while start < points.len() {
        let own = number(times_s[start]);
        let end = start + times_s[start..].partition_point(|t| number(*t) <= own);
        let middle = |axis: usize| median(&points[start..end].iter().map(|p| p[axis]).collect::<Vec<_>>());
        let turned = mean_rotation(&poses[start..end]);
        stretches.push((start..end, Vector3::new(middle(0), middle(1), middle(2)), turned));
        start = end;
    }
    check_count("a drift check", "stretches", stretches.len(), (3, usize::MAX), remedy)?;
    let from_first: Vec<f64> = stretches.iter().map(|s| (s.1 - stretches[0].1).norm()).collect();
    let course: Vec<(f64, f64)> =
        stretches.iter().zip(&from_first).map(|(s, mm)| (times_s[s.0.start] - first_s, *mm)).collect();
    let scatter: Vec<f64> =
        stretches.iter().flat_map(|s| points[s.0.clone()].iter().map(|p| (p - s.1).norm())).collect();
    let turn = |rotation: &Matrix3<f64>| {
        let start = stretches[0].2.unwrap_or(*rotation);
        rotation_vector(&(rotation * start.transpose())).norm().to_degrees()
    };
    let (rate, sigma) = creep(&points, times_s);
    let mut found = Drift {
        seconds: last_s - first_s,
        shift_mm: from_first.last().copied().unwrap_or(0.0),
        max_shift_mm: quantile(&from_first, 1.0),
        max_turn_deg: stretches.iter().filter_map(|s| s.2.as_ref()).map(turn).fold(0.0, f64::max),
        rate_mm_per_min: (rate * 60.0).into(),
        rate_sigma_mm_per_min: sigma * 60.0,
        noise_mm: rms(&scatter),
        jump: jump(&stretches.iter().map(|s| s.1).collect::<Vec<_>>(), &course),
        course,
        judgement: Judgement::default(),
    };
    found.judgement = judgement(&found, settings);
    Ok(found)
}

/// Slope of the position over time, mm/s, with its standard deviation.
fn creep(points: &[Vector3<f64>], times_s: &[f64]) -> (Vector3<f64>, f64) {
    let count = points.len() as f64;
    let mean_s = times_s.iter().sum::<f64>() / count;
    let centre = points.iter().sum::<Vector3<f64>>() / count;
    let spread: f64 = times_s.iter().map(|t| (t - mean_s).powi(2)).sum();
    let has_spread = spread > 0.0;
    if !has_spread {
        return (Vector3::zeros(), f64::INFINITY);
    }
    let slope = points.iter().zip(times_s).fold(Vector3::zeros(), |sum, (p, t)| sum + (p - centre) * (t - mean_s));
    let slope = slope / spread;
    let left: Vec<Vector3<f64>> = points.iter().zip(times_s).map(|(p, t)| p - centre - slope * (t - mean_s)).collect();
    let variance = left.iter().map(Vector3::norm_squared).sum::<f64>() / (3.0 * (count - 2.0));
    let shared = correlation_time(&left.iter().map(|r| (*r).into()).collect::<Vec<_>>());
    (slope, (variance * shared / spread).sqrt())
}

/// Median of at most this many stretches on each side of a jump.
const JUMP_SIDE: usize = 5;

/// The largest change between the stretches before and after an instant, when
/// it stands out from the others.
fn jump(middles: &[Vector3<f64>], course: &[(f64, f64)]) -> Option<Jump> {
    let side = JUMP_SIDE.min(middles.len() / 2);
    let middle = |part: &[Vector3<f64>]| {
        let of = |axis: usize| median(&part.iter().map(|p| p[axis]).collect::<Vec<_>>());
        Vector3::new(of(0), of(1), of(2))
    };
    let change = |i: usize| (middle(&middles[i..i + side]) - middle(&middles[i - side..i])).norm();
    let changes: Vec<(usize, f64)> = (side..=middles.len() - side).map(|i| (i, change(i))).collect();
    let largest = changes.iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let usual = median(&changes.iter().map(|c| c.1).collect::<Vec<_>>());
    (largest.1 > 0.2 && largest.1 > 6.0 * usual)
        .then(|| Jump { at_s: course[largest.0.min(course.len() - 1)].0, shift_mm: largest.1 })
}

fn judgement(found: &Drift, settings: &DriftSettings) -> Judgement {
    let mut judgement = Judgement::default();
    let limits = (settings.max_shift_mm, 2.0 * settings.max_shift_mm);
    if let Some(jump) = found.jump.filter(|jump| jump.shift_mm > 0.5 * settings.max_shift_mm) {
        let reason = format!("it jumped by {:.1} mm after {:.0} s", jump.shift_mm, jump.at_s);
        let verdict = if jump.shift_mm > limits.1 { Verdict::Reject } else { Verdict::Doubtful };
        judgement.add(verdict, reason, "look for a bumped array, and register again");
    }
    let reason = format!("the point moved by {:.1} mm, {:.1} are allowed", found.max_shift_mm, limits.0);
    judgement.at_most(found.max_shift_mm, limits, reason, "tighten the clamp, check the markers, and register again");
    let rate = Vector3::from(found.rate_mm_per_min).norm();
    let hourly = 60.0 * rate;
    if found.jump.is_none() && rate > 5.0 * found.rate_sigma_mm_per_min && hourly > limits.0 {
        let reason = format!("it creeps by {rate:.3} mm a minute, {hourly:.1} mm in an hour");
        judgement.add(Verdict::Doubtful, reason, "let the tracker warm up, check the clamp, and watch for longer");
    }
    judgement
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::{Draws, PoseNoise};
    use geom::nalgebra::UnitQuaternion;
    use geom::{Patient, Tool};

    const NOISE: PoseNoise = PoseNoise { position_mm: 0.1, rotation_deg: 0.02 };

    fn watched(shift: impl Fn(f64) -> Vector3<f64>, turn_deg: impl Fn(f64) -> f64) -> Drift {
        let mut draws = Draws::new(3);
        let times: Vec<f64> = (0..1200).map(|i| f64::from(i) / 20.0).collect();
        let pose = |t: &f64| {
            let turn = UnitQuaternion::from_scaled_axis(Vector3::z() * turn_deg(*t).to_radians());
            Transform::<Patient, Tool>::new(turn, Vector3::new(30.0, -10.0, 5.0) + shift(*t))
        };
        let poses: Vec<_> = times.iter().map(|t| NOISE.measured(&pose(t), &mut draws)).collect();
        drift(&poses, &times, Point::new(0.0, 100.0, 0.0), &DriftSettings::default()).unwrap()
    }

    #[test]
    fn a_resting_reference_is_accepted() {
        let found = watched(|_| Vector3::zeros(), |_| 0.0);
        assert_eq!(found.judgement.verdict(), Verdict::Accept, "{found:?}");
        assert!(found.jump.is_none() && found.max_shift_mm < 0.2 && found.noise_mm < 0.3);
    }

    #[test]
    fn a_bumped_and_a_turned_reference_are_told() {
        let bumped = watched(|t| if t > 40.0 { Vector3::x() * 2.5 } else { Vector3::zeros() }, |_| 0.0);
        let jump = bumped.jump.unwrap();
        assert!((jump.at_s - 40.0).abs() < 3.0 && (jump.shift_mm - 2.5).abs() < 0.3, "{jump:?}");
        assert_eq!(bumped.judgement.verdict(), Verdict::Reject);
        // One degree is nothing at the array and 1.7 mm a hand's width away.
        let turned = watched(|_| Vector3::zeros(), |t| if t > 20.0 { 1.0 } else { 0.0 });
        assert!((turned.max_turn_deg - 1.0).abs() < 0.1 && (turned.max_shift_mm - 1.75).abs() < 0.2);
        assert_ne!(turned.judgement.verdict(), Verdict::Accept);
    }

    #[test]
    fn creep_is_measured_with_its_uncertainty() {
        let found = watched(|t| Vector3::y() * 0.005 * t, |_| 0.0);
        assert!((found.rate_mm_per_min[1] - 0.3).abs() < 4.0 * found.rate_sigma_mm_per_min, "{found:?}");
        assert!(found.judgement.findings().iter().any(|f| f.reason.contains("creeps")), "{:?}", found.judgement);
    }

    #[test]
    fn short_and_broken_recordings_are_refused() {
        let pose = Transform::<Patient, Tool>::identity();
        let point = Point::new(0.0, 0.0, 0.0);
        let settings = DriftSettings::default();
        assert!(drift(&[pose; 5], &[0.0; 5], point, &settings).is_err());
        assert!(drift(&[pose; 30], &[0.0; 30], point, &settings).is_err());
        assert!(drift(&[pose; 30], &[f64::NAN; 30], point, &settings).is_err());
    }
}
