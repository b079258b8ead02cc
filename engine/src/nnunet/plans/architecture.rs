//! The network of a configuration, from either generation of plans.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::configuration::pad_front;
use kernels::graph::Activation;

/// Most stages.
const MAX_STAGES: usize = 16;
/// Most channels of a stage.
const MAX_CHANNELS: usize = 4096;
/// Most convolutions or blocks in a stage.
const MAX_DEPTH: usize = 64;
/// Longest kernel or stride.
const MAX_EXTENT: usize = 15;

/// What the stages of the encoder are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    /// Convolution, norm, activation: `PlainConvUNet`.
    Plain,
    /// Two convolutions and a detour around them: `ResidualEncoderUNet`.
    Residual,
}

/// Norm after each convolution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Norm {
    /// None.
    None,
    /// Instance norm with scale and shift.
    Instance {
        /// Added to the variance.
        eps: f32,
    },
    /// Batch norm with running statistics.
    Batch {
        /// Added to the variance.
        eps: f32,
    },
}

/// A U-Net as the plans describe it, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Architecture {
    /// What the encoder is made of.
    pub block: Block,
    /// 2 or 3.
    pub dimensions: usize,
    /// Channels of each stage, finest first.
    pub features: Vec<usize>,
    /// Kernel of each stage.
    pub kernels: Vec<[usize; 3]>,
    /// Stride at the start of each stage.
    pub strides: Vec<[usize; 3]>,
    /// Convolutions or blocks in each stage of the encoder.
    pub encoder_depth: Vec<usize>,
    /// Convolutions in each stage of the decoder, deepest first.
    pub decoder_depth: Vec<usize>,
    /// Channels of the residual encoder's stem.
    pub stem: usize,
    /// Whether convolutions have a bias.
    pub bias: bool,
    /// Norm after each convolution.
    pub norm: Norm,
    /// Activation after each norm.
    pub activation: Activation,
}

/// `architecture` of the second generation.
#[derive(Deserialize)]
struct Named {
    network_class_name: String,
    arch_kwargs: Arguments,
}

/// One value for all stages, or one a stage.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum PerStage<T> {
    All(T),
    Each(Vec<T>),
}

impl<T: Copy> PerStage<T> {
    fn expand(&self, stages: usize) -> Vec<T> {
        match self {
            Self::All(value) => vec![*value; stages],
            Self::Each(values) => values.clone(),
        }
    }
}

