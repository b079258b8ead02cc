//! Surface registration: success, TRE, verdicts and time over many cases.
//!
//! `REG_DATA` names a folder with `target.bin` and `cases_N.bin`, which the
//! rivals read too; without it the bone is a phantom, which is easier.
//! `REG_STUDY` chooses: `shared` (default; `REG_POINTS`, default 500; `REG_LIMIT`
//! takes the first cases of each offset), `outliers` (30 %), `levels` (first
//! guess at a neighbouring vertebra), `stuck` (the same, with a search too narrow to
//! come back), `coverage` (of the 95 % bound),
//! `segmentation` (points from a second segmentation), `motion` (vertebrae moved
//! by 5 deg and 3 mm). `REG_COUNT` sets the number of made cases, default 2000.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use engine::register::benchmark::{Outcome, Suite, Summary, cases, files, process_cpu_time, run};
use engine::register::simulate::Sweep;
use engine::register::{Settings, SurfaceError, Target, TargetSettings, Verdict};
use engine::surface::{PointCloud, phantom};
use geom::Vector;

fn main() -> Result<(), Box<dyn Error>> {
    let points = number("REG_POINTS", 500);
    let mut suite = match std::env::var("REG_DATA") {
        Ok(folder) => files::read(Path::new(&folder), points)?,
        Err(_) => phantom_suite(),
    };
    let study = std::env::var("REG_STUDY").unwrap_or_else(|_| "shared".into());
    make_cases(&mut suite, &study, points)?;
    println!("# {study}: {} | {}", suite.name, machine());
    let target = build(&suite)?;
    // The shared cases come from the very mesh they are registered to.
    let is_one_mesh = !matches!(study.as_str(), "segmentation" | "motion");
    let surface = if is_one_mesh { SurfaceError::NONE } else { SurfaceError::default() };
    let mut settings = Settings { surface, ..Settings::default() };
    if study == "stuck" {
        // Too narrow to come back from the neighbour: the verdict has to tell.
        (settings.search.capture_deg, settings.search.capture_mm, settings.search.wide_starts) = (6.0, 6.0, 0);
    }
    let is_taken = |i: usize| {
        let case = &suite.cases[i];
        suite.cases[..i].iter().filter(|c| c.offset_deg == case.offset_deg).count() < number("REG_LIMIT", usize::MAX)
    };
    let taken: Vec<usize> = (0..suite.cases.len()).filter(|&i| is_taken(i)).collect();
    if let Some(&first) = taken.first() {
        run(&target, &suite.cases[first], &settings); // warms up the thread pool
    }
    let mut outcomes = Vec::new();
    for i in taken {
        let outcome = run(&target, &suite.cases[i], &settings);
        let is_odd = (outcome.tre_mm < 2.0) != (outcome.verdict == Verdict::Accept);
        if is_odd && std::env::var("REG_VERBOSE").is_ok() {
            println!("{i:5} {} {:.2} mm: {}", outcome.verdict, outcome.tre_mm, outcome.reasons.join("; "));
        }
        outcomes.push(outcome);
    }
    report(&outcomes);
    Ok(())
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|s| s.parse().ok()).unwrap_or(default)
}

fn make_cases(suite: &mut Suite, study: &str, points: usize) -> Result<(), Box<dyn Error>> {
    let recipe = cases::Recipe {
        count: number("REG_COUNT", 2000),
        sweep: Sweep { points, ..Sweep::default() },
        seed: number("REG_SEED", 20_261_121) as u64,
        ..cases::Recipe::default()
    };
    let own = |suite: &Suite, recipe: &cases::Recipe| cases::make(suite, (&suite.cloud, &suite.levels), recipe);
    suite.cases = match study {
        "shared" if suite.cases.is_empty() => own(suite, &cases::Recipe { count: 180, ..recipe }),
        "shared" => return Ok(()),
        "outliers" => {
            own(suite, &cases::Recipe { sweep: Sweep { outlier_share: 0.3, ..recipe.sweep.clone() }, ..recipe })
        }
        "levels" | "stuck" => own(suite, &cases::Recipe { wrong_levels: 1, offset: (5.0, 5.0), ..recipe }),
        "coverage" => own(suite, &cases::Recipe { offset: (3.0, 3.0), ..recipe }),
        "segmentation" => {
            let (cloud, levels) = cases::second_segmentation(&suite.cloud, &suite.levels, (0.2, 0.2, 0.5), 1);
            cases::make(suite, (&cloud, &levels), &recipe)
        }
        "motion" => own(suite, &cases::Recipe { motion: (1.5, 1.0), ..recipe }),
        other => return Err(format!("no study is called {other}").into()),
    };
    Ok(())
}

fn build(suite: &Suite) -> Result<Target, Box<dyn Error>> {
    let settings = TargetSettings { approach: Some(suite.approach), ..TargetSettings::default() };
    let mut times = Vec::new();
    for _ in 0..5 {
        let (begun, cpu) = (Instant::now(), process_cpu_time());
        let target = Target::new(&suite.cloud, Some(&suite.levels), &settings)?;
        times.push((process_cpu_time().saturating_sub(cpu), begun.elapsed(), target));
    }
    times.sort_by_key(|t| t.0);
    let (cpu, wall, target) = times.swap_remove(2);
    let all = suite.cloud.len();
    println!("# {} of {all} points kept, built in {:.0} ms CPU ({:.0} ms)", target.len(), ms(cpu), ms(wall));
    Ok(target)
}

fn report(outcomes: &[Outcome]) {
    let mut offsets: Vec<f64> = outcomes.iter().map(|o| o.offset_deg).collect();
    offsets.sort_by(f64::total_cmp);
    offsets.dedup();
    if offsets.len() < 9 {
        for offset in offsets {
            let s = Summary::new(outcomes.iter().filter(|o| o.offset_deg == offset));
            println!("from {offset:2.0} deg: {:.1} % of {}", s.success_2mm_pct, s.starts);
        }
    }
    let s = Summary::new(outcomes);
    println!("success: {:.2} % below 2 mm, {:.2} % up to 1 mm, of {}", s.success_2mm_pct, s.success_1mm_pct, s.starts);
    println!("TRE median {:.3} p95 {:.3} mm", s.tre_median_mm, s.tre_p95_mm);
    println!("true over predicted {:.2}; within the 95 % bound {:.2} %", s.true_over_predicted, s.covered_pct);
    println!("right: {:?} accepted, doubtful, rejected; wrong: {:?}", s.right, s.wrong);
    println!("CPU ms median {:.2} p95 {:.2}", s.cpu_ms_median, s.cpu_ms_p95);
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|l| l.strip_prefix("model name")?.split(':').nth(1));
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = load.split(' ').next().unwrap_or("?");
    format!("{}, {cores} cores, load {load}", model.unwrap_or("unknown CPU").trim())
}

/// Eight levels of a phantom spine.
fn phantom_suite() -> Suite {
    let (mut cloud, mut levels) = (PointCloud::default(), Vec::new());
    for (level, mesh) in (0u8..).zip(&phantom::spine(8)) {
        cloud.append(&mesh.vertices_cloud());
        levels.resize(cloud.len(), level);
    }
    Suite { name: "phantom spine".into(), cloud, levels, approach: Vector::new(0.0, 1.0, 0.0), cases: Vec::new() }
}
