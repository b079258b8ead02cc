//! A trainee's strokes on a virtual patient: hints must help, wrong strokes must be named.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use engine::plan::BoneDistance;
use engine::rehearsal::{HandPractice, PracticeScript, Stroke, TouchRefusal, practise};
use engine::surface::phantom;
use engine::volume::{Grid, LabelMap};
use geom::Point;

/// Two phantom vertebrae as labels L2 and L3.
fn labels() -> LabelMap {
    let grid = Grid::axis_aligned([74, 67, 80], [1.5; 3], Point::new(-55.0, -50.0, -40.0)).unwrap();
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

/// Vertices of the bone of `labels` with the posterior part of their normals.
fn bone(labels: &LabelMap) -> Vec<(Point<geom::Ct>, f32)> {
    let meshes = engine::surface::from_masks(labels, &[22, 21], &engine::surface::MeshSettings::default());
    let pairs = meshes.iter().flat_map(|mesh| mesh.vertices.iter().zip(&mesh.normals));
    pairs.map(|(p, n)| (Point::from(*p), n[1])).collect()
}

/// Touches every landmark where it was marked.
fn touch_landmarks(practice: &mut HandPractice) {
    while let Some((_, landmark)) = practice.landmark() {
        practice.touch(landmark.at).unwrap();
    }
}

#[test]
fn landmarks_come_first_in_their_order_and_are_where_the_surface_begins() {
    let labels = labels();
    let script = PracticeScript { levels: vec!["L2".into(), "L3".into()], ..PracticeScript::default() };
    let mut practice = HandPractice::new(&labels, &script).unwrap();
    let marked = practice.landmarks().to_vec();
    assert_eq!(marked.len(), 4, "{marked:?}");
    let apart = |a: usize, b: usize| marked[a].at.distance(marked[b].at);
    assert!((0..4).all(|a| (0..a).all(|b| apart(a, b) > 15.0)), "landmarks that lie together fix no pose: {marked:?}");
    let of = |part: &str| marked.iter().find(|l| l.part.starts_with(part)).unwrap().at.to_array();
    assert!(of("left")[0] > of("spinous")[0] && of("right")[0] < of("spinous")[0], "LPS: left is +x {marked:?}");
    let refused = practice.touch(marked[1].at).unwrap_err();
    assert!(matches!(refused, TouchRefusal::OffLandmark { off_mm: 15.. }), "the second before the first: {refused}");
    assert_eq!((practice.landmark().unwrap().0, practice.points()), (0, 0));
    touch_landmarks(&mut practice);
    // Touched where they were marked, they are off by the tracker's noise only.
    let fre_mm = practice.landmark_fre_mm().unwrap();
    assert!((0.01..1.0).contains(&fre_mm), "{fre_mm}");
    assert_eq!((practice.points(), practice.strokes()), (0, 0), "a landmark is no point of the surface");
    practice.undo();
    assert_eq!((practice.landmark().unwrap().0, practice.landmark_fre_mm()), (3, None));
}

#[test]
fn places_touched_by_hand_are_measured_by_the_tracker_and_scored_against_the_truth() {
    let labels = labels();
    let script = PracticeScript { levels: vec!["L2".into(), "L3".into()], ..PracticeScript::default() };
    let mut practice = HandPractice::new(&labels, &script).unwrap();
    touch_landmarks(&mut practice);
    let posterior: Vec<_> = bone(&labels).into_iter().filter(|(_, normal)| *normal > 0.5).collect();
    let touched: Vec<_> = posterior.iter().step_by(posterior.len().div_ceil(300)).collect();
    for (place, _) in &touched {
        practice.touch(*place).unwrap();
    }
    assert_eq!((practice.points(), practice.strokes()), (touched.len(), 1));
    let practised = practice.finish();
    assert_eq!(practised.points.len(), practice.points());
    let rms = practised.registration().unwrap().rms_mm();
    // Two arrays of 0.1 mm and 0.05 degrees, a pointer of 180 mm; along the normal it is less.
    assert!((0.1..0.6).contains(&rms), "the tracker's noise is not in the points: {rms}");
    assert!(practised.is_good() && practised.true_tre_mm.unwrap() < 1.0, "{:?}", practised.true_tre_mm);
    assert_eq!(practised.standings.len(), 1);
}

#[test]
fn what_is_covered_or_faces_away_is_not_touched_and_a_stroke_can_be_taken_back() {
    let labels = labels();
    let script = PracticeScript { levels: vec!["L3".into()], ..PracticeScript::default() };
    let mut practice = HandPractice::new(&labels, &script).unwrap();
    let bone = bone(&labels);
    let near = |z: f64, posterior: bool| {
        let is_it = |(p, n): &&(Point<geom::Ct>, f32)| {
            (p.to_array()[2] - z).abs() < 8.0 && if posterior { *n > 0.9 } else { *n < -0.9 }
        };
        bone.iter().find(is_it).unwrap().0
    };
    touch_landmarks(&mut practice);
    // L2 lies 32 mm off and is still covered.
    let (open, covered) = if practice.touch(near(0.0, true)).is_ok() { (0.0, 32.0) } else { (32.0, 0.0) };
    if practice.points() > 0 {
        practice.undo();
    }
    let refused = practice.touch(near(covered, true)).unwrap_err();
    assert!(matches!(&refused, TouchRefusal::Covered(levels) if levels == "L3"), "{refused}");
    assert_eq!(practice.touch(near(open, false)), Err(TouchRefusal::FacesAway));
    assert_eq!((practice.points(), practice.strokes()), (0, 0), "a refused touch begins no stroke");
    assert!(practice.stand().registration.is_err(), "nothing touched, nothing registered");
    practice.touch(near(open, true)).unwrap();
    practice.touch(near(open, true)).unwrap();
    practice.lift();
    practice.touch(near(open, true)).unwrap();
    assert_eq!((practice.points(), practice.strokes()), (3, 2));
    assert_eq!((practice.undo(), practice.undo(), practice.undo()), (2, 0, 0));
}
