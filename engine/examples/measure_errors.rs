//! Prints every error of the alignment measures on spines of known shape.
//!
//! `cargo run --release -p engine --example measure_errors -- [SPINES] [FIRST_SEED]`
//!
//! Each random spine (C7 to S1 with pelvis) is cut into voxels of several sizes, its
//! axes turned against the grid, with and without waves on the surface, and
//! measured. A last table repeats one spine in shifted and turned grids.
#![allow(clippy::unwrap_used, reason = "a benchmark on input that it made itself")]

use std::collections::BTreeMap;

use engine::level::Level;
use engine::measure::synthetic::{self, Block, Flat, Known, tilts_deg};
use engine::measure::{Corrections, Measure, Posture, Report, Side, measure};
use engine::register::random::Random;
use geom::nalgebra::{Rotation3, Vector3};

/// Voxel sizes, mm: fine CT, clinical CT with thick slices, and coarse.
const SPACINGS_MM: [[f64; 3]; 4] = [[0.7; 3], [1.0; 3], [0.5, 0.5, 1.25], [0.8, 0.8, 2.0]];

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let (spines, first) = (numbers.first().copied().unwrap_or(6), numbers.get(1).copied().unwrap_or(1));
    let mut tables: BTreeMap<String, BTreeMap<&'static str, Vec<[f64; 2]>>> = BTreeMap::new();
    for seed in first..first + spines {
        for noise_mm in [0.0, 0.3] {
            let known = synthetic::random(seed, 7, noise_mm);
            for spacing in SPACINGS_MM {
                let errors = errors(&known, &measured(&known, spacing, seed));
                let name = format!("voxels {spacing:?} mm, waves {noise_mm} mm");
                print_all(seed, &name, &errors);
                let table = tables.entry(name).or_default();
                errors.into_iter().for_each(|(key, error)| table.entry(key).or_default().push(error));
            }
        }
    }
    for (name, table) in &tables {
        println!("\n{name}: error median, 95 %, largest; root mean square of error over stated sd");
        table.iter().for_each(|(key, all)| summary(key, all));
    }
    plates_along_slices(first..first + spines);
    slips(first..first + spines);
    repeatability(first);
}

/// Errors of endplates by how many voxels they rise or fall over the part of them that is fitted: a plane that
/// stays within one layer of voxels cannot be told from that layer.
fn plates_along_slices(seeds: std::ops::Range<u64>) {
    const MOST: [f64; 5] = [0.5, 1.0, 1.5, 2.5, f64::INFINITY];
    println!("\nsagittal tilt of endplates by the layers of voxels they cross, no waves: n, error 95 %, largest, deg");
    for spacing in SPACINGS_MM {
        let mut bins = vec![Vec::new(); MOST.len()];
        for seed in seeds.clone() {
            let known = synthetic::random(seed, 7, 0.0);
            let mut map = known.labels(spacing, &turn(seed)).unwrap();
            let (spine, _) = measure(&mut map, &Corrections::default(), Posture::Supine).unwrap();
            for block in &known.blocks {
                for (side, plate) in [Side::Superior, Side::Inferior].into_iter().zip([0, 1]) {
                    let Ok(found) = spine.endplate(block.level, side) else { continue };
                    let depth = (block.end(plate, 1.0) - block.end(plate, -1.0)) * 0.82;
                    let rise = (turn(seed).inverse() * depth).z.abs() / spacing[2];
                    let error = tilts_deg(found.plane.normal)[0] - tilts_deg(block.plates[plate].1)[0];
                    bins[MOST.iter().position(|most| rise <= *most).unwrap()].push([error, 1.0]);
                }
            }
        }
        for (most, bin) in MOST.iter().zip(&bins) {
            summary(&format!("{spacing:?}, to {most}"), bin);
        }
    }
}

