//! A folder that nnU-Net's training left becomes a model of SpineNav.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use kernels::graph::Graph;
use kernels::{Program, Weights};

use super::card::{Axes, KIND, NnunetCard, Normalization, Preprocessing, Source};
use super::error::NnunetError;
use super::json::read_json;
use super::network;
use super::plans::{Block, Configuration, Dataset, Plans};
use super::torch::Checkpoint;

/// What a model folder is, for messages.
const FOLDER: &str =
    "a model folder is TRAINER__PLANS__CONFIGURATION and holds plans.json, dataset.json and fold_0, fold_1, ..";

/// What to import from a folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportSettings {
    /// Configuration; the one the checkpoint was trained with when `None`.
    pub configuration: Option<String>,
    /// `0` to `4`, or `all`; the first there is when `None`.
    pub fold: Option<String>,
    /// Voxel order of the training images; from the plans when `None`.
    pub axes: Option<Axes>,
}

/// A model that was read from nnU-Net's files and is not yet written.
#[derive(Debug)]
pub struct Imported {
    /// Its card.
    pub card: NnunetCard,
    /// Its weights.
    pub weights: Weights,
}

/// Reads `folder`: plans, dataset and one checkpoint. Nothing is executed.
///
/// # Errors
/// [`NnunetError`] naming the file and what is missing, damaged, hostile or
/// not supported.
///
/// Cost: the weights are read once, and held twice for a moment.
pub fn import(folder: &Path, settings: &ImportSettings) -> Result<Imported, NnunetError> {
    let plans_path = folder.join("plans.json");
    let dataset_path = folder.join("dataset.json");
    let plans: Plans = read_json(&plans_path, FOLDER)?;
    let dataset: Dataset = read_json(&dataset_path, FOLDER)?;
    let in_plans = |what: String| NnunetError::Content { path: plans_path.clone(), what };
    let in_dataset = |what: String| NnunetError::Content { path: dataset_path.clone(), what };
    plans.check().map_err(in_plans)?;
    let (channel, labels) = (dataset.channel().map_err(in_dataset)?, dataset.labels().map_err(in_dataset)?);

    let (fold, path) = find_fold(folder, settings.fold.as_deref())?;
    let mut checkpoint =
        Checkpoint::open(&path).map_err(|cause| NnunetError::Checkpoint { path: path.clone(), cause })?;
    let name = settings.configuration.clone().unwrap_or_else(|| checkpoint.configuration.clone());
    if name != checkpoint.configuration {
        let what = format!("it was trained as `{}`, not as `{name}`", checkpoint.configuration);
        return Err(NnunetError::Content { path, what });
    }
    let configuration = plans.configuration(&name).map_err(in_plans)?;
    let axes = match settings.axes {
        Some(axes) => axes,
        None if plans.turns_to_ras().map_err(in_plans)? => Axes::RAS,
        None => Axes::AsStored,
    };
    let preprocessing = Preprocessing {
        axes,
        transpose: plans.transpose_forward,
        spacing_mm: configuration.spacing_mm,
        patch_voxels: configuration.patch,
        normalization: normalization(&plans, &configuration).map_err(in_plans)?,
        data_resampling: configuration.data_resampling,
        logit_resampling: configuration.logit_resampling,
        // The axes of a 2-D network are the last two of ours.
        mirror_axes: checkpoint
            .mirror_axes
            .iter()
            .map(|a| a + 3 - configuration.dimensions)
            .filter(|a| *a < 3)
            .collect(),
    };
    let graph = network::build(&configuration.architecture, labels.len())?;
    let weights = take_weights(&mut checkpoint, &graph, configuration.dimensions, &path)?;
    let program = Program::new(&graph, &weights)?;
    let card = NnunetCard {
        kind: KIND.into(),
        name: format!("{}-{name}", plans.dataset_name),
        source: Source {
            dataset: plans.dataset_name.clone(),
            plans: plans.plans_name.clone(),
            configuration: name,
            fold,
            trainer: checkpoint.trainer,
            architecture: architecture_name(configuration.architecture.block).into(),
            channel,
        },
        licence: licence(&dataset),
        training_data: training_data(&dataset),
        parameters: graph.parameters(),
        gmac_per_patch: program.macs(configuration.patch)? as f64 / 1e9,
        labels,
        preprocessing,
        notes: serde_json::Map::new(),
        graph,
    };
    card.check().map_err(in_plans)?;
    Ok(Imported { card, weights })
}

impl Imported {
    /// Writes `NAME.safetensors` and `NAME.json` into `folder` and returns
    /// their paths. Each file appears whole or not at all, the card last.
    ///
    /// # Errors
    /// [`NnunetError::Write`].
    pub fn write(&self, folder: &Path) -> Result<[PathBuf; 2], NnunetError> {
        let stem: String = self
            .card
            .name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' })
            .collect();
        let stem = stem.trim_start_matches('.').chars().take(120).collect::<String>();
        let paths = ["safetensors", "json"].map(|ending| folder.join(format!("{stem}.{ending}")));
        std::fs::create_dir_all(folder).map_err(|cause| NnunetError::Write { path: folder.to_owned(), cause })?;
        let mut card = serde_json::to_vec_pretty(&self.card)
            .map_err(|cause| NnunetError::Json { path: paths[1].clone(), cause })?;
        card.push(b'\n');
        for (path, bytes) in paths.iter().zip([self.weights.to_safetensors()?, card]) {
            write_whole(path, &bytes).map_err(|cause| NnunetError::Write { path: path.clone(), cause })?;
        }
        Ok(paths)
    }
}

