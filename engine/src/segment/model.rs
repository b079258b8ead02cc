//! Networks on disk: weights in safetensors, a card in JSON beside them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kernels::architectures::CompactUnet;
use kernels::device::HuWindow;
use kernels::graph::{Node, NodeId, Op};
use kernels::{Graph, NetworkError, Program, Weights};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a model cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A file of the model cannot be read.
    #[error("cannot read {path}: {source}; a model is NAME.safetensors with its card NAME.json beside it")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The card is not what a card must be.
    #[error("the model card is not usable: {source}")]
    Card {
        /// What the parser said, with line and column.
        source: serde_json::Error,
    },
    /// The card's values make no sense together.
    #[error("the model card says {0}")]
    Content(String),
    /// The weights do not fit the architecture.
    #[error("the weights do not fit the card: {0}")]
    Weights(#[from] NetworkError),
}

/// The network a card describes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CardArchitecture {
    /// `compact-unet`, or `graph` for any network.
    pub kind: String,
    /// Channels of each level of a `compact-unet`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<usize>,
    /// The network of kind `graph`; its first output is the logits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph: Option<Graph>,
    /// Input channels, 1 for CT.
    pub inputs: usize,
    /// Output classes in order; `vertebra` is required.
    pub classes: Vec<String>,
}

/// How a CT becomes the network's input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preprocessing {
    /// Axis directions of the input; `LPS` is the one known.
    pub axes: String,
    /// Voxel edge, mm.
    pub spacing_mm: f64,
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
    /// Network family and size.
    pub architecture: CardArchitecture,
    /// Input preparation.
    pub preprocessing: Preprocessing,
    /// Probability from which a voxel counts as vertebra.
    pub vertebra_threshold: f32,
    /// Licence of the weights.
    pub licence: String,
    /// Everything else the card tells: data, training, measured Dice, failures.
    #[serde(flatten)]
    pub more: serde_json::Map<String, serde_json::Value>,
}

/// A network ready to run.
#[derive(Debug)]
pub struct Model {
    /// Its card.
    pub card: ModelCard,
    /// From window to class probabilities; to logits and offsets when it has both.
    pub program: Arc<Program>,
}

impl Model {
    /// From the bytes of a weight file and its card.
    ///
    /// # Errors
    /// [`ModelError`] naming what does not fit.
    pub fn from_bytes(weights: &[u8], card: &[u8]) -> Result<Self, ModelError> {
        let card: ModelCard = serde_json::from_slice(card).map_err(|source| ModelError::Card { source })?;
        check(&card)?;
        let (graph, weights) = (graph(&card.architecture)?, Weights::from_safetensors(weights)?);
        // Windows are blended, and those without bone are filled with class 0:
        // that is meant for probabilities only.
        let both = with_offsets(&graph)?.map(|graph| Program::new(&graph, &weights)).transpose()?;
        let program = match both.filter(Program::is_local) {
            Some(program) => program,
            None => Program::new(&with_probabilities(&graph)?, &weights)?,
        };
        let divisor = program.divisor;
        let patch = card.preprocessing.patch_voxels;
        if patch.iter().zip(divisor).any(|(n, divisor)| *n == 0 || n % divisor != 0 || *n > 512) {
            let found = format!("patch_voxels {patch:?}, but this network needs multiples of {divisor:?} up to 512");
            return Err(ModelError::Content(found));
        }
        Ok(Self { card, program: Arc::new(program) })
    }

    /// From `NAME.safetensors`, with the card `NAME.json` beside it.
    ///
    /// # Errors
    /// [`ModelError`] naming the file or what does not fit.
    pub fn from_file(path: &Path) -> Result<Self, ModelError> {
        let read = |path: PathBuf| std::fs::read(&path).map_err(|source| ModelError::Read { path, source });
        let card = read(path.with_extension("json"))?;
        let weights = read(path.to_path_buf())?;
        Self::from_bytes(&weights, &card)
    }

    /// Takes what [`Device::class_fields`](kernels::Device::class_fields) gives
    /// for this model apart: class probabilities, and from each voxel to the
    /// centroid of its vertebra, mm `[x, y, z]` (empty when the network has no
    /// such output; means something inside vertebrae only).
    pub(super) fn split(&self, mut fields: Vec<Vec<f32>>) -> (Vec<Vec<f32>>, Vec<[f32; 3]>) {
        let classes = self.card.architecture.classes.len();
        if fields.len() != classes + 3 {
            return (fields, Vec::new());
        }
        let offsets = fields.split_off(classes);
        let in_mm = |i: usize| [2, 1, 0].map(|axis: usize| offsets[axis][i] * OFFSET_UNIT_MM);
        let offsets_mm = (0..offsets[0].len()).map(in_mm).collect();
        softmax(&mut fields);
        (fields, offsets_mm)
    }

