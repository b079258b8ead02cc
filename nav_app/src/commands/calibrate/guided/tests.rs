//! What would be lost: a picture that does not fit the terminal, or one that
//! shows covered sides as missing.

use calib::guide::{PivotGuide, Place, Progress, SpinProgress, TouchProgress, TouchPurpose};
use calib::simulate::{Draws, PivotScene};
use geom::nalgebra::Vector3;

use super::terminal::lines;
use super::*;
use crate::guide_view::Picture;

fn view(keep: impl Fn(Vector3<f64>) -> bool) -> GuideView {
    let mut poses = PivotScene { tilt_deg: 20.0, ..PivotScene::default() }.poses(&mut Draws::new(1));
    poses.retain(|pose| keep(pose.rotation() * Vector3::z()));
    let seen = Seen { now_s: 3.0, packet_s: Some(3.0), pose_s: Some(3.0) };
    let settings = GuideSettings { axes: "LPS".parse().ok(), ..GuideSettings::default() };
    GuideView {
        tool: "Stylus".into(),
        state: PivotGuide::new(settings).look(&poses, &[], &seen),
        unseen: 2,
        given_up: 0,
        elapsed_s: 3.0,
        limit_s: 60.0,
        end: None,
    }
}

/// All but what leans to the patient's right.
fn not_to_the_right(z: Vector3<f64>) -> bool {
    z.x > 0.0 || z.y.abs() > -z.x
}

/// How often a letter is in the picture, left of the words.
fn count(lines: &[String], letter: char) -> usize {
    lines.iter().flat_map(|line| line.chars().take(31)).filter(|c| *c == letter).count()
}

#[test]
fn the_picture_on_the_terminal_fills_up() {
    let nothing = lines(&view(|_| false));
    let part = lines(&view(not_to_the_right));
    let whole = lines(&view(|_| true));
    let quarter = lines(&view(|z| z.x > 0.0 && z.y > 0.0));
    assert_eq!(count(&nothing, '█'), 0, "{}", nothing.join("\n"));
    assert!(count(&quarter, '░') > 3, "{}", quarter.join("\n"));
    assert!(count(&part, '▒') > 3, "{}", part.join("\n"));
    assert!(count(&part, '█') > 30 && count(&whole, '█') > count(&part, '█'), "{}", whole.join("\n"));
    assert!(count(&whole, '░') == 0 && count(&whole, '◆') == 1, "{}", whole.join("\n"));
    for line in nothing.iter().chain(&part).chain(&whole) {
        assert!(line.chars().count() <= 125, "{line}");
    }
    let text = part.join("\n");
    assert!(text.contains(">> Tilt the handle towards the ") && text.contains("verdict  "), "{text}");
    assert!(text.contains("2 not seen") && text.contains(" mm +- "), "{text}");
}

/// Six points, the first two touched, the tip over the third.
fn touches() -> GuideView {
    let points = [[0., 0., 0.], [60., 0., 0.], [0., 50., 20.], [70., 60., 0.], [30., 20., 45.], [95., 30., 30.]];
    let place = |(k, at): (usize, [f64; 3])| Place { at, touches: usize::from(k < 2), wanted: 1 };
    let progress = TouchProgress {
        purpose: TouchPurpose::Test(calib::PhantomSettings::default()),
        places: points.into_iter().enumerate().map(place).collect(),
        next: Some(2),
        tip_at_mm: Some([20.0, 50.0, 30.0]),
        still: 0.5,
        refused: 1,
        given_up: 0,
        figures: None,
    };
    let mut view = view(|_| false);
    view.state.advice = "Hold still on divot 3".into();
    view.state.progress = Progress::Touches(progress);
    view
}

#[test]
fn the_map_shows_what_is_touched_missing_and_next() {
    let lines = lines(&touches());
    let count = |letter: char| count(&lines, letter);
    assert_eq!((count('●'), count('○'), count('◎'), count('◆')), (2, 3, 1, 1), "{}", lines.join("\n"));
    let text = lines.join("\n");
    assert!(text.contains("divot 3 at (0.0, 50.0, 20.0) mm, 22 mm from here"), "{text}");
    assert!(text.contains("2 of 6 taken, 1 refused") && text.contains("missing  3, 4, 5, 6"), "{text}");
    assert!(touches().line().contains("(missing: 3, 4, 5, 6)"), "{}", touches().line());
}

#[test]
fn the_dial_of_a_spin_fills_clockwise_from_the_top() {
    let mut view = view(|_| false);
    let progress = SpinProgress {
        turn_deg: 60.0,
        wanted_deg: 90.0,
        range_deg: [0.0, 60.0],
        now_deg: Some(60.0),
        wobble_deg: Some(0.2),
    };
    view.state.progress = Progress::Spin(progress);
    let Picture::Disc(dial) = view.picture() else { panic!() };
    // 24 sectors of 15 degrees, counterclockwise from the right: 6 is the top.
    let reached: Vec<usize> = (0..24).filter(|k| dial.reached_deg[*k] > 0.0).collect();
    assert_eq!(reached, [2, 3, 4, 5, 6]);
    let needed: Vec<usize> = (0..24).filter(|k| dial.is_needed[*k]).collect();
    assert_eq!((needed, dial.next), (vec![0, 1, 2, 3, 4, 5, 6], Some(0)));
    assert!(lines(&view).join("\n").contains("turned by 60 of 90 deg"));
}

#[test]
fn the_end_is_told_by_what_ended_it() {
    let mut view = view(not_to_the_right);
    view.end = Some(GuideEnd::Time);
    assert!(view.line().contains("Time is up") || view.line().contains("Done"), "{}", view.line());
    view.state.judgement = None;
    assert!(view.advice().starts_with("Time is up"));
    view.end = Some(GuideEnd::Ended);
    assert!(view.advice().starts_with("Ended."));
}
