//! The loop on a phantom with a known registration.

use super::*;
use crate::case::{Case, Vertebra};
use crate::level::Level;
use crate::register::Verdict;
use crate::register::{LandmarkSettings, Registration, landmarks};
use crate::rt::{TrackedTool, TrackerErrors};
use crate::surface::phantom;
use crate::track::ToolId;
use crate::volume::{Grid, LabelMap, Volume};
use geom::{Tip, Tool, Tracker, Transform, Twist, Vector};

fn case() -> Case {
    let grid = Grid::axis_aligned([1, 1, 1], [1.0; 3], Point::new(0.0, 0.0, 0.0)).unwrap();
    let vertebra = Vertebra {
        level: Level::from_number(22).unwrap(),
        voxels: 1,
        volume_mm3: 1.0,
        confidence: 1.0,
        doubts: Vec::new(),
        body_centre: Point::new(0.0, 0.0, 0.0),
        mesh: phantom::ball([0.0; 3], 20.0),
        surface_error_mm: Vec::new(),
    };
    let labels = LabelMap { grid: grid.clone(), labels: vec![0] };
    Case { ct: Volume { grid, hu: vec![0.0] }, labels, vertebrae: vec![vertebra], levels_are_anchored: true }
}

fn truth() -> Transform<Patient, Ct> {
    Transform::exp(&Twist {
        rotation_rad: Vector3::new(0.3, -0.5, 0.2),
        translation_mm: Vector3::new(40.0, -70.0, 90.0),
    })
}

/// Landmarks that fit the truth up to `slip_mm` on one of them.
fn registration(slip_mm: f64) -> Registration {
    let ct = [[0., 0., 0.], [60., 0., 0.], [0., 60., 0.], [0., 0., 60.], [40., 40., 0.]].map(Point::<Ct>::from);
    let mut patient = ct.map(|p| truth() * p);
    patient[1] = patient[1] + Vector::new(slip_mm, slip_mm, 0.0);
    landmarks(&patient, &ct, &LandmarkSettings::default()).unwrap()
}

fn pointer() -> TrackedTool {
    TrackedTool::instrument(ToolId(1), Transform::from_translation(Vector::new(3.0, 0.0, -150.0)))
}

/// A loop that saw the pointer's tip at `tip` in the CT at 16 and 33 ms.
fn navigation(tip: Point<Ct>, slip_mm: f64) -> NavigationLoop {
    let registration = registration(slip_mm);
    let verdict = registration.verdict();
    navigation_with(tip, &registration, verdict)
}

/// The same with a verdict of the test's choice.
fn navigation_with(tip: Point<Ct>, registration: &Registration, verdict: Verdict) -> NavigationLoop {
    let (pose, covariance) = (registration.patient_from_ct(), registration.covariance());
    let errors = TrackerErrors::default();
    let guidance = Guidance::from_recorded(&case(), pose, covariance, verdict, &[pointer()], errors);
    let mut navigation = NavigationLoop::new(Arc::new(guidance), ToolLimits::default());
    let tracker_from_patient = Transform::<Tracker, Patient>::from_translation(Vector::new(0.0, 0.0, 1500.0));
    for (sequence, ms, wobble) in [(1, 16, 0.0), (2, 33, 0.001)] {
        let ct_from_tip = Transform::<Ct, Tip>::from_translation(tip - Point::new(wobble, 0.0, 0.0));
        let tool = tracker_from_patient * truth() * ct_from_tip * pointer().tool_from_tip.inverse();
        let mut packet = TrackerPacket::new(sequence, at(ms), at(ms)).with_tool(ToolId(1), Ok(tool));
        packet.tracker_from_patient = Ok(tracker_from_patient);
        navigation.observe(&packet);
    }
    navigation
}

fn at(ms: u64) -> Nanoseconds {
    Nanoseconds(ms * MILLISECOND_NS)
}

#[test]
fn the_tip_is_shown_where_it_is_with_its_distance_to_bone() {
    let shown = navigation(Point::new(0.0, 30.0, 0.0), 0.0).snapshot(at(34));
    let tip = shown.guided().ct_from_tip.unwrap() * Point::new(0.0, 0.0, 0.0);
    assert!(tip.distance(Point::new(0.0, 30.0, 0.0)) < 0.01);
    assert!((shown.guided().bone_distance_mm.unwrap() - 10.0).abs() < 0.5);
    assert_eq!((shown.session, shown.guided().state), (SessionState::Navigating, ToolState::Live));
    assert_eq!(shown.guided().nearest_level.unwrap().to_string(), "L3");
}

