//! A trainee's strokes on a virtual patient: hints must help, wrong strokes must be named.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use engine::plan::BoneDistance;
use engine::rehearsal::{PracticeScript, Stroke, practise};
use engine::surface::phantom;
use engine::volume::{Grid, LabelMap};
use geom::Point;

/// Two phantom vertebrae as labels L2 and L3.
fn labels() -> LabelMap {
    let grid = Grid::axis_aligned([110, 100, 120], [1.0; 3], Point::new(-55.0, -50.0, -40.0)).unwrap();
    let mut labels = LabelMap { labels: vec![0; grid.len()], grid };
    for (level, number) in [(0, 22), (1, 21)] {
        let bone = BoneDistance::new(&phantom::vertebra(level)).unwrap();
        let [nx, ny, _] = labels.grid.size();
        for i in 0..labels.labels.len() {
            let voxel = [i % nx, i / nx % ny, i / (nx * ny)].map(|v| v as f64);
            let place = labels.grid.to_ct(voxel.into()).vector3();
            let is_near = (place.z - 32.0 * level as f64).abs() < 24.0;
            if is_near && bone.signed_mm(place) < 0.0 {
                labels.labels[i] = number;
            }
        }
    }
    labels
}

#[test]
fn strokes_where_the_hints_point_lower_the_error_that_is_predicted() {
    let labels = labels();
    let stroke = |part: &str, points| Stroke { level: "L3".into(), part: part.into(), points };
    let first = vec![stroke("right lamina", 60), stroke("spinous process", 60)];
    let mut script = PracticeScript { levels: vec!["L3".into()], strokes: first, ..PracticeScript::default() };
    let before = practise(&labels, &script).unwrap();
    let standing = before.standings.last().unwrap();
    assert_eq!((standing.points, before.points.len()), (120, 120));
    let hint = standing.hints.first().unwrap();
    assert!(hint.after_mm < hint.before_mm);
    script.strokes.push(Stroke { level: hint.level.to_string(), part: hint.part.into(), points: 60 });
    let after = practise(&labels, &script).unwrap();
    assert!(
        after.predicted_tre_mm < before.predicted_tre_mm,
        "{:?} {:?}",
        after.predicted_tre_mm,
        before.predicted_tre_mm
    );
    script.strokes.push(stroke("left ear", 5));
    let refused = practise(&labels, &script).unwrap_err().to_string();
    assert!(refused.contains("stroke 4") && refused.contains("L3 left lamina"), "{refused}");
    assert!(PracticeScript::from_json(r#"{ "strokes": [{ "level": "L3", "part": "x", "points": 0 }] }"#).is_err());
}
