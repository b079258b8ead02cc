//! A model over a whole CT: on which grid, in one pass or in windows.
//!
//! What is done, and on which device, is
//! [`Device::class_fields`](kernels::Device::class_fields); here is only what
//! the model's card and the scan say.

use kernels::device::{ClassFields, Passes, VolumeRun};
use kernels::{Device, antialias_sigma};

use super::model::{Mode, Model};
use super::pipeline::{Progress, SegmentError};
use super::preprocess::{dims, source_from_destination, spacing_mm};
use crate::volume::{Grid, Volume};

/// Share of a window that its neighbour covers again. A quarter keeps the
/// seams below 0.5 % of Dice at 42 % of the cost of half-overlap.
const OVERLAP: f64 = 0.25;

/// The same for slabs of few slices: half of each lies near its border.
const SLAB_OVERLAP: f64 = 0.5;

/// Windows without a voxel above this hold no bone worth a network's time.
const BONE_HU: f32 = 120.0;

/// Largest memory for activations; beyond it the volume is cut into tiles.
const ACTIVATION_BYTES: usize = 3 << 30;

/// The CT and the probability of each class of the model on `grid`.
///
/// Stages reported: `resample`, `network`.
///
/// # Errors
/// [`SegmentError::Kernel`] when the grids do not fit their data,
/// [`SegmentError::Network`] when the network or its device refuses.
pub fn class_fields(
    ct: &Volume,
    model: &Model,
    device: &dyn Device,
    grid: &Grid,
    progress: &mut dyn Progress,
) -> Result<ClassFields, SegmentError> {
    progress.stage("resample");
    let mut is_resampled = false;
    Ok(device.class_fields(&model.program, &ct.hu, &volume_run(&ct.grid, model, grid), &mut |done| {
        if !is_resampled {
            progress.stage("network");
            is_resampled = true;
        }
        progress.fraction(done);
    })?)
}

/// How that model is run over that scan. A network without norms over its
/// input gives every voxel the same result however the image is cut; one with
/// instance norm was trained on the statistics of its window.
fn volume_run(ct: &Grid, model: &Model, grid: &Grid) -> VolumeRun {
    let p = &model.card.preprocessing;
    let overlap = if model.card.modes().first() == Some(&Mode::Slabs) { SLAB_OVERLAP } else { OVERLAP };
    let passes = if model.program.is_local() {
        Passes::Whole { activation_bytes: ACTIVATION_BYTES }
    } else {
        Passes::Windows { patch: p.patch_voxels, overlap, empty_below_hu: BONE_HU }
    };
    VolumeRun {
        ct_dims: dims(ct),
        grid_dims: dims(grid),
        ct_from_grid: source_from_destination(ct, grid),
        blur_voxels: antialias_sigma(spacing_mm(ct), spacing_mm(grid)),
        outside_hu: p.padding_hu,
        window: p.window(),
        passes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::model::tests::{local_model, published_model};
    use crate::segment::preprocess::resample_ct;
    use geom::Point;

    /// Notes the stages.
    #[derive(Default)]
    struct Stages(Vec<&'static str>, f64);

    impl Progress for Stages {
        fn stage(&mut self, name: &'static str) {
            self.0.push(name);
        }
        fn fraction(&mut self, done: f64) {
            self.1 = done;
        }
    }

    #[test]
    fn the_network_sees_the_scan_as_the_rest_of_the_pipeline_does() {
        let grid = Grid::axis_aligned([21, 17, 14], [0.9, 0.9, 2.5], Point::new(-5.0, 3.0, 40.0)).unwrap();
        let hu = (0..grid.len()).map(|i| ((i * 37) % 1000) as f32).collect();
        let ct = Volume { grid, hu };
        let model = local_model();
        let working = Grid::axis_aligned([11, 9, 19], [2.0; 3], Point::new(-6.0, 3.0, 41.0)).unwrap();
        let mut stages = Stages::default();
        let found = class_fields(&ct, &model, &kernels::Cpu::new(), &working, &mut stages).unwrap();
        assert_eq!(found.hu, resample_ct(&ct, &working, -1000.0).unwrap());
        assert_eq!((stages.0, stages.1), (vec!["resample", "network"], 1.0));
        let sums = (0..working.len()).map(|i| found.classes[0][i] + found.classes[1][i]);
        assert!(sums.into_iter().all(|sum| (sum - 1.0).abs() < 1e-5));
    }
    #[test]
    fn slabs_slide_along_z_by_half_of_their_height_and_leave_no_seam() {
        let model = published_model("residual_unet", &serde_json::json!({ "modes": ["slabs"] })).unwrap();
        let grid = Grid::axis_aligned([16, 16, 37], [2.0; 3], Point::new(0.0, 0.0, 0.0)).unwrap();
        let ct = Volume { hu: vec![300.0; grid.len()], grid: grid.clone() };
        let passes = volume_run(&ct.grid, &model, &grid).passes;
        assert_eq!(passes, Passes::Windows { patch: [16; 3], overlap: 0.5, empty_below_hu: BONE_HU });
        let found = class_fields(&ct, &model, &kernels::Cpu::new(), &grid, &mut Stages::default()).unwrap();
        for i in 0..grid.len() {
            let sum: f32 = found.classes.iter().map(|class| class[i]).sum();
            assert!((sum - 1.0).abs() < 1e-4, "voxel {i}: {sum}");
        }
    }
}
