//! Brainlab Cranial, class I: what was shown disagreed with the anatomy.

use engine::safety::{DegradedReason, SessionState};
use geom::{Ct, Point};

use crate::theatre::{Theatre, case, is_shown, registration};

#[test]
fn recall_brainlab_cranial_a_landmark_that_lies_elsewhere_hides_every_pose() {
    let mut theatre = Theatre::new(&registration(6, 0.0));
    assert!(is_shown(&theatre.hold([0.0, 30.0, 0.0])));
    assert!(!theatre.check([0.0, 30.0, 0.0], 4.0));
    let shown = theatre.hold([0.0, 30.0, 0.0]);
    assert_eq!(shown.session, SessionState::Degraded(DegradedReason::CheckFailed));
    assert!(!is_shown(&shown));
    assert!((shown.check.last_mm.unwrap() - 4.0).abs() < 0.1, "the screen says how far off it was");
}

#[test]
fn recall_brainlab_cranial_one_landmark_in_place_does_not_bring_the_poses_back() {
    let mut theatre = Theatre::new(&registration(6, 0.0));
    theatre.hold([0.0, 30.0, 0.0]);
    assert!(!theatre.check([0.0, 30.0, 0.0], 4.0));
    for _ in 0..5 {
        assert!(!theatre.check([0.0, 30.0, 0.0], 0.0), "the same place again proves no rotation");
    }
    assert!(!is_shown(&theatre.hold([0.0, 30.0, 0.0])));
    assert!(theatre.pass_check());
}

#[test]
fn recall_brainlab_cranial_the_surface_lies_on_the_bone_of_the_image() {
    let centre = [3.0, -2.0, 1.0];
    let case = case(centre);
    let mesh = &case.vertebrae[0].mesh;
    assert!(mesh.vertices.len() > 500);
    for vertex in &mesh.vertices {
        let radius = Point::<Ct>::from(vertex.map(f64::from)).distance(centre.into());
        // Half a voxel and the smoothing.
        assert!((radius - 12.0).abs() < 1.2, "a vertex lies {radius} mm from the centre of a ball of 12 mm");
    }
}

#[test]
fn recall_brainlab_cranial_the_distance_to_bone_is_that_of_the_place_shown() {
    let mut theatre = Theatre::new(&registration(6, 0.0));
    for (place, expected) in [([0.0, 30.0, 0.0], 18.0f32), ([20.0, 0.0, 0.0], 8.0), ([0.0, 0.0, -37.0], 25.0)] {
        let tool = theatre.hold(place).guided();
        let tip = tool.ct_from_tip.unwrap() * Point::new(0.0, 0.0, 0.0);
        assert!(tip.distance(place.into()) < 0.1, "{place:?} is shown at {tip:?}");
        assert!((tool.bone_distance_mm.unwrap() - expected).abs() < 1.0, "{place:?}: {:?}", tool.bone_distance_mm);
        assert_eq!(tool.nearest_level.unwrap().to_string(), "L3");
    }
}

#[test]
fn recall_brainlab_cranial_the_error_to_expect_grows_with_the_distance_from_what_was_touched() {
    let mut theatre = Theatre::new(&registration(6, 0.0));
    let errors = [0.0, 100.0, 300.0].map(|z| theatre.hold([10.0, 20.0, z]).guided().predicted_tre_mm.unwrap());
    assert!(errors[0] < errors[1] && errors[1] < errors[2], "{errors:?}");
}
