//! What would be lost: a touch that is taken from the wrong divot or out of the
//! air, a user who is told nothing, a test that never ends.

use geom::nalgebra::{UnitQuaternion, Vector3};
use geom::{Ct, Tracker, Twist};

use super::*;
use crate::simulate::{Draws, PoseNoise};

const TIP: [f64; 3] = [0.0, 0.0, -150.0];
const STEP_S: f64 = 1.0 / 30.0;

fn divots() -> Vec<Point<Ct>> {
    let places = [[0., 0., 0.], [60., 0., 0.], [0., 50., 20.], [70., 60., 0.], [30., 20., 45.], [90., 30., 30.]];
    places.map(Point::from).to_vec()
}

fn phantom() -> Transform<Tracker, Ct> {
    Transform::exp(&Twist {
        rotation_rad: Vector3::new(0.4, -0.3, 1.1),
        translation_mm: Vector3::new(20.0, -60.0, -1100.0),
    })
}

fn settings(purpose: TouchPurpose, repeats: usize) -> TouchSettings {
    TouchSettings {
        guide: GuideSettings::default(),
        purpose,
        dwell: DwellSettings::default(),
        tolerance_mm: 3.0,
        repeats,
    }
}

/// Somebody who holds a stylus, at 30 Hz, looked at four times a second.
struct Hand {
    guide: TouchGuide<Tracker, Ct>,
    poses: Vec<Transform<Tracker, Tool>>,
    times_s: Vec<f64>,
    at: Vector3<f64>,
    turn: UnitQuaternion<f64>,
    draws: Draws,
    state: GuideState,
}

impl Hand {
    fn new(mut guide: TouchGuide<Tracker, Ct>) -> Self {
        let state = guide.look(&[], &[], &Seen { now_s: 0.0, packet_s: Some(0.0), pose_s: Some(0.0) });
        let at = (phantom() * Point::new(0.0, 0.0, 200.0)).vector3();
        let turn = UnitQuaternion::identity();
        Self { guide, poses: Vec::new(), times_s: Vec::new(), at, turn, draws: Draws::new(9), state }
    }

    /// One pose further; a look at every eighth.
    fn tick(&mut self) {
        let pose = Transform::new(self.turn, self.at - self.turn * Vector3::from(TIP));
        let noise = PoseNoise { position_mm: 0.1, rotation_deg: 0.05 };
        self.poses.push(noise.measured(&pose, &mut self.draws));
        self.times_s.push(self.poses.len() as f64 * STEP_S);
        if self.poses.len().is_multiple_of(8) {
            let now_s = self.poses.len() as f64 * STEP_S;
            let seen = Seen { now_s, packet_s: Some(now_s), pose_s: Some(now_s) };
            self.state = self.guide.look(&self.poses, &self.times_s, &seen);
            // What is forgotten is forgotten, as the recording does it.
            self.poses.drain(..self.state.forget);
            self.times_s.drain(..self.state.forget);
        }
    }

    fn go(&mut self, to: Vector3<f64>, seconds: f64) {
        let (from, steps) = (self.at, (seconds / STEP_S) as usize);
        for i in 1..=steps {
            self.at = from.lerp(&to, i as f64 / steps as f64);
            self.tick();
        }
    }

    /// Lifts the tip, turns the tool, goes there and stays for a while.
    fn touch(&mut self, place: Vector3<f64>, seconds: f64) {
        let up = phantom().rotation() * Vector3::z() * 30.0;
        self.go(self.at + up, 0.3);
        self.turn = UnitQuaternion::from_scaled_axis(self.draws.cube(0.5));
        self.go(place + up, 0.4);
        self.go(place, 0.3);
        (0..(seconds / STEP_S) as usize).for_each(|_| self.tick());
    }

    fn touch_divot(&mut self, number: usize) {
        self.touch((phantom() * divots()[number]).vector3(), 1.8);
    }

    fn progress(&self) -> &TouchProgress {
        let Progress::Touches(progress) = &self.state.progress else { panic!("{:?}", self.state) };
        progress
    }

