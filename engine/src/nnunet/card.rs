//! An imported model on disk: `NAME.safetensors` (weights, f32, with the
//! names PyTorch gave them) and `NAME.json`, its card: the network as a graph
//! and everything that is done before and after it.

use std::path::Path;

use kernels::graph::Graph;
use serde::{Deserialize, Serialize};

use super::error::NnunetError;
use super::json::read_json;

/// What [`NnunetCard::kind`] must say.
pub const KIND: &str = "nnunet-v2";

/// A label the model gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// Number in the label map.
    pub number: u8,
    /// What it stands for.
    pub name: String,
}

/// How values are found between voxels when a grid is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum Resampling {
    /// Values stay as they are; the image must have the model's spacing.
    Never,
    /// Splines, as `resample_data_or_seg_to_shape` of nnU-Net.
    Spline {
        /// 0 nearest, 1 linear, 3 cubic.
        order: u8,
        /// Order along the axis of thick slices, when they are treated apart.
        order_z: u8,
        /// Whether thick slices are treated apart; `null`: when their
        /// spacing is more than three times the finest.
        force_separate_z: Option<bool>,
    },
}

/// How intensities become the network's input.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "scheme", rename_all = "snake_case", deny_unknown_fields)]
pub enum Normalization {
    /// Clamped, then shifted and scaled by the training set's statistics.
    Ct {
        /// Lower bound, HU.
        low_hu: f64,
        /// Upper bound, HU.
        high_hu: f64,
        /// Subtracted, HU.
        mean_hu: f64,
        /// Divides, HU.
        std_hu: f64,
    },
    /// Zero mean and unit deviation of the image.
    ZScore {
        /// Only over the part that is not zero.
        nonzero_only: bool,
    },
    /// Smallest value to 0, largest to 1.
    RescaleTo01,
    /// As they are.
    None,
}

/// Order of the voxels the network was trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Axes {
    /// The order of the file, whatever it is (nnU-Net's `SimpleITKIO`). The
    /// image must be stored like those of the training set.
    #[serde(rename = "as-stored")]
    AsStored,
    /// x to the right, y to the front, z up, as TotalSegmentator turns its
    /// images; the label map is turned back.
    RAS,
}

/// Everything between an image and the network, and back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// Voxel order of the input.
    pub axes: Axes,
    /// Axis `[z, y, x]` of the image that becomes axis `i` of the network.
    pub transpose: [usize; 3],
    /// Distance of voxels along the network's axes, mm; `null` keeps the image's.
    pub spacing_mm: [Option<f64>; 3],
    /// Window along the network's axes; one slice for 2-D networks.
    pub patch_voxels: [usize; 3],
    /// Intensities.
    pub normalization: Normalization,
    /// Image to the network's grid.
    pub data_resampling: Resampling,
    /// Logits to the image's grid.
    pub logit_resampling: Resampling,
    /// Axes of the network that may be mirrored, from those trained so.
    pub mirror_axes: Vec<usize>,
}

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// `dataset_name` of the plans.
    pub dataset: String,
    /// `plans_name` of the plans.
    pub plans: String,
    /// Configuration.
    pub configuration: String,
    /// Fold of the cross-validation; `all` was trained on everything.
    pub fold: String,
    /// Class that trained it.
    pub trainer: String,
    /// Family of the network.
    pub architecture: String,
    /// Name of the input channel.
    pub channel: String,
}

/// The card. Unknown keys are errors, except below `notes`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NnunetCard {
    /// [`KIND`].
    pub kind: String,
    /// Name of the model.
    pub name: String,
    /// Where it comes from.
    pub source: Source,
    /// Licence of the weights, as far as known.
    pub licence: String,
    /// What is known of the training data.
    pub training_data: String,
    /// Trained numbers.
    pub parameters: u64,
    /// Billions of multiply-accumulates a patch.
    pub gmac_per_patch: f64,
    /// Labels by number.
    pub labels: Vec<Label>,
    /// Before and after the network.
    pub preprocessing: Preprocessing,
    /// Anything the user wants to add.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub notes: serde_json::Map<String, serde_json::Value>,
    /// The network.
    pub graph: Graph,
}

impl NnunetCard {
    /// Reads and checks `NAME.json`.
    ///
    /// # Errors
    /// [`NnunetError`] naming the file and what is wrong.
    pub fn from_file(path: &Path) -> Result<Self, NnunetError> {
        let card: Self = read_json(path, "a model is NAME.safetensors with its card NAME.json beside it")?;
        card.check().map_err(|what| NnunetError::Content { path: path.to_owned(), what })?;
        Ok(card)
    }

    /// Refuses what an importer would never write, so that a card edited by
    /// hand cannot lead astray.
    ///
    /// # Errors
    /// What the card says.
    pub fn check(&self) -> Result<(), String> {
        let p = &self.preprocessing;
        if self.kind != KIND {
            return Err(format!("kind is {:?}, not {KIND:?}", self.kind));
        }
        let mut axes = p.transpose;
        axes.sort_unstable();
        if axes != [0, 1, 2] {
            return Err(format!("transpose {:?} is no order of three axes", p.transpose));
        }
        if p.spacing_mm.iter().flatten().any(|s| !(1e-3..=1e3).contains(s)) {
            return Err(format!("spacing_mm {:?} is outside 0.001 to 1000", p.spacing_mm));
        }
        if p.patch_voxels.iter().any(|n| *n == 0 || *n > 1024) || p.patch_voxels.iter().product::<usize>() > 1 << 26 {
            return Err(format!("patch_voxels {:?} is outside 1 to 1024", p.patch_voxels));
        }
        if p.mirror_axes.iter().any(|axis| *axis > 2) || p.mirror_axes.len() > 3 {
            return Err(format!("mirror_axes {:?} are not axes", p.mirror_axes));
        }
        for resampling in [p.data_resampling, p.logit_resampling] {
            if let Resampling::Spline { order, order_z, .. } = resampling
                && (![0, 1, 3].contains(&order) || order_z > 1)
            {
                return Err(format!(
                    "resampling of order {order} and order_z {order_z}; 0, 1, 3 and 0, 1 are supported"
                ));
            }
        }
        if matches!(p.logit_resampling, Resampling::Spline { order: 3, .. }) {
            return Err("logits resampled with order 3; 0 and 1 are supported".into());
        }
        if let Normalization::Ct { low_hu, high_hu, mean_hu, std_hu } = p.normalization {
            let is_sound = [low_hu, high_hu, mean_hu, std_hu].iter().all(|v| v.is_finite()) && low_hu <= high_hu;
            if !is_sound || std_hu < 0.0 {
                return Err(format!("normalization {:?} is no scaling", p.normalization));
            }
        }
        self.check_labels()
    }

    fn check_labels(&self) -> Result<(), String> {
        let is_gapless = self.labels.iter().enumerate().all(|(index, label)| usize::from(label.number) == index);
        let channels = match self.graph.outputs() {
            [output] => self.graph.channels(output.node),
            outputs => return Err(format!("the graph has {} outputs, not 1", outputs.len())),
        };
        if !is_gapless || self.labels.len() < 2 || self.labels.len() != channels {
            return Err(format!(
                "{} labels for a network of {channels} classes, or numbers with gaps",
                self.labels.len()
            ));
        }
        Ok(())
    }
}
