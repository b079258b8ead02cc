//! What a model's card says: what the network is for, what it is fed, how it
//! is run, what it learnt from and how good it is.
//!
//! Entries that older cards lack have defaults that mean what those cards
//! meant. What a card must not say is refused in [`super::check`].

use std::fmt;
use std::str::FromStr;

use kernels::device::HuWindow;
use kernels::{Graph, NetworkError};
use serde::{Deserialize, Serialize};

use super::network;

/// What a network is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// What each voxel is: vertebra, and whatever other classes there are.
    #[default]
    Classes,
    /// Three vertebrae in a window: above, centre, below.
    Instances,
    /// Heat about the lumbar spine; a step of another model.
    HeatMap,
    /// L1 to L5 one by one, in the part another model cuts out.
    LumbarLevels,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Classes => "classes of voxels",
            Self::Instances => "three vertebrae in a window",
            Self::HeatMap => "heat map of the lumbar spine",
            Self::LumbarLevels => "L1 to L5",
        })
    }
}

/// What makes probabilities of a network's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OutputActivation {
    /// Over all classes.
    #[default]
    Softmax,
    /// Of one logit.
    Sigmoid,
    /// Nothing: the output is what it is.
    None,
}

/// How a network is moved over a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mode {
    /// Overlapping patches at the spacing of the card, or all at once where
    /// the network looks at neighbourhoods only and the result is the same.
    Patches,
    /// The region of interest, scaled equally, in a box of 128^3 voxels.
    Box128,
    /// Slabs of a few slices that slide along z.
    Slabs,
    /// A window about each vertebra.
    Windows,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 4] = [Self::Patches, Self::Box128, Self::Slabs, Self::Windows];
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Patches => "patches",
            Self::Box128 => "box128",
            Self::Slabs => "slabs",
            Self::Windows => "windows",
        })
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|mode| mode.to_string() == text);
        found.ok_or_else(|| format!("no mode is called {text:?}; there is {}", join(&Self::ALL)))
    }
}

/// Names one after another, for messages.
pub fn join<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What one input channel holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum InputChannel {
    /// The CT, scaled as [`Preprocessing`] says.
    Hu,
    /// Vertebra probability of the model named under `needs`, 0 to 1.
    VertebraProbability,
}

/// The network a card describes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CardArchitecture {
    /// `compact-unet`; `graph` for any network; or the name of a published one
    /// (`dense_3d_unet`, `mafu_unet`, `residual_unet`, `localisation_unet`, `xunet_3d`).
    pub kind: String,
    /// Channels of each level of a `compact-unet`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<usize>,
    /// The network of kind `graph`; its first output is the logits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph: Option<Graph>,
    /// Sizes of a published network: the fields of its struct in
    /// [`kernels::architectures`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<serde_json::Value>,
    /// Number of input channels.
    pub inputs: usize,
    /// Output classes in order.
    pub classes: Vec<String>,
}

impl CardArchitecture {
    /// Trained numbers in the network.
    ///
    /// # Errors
    /// [`NetworkError`] when the card describes no network.
    pub fn parameters(&self) -> Result<u64, NetworkError> {
        Ok(network::graph(self)?.parameters())
    }
}

/// How a CT becomes the network's input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preprocessing {
    /// Axis directions of the input; `LPS` is the one known.
    pub axes: String,
    /// Voxel edge, mm.
    pub spacing_mm: f64,
    /// Smallest and largest voxel edge that training saw, mm; needed for [`Mode::Box128`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spacing_range_mm: Option<[f64; 2]>,
    /// Window size `[z, y, x]`.
    pub patch_voxels: [usize; 3],
    /// Lowest and highest HU kept.
    pub clamp_hu: [f32; 2],
    /// Subtracted after clamping.
    pub offset_hu: f32,
    /// Divides after subtraction.
    pub scale_hu: f32,
    /// Value outside the scan.
    pub padding_hu: f32,
}

impl Preprocessing {
    /// HU as the network sees them.
    #[must_use]
    pub fn window(&self) -> HuWindow {
        let [low, high] = self.clamp_hu;
        HuWindow { low, high, offset: self.offset_hu, scale: self.scale_hu }
    }
}

/// What is known of a model: how to run it, what it learnt from, how good it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// Name of the model.
    pub name: String,
    /// Version of the weights.
    pub version: String,
    /// What the network is for.
    #[serde(default)]
    pub role: Role,
    /// Ways to run it, the usual one first; empty for the usual one of its role.
    #[serde(default)]
    pub modes: Vec<Mode>,
    /// Name of the model that runs before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<String>,
    /// What each input channel holds.
    #[serde(default = "hu_only")]
    pub input_channels: Vec<InputChannel>,
    /// What makes probabilities of its output.
    #[serde(default)]
    pub output_activation: OutputActivation,
    /// Network family and size.
    pub architecture: CardArchitecture,
    /// Input preparation.
    pub preprocessing: Preprocessing,
    /// Probability from which a voxel counts as vertebra; for a heat map, heat
    /// from which it counts as lumbar spine.
    pub vertebra_threshold: f32,
    /// Licence of the weights.
    pub licence: String,
    /// Everything else the card tells: data, training, measured Dice, failures.
    #[serde(flatten)]
    pub more: serde_json::Map<String, serde_json::Value>,
}

fn hu_only() -> Vec<InputChannel> {
    vec![InputChannel::Hu]
}

impl ModelCard {
    /// Ways to run it, the usual one first.
    #[must_use]
    pub fn modes(&self) -> Vec<Mode> {
        match (self.modes.is_empty(), self.role) {
            (false, _) => self.modes.clone(),
            (true, Role::Instances) => vec![Mode::Windows],
            (true, _) => vec![Mode::Patches],
        }
    }
}