    /// Index of a class by its name.
    #[must_use]
    pub fn class(&self, name: &str) -> Option<usize> {
        self.card.architecture.classes.iter().position(|class| class == name)
    }
}

/// Unit of the network's offsets, mm; so trained.
const OFFSET_UNIT_MM: f32 = 25.0;

/// Logits to probabilities, voxel by voxel.
fn softmax(fields: &mut [Vec<f32>]) {
    for i in 0..fields.first().map_or(0, Vec::len) {
        let highest = fields.iter().map(|field| field[i]).fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0;
        for field in fields.iter_mut() {
            field[i] = (field[i] - highest).exp();
            sum += field[i];
        }
        fields.iter_mut().for_each(|field| field[i] /= sum);
    }
}

/// The network with its logits and offsets as one output, so that one pass on
/// any device gives both; `None` when it has no output `offsets`.
fn with_offsets(graph: &Graph) -> Result<Option<Graph>, NetworkError> {
    let offsets = graph.outputs().iter().find(|output| output.name == "offsets").map(|output| output.node);
    let (Some(offsets), Some(logits)) = (offsets.filter(|node| graph.channels(*node) == 3), graph.outputs().first())
    else {
        return Ok(None);
    };
    let (mut nodes, mut output) = (graph.nodes().to_vec(), logits.clone());
    nodes.push(Node { op: Op::Concat, inputs: vec![logits.node, offsets] });
    output.node = NodeId(nodes.len() - 1);
    Graph::new(nodes, vec![output]).map(Some)
}

/// The network with class probabilities as its only output.
fn with_probabilities(graph: &Graph) -> Result<Graph, NetworkError> {
    let logits = graph.outputs().first().cloned().into_iter().collect();
    Graph::new(graph.nodes().to_vec(), logits)?.with_softmax()
}

fn graph(architecture: &CardArchitecture) -> Result<Graph, ModelError> {
    let CardArchitecture { channels, inputs, classes, graph, .. } = architecture;
    let graph = match graph {
        Some(graph) => graph.clone(),
        None => CompactUnet { channels: channels.clone(), inputs: *inputs, classes: classes.len() }.graph()?,
    };
    let logits = graph.outputs().first().map_or(0, |output| graph.channels(output.node));
    if logits != classes.len() {
        return Err(ModelError::Content(format!("{} classes, but its network has {logits} logits", classes.len())));
    }
    Ok(graph)
}

fn check(card: &ModelCard) -> Result<(), ModelError> {
    let p = &card.preprocessing;
    let architecture = &card.architecture;
    let complaint = if !["compact-unet", "graph"].contains(&architecture.kind.as_str()) {
        format!("architecture {:?}, but this version runs \"compact-unet\" and \"graph\"", architecture.kind)
    } else if (architecture.kind == "graph") != architecture.graph.is_some() {
        format!("architecture {:?}, and a graph belongs to kind \"graph\" alone", architecture.kind)
    } else if card.architecture.inputs != 1 {
        format!("{} input channels, but a CT has 1", card.architecture.inputs)
    } else if !card.architecture.classes.iter().any(|class| class == "vertebra") {
        format!("classes {:?}, without \"vertebra\"", card.architecture.classes)
    } else if p.axes != "LPS" {
        format!("axes {:?}, but this version feeds \"LPS\"", p.axes)
    } else if !(0.5..=10.0).contains(&p.spacing_mm) {
        format!("spacing_mm {}, outside 0.5 to 10", p.spacing_mm)
    } else if !(p.scale_hu.is_finite() && p.scale_hu > 0.0 && p.clamp_hu[0] < p.clamp_hu[1] && p.offset_hu.is_finite())
    {
        format!("clamp_hu {:?}, offset_hu {}, scale_hu {}, which is no scaling", p.clamp_hu, p.offset_hu, p.scale_hu)
    } else if !(0.01..=0.99).contains(&card.vertebra_threshold) {
        format!("vertebra_threshold {}, outside 0.01 to 0.99", card.vertebra_threshold)
    } else {
        return Ok(());
    };
    Err(ModelError::Content(complaint))
}

