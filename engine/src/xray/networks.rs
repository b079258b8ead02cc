//! The two networks of a radiograph: boxes, then the contour in each box.
//!
//! Promises what a card says and weights that fit it; a missing file is named.

use std::path::Path;
use std::sync::Arc;

use kernels::architectures::{Unet2d, Yolov5s};
use kernels::detect::{Anchors, DetectError, Suppression};
use kernels::{Device, Executable, Graph, NetworkError, OpError, Precision, Program, Weights};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::io::bounded::{TEXT_BYTES, WEIGHTS_BYTES, read_bounded};
use crate::segment::ModelError;

/// Name of the detector's files.
pub const DETECTOR: &str = "radiograph-detector";
/// Name of the contour network's files.
pub const CONTOUR: &str = "radiograph-contour";

/// Why the networks cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NetworksError {
    /// A file of a model cannot be read, or its card is not what a card must be.
    #[error("{0}")]
    Model(#[from] ModelError),
    /// The card is of another network.
    #[error("the model card of {name} says architecture {kind:?}; {what}")]
    Architecture {
        /// Name on the card.
        name: String,
        /// What it says.
        kind: String,
        /// What is needed.
        what: String,
    },
    /// The weights do not fit the card, or the network failed.
    #[error("{name}: {source}")]
    Network {
        /// The model.
        name: &'static str,
        /// What does not fit.
        source: NetworkError,
    },
    /// The device failed.
    #[error("{0}")]
    Device(#[from] OpError),
    /// The detector's maps make no boxes.
    #[error("{0}")]
    Detect(#[from] DetectError),
}

/// What a card says of the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RadiographArchitecture {
    /// `yolov5s` or `unet_2d`.
    pub kind: String,
    /// Its sizes: the fields of its struct in [`kernels::architectures`].
    #[serde(default)]
    pub settings: serde_json::Value,
}

/// What is known of one of the two networks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RadiographCard {
    /// Name of the model.
    pub name: String,
    /// Version of the weights.
    pub version: String,
    /// Network family and size.
    pub architecture: RadiographArchitecture,
    /// Box sizes the detector refines; YOLOv5's own unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchors: Option<Anchors>,
    /// What the detector keeps; YOLOv5's settings unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppression: Option<Suppression>,
    /// Licence of the weights.
    pub licence: String,
    /// Everything else the card tells: data, training, measured accuracy, failures.
    #[serde(flatten)]
    pub more: serde_json::Map<String, serde_json::Value>,
}

impl RadiographCard {
    /// What the network is for, in words; `None` for an architecture that is not of radiographs.
    #[must_use]
    pub fn role(&self) -> Option<&'static str> {
        match self.architecture.kind.as_str() {
            "yolov5s" => Some("boxes in radiographs"),
            "unet_2d" => Some("outlines in radiographs"),
            _ => None,
        }
    }

    /// Trained numbers in the network.
    ///
    /// # Errors
    /// [`NetworksError`] when the card describes no such network.
    pub fn parameters(&self) -> Result<u64, NetworksError> {
        let graph = match self.architecture.kind.as_str() {
            "yolov5s" => settings::<Yolov5s>(self, "yolov5s")?.graph(),
            _ => settings::<Unet2d>(self, "unet_2d")?.graph(),
        };
        let failed = |source| NetworksError::Network { name: "radiograph network", source };
        Ok(graph.map_err(failed)?.parameters())
    }
}

/// Bytes of one model: weights and card.
pub type ModelBytes<'a> = (&'a [u8], &'a [u8]);

/// Both networks, checked.
#[derive(Debug, Clone)]
pub struct Networks {
    /// Card of the detector.
    pub detector_card: RadiographCard,
    /// Card of the contour network.
    pub contour_card: RadiographCard,
    detector: Arc<Program>,
    contour: Arc<Program>,
}

