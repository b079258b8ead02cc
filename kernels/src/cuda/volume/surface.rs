//! Iso-surfaces of a volume on the GPU.
#![allow(unsafe_code)]

use super::buffer::{BLOCK, Buffer, each, grid_error, launch, narrow, parameters};
use super::grids::DeviceVolume;
use super::scan::exclusive_sum;
use crate::cuda::driver::{Shape, refuse};
use crate::error::OpError;
use crate::grid::check_setting;

/// Samples of a field, so that 32 bits count its triangles whatever it holds.
const MAX_SAMPLES: usize = 1 << 28;

/// Samples a word of the kernels covers, and words a block does.
const WORD: usize = 32;
const WORDS_PER_BLOCK: usize = BLOCK as usize / WORD;

#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct FieldSize {
    depth: u32,
    height: u32,
    width: u32,
}

parameters! { struct InsideParameters { field: u64, bits: u64, size: FieldSize, words: u32, level: f32 } }
parameters! {
    struct CountParameters { bits: u64, vertices: u64, triangles: u64, size: FieldSize, words: u32 }
}
parameters! {
    struct VerticesParameters {
        field: u64, bits: u64, vertices_before: u64, positions: u64, place_from_sample: [[f64; 4]; 3],
        size: FieldSize, words: u32, level: f32,
    }
}
parameters! {
    struct TrianglesParameters {
        bits: u64, vertices_before: u64, triangles_before: u64, corners: u64, size: FieldSize, words: u32,
        turned: u32,
    }
}

/// A surface on the GPU.
#[derive(Debug)]
pub struct DeviceMesh {
    positions: Buffer<f32>,
    corners: Buffer<u32>,
    vertices: usize,
    triangles: usize,
}

/// A surface as vertices and the indices of its triangles' corners.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TriangleMesh {
    /// Where `place_from_sample` put them.
    pub vertices: Vec<[f32; 3]>,
    /// Counter-clockwise seen from outside.
    pub triangles: Vec<[u32; 3]>,
}

/// Bits of a field and where each word's vertices and triangles begin.
struct Classified {
    bits: Buffer<u32>,
    vertices_before: Buffer<u32>,
    triangles_before: Buffer<u32>,
    words: usize,
    vertices: usize,
    triangles: usize,
}

impl DeviceVolume {
    /// The closed surface where the field crosses `level`: the triangles of
    /// the engine's surface extraction (marching cubes, Lorensen & Cline
    /// 1987, doi:10.1145/37401.37422), numbered in another, fixed order.
    ///
    /// - `place_from_sample`: where sample `(x, y, z, 1)` lies; identity for
    ///   voxel coordinates. A mirroring one winds outward too.
    ///
    /// # Errors
    /// [`OpError::Device`] for a level or a place that is not finite, more
    /// than 2^28 samples, and a GPU without memory.
    ///
    /// Cost: one read of the field; the rest works on one bit a sample and on
    /// the crossed cells.
    pub fn surface(&self, level: f32, place_from_sample: &[[f64; 4]; 3]) -> Result<DeviceMesh, OpError> {
        check_setting("surface", "level", f64::from(level), true, "finite").map_err(grid_error)?;
        for &value in place_from_sample.iter().flatten() {
            check_setting("surface", "place_from_sample", value, true, "finite").map_err(grid_error)?;
        }
        let samples = self.voxels();
        if samples > MAX_SAMPLES {
            return Err(refuse(&format!("surface: {samples} samples; crop the field to at most {MAX_SAMPLES}")));
        }
        let driver = self.values.driver();
        let classified = self.classify(level)?;
        let Classified { vertices, triangles, words, .. } = classified;
        let positions = Buffer::<f32>::new(driver, vertices * 3)?;
        let corners = Buffer::<u32>::new(driver, triangles * 3)?;
        let shape = warps(words);
        let place = VerticesParameters {
            field: self.values.address(),
            bits: classified.bits.address(),
            vertices_before: classified.vertices_before.address(),
            positions: positions.address(),
            place_from_sample: *place_from_sample,
            size: self.field_size(),
            words: narrow(words),
            level,
        };
        let connect = TrianglesParameters {
            bits: classified.bits.address(),
            vertices_before: classified.vertices_before.address(),
            triangles_before: classified.triangles_before.address(),
            corners: corners.address(),
            size: self.field_size(),
            words: narrow(words),
            turned: u32::from(is_mirroring(place_from_sample)),
        };
        // SAFETY: positions and corners hold what the same bits were counted
        // to need; watched by `cuda_volume::cuts_the_triangles_of_the_engine`.
        unsafe {
            launch(driver, "surface_vertices", shape, &place)?;
            launch(driver, "surface_triangles", shape, &connect)?;
        }
        Ok(DeviceMesh { positions, corners, vertices, triangles })
    }

