//! `models`: the networks at hand, and those of nnU-Net v2 made usable.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use engine::io::{self, Limits};
use engine::nnunet::{Axes, ImportSettings, NnunetCard, NnunetModel, PredictSettings, import};
use engine::segment::{ModelCard, Progress};
use engine::xray::RadiographCard;
use kernels::Precision;
use serde_json::{Value, json};

use crate::assets;
use crate::cli::DeviceChoice;
use crate::failure::{Blame, Failure};
use crate::report::{Output, Stages, stage_table};

/// Cards larger than this are none, bytes.
const MAX_CARD: u64 = 64 << 20;

/// Options of `models`.
#[derive(Debug, Args)]
pub struct ModelsArguments {
    /// What to do.
    #[command(subcommand)]
    pub what: Models,
}

/// What can be done with models.
#[derive(Debug, Subcommand)]
pub enum Models {
    /// The models that ship, and those in folders.
    #[command(after_help = "Example:\n  spinenav models list my-models")]
    List(ListArguments),
    /// Read a model that nnU-Net v2 trained. Nothing in it is executed.
    #[command(
        after_help = "Examples:\n  spinenav models import nnUNetTrainer__nnUNetPlans__3d_fullres --out my-models\n  spinenav models import Dataset292_TotalSegmentator_part2/nnUNetTrainerNoMirroring__nnUNetPlans__3d_fullres --axes ras --out my-models"
    )]
    Import(ImportArguments),
    /// What is known of a model.
    #[command(
        after_help = "Examples:\n  spinenav models info compact-spine\n  spinenav models info my-models/NAME.json"
    )]
    Info(InfoArguments),
    /// Label a CT with an imported model.
    #[command(after_help = "Example:\n  spinenav models run my-models/NAME.safetensors ct.nii.gz --out labels.nii.gz")]
    Run(RunArguments),
}

/// Options of `models list`.
#[derive(Debug, Args)]
pub struct ListArguments {
    /// Folders with models: NAME.safetensors and NAME.json.
    pub folders: Vec<PathBuf>,
}

/// Options of `models import`.
#[derive(Debug, Args)]
pub struct ImportArguments {
    /// Folder with plans.json, dataset.json and `fold_0`, `fold_1`, ..
    pub folder: PathBuf,
    /// Folder for NAME.safetensors and NAME.json.
    #[arg(long)]
    pub out: PathBuf,
    /// Configuration; by default the one that was trained.
    #[arg(long)]
    pub configuration: Option<String>,
    /// 0 to 4, or all; by default the first there is.
    #[arg(long)]
    pub fold: Option<String>,
    /// Voxel order of the training images; by default what the plans say.
    #[arg(long, value_enum)]
    pub axes: Option<AxesChoice>,
}

/// Options of `models info`.
#[derive(Debug, Args)]
pub struct InfoArguments {
    /// The name of a model that ships, or a model's .json or .safetensors file.
    pub model: PathBuf,
}

/// Options of `models run`.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// The imported model's .safetensors file.
    pub model: PathBuf,
    /// NIfTI file, DICOM folder or DICOM file.
    pub ct: PathBuf,
    /// Label map to write, .nii or .nii.gz.
    #[arg(long)]
    pub out: PathBuf,
    /// Also run mirrored windows, up to eight times the work.
    #[arg(long)]
    pub mirror: bool,
    /// Where the network runs.
    #[arg(long, value_enum, default_value = "auto")]
    pub device: DeviceChoice,
}

/// Voxel order of training images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AxesChoice {
    /// That of the files, whatever it is.
    AsStored,
    /// Right, anterior, superior, as TotalSegmentator turns its images.
    Ras,
}

/// Runs the command.
pub fn run(options: &ModelsArguments, quiet: bool) -> Result<Output, Failure> {
    match &options.what {
        Models::List(options) => list(options),
        Models::Import(options) => import_folder(options, quiet),
        Models::Info(options) => info(options),
        Models::Run(options) => label(options, quiet),
    }
}

fn list(options: &ListArguments) -> Result<Output, Failure> {
    let shipped: Result<Vec<Value>, Failure> =
        assets::MODELS.iter().chain(&assets::RADIOGRAPH_MODELS).map(shipped).collect();
    let mut models = shipped?;
    let mut skipped = Vec::new();
    for folder in &options.folders {
        let entries = std::fs::read_dir(folder).map_err(|e| anyhow::anyhow!("cannot list {}: {e}", folder.display()));
        let mut paths: Vec<PathBuf> = entries.bad_input()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort();
        for path in paths.iter().filter(|path| path.extension().is_some_and(|e| e == "safetensors")) {
            match describe(path) {
                Ok(model) => models.push(model),
                Err(failure) => skipped.push(failure.to_string()),
            }
        }
    }
    let warnings: String = skipped.iter().map(|why| format!("\nNot usable: {why}")).collect();
    let text = format!("{}{warnings}", models.iter().map(entry).collect::<Vec<_>>().join("\n"));
    Ok(Output { json: json!({ "models": models, "skipped": skipped }), text, is_refused: false })
}

