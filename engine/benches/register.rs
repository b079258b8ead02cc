//! Surface registration: success, TRE and time over many displaced starts.
//!
//! With `REG_DATA` naming a folder with `target.bin` and `cases_500.bin` (made
//! by the peers' `gen_data.py`; `REG_POINTS` chooses another count) it runs the
//! shared cases that the rivals run; otherwise a synthetic spine, which is
//! easier. `REG_LIMIT` takes only the first cases of each displacement.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use engine::register::{self, Registration, Settings, Target, TargetSettings, Verdict, random::Random, simulate};
use engine::surface::{PointCloud, phantom};
use geom::nalgebra::Vector3;
use geom::{Ct, Patient, Point, Transform, Twist, Vector};

struct Case {
    displacement: f64,
    patient_from_ct: Transform<Patient, Ct>,
    points: Vec<Point<Patient>>,
    targets: Vec<Point<Ct>>,
}

struct Suite {
    name: String,
    cloud: PointCloud,
    levels: Vec<u8>,
    approach: Vector<Ct>,
    cases: Vec<Case>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let suite = match std::env::var("REG_DATA") {
        Ok(folder) => shared_suite(Path::new(&folder))?,
        Err(_) => synthetic_suite(),
    };
    println!("# {} | {}", suite.name, machine());
    let settings = TargetSettings { approach: Some(suite.approach), ..TargetSettings::default() };
    let (begun, cpu) = (Instant::now(), cpu_time());
    let target = Target::new(&suite.cloud, Some(&suite.levels), &settings)?;
    let (wall, cpu) = (begun.elapsed(), cpu_time().saturating_sub(cpu));
    println!("# target {} points, built in {:.0} ms (CPU {:.0} ms)", target.len(), ms(wall), ms(cpu));
    run(&target, &suite.cases)
}

struct Row {
    displacement: f64,
    tre_mm: f64,
    predicted_mm: f64,
    verdict: Verdict,
    wall_ms: f64,
    cpu_ms: f64,
}

fn run(target: &Target, cases: &[Case]) -> Result<(), Box<dyn Error>> {
    let guess = Transform::identity();
    // The shared cases come from the very mesh they are registered to.
    let settings = Settings { surface_sigma_mm: 0.0, ..Settings::default() };
    if let Some(case) = cases.first() {
        register::surface(target, &case.points, &guess, &settings)?; // warms up the thread pool
    }
    let mut rows = Vec::new();
    for case in cases {
        let (begun, cpu) = (Instant::now(), cpu_time());
        let registration = register::surface(target, &case.points, &guess, &settings)?;
        let (wall_ms, cpu_ms) = (ms(begun.elapsed()), ms(cpu_time().saturating_sub(cpu)));
        rows.push(Row {
            displacement: case.displacement,
            tre_mm: simulate::true_tre_mm(&registration.patient_from_ct(), &case.patient_from_ct, &case.targets),
            predicted_mm: predicted_mm(&registration, case),
            verdict: registration.verdict(),
            wall_ms,
            cpu_ms,
        });
        if std::env::var("REG_VERBOSE").is_ok() && registration.verdict() != Verdict::Accept {
            let reasons: Vec<String> = registration.reasons().iter().map(ToString::to_string).collect();
            println!("{:4} {} {}", rows.len(), registration.verdict(), reasons.join("; "));
        }
    }
    report(&rows);
    Ok(())
}

fn predicted_mm(registration: &Registration, case: &Case) -> f64 {
    let squared = |t: &Point<Ct>| registration.predicted_tre_mm(registration.patient_from_ct() * *t).powi(2);
    (case.targets.iter().map(squared).sum::<f64>() / case.targets.len().max(1) as f64).sqrt()
}

fn report(rows: &[Row]) {
    let success = |displacement: Option<f64>| {
        let of: Vec<&Row> = rows.iter().filter(|r| displacement.is_none_or(|d| r.displacement == d)).collect();
        100.0 * of.iter().filter(|r| r.tre_mm < 2.0).count() as f64 / of.len().max(1) as f64
    };
    let good: Vec<&Row> = rows.iter().filter(|r| r.tre_mm < 2.0).collect();
    let column = |value: fn(&Row) -> f64| rows.iter().map(value).collect::<Vec<f64>>();
    println!(
        "success (TRE < 2 mm) at 5/10/20: {:.1}/{:.1}/{:.1} %, all {:.1} % of {}",
        success(Some(5.0)),
        success(Some(10.0)),
        success(Some(20.0)),
        success(None),
        rows.len()
    );
    let tre: Vec<f64> = good.iter().map(|r| r.tre_mm).collect();
    let sums = good.iter().fold((0.0, 0.0), |s, r| (s.0 + r.tre_mm.powi(2), s.1 + r.predicted_mm.powi(2)));
    println!(
        "TRE median {:.3} p95 {:.3} mm; true over predicted RMS {:.2}",
        percentile(&tre, 0.5),
        percentile(&tre, 0.95),
        (sums.0 / sums.1).sqrt()
    );
    let count =
        |verdict, is_good: bool| rows.iter().filter(|r| r.verdict == verdict && (r.tre_mm < 2.0) == is_good).count();
    for verdict in [Verdict::Accept, Verdict::Doubtful, Verdict::Reject] {
        println!("{verdict}: {} right, {} wrong", count(verdict, true), count(verdict, false));
    }
    let (cpu, wall) = (column(|r| r.cpu_ms), column(|r| r.wall_ms));
    println!(
        "CPU ms median {:.2} p95 {:.2}; wall ms median {:.2} p95 {:.2} min {:.2}",
        percentile(&cpu, 0.5),
        percentile(&cpu, 0.95),
        percentile(&wall, 0.5),
        percentile(&wall, 0.95),
        percentile(&wall, 0.0)
    );
}

fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get((sorted.len().saturating_sub(1) as f64 * share) as usize).copied().unwrap_or(f64::NAN)
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// CPU time of all threads of this process; zero where the system does not say.
fn cpu_time() -> Duration {
    // Fields of /proc/self/schedstat: nanoseconds on the CPU first, per thread.
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return Duration::ZERO };
    let of = |path: std::path::PathBuf| -> Option<u64> {
        std::fs::read_to_string(path.join("schedstat")).ok()?.split(' ').next()?.parse().ok()
    };
    Duration::from_nanos(tasks.filter_map(Result::ok).filter_map(|task| of(task.path())).sum())
}

fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|l| l.strip_prefix("model name")?.split(':').nth(1));
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = load.split(' ').next().unwrap_or("?");
    format!("{}, {cores} cores, load {load}", model.unwrap_or("unknown CPU").trim())
}

/// Little-endian numbers out of a file, bounds-checked.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Box<dyn Error>> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or("the file ends early")?;
        self.0 = rest;
        Ok(*head)
    }
    fn u32(&mut self) -> Result<usize, Box<dyn Error>> {
        Ok(usize::try_from(u32::from_le_bytes(self.take()?))?)
    }
    fn f32(&mut self) -> Result<f32, Box<dyn Error>> {
        Ok(f32::from_le_bytes(self.take()?))
    }
    fn triple(&mut self) -> Result<[f32; 3], Box<dyn Error>> {
        Ok([self.f32()?, self.f32()?, self.f32()?])
    }
}

/// The cases every rival runs. Their frame is RAS: posterior is -y.
fn shared_suite(folder: &Path) -> Result<Suite, Box<dyn Error>> {
    let bytes = std::fs::read(folder.join("target.bin"))?;
    let mut reader = Reader(&bytes);
    let (_magic, count) = (reader.u32()?, reader.u32()?);
    let mut cloud = PointCloud::default();
    for _ in 0..count {
        cloud.points.push(reader.triple()?);
        cloud.normals.push(reader.triple()?);
    }
    let levels = reader.0.get(..count).ok_or("the file ends before its levels")?.to_vec();

    let points = std::env::var("REG_POINTS").unwrap_or_else(|_| "500".into());
    let limit: usize = std::env::var("REG_LIMIT").ok().and_then(|s| s.parse().ok()).unwrap_or(usize::MAX);
    let bytes = std::fs::read(folder.join(format!("cases_{points}.bin")))?;
    let mut reader = Reader(&bytes);
    let (_magic, case_count, point_count, target_count) = (reader.u32()?, reader.u32()?, reader.u32()?, reader.u32()?);
    let mut cases: Vec<Case> = Vec::new();
    for _ in 0..case_count {
        let (displacement, _mm, _levels, _middle) =
            (f64::from(reader.f32()?), reader.f32()?, reader.u32()?, reader.u32()?);
        let mut matrix = [0.0; 16];
        for value in &mut matrix {
            *value = f64::from_le_bytes(reader.take()?);
        }
        let ct_from_patient = Transform::<Ct, Patient>::from_row_major(&matrix)?;
        let points = (0..point_count).map(|_| Ok(reader.triple()?.into())).collect::<Result<_, Box<dyn Error>>>()?;
        let targets = (0..target_count).map(|_| Ok(reader.triple()?.into())).collect::<Result<_, Box<dyn Error>>>()?;
        if cases.iter().filter(|c| c.displacement == displacement).count() < limit {
            cases.push(Case { displacement, patient_from_ct: ct_from_patient.inverse(), points, targets });
        }
    }
    let name = format!("shared cases, {point_count} points");
    Ok(Suite { name, cloud, levels, approach: Vector::new(0.0, -1.0, 0.0), cases })
}

/// One to three levels of a phantom spine, displaced by 5, 10 and 20.
fn synthetic_suite() -> Suite {
    let meshes = phantom::spine(7);
    let (mut cloud, mut levels) = (PointCloud::default(), Vec::new());
    for (level, mesh) in (0u8..).zip(&meshes) {
        cloud.append(&mesh.vertices_cloud());
        levels.resize(cloud.len(), level);
    }
    let mut random = Random::new(20_261_121);
    let mut cases = Vec::new();
    for displacement in [5.0, 10.0, 20.0] {
        for i in 0..20u64 {
            let (count, first) = (1 + random.below(3), 1 + random.below(3));
            let mut exposed = PointCloud::default();
            meshes.iter().skip(first).take(count).for_each(|mesh| exposed.append(&mesh.vertices_cloud()));
            let centre = exposed.points.iter().fold(Vector3::zeros(), |s, p| s + Vector3::from(*p).cast::<f64>())
                / exposed.len() as f64;
            let turn = Twist {
                rotation_rad: Vector3::from(random.direction()) * f64::to_radians(displacement),
                translation_mm: Vector3::zeros(),
            };
            let there = Transform::<Ct, Ct>::from_translation(Vector::from_vector3(-centre));
            let back = centre + Vector3::from(random.direction()) * displacement;
            let truth =
                Transform::<Patient, Ct>::from_translation(Vector::from_vector3(back)) * Transform::exp(&turn) * there;
            let settings = simulate::Sweep { seed: 1000 + i, ..simulate::Sweep::default() };
            let targets = exposed.points.iter().step_by(97).map(|p| Point::from(*p)).collect();
            cases.push(Case {
                displacement,
                patient_from_ct: truth,
                points: simulate::sweep(&exposed, &truth, &settings),
                targets,
            });
        }
    }
    let name = "synthetic spine (set REG_DATA for the shared cases)".into();
    Suite { name, cloud, levels, approach: Vector::new(0.0, 1.0, 0.0), cases }
}
