//! Prints how exactly a correction is followed when levels are registered one by one.
//!
//! `cargo run -p engine --example alignment_errors -- [SPINES] [FIRST_SEED]`
//!
//! Each spine of known shape (T11 to the pelvis) is measured on its labels, bent at two or three lumbar discs by known
//! angles, and followed: with the exact poses; with each level registered from a simulated sweep of its back, its name
//! known (noise and outliers as said); and with all sweeps together, the names to be found. The true change is the sum
//! of the bends.
#![allow(clippy::unwrap_used, reason = "a benchmark on input that it made itself")]

use std::time::Instant;

use engine::journal::RecordedRegistration;
use engine::level::Level;
use engine::measure::follow::{Alignment, Follower, Placed, Targets};
use engine::measure::{Corrections, Spine, synthetic};
use engine::register::random::Random;
use engine::register::simulate::{Sweep, displaced};
use engine::register::{Articulated, ArticulatedSettings, Bump, Settings, Target, TargetSettings, Verdict, update};
use engine::rehearsal::manoeuvre::{Bend, BendPlane, bone_by_level, motion, touched_again};
use engine::surface::{self, MeshSettings};
use engine::volume::LabelMap;
use geom::nalgebra::{Rotation3, Vector3};
use geom::{Ct, Patient, PoseCovariance, Transform, Twist};

/// Noise of each touched coordinate (mm), share of outliers, points a level.
const SWEEPS: [(f64, f64, usize); 3] = [(0.1, 0.0, 200), (0.3, 0.1, 200), (0.5, 0.2, 100)];
const LEVELS: [&str; 6] = ["L1", "L2", "L3", "L4", "L5", "sacrum"];
/// Parameters that the bends change, and their sign.
const CHANGED: [(&str, f64); 3] = [("ll_deg", 1.0), ("ll_l1_l5_deg", 1.0), ("pi_ll_deg", -1.0)];

struct Bent {
    map: LabelMap,
    spine: Spine,
    bends: Vec<Bend>,
    patient_from_ct: Transform<Patient, Ct>,
}

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let (spines, first) = (numbers.first().copied().unwrap_or(6), numbers.get(1).copied().unwrap_or(1));
    let mut exact = Vec::new();
    let mut noisy: Vec<Vec<[f64; 2]>> = vec![Vec::new(); SWEEPS.len()];
    let mut together: Vec<Vec<[f64; 2]>> = noisy.clone();
    let mut verdicts = [[0usize; 3]; 2];
    for seed in first..first + spines {
        let bent = bent(seed);
        let words: Vec<String> = bent.bends.iter().map(ToString::to_string).collect();
        println!("spine {seed}: {}", words.join(", "));
        let levels: Vec<(Level, Placed)> =
            LEVELS.map(level).iter().map(|level| (*level, truth(&bent, *level))).collect();
        exact.extend(errors("exact poses", &bent, &followed(&bent, &exactly(bent.patient_from_ct), &levels)));
        let (cloud, of_level) = bone_by_level(&bent.map);
        let parts = Articulated::new(&cloud, &of_level, &TargetSettings::default()).unwrap();
        for (i, sweep) in SWEEPS.into_iter().enumerate() {
            let ways = [("named", named(&bent, sweep, seed)), ("found", registered(&parts, &bent, sweep, seed))];
            for ((way, levels), (table, verdicts)) in
                ways.into_iter().zip([&mut noisy, &mut together].into_iter().zip(&mut verdicts))
            {
                levels.iter().for_each(|(_, placed)| verdicts[placed.verdict as usize] += 1);
                let name = format!("{way}, noise {} mm, outliers {}, {} points", sweep.0, sweep.1, sweep.2);
                let whole = exactly(bent.patient_from_ct);
                table[i].extend(errors(&name, &bent, &followed(&bent, &whole, &levels)));
            }
        }
    }
    println!("\nchange of lordosis: error median, 95 %, largest, degrees; RMS of error over stated sd");
    summary("exact poses", &exact);
    for (way, tables, [accepted, doubtful, rejected]) in
        [("named", &noisy, verdicts[0]), ("found", &together, verdicts[1])]
    {
        for (sweep, table) in SWEEPS.iter().zip(tables) {
            summary(&format!("{way}, noise {} mm, outliers {}, {} points", sweep.0, sweep.1, sweep.2), table);
        }
        println!("  levels {way}: accepted {accepted}, doubtful {doubtful}, rejected {rejected}");
    }
}

fn level(name: &str) -> Level {
    Level::from_name(name).unwrap()
}

fn bent(seed: u64) -> Bent {
    let mut random = Random::new(seed * 17 + 3);
    let map =
        synthetic::random(seed, 18, 0.2).labels([1.0; 3], &Rotation3::from_euler_angles(0.05, -0.04, 0.06)).unwrap();
    let spine = Spine::find(&map, &Corrections::default());
    let mut bend = |name: &str| Bend { at: level(name), plane: BendPlane::Sagittal, deg: random.between(3.0, 8.0) };
    let mut bends = vec![bend("L4"), bend("L3")];
    if seed.is_multiple_of(2) {
        bends.push(bend("L5"));
    }
    let (rotation_rad, translation_mm) = (Vector3::new(0.3, -0.1, 0.2), Vector3::new(40.0, -70.0, 300.0));
    Bent { map, spine, bends, patient_from_ct: Transform::exp(&Twist { rotation_rad, translation_mm }) }
}