fn import_folder(options: &ImportArguments, quiet: bool) -> Result<Output, Failure> {
    let settings = ImportSettings {
        configuration: options.configuration.clone(),
        fold: options.fold.clone(),
        axes: options.axes.map(|axes| match axes {
            AxesChoice::AsStored => Axes::AsStored,
            AxesChoice::Ras => Axes::RAS,
        }),
    };
    let mut stages = Stages::new(quiet);
    stages.stage("read");
    let imported = import(&options.folder, &settings).bad_input()?;
    stages.stage("write");
    let files = imported.write(&options.out).bad_input()?;
    let (stages, total_ms) = stages.finish();
    let files = files.map(|file| file.display().to_string());
    let mut json = nnunet_json(&imported.card);
    json["files"] = json!(files);
    json["stages"] = json!(stages);
    json["total_ms"] = json!(total_ms);
    let text = format!("{}\nWritten to {} and {}", nnunet_text(&imported.card), files[0], files[1]);
    Ok(Output { json, text, is_refused: false })
}

fn info(options: &InfoArguments) -> Result<Output, Failure> {
    if let Some(model) = options.model.to_str().and_then(assets::model) {
        let json = shipped(&model)?;
        return Ok(Output { text: format!("{json:#}"), json, is_refused: false });
    }
    let path = options.model.with_extension("json");
    if is_nnunet(&path)? {
        let card = NnunetCard::from_file(&path).bad_input()?;
        return Ok(Output { json: nnunet_json(&card), text: nnunet_text(&card), is_refused: false });
    }
    let json = describe(&path)?;
    Ok(Output { text: format!("{json:#}"), json, is_refused: false })
}

fn label(options: &RunArguments, quiet: bool) -> Result<Output, Failure> {
    let device = super::device(options.device)?;
    let mut stages = Stages::new(quiet);
    stages.stage("load");
    let mut model = NnunetModel::from_file(device.as_ref(), &options.model, Precision::F32).bad_input()?;
    stages.stage("read");
    let loaded = io::read_ct(&options.ct, &Limits::default()).bad_input()?;
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    let settings = PredictSettings { mirror: options.mirror };
    let labels = model.segment(&loaded.value, &settings, &mut stages).bad_input()?;
    stages.stage("write");
    io::nifti::write_labels(&options.out, &labels).bad_input()?;
    let (stages, total_ms) = stages.finish();
    let mut counts = [0u64; 256];
    labels.labels.iter().for_each(|label| counts[usize::from(*label)] += 1);
    let found = model.card().labels.iter().filter(|label| label.number > 0 && counts[usize::from(label.number)] > 0);
    let found: Vec<Value> =
        found.map(|l| json!({ "number": l.number, "name": l.name, "voxels": counts[usize::from(l.number)] })).collect();
    let rows: String = found
        .iter()
        .map(|l| format!("  {:>3} {:30} {:>10} voxels\n", l["number"], word(&l["name"]), l["voxels"]))
        .collect();
    let text = format!(
        "{}{rows}{}\nWritten to {}",
        warnings.iter().map(|w| format!("Warning: {w}\n")).collect::<String>(),
        stage_table(&stages, total_ms),
        options.out.display()
    );
    let json = json!({
        "stages": stages, "total_ms": total_ms, "device": device.description(), "model": model.card().name,
        "labels": found, "warnings": warnings, "files": [options.out.display().to_string()],
    });
    Ok(Output { json, text, is_refused: false })
}

/// A model that ships, for machines.
fn shipped(model: &assets::ShippedModel) -> Result<Value, Failure> {
    seed_json(&serde_json::from_slice(model.card).internal()?)
}

/// A model for people: three lines.
fn entry(model: &Value) -> String {
    let parameters = model["parameters"].as_u64().map_or_else(String::new, |n| format!("{:.2} M", n as f64 / 1e6));
    let (name, role, kind) = (word(&model["name"]), word_or_none(&model["role"]), word(&model["architecture"]));
    format!(
        "  {name:24} {role:30} {kind}, {parameters} parameters\n  {:24} Dice: {}\n  {:24} data: {}; licence: {}",
        "",
        dice_text(&model["measured"]),
        "",
        data_text(&model["training_data"]),
        word_or_none(&model["licence"])
    )
}

/// Measured Dice in words, each with its CT and whether training saw that.
fn dice_text(measured: &Value) -> String {
    let one = |m: &Value| {
        let dice = m["vertebra_dice"].as_f64()?;
        Some(format!("{dice:.3} on {} (seen in training: {})", word_or_none(&m["ct"]), word_or_none(&m["seen"])))
    };
    let all: Vec<String> = measured.as_array().into_iter().flatten().filter_map(one).collect();
    if all.is_empty() { "not measured".into() } else { all.join("; ") }
}

