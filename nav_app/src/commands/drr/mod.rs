//! `drr`: a frontal and a lateral radiograph from a CT, with the truth where labels are given.

mod picture;

use std::time::Instant;

use engine::volume::{LabelMap, Volume};
use engine::xray::drr::{Arrangement, BeamShape, DrrError, Truth, at_energy, grey, radiograph};
use engine::xray::{Geometry, View};
use serde_json::json;

use super::measure::{Request, measured};
use crate::cli::{DrrArguments, PostureChoice};
use crate::failure::{Blame, Failure};
use crate::progress::Progress;
use crate::report::Output;

/// Runs the command.
pub fn run(options: &DrrArguments, quiet: bool) -> Result<Output, Failure> {
    let arrangement = arrangement(options)?;
    let mut progress = Progress::new(if options.labels.is_some() { 4 } else { 3 }, quiet);
    progress.step("reading the CT");
    let ct = at_energy(super::untrusted::read_ct(&options.ct, false)?.value, options.kev).map_err(refused)?;
    let device = super::device(options.device)?;
    let views = [View::Frontal, View::Lateral];
    let [frontal, lateral] = views.map(|view| arrangement.geometry(&ct.grid, view));
    let geometries = [frontal.map_err(refused)?, lateral.map_err(refused)?];
    std::fs::create_dir_all(&options.out).bad_input()?;
    let mut files = Vec::new();
    let mut seconds = Vec::new();
    for geometry in &geometries {
        progress.step(&format!("casting rays, {}", geometry.view));
        let start = Instant::now();
        let image = radiograph(&ct, geometry, &*device).internal()?;
        seconds.push(start.elapsed().as_secs_f64());
        let file = options.out.join(format!("{}.png", geometry.view));
        picture::write_grey16(&file, [geometry.columns, geometry.rows], &grey(&image)).internal()?;
        let beside = Geometry::beside(&file);
        let text = serde_json::to_string_pretty(geometry).internal()?;
        std::fs::write(&beside, text + "\n").internal()?;
        files.extend([file, beside]);
    }
    let mut lines = Vec::new();
    let mut shown = Vec::new();
    if let Some(labels) = &options.labels {
        progress.step("measuring the labels");
        let truth = truth(options, labels, &ct, &geometries)?;
        let file = options.out.join("truth.json");
        std::fs::write(&file, serde_json::to_string_pretty(&truth).internal()? + "\n").internal()?;
        files.push(file);
        shown = truth.lateral.levels.keys().cloned().collect();
        lines.push(format!("truth of {} bodies: {}", shown.len(), shown.join(", ")));
    }
    progress.finish();
    let sizes = geometries.each_ref().map(|g| [g.rows, g.columns]);
    let files: Vec<String> = files.iter().map(|f| f.display().to_string()).collect();
    lines.insert(
        0,
        format!("frontal {} x {}, lateral {} x {} pixels", sizes[0][0], sizes[0][1], sizes[1][0], sizes[1][1]),
    );
    lines.push(format!("Written: {}", files.join(", ")));
    let json = json!({
        "files": files,
        "geometry": { "frontal": geometries[0], "lateral": geometries[1] },
        "energy_kev": options.kev,
        "device": device.description(),
        "seconds": { "frontal": seconds.first(), "lateral": seconds.get(1) },
        "bodies": shown,
    });
    Ok(Output { json, text: lines.join("\n"), is_refused: false })
}

fn arrangement(options: &DrrArguments) -> Result<Arrangement, Failure> {
    let turn_deg = match options.turn_deg.as_deref() {
        None => [0.0; 3],
        Some(&[long, left, back]) => [long, left, back],
        Some(other) => {
            let what = format!("--turn-deg takes three numbers, got {}", other.len());
            return Err(Failure::WrongUse(anyhow::anyhow!(what)));
        }
    };
    let beam = if options.parallel { BeamShape::Parallel } else { BeamShape::Cone { source_mm: options.source_mm } };
    Ok(Arrangement { beam, pixel_mm: options.pixel_mm, turn_deg })
}

/// Settings are the user's, all else is ours.
fn refused(error: DrrError) -> Failure {
    match error {
        DrrError::Setting { .. } | DrrError::Geometry(_) => Failure::WrongUse(error.into()),
        other => Failure::Internal(other.into()),
    }
}

/// Bodies in both pictures and the CT's own parameters.
fn truth(
    options: &DrrArguments,
    path: &std::path::Path,
    ct: &Volume,
    [frontal, lateral]: &[Geometry; 2],
) -> Result<Truth, Failure> {
    let (labels, spine, report): (LabelMap, _, _) = measured(&Request {
        case: path,
        numbering: options.numbering,
        femora: options.femora.as_deref(),
        corrections: None,
        posture: PostureChoice::Supine,
    })?;
    if labels.grid != ct.grid {
        let (labels, ct) = (labels.grid.to_string(), ct.grid.to_string());
        return Err(Failure::BadInput(DrrError::OtherScan { labels, ct }.into()));
    }
    Ok(Truth::of(&labels, &spine, &report, frontal, lateral))
}
