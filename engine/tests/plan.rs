//! Screws in bones whose walls are known: what a surgeon would lose is a wrong wall.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panicking")]

use geom::nalgebra::{Matrix3, Matrix3x4, Rotation3, Vector3};
use geom::{Ct, Point};

use engine::case::Case;
use engine::level::Level;
use engine::plan::{
    Anatomy, Axes, Direction, Grade, Plan, PlannedVertebra, Screw, Side, SuggestSettings, assess, suggest,
};
use engine::volume::{Grid, LabelMap, Volume};

const LEVEL: u8 = 22;
/// Radius of the phantom's canal, and of its pedicles, mm.
const CANAL_MM: f64 = 9.0;
const PEDICLE_MM: f64 = 4.0;

/// A block with a round canal along z behind its middle.
fn block(p: Vector3<f64>) -> bool {
    let is_block = p.x.abs() <= 30.0 && p.y.abs() <= 30.0 && p.z.abs() <= 15.0;
    is_block && p.x.hypot(p.y - 12.0) > CANAL_MM
}

/// A body, two round pedicles along y, an arch behind.
fn vertebra(p: Vector3<f64>) -> bool {
    let is_body = (p.x / 21.0).hypot((p.y + 22.0) / 16.0) <= 1.0 && p.z.abs() <= 13.0;
    let is_pedicle = (p.x.abs() - 14.0).hypot(p.z - 4.0) <= PEDICLE_MM && (-22.0..=16.0).contains(&p.y);
    let is_arch = p.x.abs() <= 18.0 && (10.0..=17.0).contains(&p.y) && p.z.abs() <= 8.0;
    is_body || is_pedicle || is_arch
}

/// The phantom in a grid turned by `turn` and shifted by `shift` of a voxel.
fn case(bone: fn(Vector3<f64>) -> bool, spacing: [f64; 3], turn: [f64; 3], shift: f64) -> Case {
    let rotation = Rotation3::from_euler_angles(turn[0], turn[1], turn[2]);
    let size = spacing.map(|mm| (96.0 / mm) as usize);
    let mut affine = Matrix3x4::zeros();
    affine.fixed_view_mut::<3, 3>(0, 0).copy_from(&(rotation.matrix() * Matrix3::from_diagonal(&spacing.into())));
    let middle = rotation * Vector3::from([0, 1, 2].map(|i| spacing[i] * (size[i] as f64 / 2.0 + shift)));
    affine.set_column(3, &-middle);
    let grid = Grid::new(size, affine).unwrap();
    let at = |i: usize| {
        let voxel = [i % size[0], i / size[0] % size[1], i / (size[0] * size[1])].map(|v| v as f64);
        grid.to_ct(voxel.into()).vector3()
    };
    let labels = (0..grid.len()).map(|i| if bone(at(i)) { LEVEL } else { 0 }).collect();
    let labels = LabelMap { labels, grid: grid.clone() };
    Case::from_labels(Volume { grid, hu: Vec::new() }, labels)
}

/// The anatomy with the axes it was built with: a block has no body to find.
fn anatomy(case: &Case, half_depth_mm: Option<f64>, centre: Vector3<f64>) -> Anatomy {
    let axes = Axes { half_depth_mm, ..Axes::of_image(centre) };
    Anatomy { vertebrae: vec![PlannedVertebra::new(&case.vertebrae[0], &case.labels, axes).unwrap()] }
}

fn screw(side: Side, x: f64, z: f64, diameter_mm: f64) -> Screw {
    let entry = Point::<Ct>::new(x, 31.0, z);
    let level = Level::from_number(LEVEL).unwrap();
    Screw { level, side, entry, target: Point::new(x, -9.0, z), diameter_mm, length_mm: 40.0 }
}

#[test]
fn walls_and_breaches_are_right_to_half_a_voxel() {
    let mut all = Vec::new();
    for (spacing, turn, shift) in [
        ([0.7, 0.7, 0.7], [0.0; 3], 0.0),
        ([1.0, 1.0, 1.0], [0.0; 3], 0.3),
        ([1.0, 1.0, 1.0], [0.2, -0.3, 0.5], 0.1),
        ([0.6, 0.6, 1.5], [0.15, 0.1, -0.2], 0.4),
    ] {
        let case = case(block, spacing, turn, shift);
        let anatomy = anatomy(&case, None, Vector3::zeros());
        let canal = anatomy.vertebrae[0].canal.as_ref().unwrap();
        assert!((canal.half_width_mm - CANAL_MM).abs() < 1.0, "{canal:?}");
        let voxel = spacing.into_iter().fold(0.0, f64::max);
        for step in 0..22 {
            // From 5 mm within the canal to 5 mm of wall.
            let x = CANAL_MM - 2.0 + 0.5 * f64::from(step);
            let (diameter, side) = (5.0 + f64::from(step % 3), Side::BOTH[step as usize % 2]);
            let found = assess(&anatomy, &screw(side, x * side.sign(), 0.3, diameter), None).unwrap();
            let truth = CANAL_MM + 0.5 * diameter - x;
            let error = found.pedicle.outward_mm - truth;
            all.push(error.abs());
            assert!(error.abs() <= 0.5 * voxel, "{spacing:?} {turn:?} x {x}: {} for {truth}", found.pedicle.outward_mm);
            let canal_error = found.canal_mm.unwrap()[0] + truth;
            assert!(canal_error.abs() <= 0.5 * voxel + 0.4, "canal {canal_error} at {x} in {spacing:?}");
            if truth.abs() > 0.5 * voxel && (truth.abs() - truth.abs().round()).abs() > 0.1 {
                assert_eq!(found.grade == Grade::A, truth <= 0.0, "{truth} {found:?}");
            }
            assert_eq!(found.pedicle.direction, Direction::Medial);
            assert!(found.grade_95 >= found.grade && found.surface_sd_mm > 0.15 && found.surface_sd_mm < voxel);
        }
    }
    all.sort_by(f64::total_cmp);
    let at = |share: f64| all[(share * (all.len() - 1) as f64) as usize];
    println!("walls: {} screws, error p50 {:.3} p95 {:.3} max {:.3} mm", all.len(), at(0.5), at(0.95), at(1.0));
}

