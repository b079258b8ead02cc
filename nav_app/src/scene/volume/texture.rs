//! The CT as textures, and where they lie in the scene.

use bevy::asset::RenderAssetUsages;
use bevy::image::{ImageFilterMode, ImageSampler, ImageSamplerDescriptor};
use bevy::mesh::{Indices, Mesh as SceneMesh, PrimitiveTopology};
use bevy::prelude::*;
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};
use engine::volume::Grid;
use geom::Point;

use super::super::units::SceneFrame;
use super::transfer::ENTRIES;

/// Texture coordinates (0 to 1 over the volume, voxel centres inside) to the
/// scene. May shear and mirror, as the CT's own axes do.
#[must_use]
pub fn scene_from_texture(grid: &Grid, frame: &SceneFrame) -> Mat4 {
    let size = grid.size().map(|n| n as f64);
    let at = |u: [f64; 3]| {
        let voxel: [f64; 3] = std::array::from_fn(|axis| u[axis] * size[axis] - 0.5);
        frame.point(grid.to_ct(Point::from(voxel)))
    };
    let origin = at([0.0; 3]);
    let axis = |u: [f64; 3]| (at(u) - origin).extend(0.0);
    Mat4::from_cols(axis([1.0, 0.0, 0.0]), axis([0.0, 1.0, 0.0]), axis([0.0, 0.0, 1.0]), origin.extend(1.0))
}

/// The volume's box, outward sides facing out even where the axes mirror.
#[must_use]
pub fn hull(scene_from_texture: &Mat4) -> SceneMesh {
    let corner = |i: u8| {
        scene_from_texture.transform_point3(Vec3::new(f32::from(i & 1), f32::from(i >> 1 & 1), f32::from(i >> 2)))
    };
    let corners: Vec<Vec3> = (0..8).map(corner).collect();
    // Two triangles a side, counter-clockwise from outside; corner i is at
    // (bit 0, bit 1, bit 2).
    let sides = [[0, 4, 6, 2], [1, 3, 7, 5], [0, 1, 5, 4], [2, 6, 7, 3], [0, 2, 3, 1], [4, 5, 7, 6]];
    let is_mirrored = scene_from_texture.determinant() < 0.0;
    let turned = |[a, b, c, d]: [u32; 4]| if is_mirrored { [a, d, c, b] } else { [a, b, c, d] };
    let indices = sides.map(turned).iter().flat_map(|[a, b, c, d]| [*a, *b, *c, *a, *c, *d]).collect();
    let normals = vec![Vec3::Y; corners.len()];
    SceneMesh::new(PrimitiveTopology::TriangleList, RenderAssetUsages::default())
        .with_inserted_attribute(SceneMesh::ATTRIBUTE_POSITION, corners)
        .with_inserted_attribute(SceneMesh::ATTRIBUTE_NORMAL, normals)
        .with_inserted_indices(Indices::U32(indices))
}

fn solid(size: [usize; 3], data: Vec<u8>, format: TextureFormat) -> Image {
    let [width, height, depth_or_array_layers] = size.map(|n| n as u32);
    let extent = Extent3d { width, height, depth_or_array_layers };
    Image::new(extent, TextureDimension::D3, data, format, RenderAssetUsages::RENDER_WORLD)
}

fn smooth() -> ImageSampler {
    // Clamped at the edges, which is the default.
    ImageSampler::Descriptor(ImageSamplerDescriptor {
        mag_filter: ImageFilterMode::Linear,
        min_filter: ImageFilterMode::Linear,
        ..default()
    })
}

/// HU as half floats, read with interpolation.
#[must_use]
pub fn hounsfield(size: [usize; 3], halves: Vec<u8>) -> Image {
    let mut image = solid(size, halves, TextureFormat::R16Float);
    image.sampler = smooth();
    image
}

/// Blocks to the next visible one.
#[must_use]
pub fn distances(size: [usize; 3], distances: Vec<u8>) -> Image {
    solid(size, distances, TextureFormat::R8Uint)
}

/// Colour and opacity over HU.
#[must_use]
pub fn colors(table: Vec<u8>) -> Image {
    let extent = Extent3d { width: ENTRIES as u32, height: 1, depth_or_array_layers: 1 };
    let (format, usages) = (TextureFormat::Rgba8UnormSrgb, RenderAssetUsages::RENDER_WORLD);
    let mut image = Image::new(extent, TextureDimension::D2, table, format, usages);
    image.sampler = smooth();
    image
}

#[cfg(test)]
mod tests {
    use super::*;
    use bevy::mesh::VertexAttributeValues;
    use geom::nalgebra::Matrix3x4;

    #[test]
    fn the_volume_lies_where_its_voxels_do() {
        let affine = Matrix3x4::new(-0.7, 0.0, 0.0, 80.0, 0.0, 0.8, 0.1, -40.0, 0.0, 0.0, 2.5, 300.0);
        let grid = Grid::new([10, 20, 30], affine).unwrap();
        let frame = SceneFrame::new(Point::new(3.0, 4.0, 310.0));
        let map = scene_from_texture(&grid, &frame);
        for voxel in [[0.0, 0.0, 0.0], [9.0, 3.0, 17.0], [4.5, 19.0, 29.0]] {
            let u = Vec3::new((voxel[0] + 0.5) / 10.0, (voxel[1] + 0.5) / 20.0, (voxel[2] + 0.5) / 30.0);
            let there = frame.point(grid.to_ct(Point::from(voxel.map(f64::from))));
            assert!(map.transform_point3(u).abs_diff_eq(there, 1e-6), "{voxel:?}");
        }
    }

    #[test]
    fn the_hull_faces_out_for_both_handednesses() {
        for sign in [1.0, -1.0] {
            let affine = Matrix3x4::new(sign, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0);
            let map =
                scene_from_texture(&Grid::new([4, 4, 4], affine).unwrap(), &SceneFrame::new(Point::new(0.0, 0.0, 0.0)));
            let mesh = hull(&map);
            let Some(VertexAttributeValues::Float32x3(places)) = mesh.attribute(SceneMesh::ATTRIBUTE_POSITION) else {
                panic!("no positions")
            };
            let corner = |i: u32| Vec3::from(places[i as usize]);
            let middle = map.transform_point3(Vec3::splat(0.5));
            let Some(Indices::U32(indices)) = mesh.indices() else { panic!("no indices") };
            for t in indices.chunks_exact(3) {
                let [a, b, c] = [corner(t[0]), corner(t[1]), corner(t[2])];
                assert!((b - a).cross(c - a).dot(a - middle) > 0.0, "{t:?}");
            }
        }
    }
}
