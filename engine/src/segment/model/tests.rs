//! Cards and weights, good and bad.

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

/// A card of a published network with small random weights.
fn published(kind: &str, changes: &serde_json::Value) -> (Vec<u8>, serde_json::Value) {
    let (role, settings, classes, activation) = match kind {
        "mafu_unet" => (
            "instances",
            serde_json::json!({ "inputs": 2, "classes": 4, "channels": [4, 8] }),
            serde_json::json!(["background", "above", "centre", "below"]),
            "softmax",
        ),
        "residual_unet" => (
            "classes",
            serde_json::json!({ "inputs": 1, "classes": 4, "channels": [4, 8] }),
            serde_json::json!(["background", "vertebra", "pelvis", "femur"]),
            "softmax",
        ),
        "localisation_unet" => (
            "heat_map",
            serde_json::json!({ "inputs": 1, "outputs": 1, "channels": [4, 8] }),
            serde_json::json!(["lumbar"]),
            "none",
        ),
        _ => (
            "classes",
            serde_json::json!({ "inputs": 1, "classes": 1, "stem": 4, "growth": 4, "layers": [1], "bottleneck": 1 }),
            serde_json::json!(["vertebra"]),
            "sigmoid",
        ),
    };
    let mut card = serde_json::json!({
        "name": kind, "version": "1", "licence": "MIT", "vertebra_threshold": 0.5,
        "role": role, "output_activation": activation,
        "architecture": { "kind": kind, "settings": settings, "inputs": settings["inputs"], "classes": classes },
        "preprocessing": {
            "axes": "LPS", "spacing_mm": 2.0, "spacing_range_mm": [1.5, 4.0], "patch_voxels": [16, 16, 16],
            "clamp_hu": [0.0, 1000.0], "offset_hu": 0.0, "scale_hu": 1000.0, "padding_hu": -1000.0
        }
    });
    if kind == "mafu_unet" {
        card["needs"] = "first".into();
        card["input_channels"] = serde_json::json!(["hu", "vertebra_probability"]);
    }
    let graph = network::graph(&serde_json::from_value(card["architecture"].clone()).unwrap()).unwrap();
    for (key, value) in changes.as_object().into_iter().flatten() {
        card[key] = value.clone();
    }
    (Weights::synthetic(&graph).unwrap().to_safetensors().unwrap(), card)
}

/// A model of a published network, its card changed.
pub(in crate::segment) fn published_model(kind: &str, changes: &serde_json::Value) -> Result<Model, ModelError> {
    let (weights, card) = published(kind, changes);
    Model::from_bytes(&weights, card.to_string().as_bytes())
}

#[test]
fn published_networks_run_from_a_card_of_their_sizes() {
    for (kind, channels) in [("mafu_unet", 4), ("residual_unet", 4), ("localisation_unet", 1), ("dense_3d_unet", 1)] {
        let model = published_model(kind, &serde_json::Value::Null).unwrap();
        assert_eq!(model.program.outputs[0].channels, channels, "{kind}");
        assert!(model.card.architecture.parameters().unwrap() > 100, "{kind}");
    }
}

#[test]
fn a_single_logit_becomes_a_probability() {
    use kernels::{Device, Precision, Tensor};
    let model = published_model("dense_3d_unet", &serde_json::Value::Null).unwrap();
    let mut network = kernels::Cpu::new().load(&model.program, Precision::F32).unwrap();
    let (input, mut outputs) = (Tensor::new([1, 8, 8, 8], vec![0.4; 512]).unwrap(), Vec::new());
    network.run(&input, &mut outputs).unwrap();
    assert!(outputs[0].data().iter().all(|p| (0.0..=1.0).contains(p)));
}

#[test]
fn an_old_card_still_means_what_it_meant() {
    let card = local_model().card;
    assert_eq!((card.role, card.modes(), card.needs), (Role::Classes, vec![Mode::Patches], None));
    assert_eq!((card.output_activation, card.input_channels.len()), (OutputActivation::Softmax, 1));
}

#[test]
fn cards_that_make_no_sense_are_refused_with_what_they_say() {
    let cases = [
        ("dense_3d_unet", serde_json::json!({ "output_activation": "softmax" }), "Softmax for 1 classes"),
        ("dense_3d_unet", serde_json::json!({ "role": "instances" }), "not those of three vertebrae"),
        ("dense_3d_unet", serde_json::json!({ "modes": ["windows"] }), "mode windows"),
        ("dense_3d_unet", serde_json::json!({ "needs": "compact-spine" }), "needs no other"),
        ("dense_3d_unet", serde_json::json!({ "input_channels": [] }), "1 input channels"),
        ("dense_3d_unet", serde_json::json!({ "modes": ["sideways"] }), "sideways"),
        ("mafu_unet", serde_json::json!({ "needs": null }), "needs a first step"),
        ("mafu_unet", serde_json::json!({ "modes": ["patches"] }), "runs in windows"),
        ("mafu_unet", serde_json::json!({ "input_channels": ["hu", "hu"] }), "is fed"),
        ("localisation_unet", serde_json::json!({ "output_activation": "sigmoid" }), "heat map"),
        ("localisation_unet", serde_json::json!({ "role": "lumbar_levels" }), "not those of L1 to L5"),
    ];
    for (kind, changes, expected) in cases {
        let text = published_model(kind, &changes).map(|_| ()).unwrap_err().to_string();
        assert!(text.contains(expected), "{kind} {changes}: {text}");
    }
    let (weights, mut card) = published("dense_3d_unet", &serde_json::json!({ "modes": ["box128"] }));
    card["preprocessing"]["spacing_range_mm"] = serde_json::json!([3.0, 2.0]);
    let text = Model::from_bytes(&weights, card.to_string().as_bytes()).unwrap_err().to_string();
    assert!(text.contains("no range around 2"), "{text}");
    card["architecture"]["settings"]["widht"] = 3.into();
    card["preprocessing"]["spacing_range_mm"] = serde_json::json!([1.5, 4.0]);
    let text = Model::from_bytes(&weights, card.to_string().as_bytes()).unwrap_err().to_string();
    assert!(text.contains("widht"), "{text}");
}
