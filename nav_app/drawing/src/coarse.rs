//! Fewer triangles, for devices without a graphics processor.
//!
//! There the time of a frame grows with their number, and Mesa 22.3's software
//! device keeps some memory of everything it ever drew. Only the
//! window's bone is coarsened: pictures and slice outlines keep the full
//! surface.

use std::collections::HashMap;

use engine::surface::Mesh;

/// Edge of the cells whose vertices become one, mm.
const CELL_MM: f32 = 2.4;

/// A cell's vertices, summed.
#[derive(Debug, Clone, Copy, Default)]
struct Merged {
    position: [f32; 3],
    normal: [f32; 3],
    brightness: f32,
    count: f32,
}

/// Merges the vertices of `mesh`, and their `brightness`, cell by cell
/// (Rossignac and Borrel, doi:10.1007/978-3-642-78114-8_29); about a tenth of
/// a 1 mm surface's triangles remain.
#[must_use]
pub fn coarsen(mesh: &Mesh, brightness: &[f32]) -> (Mesh, Vec<f32>) {
    let mut cells: HashMap<[i32; 3], u32> = HashMap::new();
    let mut merged: Vec<Merged> = Vec::new();
    let mut cell_of = Vec::with_capacity(mesh.vertices.len());
    for ((vertex, normal), brightness) in mesh.vertices.iter().zip(&mesh.normals).zip(brightness) {
        let key = vertex.map(|c| (c / CELL_MM).floor() as i32);
        let next = merged.len() as u32;
        let cell = *cells.entry(key).or_insert(next);
        if cell == next {
            merged.push(Merged::default());
        }
        cell_of.push(cell);
        if let Some(sum) = merged.get_mut(cell as usize) {
            for axis in 0..3 {
                sum.position[axis] += vertex[axis];
                sum.normal[axis] += normal[axis];
            }
            sum.brightness += brightness;
            sum.count += 1.0;
        }
    }
    let corner = |i: u32| cell_of.get(i as usize).copied();
    let whole = |t: &[u32; 3]| Some([corner(t[0])?, corner(t[1])?, corner(t[2])?]);
    let has_area = |t: &[u32; 3]| t[0] != t[1] && t[1] != t[2] && t[2] != t[0];
    let coarse = Mesh {
        vertices: merged.iter().map(|m| m.position.map(|c| c / m.count)).collect(),
        normals: merged.iter().map(|m| unit(m.normal)).collect(),
        triangles: mesh.triangles.iter().filter_map(whole).filter(has_area).collect(),
    };
    (coarse, merged.iter().map(|m| m.brightness / m.count).collect())
}

fn unit(v: [f32; 3]) -> [f32; 3] {
    let length = v.iter().map(|c| c * c).sum::<f32>().sqrt();
    if length > 0.0 { v.map(|c| c / length) } else { [0.0, 0.0, 1.0] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::surface::phantom;

    #[test]
    fn a_coarse_bone_keeps_its_size_and_loses_its_triangles() {
        let fine = phantom::vertebra(0);
        let (coarse, brightness) = coarsen(&fine, &vec![0.5; fine.vertices.len()]);
        assert!(coarse.triangles.len() * 3 < fine.triangles.len());
        assert!((coarse.volume_mm3() / fine.volume_mm3() - 1.0).abs() < 0.05);
        assert!(brightness.len() == coarse.vertices.len() && brightness.iter().all(|b| (b - 0.5).abs() < 1e-3));
        assert!(coarse.triangles.iter().flatten().all(|i| (*i as usize) < coarse.vertices.len()));
    }
}
