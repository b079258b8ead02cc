//! The plans file: what all configurations share, and their inheritance.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Configuration;

/// Longest chain of `inherits_from`.
const MAX_INHERITANCE: usize = 16;
/// Readers that give voxels in the order of the file, and the one that turns
/// them to right-anterior-superior first.
const READERS: [&str; 2] = ["SimpleITKIO", "NibabelIO"];
const REORIENTING_READERS: [&str; 2] = ["NibabelIOWithReorient", "SimpleITKIOWithReorient"];

/// Intensities of the foreground of the training set.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Intensities {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub std: f64,
    /// Lower clipping bound.
    pub percentile_00_5: f64,
    /// Upper clipping bound.
    pub percentile_99_5: f64,
}

/// `plans.json`, the part that matters here.
#[derive(Debug, Clone, Deserialize)]
pub struct Plans {
    /// Such as `Dataset291_TotalSegmentator_part1_organs_1559subj`.
    pub dataset_name: String,
    /// Such as `nnUNetPlans`.
    pub plans_name: String,
    /// Class that read the images.
    image_reader_writer: String,
    /// Axis of the file that becomes axis `i` of the network, `[z, y, x]`.
    pub transpose_forward: [usize; 3],
    /// Its inverse.
    transpose_backward: [usize; 3],
    /// By name, inheritance not resolved.
    configurations: BTreeMap<String, Map<String, Value>>,
    /// By number of the channel.
    #[serde(alias = "foreground_intensity_properties_by_modality")]
    foreground_intensity_properties_per_channel: BTreeMap<String, Intensities>,
}

impl Plans {
    /// Names of the configurations.
    pub fn names(&self) -> Vec<&str> {
        self.configurations.keys().map(String::as_str).collect()
    }

    /// Whether images were turned to right-anterior-superior before training.
    ///
    /// # Errors
    /// The reader, when it is for other images than CTs.
    pub fn turns_to_ras(&self) -> Result<bool, String> {
        let reader = self.image_reader_writer.as_str();
        if REORIENTING_READERS.contains(&reader) {
            return Ok(true);
        }
        if READERS.contains(&reader) {
            return Ok(false);
        }
        Err(format!("images were read by `{reader}`; supported are {READERS:?} and {REORIENTING_READERS:?}"))
    }

    /// Intensities of a channel.
    pub fn intensities(&self, channel: usize) -> Option<&Intensities> {
        self.foreground_intensity_properties_per_channel.get(&channel.to_string())
    }

    /// Refuses transpositions that are none.
    ///
    /// # Errors
    /// What the file says.
    pub fn check(&self) -> Result<(), String> {
        let (forward, backward) = (self.transpose_forward, self.transpose_backward);
        let is_inverse = (0..3).all(|axis| forward.get(backward[axis]) == Some(&axis));
        if is_inverse {
            return Ok(());
        }
        Err(format!("transpose_forward {forward:?} and transpose_backward {backward:?} are not inverse to each other"))
    }

    /// A configuration with all it inherits.
    ///
    /// # Errors
    /// What is missing, contradictory or not supported.
    pub fn configuration(&self, name: &str) -> Result<Configuration, String> {
        let mut merged = Map::new();
        let mut next = Some(name.to_owned());
        let mut chain = Vec::new();
        while let Some(name) = next.take() {
            let found = self.configurations.get(&name);
            let found =
                found.ok_or_else(|| format!("there is no configuration `{name}`; there are {:?}", self.names()))?;
            if chain.len() == MAX_INHERITANCE || chain.contains(&name) {
                return Err(format!("configurations inherit from each other in a circle: {chain:?}, `{name}`"));
            }
            for (key, value) in found {
                if !merged.contains_key(key) {
                    merged.insert(key.clone(), value.clone());
                }
            }
            next = found.get("inherits_from").and_then(Value::as_str).map(str::to_owned);
            chain.push(name);
        }
        Configuration::from_map(merged).map_err(|what| format!("configuration `{name}`: {what}"))
    }
}
