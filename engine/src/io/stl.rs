//! STL meshes in and out, millimetres in the CT frame (LPS).
//!
//! STL knows no unit and no frame: what is read is taken as LPS millimetres.
//! Corners at exactly the same place become one vertex.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use crate::io::error::{Problem, ReadError, WriteError};
use crate::io::limits::Limits;
use crate::io::{atomic, bounded};
use crate::surface::Mesh;

/// Bytes before the first triangle of a binary STL: text and count.
const HEADER: usize = 84;
/// Bytes of a binary triangle: normal, three corners, attribute.
const TRIANGLE: usize = 50;

/// Writes a binary STL; the file appears whole or not at all.
///
/// Triangles that name a vertex outside the mesh are an error.
///
/// # Errors
/// [`WriteError`] when the system refuses or the mesh is inconsistent.
pub fn write(path: &Path, mesh: &Mesh) -> Result<(), WriteError> {
    let bytes = encode(mesh).map_err(|text| WriteError {
        path: path.to_owned(),
        doing: "encode the mesh",
        source: std::io::Error::new(std::io::ErrorKind::InvalidInput, text),
    })?;
    atomic::write(path, |file| file.write_all(&bytes))
}

pub(crate) fn encode(mesh: &Mesh) -> Result<Vec<u8>, String> {
    let count = u32::try_from(mesh.triangles.len()).map_err(|_| "more than 2^32 triangles".to_owned())?;
    let mut out = Vec::with_capacity(HEADER + TRIANGLE * mesh.triangles.len());
    // Must not begin with "solid", which means ASCII.
    out.extend_from_slice(b"SpineNav surface, millimetres, LPS");
    out.resize(80, b' ');
    out.extend_from_slice(&count.to_le_bytes());
    for (number, triangle) in mesh.triangles.iter().enumerate() {
        let corner = |i: u32| usize::try_from(i).ok().and_then(|i| mesh.vertices.get(i)).copied();
        let [Some(a), Some(b), Some(c)] = triangle.map(corner) else {
            return Err(format!("triangle {number} names a vertex beyond {}", mesh.vertices.len()));
        };
        for value in [face_normal(a, b, c), a, b, c].iter().flatten() {
            out.extend_from_slice(&value.to_le_bytes());
        }
        out.extend_from_slice(&[0, 0]);
    }
    Ok(out)
}

/// The mesh in a binary or ASCII STL file, with vertex normals computed from
/// the triangles' winding (weighted by area).
///
/// # Errors
/// [`ReadError`] when the file is empty, larger than `limits`, cut off, holds
/// no triangle, or a coordinate that is not finite.
pub fn read(path: &Path, limits: &Limits) -> Result<Mesh, ReadError> {
    let present = fs::metadata(path).map_err(ReadError::io(path, "find it"))?.len();
    if present == 0 {
        return Err(ReadError::new(path, Problem::Empty));
    }
    limits.check_bytes(path, present)?;
    let bytes = bounded::read_bounded(path, limits.bytes).map_err(ReadError::io(path, "read the file"))?;
    // Binary files may begin with "solid" too: the length decides.
    let count = bytes.get(80..HEADER).and_then(|b| b.first_chunk::<4>()).map(|b| u64::from(u32::from_le_bytes(*b)));
    let fits = count.is_some_and(|n| n * TRIANGLE as u64 + HEADER as u64 == bytes.len() as u64);
    let corners = if fits || !bytes.trim_ascii_start().starts_with(b"solid") {
        binary_corners(path, &bytes, count, limits)?
    } else {
        ascii_corners(path, &bytes, limits)?
    };
    weld(path, &corners)
}

fn bad(path: &Path, text: impl Into<String>) -> ReadError {
    ReadError::new(path, Problem::Stl(text.into()))
}

fn check_count(path: &Path, found: u64, limits: &Limits) -> Result<(), ReadError> {
    if found > limits.triangles {
        return Err(ReadError::new(path, Problem::TooLarge { what: "triangles", found, limit: limits.triangles }));
    }
    Ok(())
}