/// Names of the training data; cards from elsewhere may hold plain text.
fn data_text(data: &Value) -> String {
    let names = data.as_array().into_iter().flatten().map(|source| word_or_none(&source["name"]));
    let names = names.collect::<Vec<_>>().join(", ");
    if names.is_empty() { word_or_none(data) } else { names }
}

fn word_or_none(value: &Value) -> String {
    if value.is_null() { "not said".into() } else { word(value) }
}

/// A model in a file, for machines.
fn describe(path: &Path) -> Result<Value, Failure> {
    let path = path.with_extension("json");
    if is_nnunet(&path)? {
        return Ok(nnunet_json(&NnunetCard::from_file(&path).bad_input()?));
    }
    seed_json(&read_card(&path)?)
}

fn is_nnunet(path: &Path) -> Result<bool, Failure> {
    Ok(read_card(path)?["kind"] == engine::nnunet::card::KIND)
}

/// Any card as JSON.
fn read_card(path: &Path) -> Result<Value, Failure> {
    let fail = |why: String| {
        anyhow::anyhow!("{}: {why}; a model is NAME.safetensors with its card NAME.json beside it", path.display())
    };
    let text = io::read_bounded(path, MAX_CARD).map_err(|e| fail(e.to_string())).bad_input()?;
    serde_json::from_slice(&text).map_err(|e| fail(e.to_string())).bad_input()
}

/// What the card of one of our own models tells.
fn seed_json(card: &Value) -> Result<Value, Failure> {
    if let Some(json) = radiograph_json(card)? {
        return Ok(json);
    }
    let known: ModelCard = serde_json::from_value(card.clone())
        .map_err(|e| anyhow::anyhow!("the card of {} is not usable: {e}", word_or_none(&card["name"])))
        .bad_input()?;
    Ok(json!({
        "name": card["name"],
        "version": card["version"],
        "role": known.role.to_string(),
        "modes": known.modes(),
        "needs": known.needs,
        "parameters": known.architecture.parameters().bad_input()?,
        "architecture": card["architecture"]["kind"],
        "licence": card["licence"],
        "training_data": card["training_data"],
        "labels": card["architecture"]["classes"],
        "preprocessing": card["preprocessing"],
        "measured": card["measured"],
        "known_failures": card["known_failures"],
    }))
}

/// What the card of a network for radiographs tells; `None` for others.
fn radiograph_json(card: &Value) -> Result<Option<Value>, Failure> {
    let Ok(known) = serde_json::from_value::<RadiographCard>(card.clone()) else { return Ok(None) };
    let Some(role) = known.role() else { return Ok(None) };
    Ok(Some(json!({
        "name": known.name,
        "version": known.version,
        "role": role,
        "parameters": known.parameters().bad_input()?,
        "architecture": known.architecture.kind,
        "licence": known.licence,
        "training_data": card["training_data"],
        "measured": card["measured"],
        "known_failures": card["known_failures"],
    })))
}

/// What the card of an imported model tells, without its graph.
fn nnunet_json(card: &NnunetCard) -> Value {
    json!({
        "name": card.name,
        "architecture": card.source.architecture,
        "parameters": card.parameters,
        "gmac_per_patch": card.gmac_per_patch,
        "licence": card.licence,
        "training_data": card.training_data,
        "labels": card.labels,
        "source": card.source,
        "preprocessing": card.preprocessing,
        "measured": Value::Null,
    })
}

fn nnunet_text(card: &NnunetCard) -> String {
    let (p, s) = (&card.preprocessing, &card.source);
    let spacing = p.spacing_mm.map(|mm| mm.map_or_else(|| "as the image's".into(), |mm| format!("{mm}")));
    let labels: Vec<String> = card.labels.iter().map(|l| format!("{} {}", l.number, l.name)).collect();
    let axes = match p.axes {
        Axes::AsStored => {
            "as stored in the file: the CT must be stored like the training images (else import with --axes)"
        }
        Axes::RAS => "turned to right, anterior, superior",
    };
    format!(
        "{}\n  network        {}, {:.2} million parameters, {:.1} GMAC a patch\n  patch          {:?} voxels of {} mm\n  axes           {axes}\n  trained by     {}, {}, {}, fold {}\n  labels         {}\n  licence        {}\n  training data  {}\n  measured Dice  none",
        card.name,
        s.architecture,
        card.parameters as f64 / 1e6,
        card.gmac_per_patch,
        p.patch_voxels,
        spacing.join(" x "),
        s.trainer,
        s.plans,
        s.configuration,
        s.fold,
        labels.join(", "),
        card.licence,
        card.training_data
    )
}

/// Text without quotation marks.
fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
