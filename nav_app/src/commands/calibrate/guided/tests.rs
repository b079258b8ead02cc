//! What would be lost: a picture that does not fit the terminal, or one that
//! shows covered sides as missing.

use calib::guide::PivotGuide;
use calib::simulate::{Draws, PivotScene};
use geom::nalgebra::Vector3;

use super::terminal::lines;
use super::*;

fn view(keep: impl Fn(Vector3<f64>) -> bool) -> GuideView {
    let mut poses = PivotScene { tilt_deg: 20.0, ..PivotScene::default() }.poses(&mut Draws::new(1));
    poses.retain(|pose| keep(pose.rotation() * Vector3::z()));
    let seen = Seen { now_s: 3.0, packet_s: Some(3.0), pose_s: Some(3.0) };
    let settings = GuideSettings { axes: "LPS".parse().ok(), ..GuideSettings::default() };
    GuideView {
        tool: "Stylus".into(),
        state: PivotGuide::new(settings).look(&poses, &seen),
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

fn count(lines: &[String], letter: char) -> usize {
    // The last line is the legend.
    lines.iter().filter(|line| !line.contains("covered")).flat_map(|line| line.chars()).filter(|c| *c == letter).count()
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

#[test]
fn the_end_is_told_by_what_ended_it() {
    let mut view = view(not_to_the_right);
    view.end = Some(GuideEnd::Time);
    assert!(view.line().contains("Time is up") || view.line().contains("Done"), "{}", view.line());
    view.state.judgement = None;
    assert!(view.advice().starts_with("Time is up"));
    view.end = Some(GuideEnd::Closed);
    assert!(view.advice().starts_with("Ended."));
}
