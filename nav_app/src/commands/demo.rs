//! `demo`: the whole job on the CT that ships.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::case::Case;
use engine::clock::SystemClock;
use engine::io::{self, Limits};
use engine::register::{self, Registration, simulate};
use engine::rehearsal::Scenario;
use engine::rt::{Guidance, LiveSession, SessionSummary, Snapshot, TrackerErrors};
use engine::safety::ToolLimits;
use engine::segment::Progress;
use engine::segment::metrics::{Comparison, compare};
use engine::volume::LabelMap;
use serde_json::json;

use super::case_report;
use super::live::{Running, register_case, simulated_tracker};
use super::register::{predicted_tre_mm, registration_json, registration_text};
use super::segment::{segment_ct, vertebrae_json, vertebrae_table, write_case};
use crate::assets;
use crate::cli::{DemoArguments, ReportArguments};
use crate::failure::{Blame, Failure};
use crate::report::{Output, Stages, stage_table};
use crate::scene::{self, SceneHeader, SceneInput, SnapshotFeed};
use crate::scene_input::Touched;

/// How long the live session runs before pictures are taken.
const LIVE: Duration = Duration::from_secs(3);

/// Runs the command.
pub fn run(options: &DemoArguments, quiet: bool) -> Result<Output, Failure> {
    let device = super::device(options.device)?;
    let method = super::method(&options.model, None)?;
    let mut stages = Stages::new(quiet);

    stages.stage("read");
    let (ct_path, bone) = unpack(&options.out)?;
    let ct = io::read_ct(&ct_path, &Limits::default()).internal()?.value;
    let case = Arc::new(segment_ct(ct, &method, device.as_ref(), &mut stages)?);
    stages.stage("write");
    write_case(&case, &options.out)?;
    let agreement = compare(&case.labels, &bone).internal()?;

    stages.stage("register");
    let scenario = Scenario::new(&case.labels, options.seed);
    let scenario = scenario.ok_or_else(|| anyhow::anyhow!("the segmentation holds no whole vertebra")).internal()?;
    let reference = register_reference(&case, &bone, options.seed)?;
    write_scenario(&scenario, &options.out)?;
    let registration = register_case(&case.surface_points(), &scenario.points, &scenario.first_guess).internal()?;
    let true_tre_mm =
        simulate::true_tre_mm(&registration.patient_from_ct(), &scenario.patient_from_ct, &scenario.targets);

    stages.stage("navigate");
    let live = start_live(&case, &scenario, &registration, options.seed)?;
    let header = SceneHeader {
        verdict: Some(registration.verdict()),
        rms_mm: Some(registration.rms_mm()),
        centre_tre_mm: Some(predicted_tre_mm(&registration, &scenario.targets)),
        ct_name: "LIDC-IDRI-0001".into(),
        device: format!("simulated tracker, {}", device.description()),
        touched: options.residuals.then(|| Arc::new(Touched::new(&registration, &scenario.points))),
        ..SceneHeader::default()
    };
    let shown = show(options, &case, header, live, &mut stages)?;
    stages.stage("report");
    let registered = registration_json(&registration, &scenario.targets, Some(true_tre_mm));
    std::fs::write(options.out.join("registration.json"), format!("{registered:#}\n")).internal()?;
    let report = case_report::run(&ReportArguments::of(&options.out))?;
    let (stages, total_ms) = stages.finish();

    let json = json!({
        "stages": stages,
        "total_ms": total_ms,
        "device": device.description(),
        "model": options.model,
        "vertebrae": vertebrae_json(&case),
        "levels_are_anchored": case.levels_are_anchored,
        "agreement": { "column": agreement.column, "dice_mean": agreement.dice_mean, "matched_dice_mean": agreement.matched_dice_mean },
        "registration": registered,
        "registration_to_reference_bone": reference.json,
        "live": shown.summary,
        "images": shown.images,
        "report": report.json,
        "notes": shown.notes,
    });
    let text = [
        "SpineNav demo. Research use only.".into(),
        vertebrae_table(&case),
        agreement_text(&agreement),
        registration_text(&registration, &scenario.targets, Some(true_tre_mm)),
        format!("The same with points on the reference bone, which the segmentation never saw:\n  {}", reference.text),
        live_text(&shown.summary),
        stage_table(&stages, total_ms),
        shown.notes.join("\n"),
        format!("Report: {}", report.text),
        format!("Files are in {}", options.out.display()),
    ];
    Ok(Output { json, text: text.join("\n"), is_refused: registration.verdict() == register::Verdict::Reject })
}

/// Puts the CT that ships into the folder and reads it and its labels.
fn unpack(folder: &Path) -> Result<(std::path::PathBuf, LabelMap), Failure> {
    let described = |e: std::io::Error| {
        anyhow::anyhow!("cannot write into {}: {e}; choose another folder with --out", folder.display())
    };
    std::fs::create_dir_all(folder).map_err(described).bad_input()?;
    let (ct, labels) = (folder.join("ct.nii.gz"), folder.join("reference-labels.nii.gz"));
    std::fs::write(&ct, assets::DEMO_CT).map_err(described).bad_input()?;
    std::fs::write(&labels, assets::DEMO_LABELS).map_err(described).bad_input()?;
    let bone = io::read_labels(&labels, &Limits::default()).internal()?.value;
    Ok((ct, bone))
}

