//! One configuration of the plans, such as `3d_fullres`.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Architecture;
use crate::nnunet::card::Resampling;

/// Longest side of a patch.
const MAX_SIDE: usize = 1024;
/// Most voxels of a patch.
const MAX_VOXELS: usize = 1 << 26;

/// A configuration, checked.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// 2 or 3.
    pub dimensions: usize,
    /// `[z, y, x]` of the network; one slice in 2-D.
    pub patch: [usize; 3],
    /// Distance of voxels the network sees, mm; `None` keeps the image's.
    pub spacing_mm: [Option<f64>; 3],
    /// Class that normalised each channel.
    pub normalization: Vec<String>,
    /// Whether only the nonzero part was normalised, by channel.
    pub use_mask: Vec<bool>,
    /// How images were resampled.
    pub data_resampling: Resampling,
    /// How logits are resampled.
    pub logit_resampling: Resampling,
    /// The network.
    pub architecture: Architecture,
}

#[derive(Deserialize)]
struct Raw {
    preprocessor_name: Option<String>,
    patch_size: Vec<usize>,
    spacing: Vec<f64>,
    normalization_schemes: Vec<String>,
    use_mask_for_norm: Vec<bool>,
    resampling_fn_data: String,
    resampling_fn_data_kwargs: Value,
    resampling_fn_probabilities: String,
    resampling_fn_probabilities_kwargs: Value,
    previous_stage: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResamplingArguments {
    is_seg: bool,
    order: u8,
    #[serde(default)]
    order_z: u8,
    #[serde(default)]
    force_separate_z: Option<bool>,
}

impl Configuration {
    /// From the merged entries of the plans.
    pub(super) fn from_map(map: Map<String, Value>) -> Result<Self, String> {
        let architecture = Architecture::from_map(&map)?;
        let raw: Raw = serde_json::from_value(Value::Object(map)).map_err(|e| e.to_string())?;
        if let Some(stage) = raw.previous_stage {
            return Err(format!(
                "it is the second stage of a cascade and needs the result of `{stage}` as a further input, which is not supported; import `3d_fullres` or `3d_lowres`"
            ));
        }
        if let Some(name) = raw.preprocessor_name.filter(|name| name != "DefaultPreprocessor") {
            return Err(format!("images were prepared by `{name}`; only `DefaultPreprocessor` is supported"));
        }
        let dimensions = raw.patch_size.len();
        if !(2..=3).contains(&dimensions) || raw.spacing.len() != dimensions {
            return Err(format!(
                "patch_size {:?} and spacing {:?} are not both of 2 or 3 axes",
                raw.patch_size, raw.spacing
            ));
        }
        let configuration = Self {
            dimensions,
            patch: pad_front(&raw.patch_size, 1),
            spacing_mm: pad_front(&raw.spacing.iter().map(|s| Some(*s)).collect::<Vec<_>>(), None),
            normalization: raw.normalization_schemes,
            use_mask: raw.use_mask_for_norm,
            data_resampling: resampling("data", &raw.resampling_fn_data, raw.resampling_fn_data_kwargs, 3)?,
            logit_resampling: resampling(
                "probabilities",
                &raw.resampling_fn_probabilities,
                raw.resampling_fn_probabilities_kwargs,
                1,
            )?,
            architecture,
        };
        configuration.check()?;
        Ok(configuration)
    }

    fn check(&self) -> Result<(), String> {
        let voxels = self.patch.iter().try_fold(1usize, |n, side| n.checked_mul(*side));
        if self.patch.iter().any(|n| *n == 0 || *n > MAX_SIDE) || voxels.is_none_or(|n| n > MAX_VOXELS) {
            return Err(format!("patch_size {:?}: sides of 1 to {MAX_SIDE} voxels are supported", self.patch));
        }
        if self.spacing_mm.iter().flatten().any(|s| !(1e-3..=1e3).contains(s)) {
            return Err(format!("spacing {:?} mm is outside 0.001 to 1000", self.spacing_mm));
        }
        if self.architecture.dimensions != self.dimensions {
            return Err(format!(
                "the patch has {} axes, the network's convolutions {}",
                self.dimensions, self.architecture.dimensions
            ));
        }
        let divisor = self.architecture.divisor();
        if (0..3).any(|axis| !self.patch[axis].is_multiple_of(divisor[axis])) {
            return Err(format!("patch_size {:?} is no multiple of the strides' products {divisor:?}", self.patch));
        }
        Ok(())
    }
}

/// Two axes become three with `fill` first.
pub(super) fn pad_front<T: Copy>(values: &[T], fill: T) -> [T; 3] {
    let mut padded = [fill; 3];
    let start = 3 - values.len().min(3);
    padded[start..].iter_mut().zip(values).for_each(|(to, from)| *to = *from);
    padded
}

fn resampling(what: &str, function: &str, arguments: Value, highest_order: u8) -> Result<Resampling, String> {
    match function {
        "resample_data_or_seg_to_shape" => {}
        "no_resampling_hack" => return Ok(Resampling::Never),
        other => {
            return Err(format!(
                "{what} are resampled by `{other}`; only `resample_data_or_seg_to_shape` and `no_resampling_hack` are supported"
            ));
        }
    }
    let arguments: ResamplingArguments =
        serde_json::from_value(arguments).map_err(|e| format!("resampling_fn_{what}_kwargs: {e}"))?;
    let ResamplingArguments { is_seg, order, order_z, force_separate_z } = arguments;
    if is_seg || ![0, 1, 3].contains(&order) || order > highest_order || order_z > 1 {
        return Err(format!(
            "resampling_fn_{what}_kwargs: is_seg {is_seg}, order {order}, order_z {order_z}; supported are false, 0, 1 or 3 (at most {highest_order} for {what}), and 0 or 1"
        ));
    }
    Ok(Resampling::Spline { order, order_z, force_separate_z })
}