    fn classify(&self, level: f32) -> Result<Classified, OpError> {
        let driver = self.values.driver();
        let [depth, height, width] = self.dims;
        // A border of one sample all around.
        let words = (width + 2).div_ceil(WORD) * (height + 2) * (depth + 2);
        if u32::try_from(words * WORD).is_err() {
            return Err(refuse(&format!("surface: a field of {:?} [z, y, x] is too thin and long", self.dims)));
        }
        let bits = Buffer::<u32>::new(driver, words)?;
        let (vertices, triangles) = (Buffer::<u32>::new(driver, words)?, Buffer::<u32>::new(driver, words)?);
        let size = self.field_size();
        let inside =
            InsideParameters { field: self.values.address(), bits: bits.address(), size, words: narrow(words), level };
        let counts = CountParameters {
            bits: bits.address(),
            vertices: vertices.address(),
            triangles: triangles.address(),
            size,
            words: narrow(words),
        };
        // SAFETY: the field holds `size`, the others `words`; watched by
        // `cuda_volume::cuts_the_triangles_of_the_engine`.
        unsafe {
            launch(driver, "surface_inside", warps(words), &inside)?;
            launch(driver, "surface_count", each(words), &counts)?;
        }
        let totals = [exclusive_sum(&vertices, words)?, exclusive_sum(&triangles, words)?];
        let [vertex_count, triangle_count] = [totals[0].first()? as usize, totals[1].first()? as usize];
        Ok(Classified {
            bits,
            vertices_before: vertices,
            triangles_before: triangles,
            words,
            vertices: vertex_count,
            triangles: triangle_count,
        })
    }

    fn field_size(&self) -> FieldSize {
        let [depth, height, width] = self.dims.map(narrow);
        FieldSize { depth, height, width }
    }
}

/// One warp a word.
fn warps(words: usize) -> Shape {
    Shape { grid: [narrow(words.div_ceil(WORDS_PER_BLOCK)), 1, 1], threads: BLOCK, shared_bytes: 0 }
}

fn is_mirroring(place: &[[f64; 4]; 3]) -> bool {
    let [a, b, c] = place;
    a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) + a[2] * (b[0] * c[1] - b[1] * c[0]) < 0.0
}

impl DeviceMesh {
    /// Number of triangles; 0 when the level is crossed nowhere.
    #[must_use]
    pub const fn triangles(&self) -> usize {
        self.triangles
    }

    /// Brings the surface back; waits until it is computed.
    ///
    /// # Errors
    /// [`OpError::Device`] when anything queued before failed.
    pub fn download(&self) -> Result<TriangleMesh, OpError> {
        let (positions, corners) = (self.positions.download()?, self.corners.download()?);
        let mut vertices = positions.as_chunks().0.to_vec();
        let mut triangles = corners.as_chunks().0.to_vec();
        // An empty buffer still holds a value.
        vertices.truncate(self.vertices);
        triangles.truncate(self.triangles);
        Ok(TriangleMesh { vertices, triangles })
    }
}