fn exactly(patient_from_ct: Transform<Patient, Ct>) -> Placed {
    Placed { patient_from_ct, covariance: PoseCovariance::zero(), verdict: Verdict::Accept }
}

fn truth(bent: &Bent, level: Level) -> Placed {
    exactly(bent.patient_from_ct * motion(&bent.spine, &bent.bends, level).unwrap())
}

/// Levels whose names are known, from the pelvis up, each from where the one below was found.
fn named(bent: &Bent, (noise_mm, outlier_share, points): (f64, f64, usize), seed: u64) -> Vec<(Level, Placed)> {
    let sweep = Sweep { points, noise_mm, outlier_share, seed, ..Sweep::default() };
    let (mut found, mut expected) = (Vec::new(), bent.patient_from_ct);
    for level in LEVELS.map(level).into_iter().rev() {
        let touched = touched_again(&bent.map, &bent.spine, &bent.bends, &[level], &bent.patient_from_ct, &sweep);
        let mesh = surface::from_mask(&bent.map, level.number(), &MeshSettings::default());
        let target = Target::new(&mesh.vertices_cloud(), None, &TargetSettings::default()).unwrap();
        let made = update(&target, &touched.unwrap(), &expected, &Bump::default(), &Settings::default()).unwrap();
        let placed = Placed::from(&RecordedRegistration::from(&made));
        if placed.verdict != Verdict::Reject {
            expected = placed.patient_from_ct;
        }
        found.push((level, placed));
    }
    found
}

/// Levels as they are found from a sweep of their backs, the first guess a few degrees and millimetres off.
fn registered(
    parts: &Articulated,
    bent: &Bent,
    (noise_mm, outlier_share, points): (f64, f64, usize),
    seed: u64,
) -> Vec<(Level, Placed)> {
    let sweep = Sweep { points, noise_mm, outlier_share, seed, ..Sweep::default() };
    let levels = LEVELS.map(level);
    let touched = touched_again(&bent.map, &bent.spine, &bent.bends, &levels, &bent.patient_from_ct, &sweep).unwrap();
    let middle = bent.spine.vertebra(level("L3")).unwrap().centre;
    let guess = bent.patient_from_ct * displaced(geom::Point::from_vector3(middle), 3.0, 3.0, &mut Random::new(seed));
    let begun = Instant::now();
    let found = parts.register(&touched, &guess, &ArticulatedSettings::default()).unwrap();
    println!("  {} levels found in {:.0} ms", found.len(), begun.elapsed().as_secs_f64() * 1e3);
    let placed = |pose: &engine::register::LevelPose| {
        (Level::from_number(pose.level).unwrap(), Placed::from(&RecordedRegistration::from(&pose.registration)))
    };
    found.iter().map(placed).collect()
}

fn followed(bent: &Bent, whole: &Placed, levels: &[(Level, Placed)]) -> Alignment {
    let mut follower = Follower::new(bent.spine.clone(), *whole, Targets::default());
    levels.iter().for_each(|(level, placed)| follower.place(*level, *placed));
    follower.alignment()
}

/// Error of each change and what is stated for it.
fn errors(name: &str, bent: &Bent, alignment: &Alignment) -> Vec<[f64; 2]> {
    let true_change: f64 = bent.bends.iter().map(|bend| bend.deg).sum();
    // Below L5 the arc L1-L5 does not change.
    let below: f64 = bent.bends.iter().filter(|bend| bend.at == level("L5")).map(|bend| bend.deg).sum();
    let mut all = Vec::new();
    let mut words = Vec::new();
    for (key, sign) in CHANGED {
        let truth = sign * (true_change - if key == "ll_l1_l5_deg" { below } else { 0.0 });
        let row = alignment.parameter(key).unwrap();
        match row.change() {
            Some(change) => {
                all.push([change - truth, row.registration_sd.unwrap()]);
                words.push(format!("{key} {change:+.2} (true {truth:+.2}, sd {:.2})", row.registration_sd.unwrap()));
            }
            None => words.push(format!("{key}: {}", row.reason.as_deref().unwrap_or_default())),
        }
    }
    println!("  {name}: {}", words.join("  "));
    all
}

fn summary(name: &str, all: &[[f64; 2]]) {
    let mut sizes: Vec<f64> = all.iter().map(|e| e[0].abs()).collect();
    sizes.sort_by(f64::total_cmp);
    let at = |share: f64| sizes.get(((sizes.len() as f64 - 1.0) * share).round() as usize).copied().unwrap_or(f64::NAN);
    let ratio = (all.iter().map(|e| (e[0] / e[1].max(1e-9)).powi(2)).sum::<f64>() / all.len().max(1) as f64).sqrt();
    println!("  {name:48} {:7.3} {:7.3} {:7.3}   {ratio:6.2}   n {}", at(0.5), at(0.95), at(1.0), all.len());
}