/// A length along all axes, or one an axis.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Extent {
    All(usize),
    Each(Vec<usize>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    n_stages: usize,
    features_per_stage: PerStage<usize>,
    conv_op: String,
    kernel_sizes: Vec<Extent>,
    strides: Vec<Extent>,
    #[serde(alias = "n_blocks_per_stage")]
    n_conv_per_stage: PerStage<usize>,
    n_conv_per_stage_decoder: PerStage<usize>,
    #[serde(default)]
    conv_bias: bool,
    norm_op: Option<String>,
    norm_op_kwargs: Option<NormArguments>,
    // Dropout does nothing after training.
    #[serde(rename = "dropout_op", default)]
    _dropout_op: Value,
    #[serde(rename = "dropout_op_kwargs", default)]
    _dropout_op_kwargs: Value,
    nonlin: Option<String>,
    nonlin_kwargs: Option<ActivationArguments>,
    #[serde(rename = "deep_supervision", default)]
    _deep_supervision: Value,
    #[serde(default)]
    nonlin_first: bool,
    block: Option<String>,
    bottleneck_channels: Option<Value>,
    stem_channels: Option<usize>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct NormArguments {
    eps: Option<f32>,
    affine: Option<bool>,
    #[serde(rename = "momentum", default)]
    _momentum: Value,
    track_running_stats: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct ActivationArguments {
    #[serde(rename = "inplace", default)]
    _inplace: Value,
    negative_slope: Option<f32>,
}

/// The first generation: settings lie in the configuration itself.
#[derive(Deserialize)]
struct Unnamed {
    #[serde(rename = "UNet_class_name")]
    class: String,
    #[serde(rename = "UNet_base_num_features")]
    base_features: usize,
    unet_max_num_features: usize,
    n_conv_per_stage_encoder: Vec<usize>,
    n_conv_per_stage_decoder: Vec<usize>,
    pool_op_kernel_sizes: Vec<Extent>,
    conv_kernel_sizes: Vec<Extent>,
    patch_size: Vec<usize>,
}

impl Architecture {
    /// From the merged entries of a configuration.
    pub(super) fn from_map(map: &Map<String, Value>) -> Result<Self, String> {
        let (class, arguments) = match map.get("architecture") {
            Some(value) => {
                let named: Named = serde_json::from_value(value.clone()).map_err(|e| format!("architecture: {e}"))?;
                (named.network_class_name, named.arch_kwargs)
            }
            None => {
                let old = serde_json::from_value(Value::Object(map.clone()));
                first_generation(old.map_err(|e| format!("it describes no network that is known: {e}"))?)
            }
        };
        let block = match class.rsplit('.').next() {
            Some("PlainConvUNet") => Block::Plain,
            Some("ResidualEncoderUNet") => Block::Residual,
            _ => {
                return Err(format!("the network is a `{class}`; supported are PlainConvUNet and ResidualEncoderUNet"));
            }
        };
        let architecture = build(block, &arguments)?;
        architecture.check(arguments.n_stages)?;
        Ok(architecture)
    }

    /// Sides of a patch must be multiples of this.
    #[must_use]
    pub fn divisor(&self) -> [usize; 3] {
        [0, 1, 2].map(|axis| self.strides.iter().fold(1usize, |n, stride| n.saturating_mul(stride[axis])))
    }

    fn check(&self, stages: usize) -> Result<(), String> {
        let lengths = [
            self.features.len(),
            self.kernels.len(),
            self.strides.len(),
            self.encoder_depth.len(),
            self.decoder_depth.len() + 1,
        ];
        if !(2..=MAX_STAGES).contains(&stages) || lengths.iter().any(|n| *n != stages) {
            return Err(format!(
                "n_stages is {stages} (2 to {MAX_STAGES} are supported), but features, kernels, strides, encoder and decoder (plus 1) are given for {lengths:?}"
            ));
        }
        let extents = self.kernels.iter().chain(&self.strides).flatten();
        if extents.clone().any(|n| *n == 0 || *n > MAX_EXTENT) || self.kernels.iter().flatten().any(|k| k % 2 == 0) {
            return Err(format!(
                "kernels {:?}, strides {:?}; supported are odd kernels and strides from 1, up to {MAX_EXTENT}",
                self.kernels, self.strides
            ));
        }
        if self.features.iter().chain([&self.stem]).any(|n| *n == 0 || *n > MAX_CHANNELS) {
            return Err(format!("{:?} channels; 1 to {MAX_CHANNELS} are supported", self.features));
        }
        if self.encoder_depth.iter().chain(&self.decoder_depth).any(|n| *n == 0 || *n > MAX_DEPTH) {
            return Err(format!(
                "{:?} and {:?} convolutions a stage; 1 to {MAX_DEPTH} are supported",
                self.encoder_depth, self.decoder_depth
            ));
        }
        Ok(())
    }
}

/// What `ConfigurationManager` of nnU-Net 2.8.1 makes of old plans.
fn first_generation(old: Unnamed) -> (String, Arguments) {
    let stages = old.n_conv_per_stage_encoder.len();
    let dimensions = old.patch_size.len();
    let features = (0..stages).map(|stage| {
        let doubled = 1usize.checked_shl(u32::try_from(stage).unwrap_or(u32::MAX)).unwrap_or(usize::MAX);
        old.base_features.saturating_mul(doubled).min(old.unet_max_num_features)
    });
    let arguments = Arguments {
        n_stages: stages,
        features_per_stage: PerStage::Each(features.collect()),
        conv_op: format!("torch.nn.modules.conv.Conv{dimensions}d"),
        kernel_sizes: old.conv_kernel_sizes,
        strides: old.pool_op_kernel_sizes,
        n_conv_per_stage: PerStage::Each(old.n_conv_per_stage_encoder),
        n_conv_per_stage_decoder: PerStage::Each(old.n_conv_per_stage_decoder),
        conv_bias: true,
        norm_op: Some(format!("torch.nn.modules.instancenorm.InstanceNorm{dimensions}d")),
        norm_op_kwargs: Some(NormArguments { eps: Some(1e-5), affine: Some(true), ..NormArguments::default() }),
        _dropout_op: Value::Null,
        _dropout_op_kwargs: Value::Null,
        nonlin: Some("torch.nn.LeakyReLU".into()),
        nonlin_kwargs: None,
        _deep_supervision: Value::Null,
        nonlin_first: false,
        block: None,
        bottleneck_channels: None,
        stem_channels: None,
    };
    (old.class, arguments)
}

fn build(block: Block, a: &Arguments) -> Result<Architecture, String> {
    let dimensions = match a.conv_op.rsplit('.').next() {
        Some("Conv2d") => 2,
        Some("Conv3d") => 3,
        _ => return Err(format!("conv_op is `{}`; supported are Conv2d and Conv3d", a.conv_op)),
    };
    if a.nonlin_first {
        return Err("nonlin_first is set (activation before norm), which is not supported".into());
    }
    if a.block.as_deref().is_some_and(|name| name.rsplit('.').next() != Some("BasicBlockD"))
        || a.bottleneck_channels.is_some()
    {
        return Err("the residual blocks are bottlenecks; only BasicBlockD is supported".into());
    }
    let extents = |what: &str, values: &[Extent]| -> Result<Vec<[usize; 3]>, String> {
        let one = |extent: &Extent| match extent {
            Extent::All(n) => Ok(pad_front(&vec![*n; dimensions], 1)),
            Extent::Each(n) if n.len() == dimensions => Ok(pad_front(n, 1)),
            Extent::Each(n) => Err(format!("{what} has an entry {n:?}, which is not of {dimensions} axes")),
        };
        values.iter().map(one).collect()
    };
    let stages = a.n_stages.min(MAX_STAGES);
    let features = a.features_per_stage.expand(stages);
    Ok(Architecture {
        block,
        dimensions,
        kernels: extents("kernel_sizes", &a.kernel_sizes)?,
        strides: extents("strides", &a.strides)?,
        encoder_depth: a.n_conv_per_stage.expand(stages),
        decoder_depth: a.n_conv_per_stage_decoder.expand(stages.saturating_sub(1)),
        stem: a.stem_channels.or(features.first().copied()).unwrap_or(0),
        features,
        bias: a.conv_bias,
        norm: norm(a)?,
        activation: activation(a)?,
    })
}

fn norm(a: &Arguments) -> Result<Norm, String> {
    let Some(name) = &a.norm_op else { return Ok(Norm::None) };
    let short = name.rsplit('.').next().unwrap_or(name);
    let is_instance = short.starts_with("InstanceNorm");
    if !is_instance && !short.starts_with("BatchNorm") {
        return Err(format!("norm_op is `{name}`; supported are InstanceNorm and BatchNorm"));
    }
    let arguments = a.norm_op_kwargs.as_ref();
    // PyTorch's defaults: instance norms have no scale, batch norms do.
    let affine = arguments.and_then(|k| k.affine).unwrap_or(!is_instance);
    let tracks = arguments.and_then(|k| k.track_running_stats).unwrap_or(!is_instance);
    let eps = arguments.and_then(|k| k.eps).unwrap_or(1e-5);
    if !affine || tracks == is_instance || !(eps.is_finite() && eps > 0.0) {
        return Err(format!(
            "norm_op_kwargs of {short}: affine {affine}, track_running_stats {tracks}, eps {eps}; supported are affine norms, running statistics for batch norm only, eps above 0"
        ));
    }
    Ok(if is_instance { Norm::Instance { eps } } else { Norm::Batch { eps } })
}

fn activation(a: &Arguments) -> Result<Activation, String> {
    let slope = a.nonlin_kwargs.as_ref().and_then(|k| k.negative_slope);
    let Some(name) = &a.nonlin else { return Ok(Activation::Identity) };
    match (name.rsplit('.').next().unwrap_or(name), slope) {
        ("LeakyReLU", slope) if slope.is_none_or(|s| (0.0..=1.0).contains(&s)) => {
            Ok(Activation::LeakyRelu { slope: slope.unwrap_or(0.01) })
        }
        ("ReLU", None) => Ok(Activation::Relu),
        ("SiLU", None) => Ok(Activation::Silu),
        _ => Err(format!("nonlin is `{name}` with slope {slope:?}; supported are LeakyReLU, ReLU and SiLU")),
    }
}
