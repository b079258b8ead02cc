//! What each voxel is, before single vertebrae are told apart.

use kernels::Device;

use super::class_fields::class_fields;
use super::contrast;
use super::model::Model;
use super::pipeline::{Progress, SegmentError};
use super::preprocess;
use crate::volume::{Grid, LabelMap, Volume};

/// HU of bone for networks that know only vertebrae: even, and certain above.
const BONE_HU: [f32; 2] = [150.0, 350.0];

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

/// Probabilities of bones that are no vertebrae, where a model has them.
#[derive(Debug, Default)]
pub struct Structures {
    /// Hip bones and sacrum.
    pub pelvis: Option<Vec<f32>>,
    /// Both femora.
    pub femur: Option<Vec<f32>>,
}

/// Numbers of [`Structures::labels`].
pub const PELVIS: u8 = 1;
/// Numbers of [`Structures::labels`].
pub const FEMUR: u8 = 2;

impl Structures {
    /// Hip bones and sacrum as [`PELVIS`], femora as [`FEMUR`], each where it
    /// is more likely than not, on the grid of the scan; `None` when the model
    /// knows neither.
    ///
    /// * `from` - the grid of the probabilities.
    ///
    /// # Errors
    /// [`SegmentError::Kernel`] when they do not fit that grid.
    pub fn labels(&self, from: &Grid, scan: &Grid) -> Result<Option<LabelMap>, SegmentError> {
        if self.pelvis.is_none() && self.femur.is_none() {
            return Ok(None);
        }
        let mut coarse = vec![0u8; from.len()];
        for (field, number) in [(&self.pelvis, PELVIS), (&self.femur, FEMUR)] {
            for (label, p) in coarse.iter_mut().zip(field.iter().flatten()) {
                *label = if *p > 0.5 { number } else { *label };
            }
        }
        let labels = preprocess::resample_labels(&coarse, from, scan)?;
        Ok(Some(LabelMap { grid: scan.clone(), labels }))
    }
}

/// Bone that is no vertebra, for a network without a class for it.
pub(super) fn other_bone(hu: &[f32], vertebra: &[f32], pools: &[bool], structures: &Structures) -> Vec<f32> {
    let [even, certain] = BONE_HU;
    let named = |field: &Option<Vec<f32>>, i: usize| field.as_ref().and_then(|f| f.get(i)).copied().unwrap_or(0.0);
    let one = |(i, ((hu, vertebra), is_pool)): (usize, ((&f32, &f32), &bool))| {
        let bright = ((hu - even) / (certain - even)).clamp(0.0, 1.0) * f32::from(u8::from(!is_pool));
        (bright * (1.0 - vertebra)).max(named(&structures.pelvis, i)).max(named(&structures.femur, i))
    };
    hu.iter().zip(vertebra).zip(pools).enumerate().map(one).collect()
}

impl Semantic {
    /// Runs a network over `grid`, and takes enhanced blood and organs out of
    /// its vertebrae. Where the model has no class for other bone, bright
    /// voxels that it calls no vertebra are that, and its pelvis and femora.
    ///
    /// # Errors
    /// [`SegmentError`] when the grid does not fit or the network refuses.
    pub fn from_network(
        ct: &Volume,
        model: &Model,
        device: &dyn Device,
        grid: Grid,
        progress: &mut dyn Progress,
    ) -> Result<(Self, Structures), SegmentError> {
        let fields = class_fields(ct, model, device, &grid, progress)?;
        let (mut classes, offsets_mm) = model.split(fields.classes);
        let mut take = |name: &str| model.class(name).and_then(|class| classes.get_mut(class)).map(std::mem::take);
        let mut vertebra = take("vertebra").unwrap_or_else(|| vec![0.0; grid.len()]);
        let disc = take("disc").unwrap_or_else(|| vec![0.0; grid.len()]);
        let pools = contrast::pools(&fields.hu, &grid)?;
        let structures = Structures { pelvis: take("pelvis"), femur: take("femur") };
        let other_bone = match take("other_bone") {
            Some(field) => field,
            None => other_bone(&fields.hu, &vertebra, &pools, &structures),
        };
        for (probability, is_pool) in vertebra.iter_mut().zip(&pools) {
            *probability *= f32::from(u8::from(!is_pool));
        }
        let threshold = model.card.vertebra_threshold;
        Ok((Self { grid, vertebra, other_bone, disc, offsets_mm, threshold }, structures))
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