/// Slips of L4 and T12 that are put into spines, and the steps that every spine has.
fn slips(seeds: std::ops::Range<u64>) {
    println!("\nslips: error median, 95 %, largest, mm; root mean square of error over stated sd");
    for spacing in SPACINGS_MM {
        let (mut all, mut wrong_grades) = (Vec::new(), 0);
        for seed in seeds.clone() {
            for (l4_mm, t12_mm, noise_mm) in [(0.0, 0.0, 0.0), (6.0, -4.0, 0.0), (11.0, 5.0, 0.3)] {
                let mut known = synthetic::random(seed, 14, noise_mm);
                known.push(Level::from_number(23).unwrap(), l4_mm);
                known.push(Level::from_number(19).unwrap(), t12_mm);
                let report = measured(&known, spacing, seed);
                for ((truth, pair), found) in
                    known.slips_mm().into_iter().zip(known.blocks.windows(2)).zip(&report.discs)
                {
                    assert_eq!((pair[0].level, pair[1].level), (found.upper, found.lower));
                    all.push(compare(&found.slip_mm, truth));
                    let quarter_mm = pair[1].half_mm[0] / 2.0;
                    let sure = (truth.abs() - 3.0).abs() > 1.0
                        && (truth.abs() / quarter_mm).fract().min(1.0 - (truth.abs() / quarter_mm).fract()) > 0.1;
                    let grade = if truth.abs() < 3.0 {
                        0
                    } else {
                        (truth.abs() / quarter_mm).ceil() as i8 * truth.signum() as i8
                    };
                    wrong_grades += usize::from(sure && found.slip_grade != Ok(grade));
                }
            }
        }
        summary(&format!("{spacing:?}"), &all);
        println!("  grades that are wrong though no border is near: {wrong_grades}");
    }
}

fn turn(seed: u64) -> Rotation3<f64> {
    let mut random = Random::new(seed * 7 + 1);
    let mut angle = || random.between(-0.2, 0.2);
    Rotation3::from_euler_angles(angle(), angle(), angle())
}

fn measured(known: &Known, spacing_mm: [f64; 3], seed: u64) -> Report {
    let mut map = known.labels(spacing_mm, &turn(seed)).unwrap();
    measure(&mut map, &Corrections::default(), Posture::Supine).unwrap().1
}

/// Measure against truth: error and stated standard deviation; NaN when it is missing.
fn compare(measure: &Measure, truth: f64) -> [f64; 2] {
    measure.as_ref().map_or([f64::NAN; 2], |v| [v.value - truth, v.sd])
}