    /// Does what it is told until there is nothing more to do.
    fn obey(&mut self, at_most: usize) {
        for _ in 0..at_most {
            if self.state.step == Step::Done {
                return;
            }
            let next = self.progress().next.unwrap();
            self.touch_divot(next);
        }
    }
}

fn test_guide(repeats: usize) -> TouchGuide<Tracker, Ct> {
    let purpose = TouchPurpose::Test(PhantomSettings { min_divots: 6, ..PhantomSettings::default() });
    TouchGuide::new(divots(), Some(Point::from(TIP)), settings(purpose, repeats))
}

#[test]
fn who_does_what_is_said_has_all_touches_and_the_figures() {
    let mut hand = Hand::new(test_guide(3));
    assert_eq!(hand.progress().next, Some(0));
    hand.go(hand.at, 0.1);
    hand.touch_divot(0);
    assert!(hand.state.advice.contains("Divot 1 is taken. Lift the tip, and touch divot 2"), "{}", hand.state.advice);
    assert_eq!((hand.progress().places[0].touches, hand.progress().next), (1, Some(1)));
    // Resting on is no second touch.
    hand.go(hand.at, 3.0);
    assert_eq!(hand.progress().places[0].touches, 1);
    hand.obey(17);
    assert!(hand.state.step == Step::Done && hand.state.advice.contains("All 18 touches"), "{}", hand.state.advice);
    let Some(TouchFigures::Test { mean_mm, precision_mm, .. }) = hand.progress().figures else { panic!() };
    assert!(mean_mm < 0.3 && precision_mm.is_some_and(|p| p < 0.3), "{mean_mm} {precision_mm:?}");
    assert_eq!(hand.state.judgement.as_ref().map(Judgement::verdict), Some(Verdict::Accept), "{:?}", hand.state);
    let touches = hand.guide.touches();
    assert!(touches.iter().all(|t| t.at.distance(phantom() * divots()[t.divot]) < 0.6));
    assert!(touches.len() == 18 && hand.guide.refused() == 0);
}

#[test]
fn a_rest_in_the_air_and_a_wrong_divot_are_no_touches_of_the_one_asked_for() {
    let mut hand = Hand::new(test_guide(1));
    (0..3).for_each(|divot| hand.touch_divot(divot));
    assert_eq!(hand.progress().next, Some(3));
    let air = (phantom() * Point::new(40.0, 90.0, 60.0)).vector3();
    hand.touch(air, 1.8);
    assert!(hand.state.advice.contains("not divot 4"), "{}", hand.state.advice);
    assert_eq!((hand.progress().refused, hand.guide.touches().len()), (1, 3));
    // Another divot than the one that was asked for is known for what it is.
    hand.touch_divot(5);
    assert!(hand.state.advice.contains("Divot 6 is taken"), "{}", hand.state.advice);
    assert_eq!((hand.progress().places[5].touches, hand.progress().next), (1, Some(3)));
    hand.touch_divot(5);
    assert!(hand.state.advice.contains("has all its touches: touch divot 4"), "{}", hand.state.advice);
    hand.touch_divot(3);
    hand.touch_divot(4);
    assert_eq!(hand.state.step, Step::Done, "{}", hand.state.advice);
}

#[test]
fn a_wrong_beginning_is_given_up_and_a_moved_phantom_is_asked_about() {
    let mut hand = Hand::new(test_guide(1));
    // The first rest is in the air: what follows does not fit it.
    hand.touch((phantom() * Point::new(-40.0, 10.0, 120.0)).vector3(), 1.8);
    assert_eq!(hand.guide.touches().len(), 1);
    (0..3).for_each(|_| hand.touch_divot(1));
    assert!(hand.state.advice.contains("begin again with divot 1"), "{}", hand.state.advice);
    assert_eq!((hand.progress().given_up, hand.guide.touches().len()), (1, 0));
    (0..5).for_each(|divot| hand.touch_divot(divot));
    assert_eq!(hand.guide.touches().len(), 5);
    // Later refusals never cost what was measured.
    let moved = |hand: &mut Hand| hand.touch((phantom() * Point::new(90.0, 30.0, 45.0)).vector3(), 1.8);
    (0..4).for_each(|_| moved(&mut hand));
    assert!(hand.state.advice.contains("Was the phantom moved?"), "{}", hand.state.advice);
    assert_eq!(hand.guide.touches().len(), 5);
}

