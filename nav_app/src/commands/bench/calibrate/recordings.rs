//! Recordings of real devices, where the user has them.

use std::path::Path;

use anyhow::{Context, Result};
use calib::landmarks::match_points;
use calib::pivot::{DwellSettings, find_dwells, pivot_recording};
use calib::tip::{TipSearch, tip_from_recording};
use calib::{PivotSettings, TemporalSettings, TipSettings};
use geom::nalgebra::Vector3;
use geom::{Ct, Headset, Point, RigidFit, Tool, Tracker, Transform, World, fit_rigid};

use super::results::{Ethz, Plus};
use crate::cli::{LengthUnit, PoseOptions};
use crate::commands::calibrate::poses::{Poses, read, renamed};

/// The recording of eight touched landmarks of the PLUS toolkit.
const PLUS_RECORDING: &str = "EightLandmarkPointsTrackedForPhantomRegistration.igs.mha";
/// Tip of the stylus in `PlusDeviceSet_fCal_Sim_RecordPhantomLandmarks.xml`, which
/// belongs to the recording. The `StylusTip` in the results file does not.
const PLUS_TIP_MM: [f64; 3] = [108.565, 7.77385, 2.5389];
/// Landmarks of the phantom in the same file.
const PLUS_LANDMARKS_MM: [[f64; 3]; 8] = [
    [104.3, 5.0, 20.0],
    [104.3, 45.0, 20.0],
    [104.3, 45.0, 0.0],
    [104.3, -5.0, 0.0],
    [-34.3, 45.0, 15.0],
    [-34.3, -5.0, 20.0],
    [-34.3, -5.0, 0.0],
    [-34.3, 45.0, 0.0],
];
/// `Phantom` to `Reference` in `PhantomRegistrationLandmarkDetection.results.xml`.
const PLUS_RESULT: [f64; 16] = [
    -0.00479115,
    0.00329566,
    -0.999983,
    22.7064,
    -0.0127965,
    0.999912,
    0.00335674,
    -39.7536,
    0.999907,
    0.0128124,
    -0.00474856,
    25.6504,
    0.0,
    0.0,
    0.0,
    1.0,
];

/// The tip from the pivoting in the recording, without being told which
/// stretches are touches; and the phantom by the configured tip, as the
/// toolkit's own test registers it.
pub fn plus(folder: &Path) -> Result<Plus> {
    let options = PoseOptions {
        tool: "StylusToTracker".into(),
        reference: Some("ReferenceToTracker".into()),
        seconds: Some(1.0),
        unit: LengthUnit::Mm,
    };
    let path = folder.join(PLUS_RECORDING).display().to_string();
    let recorded = read(&path, &options)?;
    let times = recorded.times(&path)?;
    let dwell = DwellSettings::default();
    let found = pivot_recording(&recorded.poses, times, &dwell, &PivotSettings::default())?;
    let own: Vec<Point<World>> = found.dwells.iter().map(|d| d.at).collect();
    let configured = Point::<Tool>::from(PLUS_TIP_MM);
    let mut dwells = find_dwells(&recorded.poses, times, configured, &dwell)?;
    dwells.retain(|d| d.tilt_deg >= 10.0);
    let touched: Vec<Point<World>> = dwells.iter().map(|d| d.at).collect();
    let landmarks: Vec<Point<Ct>> = PLUS_LANDMARKS_MM.map(Point::from).to_vec();
    let (search, settings) = (TipSearch::default(), TipSettings::default());
    let touched_tip = tip_from_recording(&recorded.poses, times, &landmarks, None, &search, &settings)?.found;
    let by_own_tip = registered(&own, &landmarks)?;
    let fit = registered(&touched, &landmarks)?;
    let result = Transform::<World, Ct>::from_row_major(&PLUS_RESULT).context("the published result")?;
    let apart = |p: &Point<Ct>| (fit.to_from * *p).distance(result * *p);
    Ok(Plus {
        tip_apart_mm: found.pivot.tip.distance(configured),
        tip_error_mm: found.pivot.tip_error_mm(),
        landmark_tip_apart_mm: touched_tip.tip.distance(configured),
        landmark_tip_error_mm: touched_tip.tip_error_mm(),
        landmark_rms_mm: touched_tip.rms_mm,
        touches: touched.len(),
        fre_own_tip_mm: by_own_tip.fre_mm,
        fre_mm: fit.fre_mm,
        mean_apart_mm: landmarks.iter().map(apart).sum::<f64>() / landmarks.len() as f64,
        max_apart_mm: landmarks.iter().map(apart).fold(0.0, f64::max),
    })
}

