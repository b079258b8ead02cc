//! `xray`: two radiographs to a simple 3-D spine and its sagittal balance.

mod by_hand;
mod files;
mod inputs;
mod overlay;
mod solid;
mod table;

use engine::measure::Posture;
use engine::segment::Progress;
use engine::xray::{
    Findings, Networks, Pair, RunningNetworks, XrayCorrections, XrayError, XraySettings, analyse, score,
};
use serde_json::json;

use crate::assets;
use crate::cli::{PostureChoice, XrayArguments};
use crate::failure::{Blame, Failure};
use crate::report::{Output, Stages, stage_table};

/// Runs the command.
pub fn run(options: &XrayArguments, quiet: bool) -> Result<Output, Failure> {
    let mut stages = Stages::new(quiet);
    stages.stage("read");
    let (pair, mut warnings) = inputs::read(options)?;
    let corrections = match &options.corrections {
        // A window begins a file that is not there yet.
        Some(path) if path.exists() || !options.window => XrayCorrections::read(path).bad_input()?,
        _ => XrayCorrections::default(),
    };
    stages.stage("load");
    let mut networks = if options.by_hand { None } else { Some(load(options, &mut warnings)?) };
    let mut findings = find(options, &pair, networks.as_mut(), &corrections, &mut stages)?;
    if options.window {
        stages.stage("window");
        findings = by_hand::correct(options, &pair, findings, networks)?;
    }
    if findings.cuboids.is_empty() {
        return Err(nothing(options, &findings));
    }
    let mut json = findings.to_json();
    json["warnings"] = json!(warnings);
    let mut text = table::table(&findings, &warnings);
    if let Some(path) = &options.truth {
        let score = score(&findings, &inputs::truth(path)?);
        text = format!("{text}\n{}", table::score(&score));
        json["score"] = json!(score);
    }
    let written = match &options.out {
        Some(folder) => {
            stages.stage("write");
            files::write(folder, &pair, &findings, &mut json)?
        }
        None => Vec::new(),
    };
    let (stages, total_ms) = stages.finish();
    (json["stages"], json["total_ms"], json["files"]) = (json!(stages), json!(total_ms), json!(written));
    text = format!("{text}\n{}", stage_table(&stages, total_ms));
    if !written.is_empty() {
        text = format!("{text}\nWritten: {}", written.join(", "));
    }
    Ok(Output { json, text, is_refused: false })
}

/// The networks that were asked for, on their device; the worst that their cards tell goes to `warnings`.
fn load(options: &XrayArguments, warnings: &mut Vec<String>) -> Result<RunningNetworks, Failure> {
    let networks = match &options.models {
        Some(folder) => Networks::from_folder(folder).bad_input()?,
        None => {
            let [detector, contour] = assets::RADIOGRAPH_MODELS.map(|model| (model.weights, model.card));
            Networks::from_bytes(detector, contour).internal()?
        }
    };
    for card in [&networks.detector_card, &networks.contour_card] {
        let failures = card.more.get("known_failures").and_then(serde_json::Value::as_array);
        let worst = failures.and_then(|all| all.last()).and_then(serde_json::Value::as_str);
        warnings.extend(worst.map(|what| format!("{}: {what}", card.name)));
    }
    networks.load(super::device(options.device)?.as_ref()).internal()
}

const fn settings(options: &XrayArguments) -> XraySettings {
    let posture = match options.posture {
        PostureChoice::Supine => Posture::Supine,
        PostureChoice::Standing => Posture::Standing,
    };
    XraySettings { posture }
}

fn find(
    options: &XrayArguments,
    pair: &Pair,
    networks: Option<&mut RunningNetworks>,
    corrections: &XrayCorrections,
    stages: &mut Stages,
) -> Result<Findings, Failure> {
    let mut current = "";
    let mut tell = |stage: &'static str, share: f64| {
        if stage != current {
            stages.stage(stage);
            current = stage;
        }
        stages.fraction(share);
    };
    match analyse(pair, networks, corrections, &settings(options), &mut tell) {
        Ok(findings) => Ok(findings),
        Err(error @ XrayError::Corrections(_)) => Err(Failure::BadInput(error.into())),
        Err(error) => Err(Failure::Internal(error.into())),
    }
}

/// Why nothing can be measured.
fn nothing(options: &XrayArguments, findings: &Findings) -> Failure {
    let path = options.lateral.display();
    let seen = findings.views[1].vertebrae.len();
    let what = format!(
        "no vertebra with an outline was found in {path} ({seen} boxes); is it a lateral radiograph of the spine, the patient looking to the left, bone bright (else --dark-bone)? Boxes and corners can be placed with --corrections"
    );
    Failure::BadInput(anyhow::anyhow!(what))
}