#[test]
fn a_screw_in_the_wrong_place_is_refused_by_name() {
    let case = case(block, [1.0; 3], [0.0; 3], 0.0);
    let anatomy = anatomy(&case, None, Vector3::zeros());
    let right = screw(Side::Left, 15.0, 0.0, 6.0);
    assert!(assess(&anatomy, &right, None).is_ok());
    let text = |s: &Screw| assess(&anatomy, s, None).unwrap_err().to_string();
    assert!(text(&Screw { side: Side::Right, ..right }).contains("to the left"));
    assert!(text(&Screw { level: Level::from_number(23).unwrap(), ..right }).contains("no L4"));
    assert!(text(&screw(Side::Left, 80.0, 0.0, 6.0)).contains("meets no bone"));
    // Halfway out of the block's side: a breach to the side, of the known size.
    let out = assess(&anatomy, &screw(Side::Left, 29.0, 0.0, 6.0), None).unwrap();
    assert!((out.pedicle.outward_mm - 2.0).abs() < 0.51 && out.pedicle.direction == Direction::Lateral, "{out:?}");
    // The registration's error widens what may be.
    let sure = assess(&anatomy, &right, Some(&|_, _| 0.0)).unwrap();
    let unsure = assess(&anatomy, &right, Some(&|_, _| 3.0)).unwrap();
    assert!(sure.grade_95 == Grade::A && unsure.grade_95 > Grade::A && unsure.grade == Grade::A);
    assert_eq!(unsure.registration_sd_mm, Some(3.0));
}

#[test]
fn the_suggested_screw_fills_a_round_pedicle_and_stays_inside() {
    for (spacing, turn) in [([0.8, 0.8, 0.8], [0.0; 3]), ([1.0, 1.0, 1.0], [0.1, 0.2, 0.1])] {
        let case = case(vertebra, spacing, turn, 0.2);
        let anatomy = anatomy(&case, Some(16.0), Vector3::new(0.0, -22.0, 0.0));
        for side in Side::BOTH {
            let found = suggest(&anatomy, &anatomy.vertebrae[0], side, &SuggestSettings::default()).unwrap();
            assert!((found.pedicle_width_mm - 2.0 * PEDICLE_MM).abs() < 0.8, "{found:?}");
            assert!((5.0..=6.5).contains(&found.screw.diameter_mm), "{found:?}");
            assert!(found.assessment.grade == Grade::A && found.assessment.pedicle.outward_mm < -0.2, "{found:?}");
            let x = found.screw.along(0.5 * found.screw.length_mm).to_array()[0];
            assert!(x * side.sign() > 0.0 && found.assessment.tip_depth_mm > 2.0, "{found:?}");
        }
    }
}

#[test]
fn a_plan_comes_back_and_belongs_to_its_labels() {
    let mut case = case(block, [2.0; 3], [0.0; 3], 0.0);
    let mut plan = Plan::on(&case.labels);
    plan.screws = vec![screw(Side::Left, 15.0, 1.0 / 3.0, 6.5), screw(Side::Right, -15.0, 0.1, 6.5)];
    let folder = std::env::temp_dir().join(format!("spinenav-plan-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("plan.json");
    plan.write(&path).unwrap();
    assert_eq!(Plan::read(&path).unwrap(), plan);
    plan.check_anatomy(&case.labels).unwrap();
    case.labels.labels[7] = 20;
    let refused = plan.check_anatomy(&case.labels).unwrap_err().to_string();
    assert!(refused.contains("other labels"), "{refused}");
    let good = std::fs::read_to_string(&path).unwrap();
    for (from, to, word) in [
        ("\"side\"", "\"colour\": 1, \"side\"", "colour"),
        ("\"L3\"", "\"L33\"", "C1 to L6"),
        ("6.5", "65", "diameter_mm"),
        ("40.0", "20.0", "apart"),
        ("CT LPS mm", "RAS", "frame"),
        ("spinenav-plan-1", "spinenav-plan-9", "format"),
        ("-15.0", "1e300", "entry_ct_mm"),
    ] {
        std::fs::write(&path, good.replacen(from, to, 1)).unwrap();
        let error = Plan::read(&path).unwrap_err().to_string();
        assert!(error.contains(word), "{from} -> {to}: {error}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
