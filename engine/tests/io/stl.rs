//! Meshes in and out.

use engine::io::{Limits, stl};
use engine::surface::Mesh;

use crate::phantom::Folder;

/// A tetrahedron with outward winding.
fn tetrahedron() -> Mesh {
    Mesh {
        vertices: vec![[0.0, 0.0, 0.0], [10.0, 0.0, 0.0], [0.0, 20.0, 0.0], [0.0, 0.0, -30.5]],
        normals: vec![[0.0; 3]; 4],
        triangles: vec![[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]],
    }
}

#[test]
fn a_mesh_reads_back_welded_with_outward_normals() {
    let folder = Folder::new();
    let path = folder.path().join("bone.stl");
    stl::write(&path, &tetrahedron()).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 84 + 4 * 50);
    let back = stl::read(&path, &Limits::default()).unwrap();
    assert_eq!((back.vertices.clone(), back.triangles.len()), (tetrahedron().vertices, 4));
    assert!(back.normals[1][0] > 0.9, "the vertex at +x looks to +x: {:?}", back.normals[1]);
}

#[test]
fn an_ascii_mesh_is_the_same_mesh() {
    let folder = Folder::new();
    let mesh = tetrahedron();
    let mut text = String::from("solid bone\n");
    for triangle in &mesh.triangles {
        text += "  facet normal 0 0 0\n    outer loop\n";
        for index in triangle {
            let [x, y, z] = mesh.vertices[*index as usize];
            text += &format!("      vertex {x:e} {y} {z}\r\n");
        }
        text += "    endloop\n  endfacet\n";
    }
    let back = stl::read(&folder.file("bone.stl", text.as_bytes()), &Limits::default()).unwrap();
    assert_eq!((back.vertices, back.triangles.len()), (mesh.vertices, 4));
    let cut = &text[..text.rfind("vertex").unwrap()];
    let error = stl::read(&folder.file("cut.stl", cut.as_bytes()), &Limits::default()).unwrap_err().to_string();
    assert!(error.contains("cut.stl") && error.contains("11 vertices"), "{error}");
}

#[test]
fn bad_meshes_are_refused_with_numbers() {
    let folder = Folder::new();
    let path = folder.path().join("bone.stl");
    stl::write(&path, &tetrahedron()).unwrap();
    let good = std::fs::read(&path).unwrap();
    let mut claims = good.clone();
    claims[80..84].copy_from_slice(&3_000_000_000u32.to_le_bytes());
    let mut some = good.clone();
    some[80..84].copy_from_slice(&1_000_000u32.to_le_bytes());
    let mut nan = good.clone();
    nan[96..100].copy_from_slice(&f32::NAN.to_le_bytes());
    let cases: [(&str, &[u8], &str); 6] = [
        ("empty.stl", b"", "0 bytes"),
        ("claims.stl", &claims, "3000000000 triangles"),
        ("some.stl", &some, "1000000 triangles, but it holds 4"),
        ("nan.stl", &nan, "triangle 0"),
        ("none.stl", b"solid nothing\nendsolid", "no triangle"),
        ("tiny.stl", b"abc", "3 bytes"),
    ];
    for (name, bytes, part) in cases {
        let error = stl::read(&folder.file(name, bytes), &Limits::default()).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains(part), "{error}");
    }
    let mut mesh = tetrahedron();
    mesh.triangles.push([0, 1, 9]);
    let error = stl::write(&folder.path().join("bad.stl"), &mesh).unwrap_err().to_string();
    assert!(error.contains("bad.stl") && error.contains("beyond 4"), "{error}");
}