#[cfg(test)]
pub(super) mod tests {
    use kernels::graph::{Activation, Conv, GraphBuilder};

    use super::*;

    fn local_files() -> (Vec<u8>, serde_json::Value) {
        let mut g = GraphBuilder::new();
        let image = g.input(1);
        let x = g.conv(image, "down", Conv::new(5, [3; 3]).stride([2; 3]));
        let x = g.activate(x, Activation::Relu);
        let x = g.conv_transpose(x, "up", 3, [2; 3], true);
        let x = g.concat(&[x, image]);
        let x = g.conv(x, "head", Conv::new(2, [1; 3]));
        g.output("logits", x);
        let graph = g.build().unwrap();
        let mut weights = Weights::new();
        for (name, shape) in graph.tensors() {
            let count = shape.iter().product();
            let values = (0..count).map(|i: usize| ((i * 7 + name.len()) % 11) as f32 * 0.05 - 0.2).collect();
            weights.insert(&name, shape, values).unwrap();
        }
        let card = serde_json::json!({
            "name": "local", "version": "1", "licence": "MIT", "vertebra_threshold": 0.5,
            "architecture": { "kind": "graph", "inputs": 1, "classes": ["background", "vertebra"], "graph": graph },
            "preprocessing": {
                "axes": "LPS", "spacing_mm": 2.0, "patch_voxels": [16, 16, 16],
                "clamp_hu": [-1000.0, 1000.0], "offset_hu": 0.0, "scale_hu": 500.0, "padding_hu": -1000.0
            }
        });
        (weights.to_safetensors().unwrap(), card)
    }

    /// A model without norms over the image.
    pub(in crate::segment) fn local_model() -> Model {
        let (weights, card) = local_files();
        Model::from_bytes(&weights, card.to_string().as_bytes()).unwrap()
    }

    /// The same network with a second output that points to centroids.
    fn model_with_offsets() -> Model {
        let (weights, mut card) = local_files();
        let nodes = card["architecture"]["graph"]["nodes"].as_array_mut().unwrap();
        let (mut offset, input) = (nodes[nodes.len() - 1].clone(), nodes.len());
        offset["op"]["weights"] = "offset".into();
        offset["op"]["outputs"] = 3.into();
        nodes.push(offset);
        let output = serde_json::json!({ "name": "offsets", "node": input });
        card["architecture"]["graph"]["outputs"].as_array_mut().unwrap().push(output);
        let mut weights = Weights::from_safetensors(&weights).unwrap();
        weights.insert("offset.weight", vec![3, 4, 1, 1, 1], vec![0.1; 12]).unwrap();
        weights.insert("offset.bias", vec![3], vec![0.5, 0.0, -0.5]).unwrap();
        Model::from_bytes(&weights.to_safetensors().unwrap(), card.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn offsets_come_with_the_classes_in_one_pass_and_are_no_probabilities() {
        let (plain, both) = (local_model(), model_with_offsets());
        assert_eq!((plain.program.outputs[0].channels, both.program.outputs[0].channels), (2, 5));
        let (classes, offsets_mm) = both.split(vec![vec![1.0], vec![1.0], vec![0.4], vec![0.2], vec![-2.0]]);
        assert_eq!((classes, offsets_mm), (vec![vec![0.5]; 2], vec![[-50.0, 5.0, 10.0]]));
        assert_eq!(plain.split(vec![vec![0.3], vec![0.7]]), (vec![vec![0.3], vec![0.7]], vec![]));
    }

    #[test]
    fn a_card_can_bring_its_own_network() {
        let model = local_model();
        assert!(model.program.is_local());
        assert_eq!(model.program.divisor, [2; 3]);
    }

    #[test]
    fn classes_and_logits_must_agree() {
        let (weights, mut card) = local_files();
        card["architecture"]["classes"] = serde_json::json!(["background", "vertebra", "disc"]);
        let text = Model::from_bytes(&weights, card.to_string().as_bytes()).unwrap_err().to_string();
        assert!(text.contains("3 classes") && text.contains("2 logits"), "{text}");
    }

    #[test]
    fn a_graph_that_is_no_network_is_refused_with_its_node() {
        let (weights, mut card) = local_files();
        card["architecture"]["graph"]["nodes"][1]["op"]["stride"] = serde_json::json!([0, 1, 1]);
        let text = Model::from_bytes(&weights, card.to_string().as_bytes()).unwrap_err().to_string();
        assert!(text.contains("`down`") && text.contains("stride"), "{text}");
    }
}
