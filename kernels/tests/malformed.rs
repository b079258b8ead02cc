//! Weights and graphs that must be refused, by name and with the numbers.
//!
//! A network that loads with the wrong weights segments something; nobody
//! would see that it is not the one that was validated.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use kernels::architectures::{CompactUnet, list};
use kernels::{Graph, NetworkError, Program, Weights};
use safetensors::tensor::{Dtype, TensorView};

fn graph() -> Graph {
    CompactUnet { channels: vec![2, 3], ..CompactUnet::default() }.graph().unwrap()
}

/// The weights of [`graph`], one of them replaced or removed.
fn weights_but(name: &str, tensor: Option<(Vec<usize>, Vec<f32>)>) -> Weights {
    let whole = Weights::synthetic(&graph()).unwrap();
    let mut weights = Weights::new();
    for (other, values) in whole.iter().filter(|(other, _)| *other != name) {
        weights.insert(other, values.shape.clone(), values.values.to_vec()).unwrap();
    }
    if let Some((shape, values)) = tensor {
        weights.insert(name, shape, values).unwrap();
    }
    weights
}

fn refusal(weights: &Weights) -> String {
    Program::new(&graph(), weights).unwrap_err().to_string()
}

#[test]
fn every_missing_tensor_is_named_with_the_shape_it_should_have() {
    assert!(Program::new(&graph(), &weights_but("", None)).is_ok());
    for (name, shape) in graph().tensors() {
        let text = refusal(&weights_but(&name, None));
        assert!(text.contains(&format!("`{name}`")) && text.contains(&format!("{shape:?}")), "{text}");
    }
}

#[test]
fn every_wrong_shape_is_named_with_both_shapes() {
    for (name, shape) in graph().tensors() {
        let count: usize = shape.iter().product();
        // Same number of values, other order of axes; and one value too many.
        let mut flat = vec![count, 1];
        for wrong in [std::mem::take(&mut flat), vec![count + 1]] {
            let values = vec![0.5; wrong.iter().product()];
            let text = refusal(&weights_but(&name, Some((wrong.clone(), values))));
            let is_complete = [format!("`{name}`"), format!("{shape:?}"), format!("{wrong:?}")];
            assert!(is_complete.iter().all(|part| text.contains(part)), "{text}");
        }
    }
}

#[test]
fn a_tensor_without_a_place_is_named() {
    let text = refusal(&weights_but("enc.9.0.conv.weight", Some((vec![7], vec![0.0; 7]))));
    assert!(text.contains("enc.9.0.conv.weight") && text.contains("[7]"), "{text}");
}

#[test]
fn weights_of_one_network_do_not_load_into_another() {
    let weights = Weights::synthetic(&graph()).unwrap();
    for entry in list() {
        assert!(Program::new(&entry.graph().unwrap(), &weights).is_err(), "{}", entry.name);
    }
}

#[test]
fn weights_that_are_no_numbers_are_refused() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let error = Weights::new().insert("head.bias", vec![3], vec![0.0, 1.0, value]).unwrap_err();
        let NetworkError::NonFiniteWeight { name, index: 2, .. } = &error else { panic!("{error}") };
        assert_eq!(name, "head.bias");
    }
    let bytes: Vec<u8> = [1.0_f32, f32::NAN].iter().flat_map(|v| v.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F32, vec![2], &bytes).unwrap();
    let file = safetensors::serialize([("head.bias", view)], None).unwrap();
    let text = Weights::from_safetensors(&file).unwrap_err().to_string();
    assert!(text.contains("head.bias") && text.contains("value 1"), "{text}");
}

#[test]
fn a_norm_whose_variance_has_no_root_is_refused() {
    let mut g = kernels::graph::GraphBuilder::new();
    let x = g.input(1);
    let x = g.batch_norm(x, "norm", 1e-5);
    g.output("out", x);
    let graph = g.build().unwrap();
    for variance in [-1.0, -1e-5] {
        let mut weights = Weights::new();
        for (kind, value) in [("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", variance)] {
            weights.insert(&format!("norm.{kind}"), vec![1], vec![value]).unwrap();
        }
        let text = Program::new(&graph, &weights).unwrap_err().to_string();
        assert!(text.contains("norm.running_var"), "{text}");
    }
}

#[test]
fn tensors_of_integers_are_refused_with_their_type() {
    let view = TensorView::new(Dtype::I64, vec![1], &[0; 8]).unwrap();
    let file = safetensors::serialize([("head.bias", view)], None).unwrap();
    let text = Weights::from_safetensors(&file).unwrap_err().to_string();
    assert!(text.contains("head.bias") && text.contains("I64"), "{text}");
}