/// Both networks on a device.
#[derive(Debug)]
pub struct RunningNetworks {
    pub(super) detector: Box<dyn Executable>,
    pub(super) contour: Box<dyn Executable>,
    pub(super) anchors: Anchors,
    pub(super) suppression: Suppression,
    pub(super) classes: usize,
}

impl Networks {
    /// From the bytes of both models' weights and cards.
    ///
    /// # Errors
    /// [`NetworksError`] naming what does not fit.
    pub fn from_bytes(detector: ModelBytes<'_>, contour: ModelBytes<'_>) -> Result<Self, NetworksError> {
        let (detector_card, contour_card) = (card(detector.1)?, card(contour.1)?);
        let boxes: Yolov5s = settings(&detector_card, "yolov5s")?;
        let masks: Unet2d = settings(&contour_card, "unet_2d")?;
        if boxes != Yolov5s::default() {
            let what = "the detector sees grey three times and tells C2, femoral head, vertebra".to_owned();
            return Err(architecture(&detector_card, what));
        }
        if (masks.inputs, masks.classes) != (2, 1) {
            let what = "the contour network sees grey and the box, and tells one body".to_owned();
            return Err(architecture(&contour_card, what));
        }
        Ok(Self {
            detector: program(DETECTOR, boxes.graph(), detector.0)?,
            contour: program(CONTOUR, masks.graph(), contour.0)?,
            detector_card,
            contour_card,
        })
    }

    /// From `radiograph-detector` and `radiograph-contour`, `.safetensors` and `.json`, in a folder.
    ///
    /// # Errors
    /// [`NetworksError`] naming the file or what does not fit.
    pub fn from_folder(folder: &Path) -> Result<Self, NetworksError> {
        let read = |name: &str, end: &str, limit| {
            let path = folder.join(format!("{name}.{end}"));
            read_bounded(&path, limit).map_err(|source| NetworksError::from(ModelError::Read { path, source }))
        };
        let both = |name: &str| {
            Ok::<_, NetworksError>((read(name, "safetensors", WEIGHTS_BYTES)?, read(name, "json", TEXT_BYTES)?))
        };
        let (detector, contour) = (both(DETECTOR)?, both(CONTOUR)?);
        Self::from_bytes((&detector.0, &detector.1), (&contour.0, &contour.1))
    }

    /// Loads both onto a device.
    ///
    /// # Errors
    /// [`NetworksError::Device`].
    pub fn load(&self, device: &dyn Device) -> Result<RunningNetworks, NetworksError> {
        Ok(RunningNetworks {
            detector: device.load(&self.detector, Precision::F32)?,
            contour: device.load(&self.contour, Precision::F32)?,
            anchors: self.detector_card.anchors.clone().unwrap_or_default(),
            suppression: self.detector_card.suppression.unwrap_or_default(),
            classes: Yolov5s::default().classes,
        })
    }
}

fn card(bytes: &[u8]) -> Result<RadiographCard, NetworksError> {
    serde_json::from_slice(bytes).map_err(|source| ModelError::Card { source }.into())
}

fn architecture(card: &RadiographCard, what: String) -> NetworksError {
    NetworksError::Architecture { name: card.name.clone(), kind: card.architecture.kind.clone(), what }
}

/// The sizes on a card whose kind must be `kind`.
fn settings<T: serde::de::DeserializeOwned + Default>(card: &RadiographCard, kind: &str) -> Result<T, NetworksError> {
    if card.architecture.kind != kind {
        return Err(architecture(card, format!("needed is {kind:?}")));
    }
    if card.architecture.settings.is_null() {
        return Ok(T::default());
    }
    serde_json::from_value(card.architecture.settings.clone()).map_err(|source| ModelError::Card { source }.into())
}

fn program(
    name: &'static str,
    graph: Result<Graph, NetworkError>,
    weights: &[u8],
) -> Result<Arc<Program>, NetworksError> {
    let make = || Program::new(&graph?, &Weights::from_safetensors(weights)?);
    make().map(Arc::new).map_err(|source| NetworksError::Network { name, source })
}