fn errors(known: &Known, report: &Report) -> Vec<(&'static str, [f64; 2])> {
    let mut out: Vec<(&'static str, [f64; 2])> =
        truths(known).into_iter().map(|(key, truth)| (key, compare(report.parameter(key).unwrap(), truth))).collect();
    let (centres, _) = known.heads;
    let across = centres[0] - centres[1];
    let pelvis_deg = across.y.atan2(across.x).to_degrees();
    for (block, found) in known.blocks.iter().zip(&report.levels) {
        assert_eq!(block.level, found.level);
        out.push(("rotation_deg", compare(&found.rotation_deg, block.rotation_deg - pelvis_deg)));
        for (key, measure, truth) in
            [("height_anterior_mm", 0, 1.0), ("height_middle_mm", 1, 0.0), ("height_posterior_mm", 2, -1.0)]
                .map(|(key, i, s)| (key, &found.height_mm[i], height(block, s)))
        {
            out.push((key, compare(measure, truth)));
        }
        let wedge = |i: usize| tilts_deg(block.plates[0].1)[i] - tilts_deg(block.plates[1].1)[i];
        out.push(("wedge_sagittal_deg", compare(&found.wedge_sagittal_deg, wedge(0))));
        out.push(("wedge_coronal_deg", compare(&found.wedge_coronal_deg, wedge(1))));
    }
    for (pair, found) in known.blocks.windows(2).zip(&report.discs) {
        let (upper, lower): (Flat, Flat) = (pair[0].plates[1], pair[1].plates[0]);
        let hollow = pair[0].hollow_mm + pair[1].hollow_mm;
        let up = (upper.1 + lower.1).normalize();
        out.push(("disc_middle_mm", compare(&found.height_mm[1], (upper.0 - lower.0).dot(&up) + hollow)));
    }
    out
}

/// Height of the body where the front (1), the middle (0) or the back (-1) of its outline is.
fn height(block: &Block, side: f64) -> f64 {
    let [up, front, _] = block.axes;
    let at = |flat: Flat| {
        let place = block.centre + front * (side * block.half_mm[0]);
        flat.1.dot(&(flat.0 - place)) / flat.1.dot(&up)
    };
    let hollow = if side == 0.0 { 2.0 * block.hollow_mm } else { 0.0 };
    at(block.plates[0]) - at(block.plates[1]) - hollow
}

fn truths(known: &Known) -> Vec<(&'static str, f64)> {
    let block = |number: u8| known.blocks.iter().find(|b| b.level.number() == number).unwrap();
    let sagittal = |flat: Flat| tilts_deg(flat.1)[0];
    let coronal = |flat: Flat| tilts_deg(flat.1)[1];
    let ((centre, up), front, [half_depth, _]) = known.sacrum;
    let slope = sagittal((centre, up));
    let highest = known.blocks.iter().filter(|b| b.level.number() >= 8).map(|b| sagittal(b.plates[0]));
    let mut cobb: f64 = 0.0;
    for (i, upper) in known.blocks.iter().enumerate() {
        for lower in &known.blocks[i + 1..] {
            cobb = cobb.max((coronal(upper.plates[0]) - coronal(lower.plates[1])).abs());
        }
    }
    let (centres, _) = known.heads;
    let line = centre - (centres[0] + centres[1]) / 2.0;
    let left = (centres[0] - centres[1]).normalize();
    let across = |v: Vector3<f64>| (v - left * v.dot(&left)).normalize();
    let incidence = across(up).dot(&across(line)).clamp(-1.0, 1.0).acos().to_degrees();
    vec![
        ("cobb_deg", cobb),
        ("tk_deg", sagittal(block(8).plates[0]) - sagittal(block(19).plates[1])),
        ("tk_t4_t12_deg", sagittal(block(11).plates[0]) - sagittal(block(19).plates[1])),
        ("ll_deg", slope - sagittal(block(20).plates[0])),
        ("ll_l1_l5_deg", sagittal(block(24).plates[1]) - sagittal(block(20).plates[0])),
        ("gll_deg", slope - highest.fold(f64::INFINITY, f64::min)),
        ("pi_deg", incidence),
        ("pt_deg", line.y.atan2(line.z).to_degrees()),
        ("ss_deg", slope),
        ("sva_mm", (centre - front * half_depth).y - block(7).centre.y),
    ]
}

fn print_all(seed: u64, name: &str, errors: &[(&'static str, [f64; 2])]) {
    println!("spine {seed}, {name}");
    for chunk in errors.chunks(8) {
        let words: Vec<String> = chunk.iter().map(|(key, [error, sd])| format!("{key} {error:+.2}~{sd:.2}")).collect();
        println!("  {}", words.join("  "));
    }
}

fn summary(key: &str, all: &[[f64; 2]]) {
    let mut sizes: Vec<f64> = all.iter().map(|e| e[0].abs()).filter(|e| e.is_finite()).collect();
    sizes.sort_by(f64::total_cmp);
    let at = |share: f64| sizes.get(((sizes.len() as f64 - 1.0) * share).round() as usize).copied().unwrap_or(f64::NAN);
    let ratio =
        all.iter().filter(|e| e[0].is_finite()).map(|e| (e[0] / e[1]).powi(2)).sum::<f64>() / sizes.len() as f64;
    println!(
        "  {key:20} {:6.2} {:6.2} {:6.2}   {:5.2}   n {} missing {}",
        at(0.5),
        at(0.95),
        at(1.0),
        ratio.sqrt(),
        sizes.len(),
        all.len() - sizes.len()
    );
}

/// One spine in twelve grids with waves that differ: spread of every value.
fn repeatability(seed: u64) {
    let mut values: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
    for trial in 0..12u64 {
        let noise_mm = 0.1 + 0.03 * trial as f64;
        let known = synthetic::random(seed, 7, noise_mm);
        let report = measured(&known, SPACINGS_MM[trial as usize % 4], seed + trial * 13);
        for (parameter, measure) in &report.parameters {
            values.entry(parameter.key).or_default().extend(measure.as_ref().ok().map(|v| v.value));
        }
    }
    println!("\nrepeatability: spine {seed} in 12 grids, turned, four voxel sizes, waves 0.1 to 0.43 mm");
    for (key, all) in values {
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let sd = (all.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (all.len() as f64 - 1.0)).sqrt();
        let spread = all.iter().fold(0.0, |most: f64, v| most.max((v - mean).abs()));
        println!("  {key:16} mean {mean:8.2}  sd {sd:5.2}  largest from mean {spread:5.2}  of {}", all.len());
    }
}