fn binary_corners(path: &Path, bytes: &[u8], count: Option<u64>, limits: &Limits) -> Result<Vec<[f32; 3]>, ReadError> {
    let count = count.ok_or_else(|| bad(path, format!("{} bytes are too few for a mesh", bytes.len())))?;
    check_count(path, count, limits)?;
    let body = bytes.get(HEADER..).unwrap_or_default();
    if count.saturating_mul(TRIANGLE as u64) > body.len() as u64 {
        let holds = body.len() / TRIANGLE;
        return Err(bad(path, format!("its header promises {count} triangles, but it holds {holds}; export it again")));
    }
    let (triangles, _) = body.as_chunks::<TRIANGLE>();
    let mut corners = Vec::with_capacity(triangles.len() * 3);
    for triangle in triangles.iter().take(usize::try_from(count).unwrap_or(usize::MAX)) {
        let (numbers, _) = triangle.as_chunks::<4>();
        let mut numbers = numbers.iter().skip(3).map(|b| f32::from_le_bytes(*b));
        corners.extend(std::iter::from_fn(|| Some([numbers.next()?, numbers.next()?, numbers.next()?])));
    }
    Ok(corners)
}

fn ascii_corners(path: &Path, bytes: &[u8], limits: &Limits) -> Result<Vec<[f32; 3]>, ReadError> {
    let mut corners = Vec::new();
    for (number, line) in bytes.split(|b| *b == b'\n').enumerate() {
        let line = String::from_utf8_lossy(line);
        let mut words = line.split_ascii_whitespace();
        if words.next() != Some("vertex") {
            continue;
        }
        let mut next = || words.next().and_then(|w| w.parse::<f32>().ok());
        let (Some(x), Some(y), Some(z)) = (next(), next(), next()) else {
            return Err(bad(path, format!("line {} is no vertex: \"{}\"", number + 1, line.trim())));
        };
        corners.push([x, y, z]);
        check_count(path, corners.len() as u64 / 3, limits)?;
    }
    if !corners.len().is_multiple_of(3) {
        return Err(bad(
            path,
            format!("it holds {} vertices, which are no whole triangles; it is cut off", corners.len()),
        ));
    }
    Ok(corners)
}

/// One vertex for corners in the same place; triangles without area are left out.
fn weld(path: &Path, corners: &[[f32; 3]]) -> Result<Mesh, ReadError> {
    let mut mesh = Mesh::default();
    let mut known: HashMap<[u32; 3], u32> = HashMap::with_capacity(corners.len() / 5);
    let (triangles, _) = corners.as_chunks::<3>();
    for (number, triangle) in triangles.iter().enumerate() {
        if triangle.iter().flatten().any(|v| !v.is_finite()) {
            return Err(bad(path, format!("triangle {number} has a coordinate that is not a finite number")));
        }
        let mut indices = [0u32; 3];
        for (index, corner) in indices.iter_mut().zip(triangle) {
            // Adding zero makes -0 and +0 the same bits.
            let key = corner.map(|v| (v + 0.0).to_bits());
            let next = u32::try_from(mesh.vertices.len()).map_err(|_| bad(path, "it has more than 2^32 vertices"))?;
            *index = *known.entry(key).or_insert(next);
            if *index == next {
                mesh.vertices.push(*corner);
            }
        }
        let [a, b, c] = indices;
        if a != b && b != c && a != c {
            mesh.triangles.push(indices);
        }
    }
    if mesh.triangles.is_empty() {
        return Err(bad(path, "it holds no triangle"));
    }
    mesh.normals = vertex_normals(&mesh);
    Ok(mesh)
}

fn vertex_normals(mesh: &Mesh) -> Vec<[f32; 3]> {
    let mut sums = vec![[0f32; 3]; mesh.vertices.len()];
    for triangle in &mesh.triangles {
        let corner = |i: u32| mesh.vertices.get(i as usize).copied().unwrap_or_default();
        let [a, b, c] = triangle.map(corner);
        let area = cross(sub(b, a), sub(c, a));
        for index in triangle {
            if let Some(sum) = sums.get_mut(*index as usize) {
                *sum = [sum[0] + area[0], sum[1] + area[1], sum[2] + area[2]];
            }
        }
    }
    sums.into_iter().map(unit).collect()
}

fn face_normal(a: [f32; 3], b: [f32; 3], c: [f32; 3]) -> [f32; 3] {
    unit(cross(sub(b, a), sub(c, a)))
}

fn sub(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

fn cross(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

/// Unit vector; zero stays zero, as STL allows for a normal.
fn unit(v: [f32; 3]) -> [f32; 3] {
    let length = v.iter().map(|c| c * c).sum::<f32>().sqrt();
    if length > 0.0 { v.map(|c| c / length) } else { v }
}
