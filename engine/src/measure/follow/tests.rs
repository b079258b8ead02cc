//! Known bends give known angles, and every value says what it rests on.

use geom::nalgebra::{Matrix6, Rotation3, Vector3};
use geom::{Ct, Patient, PoseCovariance, Transform, Twist};

use super::*;
use crate::level::Level;
use crate::measure::{Corrections, Spine, synthetic};
use crate::register::Verdict;
use crate::rehearsal::manoeuvre::{Bend, BendPlane, motion};

fn level(name: &str) -> Level {
    Level::from_name(name).unwrap()
}

fn spine() -> Spine {
    // T11 to the femoral heads.
    let map = synthetic::random(4, 18, 0.0).labels([1.6; 3], &Rotation3::identity()).unwrap();
    Spine::find(&map, &Corrections::default())
}

fn whole() -> Transform<Patient, Ct> {
    let (rotation_rad, translation_mm) = (Vector3::new(0.4, -0.2, 1.1), Vector3::new(30.0, -60.0, 500.0));
    Transform::exp(&Twist { rotation_rad, translation_mm })
}

fn exact(patient_from_ct: Transform<Patient, Ct>) -> Placed {
    Placed { patient_from_ct, covariance: PoseCovariance::zero(), verdict: Verdict::Accept }
}

/// All lumbar levels followed after `bends`.
fn followed(spine: &Spine, bends: &[Bend]) -> Follower {
    let mut follower = Follower::new(spine.clone(), exact(whole()), Targets::default());
    for name in ["L1", "L2", "L3", "L4", "L5", "sacrum"] {
        follower.place(level(name), exact(whole() * motion(spine, bends, level(name)).unwrap()));
    }
    follower
}

fn change(alignment: &Alignment, key: &str) -> f64 {
    alignment.parameter(key).unwrap().change().unwrap()
}

#[test]
fn a_correction_by_known_angles_is_told_as_these_angles() {
    let spine = spine();
    let bend = |at: &str, plane, deg| Bend { at: level(at), plane, deg };
    let bends = [bend("L4", BendPlane::Sagittal, 9.0), bend("L3", BendPlane::Sagittal, 4.5)];
    let alignment = followed(&spine, &bends).alignment();
    assert!((change(&alignment, "ll_deg") - 13.5).abs() < 1e-9, "{}", change(&alignment, "ll_deg"));
    assert!((change(&alignment, "ll_l1_l5_deg") - 13.5).abs() < 1e-9);
    assert!((change(&alignment, "pi_ll_deg") + 13.5).abs() < 1e-9);
    for key in ["pi_deg", "pt_deg", "ss_deg"] {
        assert!(change(&alignment, key).abs() < 1e-9, "the pelvis stayed: {key}");
    }
    let tk = alignment.parameter("tk_deg").unwrap();
    assert!(tk.now.is_none() && tk.reason.as_ref().unwrap().contains("T1"), "a null keeps its reason");
    let sideways = followed(&spine, &[bend("L3", BendPlane::Coronal, 7.0)]).alignment();
    let [before, after] = [&Alignment::default(), &sideways].map(|a| a.parameter("cobb_deg").and_then(|p| p.now));
    assert!(before.is_none() && after.is_some());
    let l3 = sideways.levels.iter().find(|l| l.level == "L3").unwrap();
    assert!((l3.turned_deg - 7.0).abs() < 1e-9 && l3.moved_mm > 0.5);
}

#[test]
fn nothing_followed_changes_nothing_and_says_so() {
    let alignment = Follower::new(spine(), exact(whole()), Targets::default()).alignment();
    let ll = alignment.parameter("ll_deg").unwrap();
    assert_eq!((ll.now, ll.registration_sd), (ll.before, Some(0.0)));
    assert_eq!((ll.followed.len(), ll.assumed.join(" ").as_str()), (0, "L1 sacrum"));
}

#[test]
fn a_rejected_level_has_no_value_and_a_doubtful_one_is_marked() {
    let mut follower = followed(&spine(), &[]);
    follower.place(level("L1"), Placed { verdict: Verdict::Doubtful, ..exact(whole()) });
    assert!(follower.alignment().parameter("ll_deg").unwrap().is_doubtful);
    follower.place(level("L1"), Placed { verdict: Verdict::Reject, ..exact(whole()) });
    let alignment = follower.alignment();
    let ll = alignment.parameter("ll_deg").unwrap();
    assert!(ll.now.is_none() && ll.before.is_some() && ll.reason.as_ref().unwrap().contains("L1 was rejected"));
    assert!(alignment.parameter("pi_deg").unwrap().now.is_some(), "the pelvis does not rest on L1");
    follower.replace_whole(exact(whole()));
    assert!(follower.alignment().levels.is_empty(), "the reference lies elsewhere: levels count no more");
}

#[test]
fn errors_of_registrations_are_in_the_value_and_what_is_common_cancels() {
    let one_degree = Matrix6::from_diagonal(&[1f64.to_radians().powi(2), 0.0, 0.0, 0.0, 0.0, 0.0].into());
    let uncertain = |mut placed: Placed| {
        placed.covariance = PoseCovariance::new(one_degree).unwrap();
        placed
    };
    let spine = spine();
    let flat = exact(Transform::identity());
    let mut follower = Follower::new(spine.clone(), flat, Targets::default());
    follower.place(level("L1"), uncertain(flat));
    let sd = |follower: &Follower, key: &str| follower.alignment().parameter(key).unwrap().registration_sd.unwrap();
    // The patient's x axis is that of the sagittal plane: a degree of L1 is a degree of lordosis.
    assert!((sd(&follower, "ll_deg") - 1.0).abs() < 1e-6, "{}", sd(&follower, "ll_deg"));
    assert_eq!(sd(&follower, "ss_deg"), 0.0);
    // The whole is a degree off: of two levels followed both are, against the vertical alone.
    let mut follower = Follower::new(spine, uncertain(flat), Targets::default());
    for name in ["L1", "sacrum"] {
        follower.place(level(name), flat);
    }
    assert!(sd(&follower, "ll_deg") < 1e-6 && (sd(&follower, "ss_deg") - 1.0).abs() < 1e-6);
}

#[test]
fn targets_say_what_is_missing_and_a_wrong_file_is_refused_by_name() {
    let read = |text: &str| serde_json::from_str::<Targets>(text).map_err(|e| e.to_string());
    let good =
        read(r#"{"source": "Dr. Example", "targets": {"ll_deg": {"low": 300}, "pt_deg": {"high": 90}}}"#).unwrap();
    good.check().unwrap();
    let alignment = Follower::new(spine(), exact(whole()), good).alignment();
    let ll = alignment.parameter("ll_deg").unwrap();
    assert!((ll.to_go.unwrap() - (300.0 - ll.now.unwrap().value)).abs() < 1e-9);
    assert_eq!(alignment.parameter("pt_deg").unwrap().to_go, Some(0.0));
    for (targets, word) in [
        (r#""lordosis": {"low": 1}"#, "lordosis"),
        (r#""ll_deg": {}"#, "ll_deg"),
        (r#""ll_deg": {"low": 9, "high": 1}"#, "above"),
    ] {
        let text = format!(r#"{{"source": "x", "targets": {{{targets}}}}}"#);
        assert!(read(&text).unwrap().check().unwrap_err().to_string().contains(word), "{targets}");
    }
    assert!(read(r#"{"targets": {}}"#).unwrap_err().contains("source"));
}
