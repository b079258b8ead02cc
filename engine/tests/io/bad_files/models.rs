//! Networks: cards that ask for too much and weights that are not there.

use super::{Bad, Door};

fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

pub fn files() -> Vec<Bad> {
    let weights = |name: &str, bytes: Vec<u8>| {
        Bad::new(
            Door::Weights,
            format!("weights {name}"),
            bytes,
            &["weights", "safetensors", "tensor", "header", "Header", "shape"],
        )
    };
    let tensor = |body: &str| format!("{{\"a\":{body}}}");
    let mut all = vec![
        weights("of nothing", Vec::new()),
        weights("of seven bytes", vec![0; 7]),
        weights("with a header of 2^63 bytes", [&(1u64 << 63).to_le_bytes()[..], b"{}"].concat()),
        weights("with a header beyond the file", [&100u64.to_le_bytes()[..], b"{}"].concat()),
        weights("with a header of 200 MB", [&200_000_000u64.to_le_bytes()[..], b"{}"].concat()),
        weights("with a header that is no JSON", safetensors("nonsense", &[])),
        weights("with a header that is a list", safetensors("[1, 2]", &[])),
        weights("with a header that is not UTF-8", safetensors("{\"\u{e9}\": 1}", &[])),
        weights("nested deep", safetensors(&"[".repeat(100_000), &[])),
    ];
    for (name, body) in [
        ("of an unknown type", r#"{"dtype":"F7","shape":[1],"data_offsets":[0,4]}"#),
        ("of text", r#"{"dtype":"STR","shape":[1],"data_offsets":[0,4]}"#),
        ("without a shape", r#"{"dtype":"F32","data_offsets":[0,4]}"#),
        ("of a negative shape", r#"{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}"#),
        ("of a shape that overflows", r#"{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}"#),
        ("of another size", r#"{"dtype":"F32","shape":[2],"data_offsets":[0,4]}"#),
        ("beyond the end", r#"{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#),
        ("backwards", r#"{"dtype":"F32","shape":[1],"data_offsets":[4,0]}"#),
        ("with a hole before", r#"{"dtype":"F32","shape":[0],"data_offsets":[4,4]}"#),
        ("of integers", r#"{"dtype":"I32","shape":[1],"data_offsets":[0,4]}"#),
        ("of truth values", r#"{"dtype":"BOOL","shape":[4],"data_offsets":[0,4]}"#),
    ] {
        all.push(weights(name, safetensors(&tensor(body), &[0; 4])));
    }
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let body = r#"{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#;
        all.push(weights(&format!("holding {value}"), safetensors(&tensor(body), &value.to_le_bytes())));
    }
    let good = include_str!("../../../models/compact-spine.json");
    let cards: [(&str, String); 14] = [
        ("of nothing", String::new()),
        ("that is no JSON", "name: compact".into()),
        ("that is a list", "[]".into()),
        ("cut in the middle", good[..good.len() / 2].into()),
        ("without an architecture", "{\"name\": \"x\"}".into()),
        ("with an unknown key", good.replacen("\"name\"", "\"colour\": 1, \"name\"", 1)),
        ("of an unknown role", good.replacen("\"role\": \"classes\"", "\"role\": \"poems\"", 1)),
        ("of an unknown operation", good.replacen("\"type\": \"conv\"", "\"type\": \"dream\"", 1)),
        ("of negative channels", good.replacen("\"outputs\": 16", "\"outputs\": -16", 1)),
        ("of 10^12 channels", good.replacen("\"outputs\": 16", "\"outputs\": 1000000000000", 1)),
        ("of a kernel of 10^9", good.replacen("\"kernel\": [3, 3, 3]", "\"kernel\": [1000000000, 3, 3]", 1)),
        ("that feeds on itself", good.replacen("\"inputs\": [1]}", "\"inputs\": [400]}", 1)),
        ("of stride 0", good.replacen("\"stride\": [1, 1, 1]", "\"stride\": [0, 0, 0]", 1)),
        ("nested deep", "[".repeat(200_000)),
    ];
    for (name, text) in cards {
        all.push(Bad::new(Door::Card, format!("card {name}"), text, &["card", "network", "weights", "node", "graph"]));
    }
    all
}
