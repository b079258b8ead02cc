//! What would be lost: a tip that is wrong where pivoting is wrong, or one
//! that promises more than it holds.

use geom::nalgebra::{UnitQuaternion, Vector3};
use geom::{Ct, Point, Tool, Tracker, Transform, Twist};

use super::*;
use crate::simulate::{Draws, PoseNoise};

const TIP: Vector3<f64> = Vector3::new(108.0, 8.0, 2.5);
/// Frames of a touch.
const FRAMES: usize = 40;

/// Eight corners of a block with steps, mm.
fn landmarks() -> Vec<Point<Ct>> {
    [
        [104.0, 5.0, 20.0],
        [104.0, 45.0, 20.0],
        [104.0, 45.0, 0.0],
        [104.0, -5.0, 0.0],
        [-34.0, 45.0, 15.0],
        [-34.0, -5.0, 20.0],
        [-34.0, -5.0, 0.0],
        [-34.0, 45.0, 0.0],
    ]
    .map(Point::from)
    .to_vec()
}

fn room_from_phantom() -> Transform<Tracker, Ct> {
    Transform::exp(&Twist {
        rotation_rad: Vector3::new(0.4, -0.9, 0.3),
        translation_mm: Vector3::new(-60.0, 30.0, -1200.0),
    })
}

/// How a phantom is touched.
#[derive(Clone, Copy)]
struct Scene {
    /// Times every landmark is touched.
    repeats: usize,
    /// The tool is held this differently from touch to touch, degrees.
    between_deg: f64,
    /// It is tilted by this within a touch, degrees.
    within_deg: f64,
    /// A touch as a whole is off by this, mm an axis.
    seat_mm: f64,
    /// The tip slides with the tilt as if the tool were longer by this, mm.
    slide_mm: f64,
}

const SCENE: Scene = Scene { repeats: 1, between_deg: 25.0, within_deg: 15.0, seat_mm: 0.1, slide_mm: 0.0 };

type Touched = (Vec<Transform<Tracker, Tool>>, Vec<TouchedLandmark>);

impl Scene {
    fn touches(&self, draws: &mut Draws) -> Touched {
        let noise = PoseNoise { position_mm: 0.1, rotation_deg: 0.05 };
        let (mut poses, mut touches) = (Vec::new(), Vec::new());
        for landmark in (0..self.repeats).flat_map(|_| 0..landmarks().len()) {
            let seat = (room_from_phantom() * landmarks()[landmark]).vector3() + draws.normal3() * self.seat_mm;
            let held = UnitQuaternion::from_scaled_axis(draws.normal3() * (0.6 * self.between_deg).to_radians());
            let turns: Vec<UnitQuaternion<f64>> = (0..FRAMES)
                .map(|i| {
                    let angle = i as f64 * 0.6;
                    let tilt = Vector3::new(0.3 * angle.sin(), angle.cos(), (1.3 * angle).sin());
                    UnitQuaternion::from_scaled_axis(tilt * self.within_deg.to_radians()) * held
                })
                .collect();
            let shaft = TIP.normalize();
            let mean = turns.iter().map(|turn| turn * shaft).sum::<Vector3<f64>>() / FRAMES as f64;
            let first = poses.len();
            for turn in turns {
                let tip = seat + (turn * shaft - mean) * self.slide_mm;
                poses.push(noise.measured(&Transform::new(turn, tip - turn * TIP), draws));
            }
            touches.push(TouchedLandmark { landmark, poses: (first..poses.len()).collect() });
        }
        (poses, touches)
    }
}

fn solved((poses, touches): &Touched) -> LandmarkTip<Tracker, Ct> {
    tip_from_landmarks(poses, touches, &landmarks(), &TipSettings::default()).unwrap()
}

#[test]
fn the_tip_is_as_near_as_it_promises() {
    // Alone, and with the pivoting within the touches.
    for (within_deg, name) in [(0.0, "held still"), (15.0, "tilted")] {
        let scene = Scene { within_deg, ..SCENE };
        let (mut squares, mut promised, mut accepted) = (0.0, 0.0, 0);
        let trials = 150;
        for seed in 0..trials {
            let found = solved(&scene.touches(&mut Draws::new(seed)));
            squares += (found.tip.vector3() - TIP).norm_squared();
            promised += found.tip_error_mm().powi(2);
            accepted += usize::from(found.judgement.verdict() == Verdict::Accept);
            assert_eq!(found.pivoted.is_some(), within_deg > 0.0, "{name}");
        }
        let (rms, promised) =
            ((squares / f64::from(trials as u32)).sqrt(), (promised / f64::from(trials as u32)).sqrt());
        assert!((0.6..1.7).contains(&(rms / promised)), "{name}: {rms:.3} mm, promised {promised:.3}");
        assert!(rms < 0.4 && accepted as u64 > trials / 2, "{name}: {rms:.3} mm, {accepted} accepted");
    }
}

