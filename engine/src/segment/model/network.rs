//! From a card to a network that runs.

use kernels::architectures::{CompactUnet, Dense3dUnet, LocalisationUnet, MafuUnet, ResidualUnet, Xunet3d};
use kernels::graph::{Activation, Node, NodeId, Op};
use kernels::{Graph, NetworkError, Program, Weights};
use serde::de::DeserializeOwned;

use super::ModelError;
use super::card::{CardArchitecture, ModelCard, OutputActivation};

/// Kinds of SpineNav itself.
pub const OWN_KINDS: [&str; 2] = ["compact-unet", "graph"];

/// Kinds of [`kernels::architectures`] that cards may name.
pub const PUBLISHED_KINDS: [&str; 5] = ["dense_3d_unet", "mafu_unet", "residual_unet", "localisation_unet", "xunet_3d"];

/// The network of a card without what follows its logits.
///
/// # Errors
/// [`NetworkError::Graph`] for settings that make no network.
pub fn graph(architecture: &CardArchitecture) -> Result<Graph, NetworkError> {
    let CardArchitecture { kind, channels, inputs, classes, graph, settings } = architecture;
    if let Some(graph) = graph {
        return Ok(graph.clone());
    }
    let settings = settings.as_ref();
    match kind.as_str() {
        "dense_3d_unet" => read::<Dense3dUnet>(kind, settings)?.graph(),
        "mafu_unet" => read::<MafuUnet>(kind, settings)?.graph(),
        "residual_unet" => read::<ResidualUnet>(kind, settings)?.graph(),
        "localisation_unet" => read::<LocalisationUnet>(kind, settings)?.graph(),
        "xunet_3d" => read::<Xunet3d>(kind, settings)?.graph(),
        _ => CompactUnet { channels: channels.clone(), inputs: *inputs, classes: classes.len() }.graph(),
    }
}

fn read<T: DeserializeOwned>(kind: &str, settings: Option<&serde_json::Value>) -> Result<T, NetworkError> {
    let settings = settings.cloned().unwrap_or_default();
    serde_json::from_value(settings)
        .map_err(|why| NetworkError::Graph { node: format!("settings of {kind}"), reason: why.to_string() })
}

/// The program of a card: its first output is probabilities, a heat map, or
/// logits followed by offsets.
///
/// # Errors
/// [`ModelError`] naming what does not fit.
pub fn program(card: &ModelCard, weights: &Weights) -> Result<Program, ModelError> {
    let graph = graph(&card.architecture)?;
    let found = graph.outputs().first().map_or(0, |output| graph.channels(output.node));
    let classes = card.architecture.classes.len();
    if found != classes {
        return Err(ModelError::Content(format!("{classes} classes, but its network has {found} logits")));
    }
    let inputs = graph.nodes().iter().find_map(|node| match node.op {
        Op::Input { channels } => Some(channels),
        _ => None,
    });
    if inputs != Some(card.architecture.inputs) {
        let (said, found) = (card.architecture.inputs, inputs.unwrap_or(0));
        return Err(ModelError::Content(format!("{said} input channels, but its network has {found}")));
    }
    if card.output_activation != OutputActivation::Softmax {
        return single(card, &graph, weights);
    }
    // Windows are blended, and those without bone are filled with class 0:
    // that is meant for probabilities only.
    let both = with_offsets(&graph)?.map(|graph| Program::new(&graph, weights)).transpose()?;
    Ok(match both.filter(Program::is_local) {
        Some(program) => program,
        None => Program::new(&first_output(&graph)?.with_softmax()?, weights)?,
    })
}

/// A network with one output channel, which no window without bone can fill:
/// class 0 is what is looked for.
fn single(card: &ModelCard, graph: &Graph, weights: &Weights) -> Result<Program, ModelError> {
    let graph = match card.output_activation {
        OutputActivation::Sigmoid => with_sigmoid(graph)?,
        _ => first_output(graph)?,
    };
    let program = Program::new(&graph, weights)?;
    if program.is_local() {
        return Ok(program);
    }
    let found = format!(
        "output_activation {:?}, but its network has norms over the image; give it a background class",
        card.output_activation
    );
    Err(ModelError::Content(found))
}

fn first_output(graph: &Graph) -> Result<Graph, NetworkError> {
    Graph::new(graph.nodes().to_vec(), graph.outputs().first().cloned().into_iter().collect())
}

fn with_sigmoid(graph: &Graph) -> Result<Graph, NetworkError> {
    let mut nodes = graph.nodes().to_vec();
    let Some(mut output) = graph.outputs().first().cloned() else { return first_output(graph) };
    nodes.push(Node { op: Op::Activate { activation: Activation::Sigmoid }, inputs: vec![output.node] });
    output.node = NodeId(nodes.len() - 1);
    Graph::new(nodes, vec![output])
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