/// The phantom by touches in unknown order.
fn registered(touches: &[Point<World>], landmarks: &[Point<Ct>]) -> Result<RigidFit<World, Ct>> {
    let matched = match_points(touches, landmarks, 3.0)?;
    let pair = |(at, partner): (&Point<World>, &Option<usize>)| Some((*at, landmarks[(*partner)?]));
    let (to, from): (Vec<_>, Vec<_>) = touches.iter().zip(&matched.partners).filter_map(pair).unzip();
    Ok(fit_rigid(&to, &from, None)?)
}

/// Names and files of the pose logs: the hand, the eye, and whether their
/// clocks belong together.
const ETHZ_FILES: [(&str, &str, &str); 4] = [
    (
        "robot arm, camera",
        "robot_arm/robot_arm_complete_bag_color_and_ir_base_link_sr300_hinge.csv",
        "robot_arm/robot_arm_complete_bag_color_and_ir_target_ir.csv",
    ),
    (
        "robot arm, simulated",
        "robot_arm_w_color_camera_sim/robot_arm_sim_hand.csv",
        "robot_arm_w_color_camera_sim/robot_arm_sim_camera.csv",
    ),
    (
        "Vicon, PrimeSense 1",
        "prime_sense_1/2017-04-09-18-13-10_vicon_prime_sense.csv",
        "prime_sense_1/2017-04-09-18-13-10_W_camera_rgb_image_raw.csv",
    ),
    (
        "Vicon, PrimeSense 2",
        "prime_sense_2/2017-04-09-18-14-38_vicon_prime_sense.csv",
        "prime_sense_2/2017-04-09-18-14-38_W_camera_rgb_image_raw.csv",
    ),
];

/// The logs hold poses out of their order.
fn sorted(mut recorded: Poses) -> Poses {
    if let Some(times) = recorded.times_s.take() {
        let mut order: Vec<usize> = (0..times.len()).collect();
        order.sort_by(|a, b| times[*a].total_cmp(&times[*b]));
        recorded.poses = order.iter().map(|i| recorded.poses[*i]).collect();
        recorded.times_s = Some(order.iter().map(|i| times[*i]).collect());
    }
    recorded
}

/// Latency and hand-eye transform of each pair of logs that is there, and how
/// far the results of its two halves are apart: no truth is published.
pub fn ethz(folder: &Path) -> Result<Vec<Ethz>> {
    let options = PoseOptions { tool: "tool".into(), reference: None, seconds: Some(1.0), unit: LengthUnit::M };
    let mut rows = Vec::new();
    for (name, hand, eye) in ETHZ_FILES {
        let (hand, eye) = (folder.join(hand), folder.join(eye));
        if !hand.exists() || !eye.exists() {
            continue;
        }
        let first = sorted(read(&hand.display().to_string(), &options)?);
        let second = sorted(read(&eye.display().to_string(), &options)?);
        let (first_s, second_s) = (first.times(name)?, second.times(name)?);
        let a: Vec<Transform<Tracker, Tool>> = renamed(&first.poses);
        let b: Vec<Transform<World, Headset>> = renamed(&second.poses);
        let mut settings = TemporalSettings { reach_s: 5.0, ..TemporalSettings::default() };
        // The logs give the camera's pose before its target, measured by the camera.
        settings.hand_eye.noise.second_sees_world = true;
        let whole = calib::temporal((&a, first_s), (&b, second_s), &settings)?;
        let middle = a.len() / 2;
        let halves = [
            calib::temporal((&a[..middle], &first_s[..middle]), (&b, second_s), &settings),
            calib::temporal((&a[middle..], &first_s[middle..]), (&b, second_s), &settings),
        ];
        let [early, late] = halves.map(|half| half.map(|h| h.hand_eye.hand_from_eye));
        let (halves_mm, halves_deg) = match (early, late) {
            (Ok(early), Ok(late)) => {
                let apart: Vector3<f64> = early.translation() - late.translation();
                (Some(apart.norm()), Some((early.rotation() * late.rotation().inverse()).angle().to_degrees()))
            }
            _ => (None, None),
        };
        rows.push(Ethz {
            name: name.to_owned(),
            latency_ms: whole.latency_ms,
            sigma_ms: whole.sigma_ms,
            correlation: whole.correlation,
            rms_mm: whole.hand_eye.rms_mm,
            rms_deg: whole.hand_eye.rms_deg,
            inlier_share: whole.hand_eye.inliers() as f64 / whole.hand_eye.is_inlier.len().max(1) as f64,
            position_error_mm: whole.hand_eye.position_error_mm,
            halves_mm,
            halves_deg,
            verdict: whole.judgement.verdict().to_string(),
        });
    }
    anyhow::ensure!(!rows.is_empty(), "{} holds none of the pose logs; unpack the archives there", folder.display());
    Ok(rows)
}