#[test]
fn a_tip_that_slides_fools_pivoting_and_not_the_landmarks() {
    for seed in 0..10 {
        let touched = Scene { slide_mm: 1.5, repeats: 2, seat_mm: 0.05, ..SCENE }.touches(&mut Draws::new(seed));
        let found = solved(&touched);
        let pivoted = found.pivoted.unwrap();
        assert!((pivoted.tip.vector3() - TIP).norm() > 1.2 && pivoted.error_mm < 0.3, "{pivoted:?}");
        assert!((found.tip.vector3() - TIP).norm() < 0.4, "seed {seed}: {:?}", found.tip);
        assert!(!pivoted.is_used && found.judgement.verdict() == Verdict::Doubtful, "{:?}", found.judgement);
        let reason = &found.judgement.findings()[0].reason;
        assert!(reason.contains("the tip slides") && reason.contains("mm elsewhere"), "{reason}");
    }
}

#[test]
fn a_touch_of_the_wrong_landmark_is_left_out_and_named() {
    let (poses, mut touches) = Scene { repeats: 2, ..SCENE }.touches(&mut Draws::new(3));
    touches[4].landmark = 5;
    let found = solved(&(poses, touches.clone()));
    assert!(!found.is_inlier[4] && found.inliers() >= 14, "{:?}", found.is_inlier);
    assert!((found.tip.vector3() - TIP).norm() < 0.4);
    // A third of them wrong is too many.
    let (poses, mut touches) = SCENE.touches(&mut Draws::new(3));
    touches.swap(0, 1);
    (touches[0].landmark, touches[1].landmark, touches[2].landmark) = (5, 6, 7);
    let found = solved(&(poses, touches));
    assert!(found.judgement.verdict() == Verdict::Reject, "{:?}", found.judgement);
}

#[test]
fn a_tool_held_alike_everywhere_is_refused_with_the_remedy() {
    let scene = Scene { between_deg: 0.0, within_deg: 0.0, ..SCENE };
    let (poses, touches) = scene.touches(&mut Draws::new(2));
    match tip_from_landmarks(&poses, &touches, &landmarks(), &TipSettings::default()) {
        Err(error) => assert!(error.to_string().contains("tilted differently at each"), "{error}"),
        Ok(found) => {
            assert_eq!(found.judgement.verdict(), Verdict::Reject, "{:?}", found.judgement);
            let told: String = found.judgement.findings().iter().map(|f| f.remedy.clone()).collect();
            assert!(told.contains("tilted further"), "{told}");
        }
    }
}

#[test]
fn nonsense_is_refused() {
    let (poses, touches) = SCENE.touches(&mut Draws::new(2));
    let settings = TipSettings::default();
    let refuse = |touches: &[TouchedLandmark], landmarks: &[Point<Ct>], word: &str| {
        let error = tip_from_landmarks(&poses, touches, landmarks, &settings).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    };
    refuse(&touches[..3], &landmarks(), "at least 4 touches");
    refuse(&touches, &landmarks()[..4], "names landmark 5 of 4");
    let beyond = TouchedLandmark { landmark: 0, poses: vec![usize::MAX] };
    refuse(&[touches.clone(), vec![beyond]].concat(), &landmarks(), "poses");
    let line: Vec<Point<Ct>> = (0..8).map(|i| Point::new(f64::from(i) * 20.0, 0.0, 0.0)).collect();
    refuse(&touches, &line, "line");
    let broken = [vec![Point::new(f64::NAN, 0.0, 0.0)], landmarks()].concat();
    refuse(&touches, &broken, "finite");
}

#[test]
fn touches_are_found_in_a_recording_that_names_none() {
    let (poses, _) = SCENE.touches(&mut Draws::new(8));
    // Lifted and carried to the next landmark in between, 20 frames a second.
    let mut recorded: Vec<Transform<Tracker, Tool>> = Vec::new();
    for touch in poses.chunks(FRAMES) {
        if let (Some(from), Some(to)) = (recorded.last().copied(), touch.first()) {
            recorded.extend((1..20).map(|i| {
                let share = f64::from(i) / 20.0;
                let lifted = Vector3::new(0.0, 0.0, 60.0 * (share * std::f64::consts::PI).sin());
                let at = from.translation().lerp(&to.translation(), share) + lifted;
                Transform::new(from.rotation().slerp(&to.rotation(), share), at)
            }));
        }
        recorded.extend_from_slice(touch);
    }
    let times: Vec<f64> = (0..recorded.len()).map(|i| i as f64 * 0.05).collect();
    let search = TipSearch::default();
    let settings = TipSettings::default();
    for guess in [None, Some(Point::from_vector3(TIP + Vector3::new(1.0, -1.0, 0.5)))] {
        let found = tip_from_recording(&recorded, &times, &landmarks(), guess, &search, &settings).unwrap();
        let order: Vec<usize> = found.touches.iter().map(|t| t.landmark).collect();
        assert_eq!((order, found.strays), ((0..8).collect(), 0));
        assert!((found.found.tip.vector3() - TIP).norm() < 0.5, "{:?}", found.found.tip);
    }
    let none = tip_from_recording(&recorded[..30], &times[..30], &landmarks(), None, &search, &settings);
    assert!(none.is_err());
}
