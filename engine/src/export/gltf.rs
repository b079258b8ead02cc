//! Binary glTF 2.0 (.glb): one named, coloured node a bone, in metres.
//!
//! glTF has y up and looks along +z at a model's front, so that LPS
//! `(x, y, z)` mm becomes `(x, z, -y)` / 1000 m. Specification: Khronos, glTF 2.0.

use std::path::Path;

use serde_json::{Value, json};

use super::part::Part;
use crate::io::{WriteError, write_whole};

/// glTF's numbers for what a buffer holds.
const VERTICES: u32 = 34_962;
/// Indices of triangles.
const INDICES: u32 = 34_963;
/// 32-bit float and unsigned int.
const F32: u32 = 5126;
/// See [`F32`].
const U32: u32 = 5125;

/// Writes a .glb file; it appears whole or not at all. Parts without triangles
/// are left out, as glTF allows no empty buffer.
///
/// # Errors
/// [`WriteError`] when the system refuses or the file would exceed 4 GiB.
pub fn write(path: &Path, parts: &[Part]) -> Result<(), WriteError> {
    let bytes = encode(parts).ok_or_else(|| WriteError {
        path: path.to_owned(),
        doing: "encode glTF",
        source: std::io::Error::new(std::io::ErrorKind::InvalidInput, "more than 4 GiB of geometry; decimate it"),
    })?;
    write_whole(path, &bytes)
}

fn to_metres([x, y, z]: [f32; 3]) -> [f32; 3] {
    [x / 1000.0, z / 1000.0, -y / 1000.0]
}

fn encode(parts: &[Part]) -> Option<Vec<u8>> {
    let mut binary: Vec<u8> = Vec::new();
    let (mut views, mut accessors, mut meshes, mut nodes, mut materials) = (vec![], vec![], vec![], vec![], vec![]);
    for part in parts.iter().filter(|p| !p.mesh.triangles.is_empty()) {
        let number = meshes.len();
        let positions: Vec<[f32; 3]> = part.mesh.vertices.iter().map(|v| to_metres(*v)).collect();
        let normals: Vec<[f32; 3]> = part.mesh.normals.iter().map(|n| to_metres(n.map(|c| c * 1000.0))).collect();
        let fold = |f: fn(f32, f32) -> f32, start: f32| {
            positions.iter().fold([start; 3], |b, p| [f(b[0], p[0]), f(b[1], p[1]), f(b[2], p[2])])
        };
        let (low, high) = (fold(f32::min, f32::INFINITY), fold(f32::max, f32::NEG_INFINITY));
        let mut view = |target: u32, bytes: &mut dyn Iterator<Item = u8>| {
            let start = binary.len();
            binary.extend(bytes);
            views.push(
                json!({ "buffer": 0, "byteOffset": start, "byteLength": binary.len() - start, "target": target }),
            );
            views.len() - 1
        };
        let floats = |all: &[[f32; 3]]| all.iter().flatten().flat_map(|c| c.to_le_bytes()).collect::<Vec<u8>>();
        let position_view = view(VERTICES, &mut floats(&positions).into_iter());
        let normal_view = view(VERTICES, &mut floats(&normals).into_iter());
        let index_view = view(INDICES, &mut part.mesh.triangles.iter().flatten().flat_map(|i| i.to_le_bytes()));
        let first = accessors.len();
        accessors.push(json!({ "bufferView": position_view, "componentType": F32, "count": positions.len(), "type": "VEC3", "min": low, "max": high }));
        accessors
            .push(json!({ "bufferView": normal_view, "componentType": F32, "count": normals.len(), "type": "VEC3" }));
        accessors.push(json!({ "bufferView": index_view, "componentType": U32, "count": part.mesh.triangles.len() * 3, "type": "SCALAR" }));
        materials.push(material(part));
        let attributes = json!({ "POSITION": first, "NORMAL": first + 1 });
        let primitive = json!({ "attributes": attributes, "indices": first + 2, "material": number });
        meshes.push(json!({ "name": part.name, "primitives": [primitive] }));
        nodes.push(json!({ "name": part.name, "mesh": number }));
    }
    let scene: Vec<usize> = (0..nodes.len()).collect();
    let mut document = json!({
        "asset": { "version": "2.0", "generator": "SpineNav" },
        "scene": 0,
        "scenes": [{ "nodes": scene }],
    });
    if !nodes.is_empty() {
        for (key, value) in [
            ("nodes", json!(nodes)),
            ("meshes", json!(meshes)),
            ("materials", json!(materials)),
            ("accessors", json!(accessors)),
            ("bufferViews", json!(views)),
            ("buffers", json!([{ "byteLength": binary.len() }])),
        ] {
            document[key] = value;
        }
    }
    container(&document, binary)
}

fn material(part: &Part) -> Value {
    // glTF colours are linear light; part colours are sRGB (IEC 61966-2-1).
    let linear = |c: u8| {
        let v = f64::from(c) / 255.0;
        if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
    };
    let [r, g, b] = part.colour.map(linear);
    json!({ "name": part.name, "pbrMetallicRoughness": { "baseColorFactor": [r, g, b, 1.0], "metallicFactor": 0.0, "roughnessFactor": 0.8 } })
}

/// Header, JSON chunk, binary chunk; each padded to four bytes.
fn container(document: &Value, mut binary: Vec<u8>) -> Option<Vec<u8>> {
    let mut text = document.to_string().into_bytes();
    text.resize(text.len().next_multiple_of(4), b' ');
    binary.resize(binary.len().next_multiple_of(4), 0);
    let binary_chunk = if binary.is_empty() { 0 } else { 8 + binary.len() };
    let total = u32::try_from(12 + 8 + text.len() + binary_chunk).ok()?;
    let mut out = Vec::with_capacity(total as usize);
    out.extend_from_slice(b"glTF");
    out.extend_from_slice(&2u32.to_le_bytes());
    out.extend_from_slice(&total.to_le_bytes());
    out.extend_from_slice(&u32::try_from(text.len()).ok()?.to_le_bytes());
    out.extend_from_slice(b"JSON");
    out.extend_from_slice(&text);
    if !binary.is_empty() {
        out.extend_from_slice(&u32::try_from(binary.len()).ok()?.to_le_bytes());
        out.extend_from_slice(b"BIN\0");
        out.extend_from_slice(&binary);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::phantom;

    #[test]
    fn lengths_add_up_and_the_front_looks_at_the_viewer() {
        let part = Part { name: "L3".into(), colour: [200, 100, 50], mesh: phantom::ball([0.0; 3], 8.0) };
        let bytes = encode(&[part]).unwrap();
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        assert_eq!((&bytes[..4], word(4), word(8)), (&b"glTF"[..], 2, bytes.len()));
        let document: Value = serde_json::from_slice(&bytes[20..20 + word(12)]).unwrap();
        assert_eq!(document["nodes"][0]["name"], "L3");
        assert_eq!(document["buffers"][0]["byteLength"].as_u64().unwrap() as usize, word(20 + word(12)));
        assert_eq!(to_metres([0.0, -1000.0, 0.0]), [0.0, 0.0, 1.0]);
    }

    #[test]
    fn nothing_is_still_a_file() {
        let bytes = encode(&[]).unwrap();
        assert_eq!(bytes.len() % 4, 0);
    }
}
