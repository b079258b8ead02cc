//! What is read for one destination voxel.

use super::Interpolation;
use super::fill::fill;

/// A resampling whose lengths and numbers are checked.
pub struct Job<'a, T> {
    pub(super) src: &'a [T],
    pub(super) src_dims: [usize; 3],
    pub(super) src_from_dst: &'a [[f64; 4]; 3],
    pub(super) dst_dims: [usize; 3],
    pub(super) interpolation: Interpolation,
}

/// An intensity, blended in f32.
pub(super) trait Blend: Copy + Send + Sync {
    fn to_f32(self) -> f32;
    fn from_f32(blend: f32) -> Self;
}

pub(super) fn nearest<T: Copy + Send + Sync>(job: &Job<'_, T>, dst: &mut [T]) {
    let [_, height, width] = job.src_dims;
    fill(job, dst, holder, |[x, y, z]| job.src[(z * height + y) * width + x]);
}

pub(super) fn linear<T: Blend>(job: &Job<'_, T>, dst: &mut [T]) {
    let [_, height, width] = job.src_dims;
    fill(job, dst, neighbours, |[x, y, z]| {
        let between = |a: f32, b: f32, t: f32| a + (b - a) * t;
        let along_x = |z: usize, y: usize| {
            let row = (z * height + y) * width;
            between(job.src[row + x.lower].to_f32(), job.src[row + x.upper].to_f32(), x.fraction)
        };
        let lower = between(along_x(z.lower, y.lower), along_x(z.lower, y.upper), y.fraction);
        let upper = between(along_x(z.upper, y.lower), along_x(z.upper, y.upper), y.fraction);
        T::from_f32(between(lower, upper, z.fraction))
    });
}

/// The voxel whose extent, half a voxel to both sides with the lower end
/// included, holds a coordinate; `None` outside.
fn holder(coordinate: f64, len: usize) -> Option<usize> {
    let shifted = coordinate + 0.5;
    // Not negative, so the cast is the floor.
    (shifted >= 0.0 && shifted < len as f64).then_some(shifted as usize)
}

/// The voxels on both sides of a coordinate.
#[derive(Clone, Copy)]
struct Neighbours {
    lower: usize,
    upper: usize,
    fraction: f32,
}

/// The voxels on both sides of a coordinate, both the border voxel beyond its
/// centre; `None` outside the same range as for [`holder`].
fn neighbours(coordinate: f64, len: usize) -> Option<Neighbours> {
    holder(coordinate, len)?;
    let inside = coordinate.clamp(0.0, (len - 1) as f64);
    let lower = inside as usize;
    let upper = (lower + 1).min(len - 1);
    Some(Neighbours { lower, upper, fraction: (inside - lower as f64) as f32 })
}
