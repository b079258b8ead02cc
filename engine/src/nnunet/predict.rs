//! The whole way: a CT in, a label map on its grid out.

use std::path::Path;
use std::sync::Arc;

use kernels::{Device, Executable, Precision, Program, Weights};
use rayon::prelude::*;

use super::card::{NnunetCard, Resampling};
use super::error::NnunetError;
use super::prepare::{Prepared, prepare};
use super::resize::{Taps, separate_axis};
use super::sliding::{Logits, Sliding};
use crate::io::bounded::{WEIGHTS_BYTES, read_bounded};
use crate::segment::Progress;
use crate::volume::{LabelMap, Volume};

/// How a model is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PredictSettings {
    /// Also run mirrored windows, as nnU-Net does by default; up to eight
    /// times the cost for a little more accuracy. Default: no.
    pub mirror: bool,
}

/// An imported model on a device.
#[derive(Debug)]
pub struct NnunetModel {
    card: NnunetCard,
    executable: Box<dyn Executable>,
}

impl NnunetModel {
    /// From `NAME.safetensors`, with the card `NAME.json` beside it.
    ///
    /// # Errors
    /// [`NnunetError`] naming the file or what does not fit.
    pub fn from_file(device: &dyn Device, path: &Path, precision: Precision) -> Result<Self, NnunetError> {
        let card = NnunetCard::from_file(&path.with_extension("json"))?;
        let advice = "a model is NAME.safetensors with its card NAME.json beside it";
        let fail = |cause| NnunetError::Read { path: path.to_owned(), cause, advice };
        let weights = Weights::from_safetensors(&read_bounded(path, WEIGHTS_BYTES).map_err(fail)?)?;
        Self::new(device, card, &weights, precision)
    }

    /// From a card and its weights.
    ///
    /// # Errors
    /// [`NnunetError`] when they do not fit each other, or the device fails.
    pub fn new(
        device: &dyn Device,
        card: NnunetCard,
        weights: &Weights,
        precision: Precision,
    ) -> Result<Self, NnunetError> {
        card.check().map_err(NnunetError::Image)?;
        let program = Arc::new(Program::new(&card.graph, weights)?);
        // Refuses a patch the network cannot take before the first image.
        program.layout(card.preprocessing.patch_voxels, 4)?;
        let executable = device.load(&program, precision)?;
        Ok(Self { card, executable })
    }

    /// What is known of the model.
    #[must_use]
    pub const fn card(&self) -> &NnunetCard {
        &self.card
    }

    /// Labels every voxel of a CT. Stages told to `progress`: `prepare`,
    /// `network`, `labels`.
    ///
    /// # Errors
    /// [`NnunetError::Image`] when the image is too large for the model's
    /// spacing, and whatever the device reports.
    ///
    /// Cost: the network over about eight times the voxels of the image at
    /// the model's spacing; `classes + 1` values a voxel of memory there.
    pub fn segment(
        &mut self,
        ct: &Volume,
        settings: &PredictSettings,
        progress: &mut dyn Progress,
    ) -> Result<LabelMap, NnunetError> {
        progress.stage("prepare");
        let p = &self.card.preprocessing;
        let prepared = prepare(ct, p)?;
        progress.stage("network");
        let mut sliding = Sliding {
            network: self.executable.as_mut(),
            patch: p.patch_voxels,
            classes: self.card.labels.len(),
            mirror_axes: if settings.mirror { &p.mirror_axes } else { &[] },
        };
        let logits = sliding.run(&prepared.values, prepared.dims, progress)?;
        progress.stage("labels");
        let labels = labels(&logits, &prepared, p.logit_resampling)?;
        Ok(prepared.restore(&labels, &ct.grid))
    }
}

/// The class with the largest logit at every voxel of the cropped image; the
/// first of equals. Logits are resampled slice by slice, never all at once.
fn labels(logits: &Logits, prepared: &Prepared, resampling: Resampling) -> Result<Vec<u8>, NnunetError> {
    let (from, to) = (logits.dims, prepared.cropped);
    let orders = match resampling {
        // Without resampling both sizes are equal.
        Resampling::Never => [0; 3],
        Resampling::Spline { order, order_z, force_separate_z } => {
            let [image_mm, network_mm] = prepared.spacing_mm;
            let separate = separate_axis(force_separate_z, network_mm, image_mm);
            [0, 1, 2].map(|axis| if separate == Some(axis) { order_z } else { order })
        }
    };
    if resampling == Resampling::Never && from != to {
        let what = format!("the model resamples images but not logits: {from:?} voxels there, {to:?} here");
        return Err(NnunetError::Image(what));
    }
    let taps = [0, 1, 2].map(|axis| Taps::new(from[axis], to[axis], orders[axis]));
    let mut labels = vec![0u8; to.iter().product()];
    labels.par_chunks_mut(to[1] * to[2]).zip(taps[0].places()).for_each(|(slice, place)| {
        label_slice(logits, *place, [&taps[1], &taps[2]], slice);
    });
    Ok(labels)
}

/// One slice of the label map.
fn label_slice(logits: &Logits, z: (usize, usize, f64), [y_taps, x_taps]: [&Taps; 2], slice: &mut [u8]) {
    let [_, height, width] = logits.dims;
    let (area, columns) = (height * width, x_taps.places().len());
    let mut best = vec![f32::NEG_INFINITY; slice.len()];
    let mut plane = vec![0.0f32; area];
    let mut row = vec![0.0f32; width];
    for (class, values) in logits.values.chunks_exact(area * logits.dims[0]).enumerate() {
        mix(&mut plane, &values[z.0 * area..(z.0 + 1) * area], &values[z.1 * area..(z.1 + 1) * area], z.2);
        for (y, place) in y_taps.places().iter().enumerate() {
            let line = |index: usize| &plane[index * width..(index + 1) * width];
            mix(&mut row, line(place.0), line(place.1), place.2);
            let start = y * columns;
            let targets = best[start..start + columns].iter_mut().zip(&mut slice[start..start + columns]);
            for ((best, label), (low, high, weight)) in targets.zip(x_taps.places()) {
                let value = row[*low] + (row[*high] - row[*low]) * *weight as f32;
                if value > *best {
                    *best = value;
                    // Labels are u8, so there are at most 256 classes.
                    *label = class as u8;
                }
            }
        }
    }
}

/// `a + (b - a) * weight` into `out`.
fn mix(out: &mut [f32], a: &[f32], b: &[f32], weight: f64) {
    let weight = weight as f32;
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out = a + (b - a) * weight;
    }
}
