//! STL: counts that lie, coordinates that are none, text that breaks off.

use super::{Bad, Door};

fn binary(count: u32, triangles: &[[f32; 12]]) -> Vec<u8> {
    let mut bytes = vec![b' '; 80];
    bytes.extend(count.to_le_bytes());
    for triangle in triangles {
        triangle.iter().for_each(|v| bytes.extend(v.to_le_bytes()));
        bytes.extend([0, 0]);
    }
    bytes
}

const GOOD: [f32; 12] = [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0];

pub fn files() -> Vec<Bad> {
    let bad = |name: String, bytes: Vec<u8>, said| Bad::new(Door::Mesh, format!("stl {name}"), bytes, said);
    let mut all = Vec::new();
    all.push(bad("of nothing".into(), Vec::new(), &["empty"]));
    for count in [2u32, 1000, 19_999_999] {
        all.push(bad(format!("that claims {count} triangles"), binary(count, &[GOOD]), &["promises"]));
    }
    for count in [20_000_001u32, u32::MAX] {
        all.push(bad(format!("that claims {count} triangles"), binary(count, &[GOOD]), &["limit is"]));
    }
    all.push(bad("without triangles".into(), binary(0, &[]), &["no triangle"]));
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for at in [3, 7, 11] {
            let mut triangle = GOOD;
            triangle[at] = value;
            all.push(bad(format!("with {value} at {at}"), binary(1, &[triangle]), &["not a finite number"]));
        }
    }
    all.push(bad("of one point".into(), binary(1, &[[1.0; 12]]), &["no triangle"]));
    for keep in [1, 10, 79, 80, 83] {
        all.push(bad(format!("of {keep} bytes"), binary(1, &[GOOD])[..keep].to_vec(), &["too few"]));
    }
    for keep in [84, 100, 133] {
        all.push(bad(format!("cut after {keep}"), binary(1, &[GOOD])[..keep].to_vec(), &["promises"]));
    }
    let text = |vertices: &[&str]| {
        format!("solid x\nfacet normal 0 0 1\nouter loop\n{}\nendloop\nendfacet\n", vertices.join("\n"))
    };
    for (name, vertices) in [
        ("a vertex of two numbers", &["vertex 0 0 0", "vertex 1 0", "vertex 0 1 0"][..]),
        ("a vertex of words", &["vertex 0 0 0", "vertex a b c", "vertex 0 1 0"]),
        ("an empty vertex", &["vertex 0 0 0", "vertex", "vertex 0 1 0"]),
        ("two vertices", &["vertex 0 0 0", "vertex 1 0 0"]),
        ("no vertex", &[]),
        ("a vertex that is no number", &["vertex 0 0 0", "vertex nan 0 0", "vertex 0 1 0"]),
        ("an endless vertex", &["vertex 0 0 0", "vertex inf 0 0", "vertex 0 1 0"]),
    ] {
        all.push(bad(format!("text with {name}"), text(vertices).into_bytes(), &["vertex", "vertices", "triangle"]));
    }
    all
}
