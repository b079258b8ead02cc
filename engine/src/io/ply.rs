//! Coloured meshes out as PLY, millimetres in the CT frame (LPS).
//!
//! Binary little-endian, one colour a vertex: MeshLab, 3D Slicer, ParaView and
//! Blender open it.

use std::path::Path;

use crate::io::atomic;
use crate::io::error::WriteError;
use crate::surface::Mesh;

/// Writes `mesh` with a colour (red, green, blue) for each of its vertices; the
/// file appears whole or not at all.
///
/// # Errors
/// [`WriteError`] when the system refuses, the colours are not one a vertex, or
/// a triangle names a vertex outside the mesh.
pub fn write(path: &Path, mesh: &Mesh, colours: &[[u8; 3]]) -> Result<(), WriteError> {
    let bytes = encode(mesh, colours).map_err(|text| WriteError {
        path: path.to_owned(),
        doing: "encode the mesh",
        source: std::io::Error::new(std::io::ErrorKind::InvalidInput, text),
    })?;
    atomic::write(path, |file| file.write_all(&bytes))
}

fn encode(mesh: &Mesh, colours: &[[u8; 3]]) -> Result<Vec<u8>, String> {
    let (vertices, triangles) = (mesh.vertices.len(), mesh.triangles.len());
    if colours.len() != vertices {
        return Err(format!("{} colours for {vertices} vertices", colours.len()));
    }
    let header = format!(
        "ply\nformat binary_little_endian 1.0\ncomment SpineNav surface, millimetres, LPS\n\
         element vertex {vertices}\nproperty float x\nproperty float y\nproperty float z\n\
         property uchar red\nproperty uchar green\nproperty uchar blue\n\
         element face {triangles}\nproperty list uchar int vertex_indices\nend_header\n"
    );
    let mut out = Vec::with_capacity(header.len() + 15 * vertices + 13 * triangles);
    out.extend_from_slice(header.as_bytes());
    for (vertex, colour) in mesh.vertices.iter().zip(colours) {
        vertex.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
        out.extend_from_slice(colour);
    }
    for (number, triangle) in mesh.triangles.iter().enumerate() {
        out.push(3);
        for &index in triangle {
            let known = usize::try_from(index).ok().filter(|&i| i < vertices).and_then(|i| i32::try_from(i).ok());
            let index = known.ok_or_else(|| format!("triangle {number} names a vertex beyond {vertices}"))?;
            out.extend_from_slice(&index.to_le_bytes());
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn triangle() -> Mesh {
        let vertices = vec![[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 2.0, 0.0]];
        let mut mesh = Mesh { vertices, triangles: vec![[0, 1, 2]], ..Mesh::default() };
        mesh.update_normals();
        mesh
    }

    #[test]
    fn every_vertex_has_its_place_and_colour() {
        let bytes = encode(&triangle(), &[[1, 2, 3], [4, 5, 6], [7, 8, 9]]).unwrap();
        let end = bytes.windows(11).position(|w| w == b"end_header\n").unwrap() + 11;
        let body = &bytes[end..];
        assert_eq!(body.len(), 3 * 15 + 13);
        assert_eq!((&body[15..19], &body[27..30]), (&1f32.to_le_bytes()[..], &[4, 5, 6][..]));
        assert_eq!(body[45..], [3, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0]);
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        assert!(encode(&triangle(), &[[0; 3]; 2]).is_err());
        let wrong = Mesh { triangles: vec![[0, 1, 3]], ..triangle() };
        assert!(encode(&wrong, &[[0; 3]; 3]).is_err());
    }
}