#[test]
fn who_begins_elsewhere_and_goes_another_way_is_understood() {
    let mut hand = Hand::new(test_guide(1));
    for divot in [4, 2, 5, 1, 3, 0] {
        hand.touch_divot(divot);
    }
    // One of the first may have to be touched again, none may be taken for another.
    hand.obey(3);
    assert_eq!(hand.state.step, Step::Done, "{}", hand.state.advice);
    let touches = hand.guide.touches();
    assert!(touches.iter().all(|t| t.at.distance(phantom() * divots()[t.divot]) < 0.6), "{touches:?}");
    assert_eq!((hand.guide.refused(), hand.progress().given_up), (0, 0));
}

#[test]
fn a_moving_tip_touches_nothing_and_a_hidden_tool_is_asked_for() {
    let mut hand = Hand::new(test_guide(1));
    let from = (phantom() * Point::new(0.0, 0.0, 0.0)).vector3();
    hand.at = from;
    hand.go(from + Vector3::new(0.0, 60.0, 0.0), 12.0);
    assert!(hand.guide.touches().is_empty() && hand.progress().still < 1.0);
    hand.go(hand.at, 0.7);
    assert!(hand.state.step == Step::Hold && hand.state.advice.contains("Hold still"), "{}", hand.state.advice);
    let hidden = Seen { now_s: 100.0, packet_s: Some(100.0), pose_s: Some(98.0) };
    let state = hand.guide.look(&hand.poses, &hand.times_s, &hidden);
    assert_eq!(state.step, Step::Show);
}

#[test]
fn a_tip_from_landmarks_begins_roughly_and_ends_accepted() {
    let guess = Point::new(0.6, -0.5, -150.5);
    let purpose = TouchPurpose::Tip(TipSettings::default());
    let mut hand = Hand::new(TouchGuide::new(divots(), Some(guess), settings(purpose, 1)));
    hand.obey(18);
    assert_eq!(hand.state.step, Step::Done, "{}", hand.state.advice);
    let tip = hand.guide.tip().unwrap();
    assert!(tip.distance(Point::from(TIP)) < 0.3, "{tip:?} {:?}", hand.state.judgement);
    assert_eq!(hand.state.judgement.as_ref().map(Judgement::verdict), Some(Verdict::Accept), "{:?}", hand.state);
    assert_eq!(hand.guide.touched().len(), hand.guide.touches().len());
}

#[test]
fn an_unknown_tip_is_pivoted_first() {
    let purpose = TouchPurpose::Test(PhantomSettings { min_divots: 6, ..PhantomSettings::default() });
    let mut hand = Hand::new(TouchGuide::new(divots(), None, settings(purpose, 1)));
    assert!(hand.state.advice.starts_with("First the tip. Keep the tip in its divot"), "{}", hand.state.advice);
    hand.at = (phantom() * divots()[2]).vector3();
    for i in 0..600 {
        let azimuth = f64::from(i) / 40.0 * std::f64::consts::TAU;
        let tilt = (25.0 * (0.75 + 0.25 * (f64::from(i) / 9.0).sin())).to_radians();
        let turn = UnitQuaternion::from_scaled_axis(Vector3::new(-azimuth.sin(), azimuth.cos(), 0.0) * tilt);
        hand.turn = turn * UnitQuaternion::from_scaled_axis(Vector3::z() * (f64::from(i) / 50.0).sin());
        hand.tick();
        assert_ne!(hand.state.step, Step::Done);
    }
    let tip = hand.guide.tip().unwrap();
    assert!(tip.distance(Point::from(TIP)) < 0.3, "{tip:?}");
    assert!(hand.state.advice.contains("Lift"), "{}", hand.state.advice);
    hand.obey(6);
    assert!(hand.state.step == Step::Done && hand.guide.touches().len() == 6, "{}", hand.state.advice);
}
