//! What each voxel is, before single vertebrae are told apart.

use kernels::Device;

use super::class_fields::class_fields;
use super::contrast;
use super::model::Model;
use super::pipeline::{Progress, SegmentError};
use super::preprocess;
use crate::volume::{Grid, Volume};

/// Class probabilities on an axis-aligned grid, `[z, y, x]` each.
#[derive(Debug)]
pub struct Semantic {
    /// Where the voxels lie.
    pub grid: Grid,
    /// Probability of vertebra.
    pub vertebra: Vec<f32>,
    /// Probability of ribs, sacrum, pelvis and other bone.
    pub other_bone: Vec<f32>,
    /// Probability of intervertebral disc; all zero when the model has no such class.
    pub disc: Vec<f32>,
    /// From each voxel to the centroid of its vertebra, mm, `[x, y, z]`;
    /// empty when the model has no such output. Means something inside
    /// vertebrae only.
    pub offsets_mm: Vec<[f32; 3]>,
    /// Vertebra probability that separates in from out.
    pub threshold: f32,
}

impl Semantic {
    /// Runs a network over the whole CT, and takes enhanced blood and organs
    /// out of its vertebrae.
    ///
    /// # Errors
    /// [`SegmentError`] when a grid cannot be made or the network refuses.
    pub fn from_network(
        ct: &Volume,
        model: &Model,
        device: &dyn Device,
        progress: &mut dyn Progress,
    ) -> Result<Self, SegmentError> {
        let (low, high) = ct.grid.bounds();
        let grid = preprocess::cover(low.to_array(), high.to_array(), model.card.preprocessing.spacing_mm)?;
        let fields = class_fields(ct, model, device, &grid, progress)?;
        let (mut classes, offsets_mm) = model.split(fields.classes);
        let mut take = |name: &str| match model.class(name).and_then(|class| classes.get_mut(class)) {
            Some(field) => std::mem::take(field),
            None => vec![0.0; grid.len()],
        };
        let (mut vertebra, other_bone, disc) = (take("vertebra"), take("other_bone"), take("disc"));
        for (probability, is_pool) in vertebra.iter_mut().zip(contrast::pools(&fields.hu, &grid)?) {
            *probability *= f32::from(u8::from(!is_pool));
        }
        Ok(Self { grid, vertebra, other_bone, disc, offsets_mm, threshold: model.card.vertebra_threshold })
    }

    /// The same on another grid, linear, without the offsets: between two
    /// vertebrae their mean points at neither.
    ///
    /// # Errors
    /// [`SegmentError::Kernel`] when the data does not fit its grid.
    pub fn on(&self, grid: &Grid) -> Result<Self, SegmentError> {
        let moved = |field: &[f32]| preprocess::resample_field(field, &self.grid, grid, 0.0);
        Ok(Self {
            grid: grid.clone(),
            vertebra: moved(&self.vertebra)?,
            other_bone: moved(&self.other_bone)?,
            disc: moved(&self.disc)?,
            offsets_mm: Vec::new(),
            threshold: self.threshold,
        })
    }
}
