//! StealthStation S8, 2020, class I: a plan moved to another place of the
//! anatomy. What is planned belongs to one image and one registration.

use engine::journal::case_hash;
use engine::level::Level;
use engine::plan::Plan;
use engine::register::Verdict;
use engine::safety::{Event, SessionState};
use engine::segment::set_level;
use engine::volume::{Grid, LabelMap, Volume};
use geom::Point;

use crate::theatre::{LEVEL, Theatre, case, is_shown, registration};

#[test]
fn recall_stealthstation_2020_another_image_hides_every_pose() {
    let mut theatre = Theatre::new(&registration(6, 0.0));
    assert!(is_shown(&theatre.hold([0.0, 30.0, 0.0])));
    theatre.tell(Event::ImageReady);
    let shown = theatre.hold([0.0, 30.0, 0.0]);
    assert_eq!(shown.session, SessionState::Segmented);
    assert!(!is_shown(&shown));
}

#[test]
fn recall_stealthstation_2020_an_image_is_known_by_its_bone_and_its_place() {
    let known = case_hash(&case([0.0; 3]));
    assert_eq!(case_hash(&case([0.0; 3])), known);
    assert_ne!(case_hash(&case([0.5, 0.0, 0.0])), known, "bone half a millimetre aside is another image");
    let mut moved = case([0.0; 3]);
    let grid = Grid::axis_aligned([40, 40, 40], [1.0; 3], Point::new(-20.0, -20.0, -19.9)).unwrap();
    moved.ct = Volume { grid, hu: Vec::new() };
    assert_ne!(case_hash(&moved), known, "a CT a tenth of a millimetre aside is another image");
}

#[test]
fn recall_stealthstation_2020_naming_a_level_moves_nothing() {
    let mut named = case([3.0, -2.0, 1.0]);
    let before = case([3.0, -2.0, 1.0]);
    set_level(&mut named, 1, Level::from_name("L2").unwrap()).unwrap();
    assert_eq!(named.vertebrae[0].level.to_string(), "L2");
    assert_eq!(named.vertebrae[0].body_centre, before.vertebrae[0].body_centre);
    assert_eq!(named.vertebrae[0].mesh.vertices, before.vertebrae[0].mesh.vertices);
    let count = |map: &LabelMap, number: u8| map.labels.iter().filter(|l| **l == number).count();
    assert_eq!(count(&named.labels, LEVEL - 1), count(&before.labels, LEVEL));
    assert_eq!(count(&named.labels, LEVEL), 0);
    assert_ne!(case_hash(&named), case_hash(&before), "what was planned by the old name does not pass for the new one");
}

#[test]
fn recall_stealthstation_2020_exchanging_an_instrument_voids_what_was_made_with_it() {
    for event in [Event::ToolGeometryChanged, Event::ReferenceChanged, Event::RegistrationWithdrawn] {
        let mut theatre = Theatre::new(&registration(6, 0.0));
        assert!(is_shown(&theatre.hold([0.0, 30.0, 0.0])));
        theatre.tell(event);
        assert!(!is_shown(&theatre.hold([0.0, 30.0, 0.0])), "{event:?}");
    }
}

#[test]
fn recall_stealthstation_2020_a_rejected_registration_replaces_a_good_one_by_nothing() {
    let mut theatre = Theatre::new(&registration(6, 0.0));
    theatre.hold([0.0, 30.0, 0.0]);
    theatre.tell(Event::Registered(Verdict::Reject));
    assert!(!is_shown(&theatre.hold([0.0, 30.0, 0.0])), "the old pose must not stay");
}

#[test]
fn recall_stealthstation_2020_planned_screws_are_refused_on_other_bone() {
    let planned = case([0.0; 3]);
    let plan = Plan::on(&planned.labels);
    plan.check_anatomy(&planned.labels).unwrap();
    let mut renamed = case([0.0; 3]);
    set_level(&mut renamed, 1, Level::from_name("L2").unwrap()).unwrap();
    let grid = Grid::axis_aligned([40, 40, 40], [1.0; 3], Point::new(-20.0, -20.0, -19.9)).unwrap();
    let moved = LabelMap { grid, labels: planned.labels.labels.clone() };
    for (labels, what) in [(&renamed.labels, "another name"), (&moved, "a tenth of a millimetre aside")] {
        let refused = plan.check_anatomy(labels).unwrap_err().to_string();
        assert!(refused.contains("plan again"), "{what}: {refused}");
    }
}