#[test]
fn predicted_error_grows_away_from_the_landmarks() {
    let near = navigation(Point::new(20.0, 20.0, 10.0), 0.0).snapshot(at(34)).guided().predicted_tre_mm.unwrap();
    let far = navigation(Point::new(20.0, 20.0, 250.0), 0.0).snapshot(at(34)).guided().predicted_tre_mm.unwrap();
    assert!(far > 1.5 * near, "{near} {far}");
}

#[test]
fn a_rejected_registration_shows_no_pose() {
    let mut navigation = navigation(Point::new(0.0, 30.0, 0.0), 25.0);
    let shown = navigation.snapshot(at(34));
    let tool = shown.guided();
    assert_eq!((shown.session, tool.ct_from_tip, tool.predicted_tre_mm), (SessionState::Segmented, None, None));
}

#[test]
fn a_tool_that_is_lost_disappears_with_all_its_numbers() {
    let mut navigation = navigation(Point::new(0.0, 30.0, 0.0), 0.0);
    assert_eq!(navigation.snapshot(at(34)).guided().state, ToolState::Live);
    let shown = navigation.snapshot(at(600));
    let tool = shown.guided();
    assert_eq!(tool.state, ToolState::Lost);
    assert_eq!(shown.session, SessionState::Degraded(DegradedReason::StreamFault));
    assert!(tool.ct_from_tip.is_none() && tool.bone_distance_mm.is_none() && tool.predicted_tre_mm.is_none());
}

/// Packets of both arrays standing still, but for a last digit, from `from`
/// to `until` ms; without the reference where `has_reference` is false.
fn stand(navigation: &mut NavigationLoop, from: u64, until: u64, has_reference: bool) {
    let before = navigation.last;
    for (i, time) in (from..until).step_by(16).enumerate() {
        let wobble = Transform::<Patient, Patient>::from_translation(Vector::new(1e-3 * (i % 2) as f64, 0.0, 0.0));
        let shake = Transform::<Tool, Tool>::from_translation(Vector::new(1e-3 * (i % 3) as f64, 0.0, 0.0));
        let mut packet = TrackerPacket::new(before.sequence + 1 + i as u64, at(time), at(time));
        packet.tracker_from_patient =
            if has_reference { before.tracker_from_patient.map(|pose| pose * wobble) } else { Err(Missing::Occluded) };
        navigation.observe(&packet.with_tool(ToolId(1), before.tool(ToolId(1)).map(|pose| pose * shake)));
    }
}

#[test]
fn a_reference_out_of_sight_withholds_the_pose() {
    let mut navigation = navigation(Point::new(0.0, 30.0, 0.0), 0.0);
    stand(&mut navigation, 50, 160, false);
    let shown = navigation.snapshot(at(160)).guided();
    assert_eq!((shown.state, shown.reason), (ToolState::Stale, Some(ToolReason::Reference)));
    stand(&mut navigation, 170, 560, false);
    let shown = navigation.snapshot(at(560));
    assert_eq!((shown.guided().state, shown.guided().ct_from_tip), (ToolState::Lost, None));
    assert!(shown.alarms.has(Alarm::ReferenceLost));
}

#[test]
fn a_void_registration_hides_every_pose_until_the_next_one() {
    for event in [Event::ReferenceChanged, Event::ToolGeometryChanged, Event::ImageReady, Event::DriftFound] {
        let mut navigation = navigation(Point::new(0.0, 30.0, 0.0), 0.0);
        assert!(navigation.snapshot(at(34)).guided().ct_from_tip.is_some());
        navigation.apply(event, at(35)).unwrap();
        assert!(navigation.snapshot(at(36)).guided().ct_from_tip.is_none(), "{event:?}");
        navigation.apply(Event::Registered(Verdict::Accept), at(37)).unwrap();
        // A reference that moved or was fixed anew has to prove itself.
        let owes_check = matches!(event, Event::ReferenceChanged | Event::DriftFound);
        assert_eq!(navigation.snapshot(at(38)).guided().ct_from_tip.is_some(), !owes_check, "{event:?}");
        navigation.apply(Event::CheckPassed, at(39)).unwrap();
        assert!(navigation.snapshot(at(40)).guided().ct_from_tip.is_some(), "{event:?}");
    }
}

