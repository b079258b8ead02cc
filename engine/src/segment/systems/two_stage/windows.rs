//! A window about each centroid: what the network sees and what it answers.

use geom::{Ct, Point};
use kernels::{Device, Precision, Tensor};

use super::matching::Fused;
use crate::segment::model::{Model, Preprocessing};
use crate::segment::pipeline::{Progress, SegmentError};
use crate::segment::preprocess::{self, dims};
use crate::segment::semantic::Semantic;
use crate::segment::systems::assign::Field;
use crate::volume::{Grid, Volume};

/// CT and first model's answer around the column, at the windows' spacing. All
/// windows lie on its voxels, so that their predictions can be compared.
pub struct Lattice {
    grid: Grid,
    hu: Vec<f32>,
    probability: Vec<f32>,
}

/// One vertebra as one window saw it.
#[derive(Debug, Clone)]
pub struct Prediction {
    /// Number of the window.
    pub window: usize,
    /// Whether it is the vertebra the window lies about.
    pub is_centre: bool,
    /// First voxel of the window on the lattice, `[z, y, x]`.
    pub origin: [usize; 3],
    /// Its probability in the window, `[z, y, x]`.
    pub probability: Vec<f32>,
}

impl Lattice {
    /// The box of the likely vertebra voxels with room for a window about each;
    /// `None` without any.
    ///
    /// # Errors
    /// [`SegmentError`] when the CT or the field does not fit its grid.
    pub fn new(ct: &Volume, semantic: &Semantic, p: &Preprocessing) -> Result<Option<Self>, SegmentError> {
        let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
        let [nx, ny, _] = semantic.grid.size();
        for (i, _) in semantic.vertebra.iter().enumerate().filter(|(_, v)| **v > semantic.threshold) {
            let at = semantic.grid.to_ct([i % nx, i / nx % ny, i / (nx * ny)].map(|v| v as f64).into()).to_array();
            for axis in 0..3 {
                let half_window = p.patch_voxels[2 - axis] as f64 * p.spacing_mm / 2.0;
                low[axis] = low[axis].min(at[axis] - half_window);
                high[axis] = high[axis].max(at[axis] + half_window);
            }
        }
        if !low.iter().chain(&high).all(|v| v.is_finite()) {
            return Ok(None);
        }
        let grid = preprocess::cover(low, high, p.spacing_mm)?;
        let hu = preprocess::resample_ct(ct, &grid, p.padding_hu)?;
        let probability = preprocess::resample_field(&semantic.vertebra, &semantic.grid, &grid, 0.0)?;
        Ok(Some(Self { grid, hu, probability }))
    }

    /// First voxel `[z, y, x]` of the window of `patch` voxels about a place.
    fn origin(&self, centre: Point<Ct>, patch: [usize; 3]) -> [usize; 3] {
        let at = self.grid.to_voxel(centre).to_array();
        let size = dims(&self.grid);
        [0, 1, 2].map(|axis| {
            let first = (at[2 - axis] - (patch[axis] as f64 - 1.0) / 2.0).round().max(0.0) as usize;
            first.min(size[axis].saturating_sub(patch[axis]))
        })
    }

    /// The two input channels of a window; beyond the lattice it is air.
    fn input(&self, origin: [usize; 3], p: &Preprocessing) -> Vec<f32> {
        let (patch, size, window) = (p.patch_voxels, dims(&self.grid), p.window());
        let count: usize = patch.iter().product();
        let mut input = [vec![window.apply(p.padding_hu); count], vec![0.0; count]].concat();
        let length = patch[2].min(size[2].saturating_sub(origin[2]));
        for (z, y) in (0..patch[0]).flat_map(|z| (0..patch[1]).map(move |y| (z, y))) {
            if origin[0] + z >= size[0] || origin[1] + y >= size[1] {
                continue;
            }
            let from = ((origin[0] + z) * size[1] + origin[1] + y) * size[2] + origin[2];
            let to = (z * patch[1] + y) * patch[2];
            for i in 0..length {
                input[to + i] = window.apply(self.hu[from + i]);
                input[count + to + i] = self.probability[from + i].clamp(0.0, 1.0);
            }
        }
        input
    }

    /// Share of a vertebra that the first model calls vertebra too.
    pub fn support(&self, vertebra: &Fused) -> f32 {
        let size = dims(&self.grid);
        let (mut both, mut all) = (0.0, 0.0);
        for (i, p) in vertebra.probability.iter().enumerate().filter(|(_, p)| **p > 0.5) {
            let [_, ny, nx] = vertebra.dims;
            let place = [i / (ny * nx), i / nx % ny, i % nx];
            let [z, y, x] = [0, 1, 2].map(|axis| vertebra.origin[axis] + place[axis]);
            all += p;
            if z < size[0] && y < size[1] && x < size[2] {
                both += p * self.probability[(z * size[1] + y) * size[2] + x];
            }
        }
        if all > 0.0 { both / all } else { 0.0 }
    }

    /// A fused vertebra in the CT's frame.
    ///
    /// # Errors
    /// [`SegmentError::Grid`] when it has no voxels.
    pub fn field(&self, vertebra: Fused) -> Result<Field, SegmentError> {
        let [z, y, x] = vertebra.origin.map(|first| first as f64);
        let corner = self.grid.to_ct([x, y, z].into());
        let [nz, ny, nx] = vertebra.dims;
        Ok(Field::new(Grid::axis_aligned([nx, ny, nz], self.grid.spacing_mm(), corner)?, vertebra.probability))
    }
}

/// Runs the network in a window about each centroid: three predictions each.
///
/// Cost: the network's, once a vertebra.
///
/// # Errors
/// [`SegmentError::Network`] when the network or its device refuses.
pub fn run(
    model: &Model,
    device: &dyn Device,
    lattice: &Lattice,
    centroids: &[Point<Ct>],
    progress: &mut dyn Progress,
) -> Result<Vec<Prediction>, SegmentError> {
    let p = &model.card.preprocessing;
    let [nz, ny, nx] = p.patch_voxels;
    let centre = model.class("centre");
    let mut network = device.load(&model.program, Precision::F32)?;
    let (mut outputs, mut predictions) = (Vec::new(), Vec::new());
    for (window, centroid) in centroids.iter().enumerate() {
        let origin = lattice.origin(*centroid, p.patch_voxels);
        let input = Tensor::new([2, nz, ny, nx], lattice.input(origin, p))?;
        network.run(&input, &mut outputs)?;
        let fields = outputs.first().into_iter().flat_map(|output: &Tensor| output.data().chunks_exact(nz * ny * nx));
        for (class, field) in fields.enumerate().skip(1) {
            let (is_centre, probability) = (Some(class) == centre, field.to_vec());
            predictions.push(Prediction { window, is_centre, origin, probability });
        }
        progress.fraction((window + 1) as f64 / centroids.len() as f64);
    }
    Ok(predictions)
}