/// The file is complete before it gets its name.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let part = path.with_extension(format!("{}.part", std::process::id()));
    let written = File::create(&part).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.and_then(|()| std::fs::rename(&part, path)).inspect_err(|_| drop(std::fs::remove_file(&part)))
}

/// Name of the fold and its checkpoint, the last one before the best one.
fn find_fold(folder: &Path, wanted: Option<&str>) -> Result<(String, PathBuf), NnunetError> {
    const FOLDS: [&str; 6] = ["0", "1", "2", "3", "4", "all"];
    let folds = match wanted {
        Some(fold) if FOLDS.contains(&fold) => vec![fold],
        Some(fold) => {
            let what = format!("there is no fold {fold:?}; folds are called {FOLDS:?}");
            return Err(NnunetError::Content { path: folder.to_owned(), what });
        }
        None => FOLDS.to_vec(),
    };
    for fold in folds {
        for file in ["checkpoint_final.pth", "checkpoint_best.pth"] {
            let path = folder.join(format!("fold_{fold}")).join(file);
            if path.is_file() {
                return Ok((fold.to_owned(), path));
            }
        }
    }
    let path = folder.join(format!("fold_{}", wanted.unwrap_or("0"))).join("checkpoint_final.pth");
    Err(NnunetError::Read { path, cause: std::io::Error::other("there is no such checkpoint"), advice: FOLDER })
}

/// The weights the graph needs; refused when the checkpoint has others that
/// mean something.
fn take_weights(
    checkpoint: &mut Checkpoint<File>,
    graph: &Graph,
    dimensions: usize,
    path: &Path,
) -> Result<Weights, NnunetError> {
    let needed = graph.tensors();
    let known: BTreeSet<&str> = needed.iter().map(|(name, _)| name.as_str()).collect();
    if let Some(name) = checkpoint.names().find(|name| !known.contains(name) && !is_duplicate(name)) {
        let what = format!(
            "it has a weight `{name}`, which a network of these plans does not have; trainer `{}` may have built another network, which is not supported",
            checkpoint.trainer
        );
        return Err(NnunetError::Content { path: path.to_owned(), what });
    }
    let mut weights = Weights::new();
    for (name, shape) in needed {
        let mut stored = shape.clone();
        if dimensions == 2 && stored.len() == 5 {
            stored.remove(2);
        }
        let values = checkpoint
            .tensor(&name, &stored)
            .map_err(|cause| NnunetError::Checkpoint { path: path.to_owned(), cause })?;
        weights.insert(&name, shape, values)?;
    }
    Ok(weights)
}

/// Names under which PyTorch lists a weight a second time, and those without
/// a use after training: the heads for deep supervision and batch norms'
/// counters.
fn is_duplicate(name: &str) -> bool {
    name.starts_with("decoder.encoder.")
        || name.contains(".all_modules.")
        || name.starts_with("decoder.seg_layers.")
        || name.ends_with(".num_batches_tracked")
}

fn normalization(plans: &Plans, configuration: &Configuration) -> Result<Normalization, String> {
    let ([scheme], [use_mask]) = (configuration.normalization.as_slice(), configuration.use_mask.as_slice()) else {
        return Err(format!(
            "{:?} and {:?} are not one normalization for one channel",
            configuration.normalization, configuration.use_mask
        ));
    };
    match scheme.as_str() {
        "CTNormalization" => {
            let found = plans.intensities(0);
            let i = found
                .ok_or("foreground_intensity_properties_per_channel has no channel 0, which CTNormalization needs")?;
            let (low_hu, high_hu) = (i.percentile_00_5, i.percentile_99_5);
            Ok(Normalization::Ct { low_hu, high_hu, mean_hu: i.mean, std_hu: i.std })
        }
        "ZScoreNormalization" => Ok(Normalization::ZScore { nonzero_only: *use_mask }),
        "NoNormalization" => Ok(Normalization::None),
        "RescaleTo01Normalization" => Ok(Normalization::RescaleTo01),
        other => Err(format!(
            "normalization `{other}` is not supported; CTNormalization, ZScoreNormalization, RescaleTo01Normalization and NoNormalization are"
        )),
    }
}

const fn architecture_name(block: Block) -> &'static str {
    match block {
        Block::Plain => "PlainConvUNet",
        Block::Residual => "ResidualEncoderUNet",
    }
}

fn licence(dataset: &Dataset) -> String {
    let given = dataset.licence.as_deref().filter(|text| !text.trim().is_empty());
    let given = given.map_or(String::new(), |text| format!(" (dataset.json says of the data: {text})"));
    format!("as given by the model's authors; check it before use{given}")
}

fn training_data(dataset: &Dataset) -> String {
    let told: Vec<&str> = [&dataset.description, &dataset.reference].into_iter().filter_map(|t| t.as_deref()).collect();
    if told.is_empty() { "unknown".into() } else { format!("unknown; dataset.json says: {}", told.join("; ")) }
}
