//! `dataset.json`: input channels and labels.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::nnunet::card::Label;

/// `dataset.json`, the part that matters here.
#[derive(Debug, Clone, Deserialize)]
pub struct Dataset {
    /// Number to name; `modality` in older files.
    #[serde(alias = "modality")]
    channel_names: Map<String, Value>,
    labels: Map<String, Value>,
    /// Licence of the training data, when its makers filled it in.
    #[serde(default, alias = "license")]
    pub licence: Option<String>,
    /// Origin of the training data, when its makers filled it in.
    #[serde(default)]
    pub reference: Option<String>,
    /// What the model is for, when its makers filled it in.
    #[serde(default)]
    pub description: Option<String>,
}

impl Dataset {
    /// The name of the one input channel.
    ///
    /// # Errors
    /// When there are several.
    pub fn channel(&self) -> Result<String, String> {
        let mut names = self.channel_names.values();
        match (names.next().and_then(Value::as_str), names.next()) {
            (Some(name), None) => Ok(name.to_owned()),
            _ => Err(format!(
                "the network takes {} images ({:?}); only networks of one image are supported",
                self.channel_names.len(),
                self.channel_names
            )),
        }
    }

    /// Labels by number, `0, 1, 2, ..`; an ignore label is left out, because
    /// networks do not predict it.
    ///
    /// # Errors
    /// For regions, numbers with gaps, and more than 255.
    pub fn labels(&self) -> Result<Vec<Label>, String> {
        let mut labels = Vec::new();
        for (name, value) in self.labels.iter().filter(|(name, _)| *name != "ignore") {
            // A list of one is a label, too.
            let value = match value.as_array().map(Vec::as_slice) {
                Some([one]) => one,
                Some(_) => {
                    return Err(format!(
                        "label `{name}` is a region of several labels ({value}); networks trained on regions are not supported"
                    ));
                }
                None => value,
            };
            let number = value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
            let number = number.and_then(|n| u8::try_from(n).ok());
            let number = number.ok_or_else(|| format!("label `{name}` is {value}, not a number from 0 to 255"))?;
            labels.push(Label { number, name: name.clone() });
        }
        labels.sort_by_key(|label| label.number);
        let is_gapless = labels.iter().enumerate().all(|(index, label)| usize::from(label.number) == index);
        if labels.len() < 2 || !is_gapless {
            let numbers: Vec<u8> = labels.iter().map(|label| label.number).collect();
            return Err(format!("labels are numbered {numbers:?}; they must be 0, 1, 2, .. without gaps"));
        }
        Ok(labels)
    }
}