#[test]
fn a_file_cut_short_anywhere_is_refused() {
    let file = Weights::synthetic(&graph()).unwrap().to_safetensors().unwrap();
    assert!(Weights::from_safetensors(&file).is_ok());
    for length in (0..file.len()).step_by(61).chain([file.len() - 1]) {
        assert!(Weights::from_safetensors(&file[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn headers_that_lie_are_errors_and_take_no_memory() {
    let file = |header: &str, data: usize| {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        bytes
    };
    let tensor =
        |shape: &str, end: &str| format!(r#"{{"x":{{"dtype":"F32","shape":{shape},"data_offsets":[0,{end}]}}}}"#);
    let mut endless = u64::MAX.to_le_bytes().to_vec();
    endless.extend_from_slice(b"{}");
    let hostile = [
        vec![],
        vec![1; 7],
        endless,
        file(&tensor("[1099511627776]", "4398046511104"), 16),
        file(&tensor("[18446744073709551615,18446744073709551615]", "16"), 16),
        file(&tensor("[4611686018427387904]", "0"), 0),
        file(&tensor("[3]", "18446744073709551615"), 12),
        file(&tensor("[0]", "0"), 0),
        file(&"[".repeat(100_000), 0),
    ];
    for (index, bytes) in hostile.iter().enumerate() {
        assert!(Weights::from_safetensors(bytes).is_err(), "hostile file {index}");
    }
    assert!(Weights::new().insert("x", vec![1 << 40, 1 << 40], vec![]).is_err());
}

#[test]
fn graph_files_that_make_no_network_are_errors() {
    let input = r#"{"op":{"type":"input","channels":1}}"#;
    let output = r#"[{"name":"out","node":1}]"#;
    let with = |node: &str| format!(r#"{{"nodes":[{input},{node}],"outputs":{output}}}"#);
    let conv = |settings: &str| {
        with(&format!(r#"{{"op":{{"type":"conv","weights":"a","bias":true,{settings}}},"inputs":[0]}}"#))
    };
    assert!(serde_json::from_str::<Graph>(&conv(r#""outputs":2,"kernel":[3,3,3]"#)).is_ok());
    let broken = [
        conv(r#""outputs":0,"kernel":[3,3,3]"#),
        conv(r#""outputs":18446744073709551615,"kernel":[3,3,3]"#),
        conv(r#""outputs":2,"kernel":[3,0,3]"#),
        conv(r#""outputs":2,"kernel":[3,3]"#),
        conv(r#""outputs":2,"kernel":[99999999,1,1]"#),
        conv(r#""outputs":2,"kernel":[1,1,1],"stride":[0,1,1]"#),
        conv(r#""outputs":2,"kernel":[1,1,1],"padding":[18446744073709551615,0,0]"#),
        conv(r#""outputs":3,"kernel":[1,1,1],"groups":2"#),
        conv(r#""outputs":2,"kernel":[1,1,1],"norm":"batch""#),
        with(r#"{"op":{"type":"concat"},"inputs":[0,7]}"#),
        with(r#"{"op":{"type":"concat"},"inputs":[0,1]}"#),
        with(r#"{"op":{"type":"teleport"},"inputs":[0]}"#),
        with(input),
        r#"{"nodes":[],"outputs":[]}"#.to_owned(),
        format!(r#"{{"nodes":[{input}],"outputs":[]}}"#),
        format!(r#"{{"nodes":[{input}],"outputs":[{{"name":"out","node":0}}]}}"#),
        conv(r#""outputs":2,"kernel":[3,3,3]"#)[..100].to_owned(),
    ];
    for text in &broken {
        assert!(serde_json::from_str::<Graph>(text).is_err(), "{text}");
    }
}

#[test]
fn inputs_that_do_not_fit_are_refused_before_memory_is_taken() {
    let graph = CompactUnet::default().graph().unwrap();
    let program = Program::new(&graph, &Weights::synthetic(&graph).unwrap()).unwrap();
    assert!(program.layout([16, 24, 40], 4).is_ok());
    let text = program.layout([16, 24, 44], 4).unwrap_err().to_string();
    assert!(text.contains("[16, 24, 44]") && text.contains("[8, 8, 8]"), "{text}");
    for dims in [[0, 8, 8], [1 << 40, 1 << 40, 1 << 40], [usize::MAX - 7, 8, 8], [usize::MAX, 1, 1]] {
        assert!(program.layout(dims, 4).is_err(), "{dims:?}");
    }
}