/// The simulated patient as files, so that `register` and other programs can
/// be tried on it.
fn write_scenario(scenario: &Scenario, folder: &Path) -> Result<(), Failure> {
    let rows = |numbers: &[f64], columns: usize| -> String {
        numbers.chunks(columns).map(|row| row.iter().map(|v| format!("{v:.6} ")).collect::<String>() + "\n").collect()
    };
    let points: Vec<f64> = scenario.points.iter().flat_map(|p| p.to_array()).collect();
    let files = [
        ("points.txt", rows(&points, 3)),
        ("initial_patient_from_ct.txt", rows(&scenario.first_guess.to_row_major(), 4)),
        ("true_patient_from_ct.txt", rows(&scenario.patient_from_ct.to_row_major(), 4)),
    ];
    files.iter().try_for_each(|(name, text)| std::fs::write(folder.join(name), text)).internal()
}

/// How a registration went, for machines and people.
struct Registered {
    json: serde_json::Value,
    text: String,
}

/// Registers a second simulated patient whose bone is the reference labels, so
/// that the error of the segmentation is part of the error.
fn register_reference(case: &Case, bone: &LabelMap, seed: u64) -> Result<Registered, Failure> {
    let scenario = Scenario::new(bone, seed);
    let scenario = scenario.ok_or_else(|| anyhow::anyhow!("the labels that ship hold no whole vertebra")).internal()?;
    let registration = register_case(&case.surface_points(), &scenario.points, &scenario.first_guess).internal()?;
    let tre_mm = simulate::true_tre_mm(&registration.patient_from_ct(), &scenario.patient_from_ct, &scenario.targets);
    Ok(Registered {
        json: registration_json(&registration, &scenario.targets, Some(tre_mm)),
        text: registration_text(&registration, &scenario.targets, Some(tre_mm)),
    })
}

fn start_live(
    case: &Case,
    scenario: &Scenario,
    registration: &Registration,
    seed: u64,
) -> Result<LiveSession, Failure> {
    let (tracker, pointer) = simulated_tracker(scenario, seed)?;
    let guidance = Guidance::new(case, registration, &[pointer], TrackerErrors::default());
    let clock = Arc::new(SystemClock::default());
    LiveSession::start(Box::new(tracker), Arc::new(guidance), ToolLimits::default(), clock).internal()
}

/// What showing the session gave.
struct Shown {
    summary: Option<SessionSummary>,
    images: Vec<String>,
    notes: Vec<String>,
}

/// A snapshot that stands still, for pictures.
struct Still(Snapshot);

impl SnapshotFeed for Still {
    fn latest(&self) -> Option<Snapshot> {
        Some(self.0)
    }
}

/// Shows the session in a window, or lets it run for a while and takes pictures.
fn show(
    options: &DemoArguments,
    case: &Arc<Case>,
    header: SceneHeader,
    live: LiveSession,
    stages: &mut Stages,
) -> Result<Shown, Failure> {
    let mut notes = Vec::new();
    if !options.headless && scene::display_name().is_some() {
        let live = Arc::new(live);
        let input = SceneInput { case: case.clone(), snapshots: Box::new(Running(live.clone())), header };
        scene::run_window(input, None).internal()?;
        let summary = Arc::into_inner(live).and_then(LiveSession::stop);
        return Ok(Shown { summary, images: Vec::new(), notes });
    }
    if !options.headless {
        notes.push("No display: pictures instead of a window.".into());
    }
    let snapshot = run_for(&live, LIVE, stages);
    let summary = live.stop();
    let snapshot = snapshot.ok_or_else(|| anyhow::anyhow!("the live session gave no snapshot")).internal()?;
    stages.stage("render");
    let input = SceneInput { case: case.clone(), snapshots: Box::new(Still(snapshot)), header };
    let images = match scene::render_headless(input, &options.out, &mut |_| {}) {
        Ok(images) => images.iter().map(|path| path.display().to_string()).collect(),
        Err(error) => {
            notes.push(format!("No pictures: {error}"));
            Vec::new()
        }
    };
    Ok(Shown { summary, images, notes })
}

/// Lets the session run and returns the last snapshot with a pose, or, where
/// the registration allows none, the last one.
fn run_for(live: &LiveSession, duration: Duration, stages: &mut Stages) -> Option<Snapshot> {
    let started = Instant::now();
    let mut last = None;
    while started.elapsed() < duration {
        let has_pose = |s: &Snapshot| s.guided().ct_from_tip.is_some();
        if let Some(snapshot) = live.latest().filter(|s| has_pose(s) || !last.as_ref().is_some_and(has_pose)) {
            last = Some(snapshot);
        }
        stages.fraction(started.elapsed().as_secs_f64() / duration.as_secs_f64());
        std::thread::sleep(Duration::from_millis(5));
    }
    last
}

fn agreement_text(agreement: &Comparison) -> String {
    format!(
        "Against the reference labels: Dice {:.3} for all vertebrae, {:.3} a vertebra, {:.3} with its name",
        agreement.column.dice, agreement.matched_dice_mean, agreement.dice_mean
    )
}

fn live_text(summary: &Option<SessionSummary>) -> String {
    summary.as_ref().map_or("The live session died; this is a bug.".into(), |s| {
        let l = &s.engine_latency;
        format!(
            "Live: {} packets from the {}, {} dropped; packet to snapshot p50 {:.3}, p99 {:.3}, p99.9 {:.3}, max {:.3} ms",
            s.packets, s.source, s.dropped_packets, l.p50_ms, l.p99_ms, l.p999_ms, l.max_ms
        )
    })
}
