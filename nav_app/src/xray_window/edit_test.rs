//! What a person moved stays moved, is taken back whole, and never makes a file that is refused.

use engine::level::Level;
use engine::xray::{
    Bounds, Findings, Geometry, Pair, Radiograph, View, ViewCorrections, XrayCorrections, XraySettings, analyse,
    level_of, name,
};

use super::edit::{Handle, Sheet};

const LATERAL: usize = 1;

fn pair() -> Pair {
    let radiograph = |view| {
        let picture = engine::io::picture::Picture {
            rows: 400,
            columns: 200,
            values: vec![0.0; 80_000],
            pixel: None,
            view_position: None,
        };
        Radiograph::new(&picture, Geometry::assumed(view, [400, 200], [1.0, 1.0]).unwrap()).unwrap()
    };
    Pair { frontal: radiograph(View::Frontal), lateral: radiograph(View::Lateral) }
}

/// L4, L5 and S1 one below the other, in both views.
fn column() -> ViewCorrections {
    let mut view = ViewCorrections::default();
    for (label, top) in [("L4", 100.0), ("L5", 150.0), ("S1", 200.0)] {
        let corners = [[80.0, top], [120.0, top], [120.0, top + 30.0], [80.0, top + 30.0]];
        view.corners.insert(label.to_owned(), corners);
    }
    view.heads = [("left".to_owned(), [90.0, 300.0, 20.0]), ("right".to_owned(), [110.0, 300.0, 20.0])].into();
    view
}

fn found(corrections: &XrayCorrections) -> Findings {
    analyse(&pair(), None, corrections, &XraySettings::default(), &mut |_, _| {}).unwrap()
}

fn sheet() -> Sheet {
    Sheet::new(&found(&XrayCorrections { frontal: column(), lateral: column(), ..XrayCorrections::default() }))
}

fn level(text: &str) -> Level {
    level_of(text).unwrap()
}

#[test]
fn a_corner_is_taken_hold_of_moved_and_put_back() {
    let mut sheet = sheet();
    let handle = sheet.pick(LATERAL, [121.0, 148.0], 5.0).unwrap();
    assert_eq!(handle, Handle::Corner(level("L5"), 1), "the corner, not its box's");
    assert_eq!(sheet.pick(LATERAL, [150.0, 150.0], 5.0), None);
    let before = sheet.corrections.clone();
    sheet.begin();
    sheet.drag(LATERAL, handle, [126.0, 144.0]);
    assert_eq!(sheet.corrections.lateral.corners["L5"][1], [126.0, 144.0]);
    assert_eq!(sheet.corrections.frontal, before.frontal, "the other view is not touched");
    let after = found(&sheet.corrections);
    assert_ne!(
        after.views[LATERAL].vertebra(level("L5")).unwrap().corners,
        sheet_of(&before).views[LATERAL].vertebra(level("L5")).unwrap().corners
    );
    assert!(sheet.undo());
    assert_eq!(sheet.corrections, before);
    assert!(!sheet.undo());
}

fn sheet_of(corrections: &XrayCorrections) -> Sheet {
    Sheet::new(&found(corrections))
}

#[test]
fn a_body_without_corners_gets_those_of_its_box_when_one_is_dragged() {
    let l5 = level("L5");
    let mut corrections = XrayCorrections { frontal: column(), lateral: column(), ..XrayCorrections::default() };
    corrections.lateral.corners.remove("L5");
    corrections.lateral.boxes.insert("L5".to_owned(), Bounds { left: 80.0, top: 150.0, right: 120.0, bottom: 180.0 });
    let mut sheet = sheet_of(&corrections);
    assert!(sheet.views[LATERAL].vertebra(l5).unwrap().corners.is_err());
    let handle = sheet.pick(LATERAL, [117.0, 152.0], 3.0).unwrap();
    assert_eq!(handle, Handle::Corner(l5, 1));
    sheet.drag(LATERAL, handle, [121.0, 148.0]);
    let found = found(&sheet.corrections).views[LATERAL].vertebra(l5).unwrap().corners.clone();
    assert_eq!(found, Ok([[84.0, 153.0], [121.0, 148.0], [116.0, 177.0], [84.0, 177.0]]));
}

#[test]
fn what_would_be_refused_is_not_done() {
    let mut sheet = sheet();
    let l5 = level("L5");
    for to in [[60.0, 500.0], [f64::NAN, 0.0], [1e9, 0.0]] {
        sheet.drag(LATERAL, Handle::Corner(l5, 1), to);
        sheet.drag(LATERAL, Handle::Rim(0), [90.0, 300.0]);
        sheet.corrections.check().unwrap();
    }
    assert_eq!(sheet.corrections.lateral.corners["L5"][1], [120.0, 150.0]);
    sheet.drag(LATERAL, Handle::Box(l5, 0), [500.0, 500.0]);
    sheet.corrections.check().unwrap();
    assert!(sheet.corrections.lateral.boxes["L5"].is_usable());
}

#[test]
fn a_missing_body_gets_its_neighbours_name_and_size() {
    let mut sheet = sheet();
    sheet.remove(LATERAL, level("L5"));
    assert!(found(&sheet.corrections).views[LATERAL].vertebra(level("L5")).is_none());
    assert_eq!(sheet.add(LATERAL, [100.0, 165.0]), Some(level("L5")));
    let Bounds { left, right, .. } = sheet.corrections.lateral.boxes["L5"];
    assert_eq!((left, right), (80.0, 120.0));
    assert_eq!(sheet.add(LATERAL, [100.0, 50.0]), Some(level("L3")));
    assert_eq!(sheet.add(LATERAL, [100.0, 500.0]), None, "nothing lies below S1");
}

#[test]
fn a_column_moves_by_one_name_and_back() {
    let mut sheet = sheet();
    let before = sheet.corrections.clone();
    assert!(sheet.rename(1).unwrap_err().contains("S1"), "S1 has no lower neighbour");
    sheet.rename(-1).unwrap();
    let after = found(&sheet.corrections);
    let names: Vec<String> = after.views[LATERAL].vertebrae.iter().map(|v| name(v.level)).collect();
    assert_eq!(names, ["L3", "L4", "L5"]);
    sheet.show(&after);
    sheet.rename(1).unwrap();
    assert_eq!((&sheet.corrections.lateral, &sheet.corrections.levels), (&before.lateral, &before.levels));
}

#[test]
fn a_head_that_is_moved_keeps_its_side_and_the_other_one() {
    let mut sheet = sheet();
    let handle = sheet.pick(0, [90.0, 300.0], 4.0).unwrap();
    sheet.drag(0, handle, [70.0, 305.0]);
    let heads = &sheet.corrections.frontal.heads;
    assert_eq!((heads["left"], heads["right"]), ([70.0, 305.0, 20.0], [110.0, 300.0, 20.0]));
}