/// Touches landmarks off their places by so much, all at one tip.
fn touch(navigation: &mut NavigationLoop, planned: [f64; 3], ms: u64) -> LandmarkCheck {
    navigation.check_landmark(Point::from(planned), at(ms)).unwrap()
}

#[test]
fn a_doubtful_registration_shows_no_pose_before_a_landmark_check_passes() {
    let tip = Point::new(0.0, 30.0, 0.0);
    let mut navigation = navigation_with(tip, &registration(0.0), Verdict::Doubtful);
    let shown = navigation.snapshot(at(34));
    assert_eq!(shown.session, SessionState::Degraded(DegradedReason::Doubtful));
    let tool = shown.guided();
    assert_eq!((tool.state, tool.ct_from_tip, tool.predicted_tre_mm), (ToolState::Live, None, None));
    let prompt = shown.check_prompt(LoopSettings::default().check).unwrap().to_string();
    assert!(prompt.contains("doubtful") && prompt.contains("0 of 3"), "{prompt}");
    // The same landmark twice is one; this loop's pointer stands still, so
    // that the limits are made to fit it.
    navigation.settings.check.tolerance_mm = 60.0;
    assert!(!touch(&mut navigation, [0.0, 30.0, 0.0], 35).is_complete());
    assert!(!touch(&mut navigation, [5.0, 30.0, 0.0], 36).is_complete());
    assert!(!touch(&mut navigation, [25.0, 30.0, 0.0], 37).is_complete());
    assert!(navigation.snapshot(at(38)).guided().ct_from_tip.is_none());
    assert_eq!(navigation.snapshot(at(38)).check.found, 2);
    assert!(touch(&mut navigation, [0.0, 30.0, 25.0], 39).is_complete());
    let shown = navigation.snapshot(at(40));
    assert_eq!((shown.session, shown.check), (SessionState::Navigating, CheckState::default()));
    assert!(shown.guided().ct_from_tip.is_some() && !shown.alarms.has(Alarm::LandmarkCheckDue));
}

#[test]
fn a_landmark_check_measures_and_decides() {
    let mut navigation = navigation(Point::new(0.0, 30.0, 0.0), 0.0);
    let _before = navigation.snapshot(at(34));
    let check = navigation.check_landmark(Point::new(0.0, 33.0, 0.0), at(35)).unwrap();
    assert!((check.distance_mm - 3.0).abs() < 0.01 && !check.has_passed);
    let shown = navigation.snapshot(at(36));
    assert_eq!(shown.session, SessionState::Degraded(DegradedReason::CheckFailed));
    assert!(shown.guided().ct_from_tip.is_none() && shown.alarms.has(Alarm::LandmarkCheckDue));
    assert!((shown.check.last_mm.unwrap() - 3.0).abs() < 0.01);
    // One landmark in place is not enough where poses are withheld.
    assert!(touch(&mut navigation, [0.0, 30.5, 0.0], 37).has_passed);
    assert_eq!(navigation.snapshot(at(38)).session, SessionState::Degraded(DegradedReason::CheckFailed));
    navigation.settings.check.landmarks = 1;
    assert!(touch(&mut navigation, [0.0, 30.5, 0.0], 38).is_complete());
    assert_eq!(navigation.snapshot(at(39)).session, SessionState::Navigating);
    // A tool that is not live checks nothing.
    assert!(navigation.check_landmark(Point::new(0.0, 30.0, 0.0), at(300)).is_none());
}

#[test]
fn a_tracker_that_speaks_of_an_unknown_instrument_is_named() {
    let mut navigation = navigation(Point::new(0.0, 30.0, 0.0), 0.0);
    let mut packet = TrackerPacket::new(3, at(50), at(50)).with_tool(ToolId(77), Err(Missing::Refused));
    packet.tracker_from_patient = Err(Missing::NotReported);
    navigation.observe(&packet);
    assert!(navigation.snapshot(at(51)).alarms.has(Alarm::UnknownTool));
}
