//! One case from a CT in memory to labels and surfaces, without leaving the GPU.
//!
//! A chain is made for one network and one geometry (size and spacing of the
//! CT, grid of the network). Making it plans, reserves and records; then a
//! case is: the CT copied in through page-locked memory, one launch, the
//! labels copied out while the surfaces are cut, the surfaces copied out.

use std::sync::Arc;

use geom::nalgebra::{Matrix3, Vector3};

use super::classes::{OnGrid, first_nan, fits, recorded};
use super::components::Touching;
use super::grids::{DeviceLabels, DeviceVolume};
use super::label_fields::DeviceBoxes;
use super::recording::Recording;
use super::surface::TriangleMesh;
use crate::cuda::memory::Pinned;
use crate::cuda::{Cuda, DeviceNetwork};
use crate::device::{VolumeError, VolumeRun};
use crate::error::GridError;
use crate::graph::NetworkError;
use crate::program::Program;

/// What a [`SegmentChain`] does besides running the network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChainSettings {
    /// Geometry, scaling and windows.
    pub run: VolumeRun,
    /// Connected parts (through faces, all labels but 0 together) of fewer
    /// voxels of the network's grid become background. 0 keeps all.
    pub min_part_voxels: u32,
    /// Gaussian over each label's mask before its surface is cut, in voxels
    /// of the network's grid `[z, y, x]`; 0 for none.
    pub surface_sigma_voxels: [f64; 3],
    /// Where voxel `(x, y, z, 1)` of the network's grid lies, mm.
    pub place_from_grid: [[f64; 4]; 3],
}

/// A CT in memory, `[z, y, x]`.
#[derive(Debug, Clone, Copy)]
pub enum Ct<'a> {
    /// Hounsfield units.
    Hu(&'a [f32]),
    /// Hounsfield units as scanners store them: half the bytes to copy.
    Stored(&'a [i16]),
}

/// Labels and surfaces of a case.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Segmented {
    /// The class of each voxel of the CT, `[z, y, x]`; 0 outside the
    /// network's grid.
    pub labels: Vec<u8>,
    /// One for each label that occurs but 0, lowest first.
    pub surfaces: Vec<LabelSurface>,
}

/// The surface of one label.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelSurface {
    /// The label.
    pub label: u8,
    /// Closed, wound outward, mm.
    pub mesh: TriangleMesh,
}

/// A network and everything around it on the GPU, for CTs of one geometry.
#[derive(Debug)]
pub struct SegmentChain {
    recording: Recording,
    made: Made,
    ct: DeviceVolume,
    /// Page-locked, for the labels on their way out.
    arrived: Pinned<u8>,
    network: DeviceNetwork,
    settings: ChainSettings,
    cuda: Cuda,
}

/// What a replay leaves on the GPU.
#[derive(Debug)]
struct Made {
    on_grid: OnGrid,
    labels: DeviceLabels,
    boxes: DeviceBoxes,
    labels_on_ct: DeviceLabels,
}

impl SegmentChain {
    /// Loads the network, reserves all memory and records all launches.
    ///
    /// # Errors
    /// [`VolumeError::Grid`] for settings that make no sense,
    /// [`VolumeError::Network`] when the network cannot take the size or the
    /// GPU is out of memory or gone.
    ///
    /// Cost: packing the weights and recording, tens of milliseconds. Memory:
    /// 13 bytes a voxel of the CT with a blur (5 without), some 25 a voxel and
    /// 4 a class of the network's grid, and the network's.
    pub fn new(cuda: &Cuda, program: &Arc<Program>, settings: &ChainSettings) -> Result<Self, VolumeError> {
        let run = &settings.run;
        run.check(run.ct_dims.iter().product())?;
        run.check_program(program)?;
        if !fits(program, run)? {
            return Err(NetworkError::TooLarge { dims: run.grid_dims }.into());
        }
        let grid_from_ct = inverse(&run.ct_from_grid)?;
        let mut network = cuda.load_network(program)?;
        let (ct, made, recording) = recorded(cuda, &mut network, run, |on_grid| {
            let mut labels = on_grid.probabilities.argmax_channels()?;
            if settings.min_part_voxels > 1 {
                labels.clear_small_parts(Touching::Faces, settings.min_part_voxels)?;
            }
            let boxes = labels.find_label_boxes()?;
            let labels_on_ct = labels.resample(&grid_from_ct, run.ct_dims, 0)?;
            Ok(Made { on_grid, labels, boxes, labels_on_ct })
        })?;
        let arrived = Pinned::new(&cuda.driver.context, made.labels_on_ct.voxels())?;
        Ok(Self { recording, made, ct, arrived, network, settings: *settings, cuda: cuda.clone() })
    }

    /// Segments a CT of the chain's geometry.
    ///
    /// # Errors
    /// [`VolumeError::Grid`] for another number of voxels,
    /// [`NetworkError::NonFiniteInput`] for NaN, and
    /// [`OpError::Device`](crate::OpError::Device) when the GPU failed.
    ///
    /// Cost: 4 bytes a voxel in (2 if stored), 1 out, the network for each
    /// window, the surfaces.
    pub fn run(&mut self, ct: Ct<'_>) -> Result<Segmented, VolumeError> {
        let voxels = match ct {
            Ct::Hu(hu) => hu.len(),
            Ct::Stored(stored) => stored.len(),
        };
        self.settings.run.check(voxels)?;
        match ct {
            Ct::Hu(hu) => self.ct.fill(hu)?,
            Ct::Stored(stored) => self.ct.fill_stored_hu(stored)?,
        }
        self.recording.replay()?;
        let labels = self.made.labels_on_ct.start_download(&self.cuda.driver, &mut self.arrived)?;
        self.made.on_grid.check(|| if let Ct::Hu(hu) = ct { first_nan(hu) } else { 0 })?;
        let surfaces = self.made.surfaces(&self.settings)?;
        Ok(Segmented { labels: labels.finish()?, surfaces })
    }

    /// Bytes of the network on the GPU: weights, activations, scratch.
    #[must_use]
    pub fn network_bytes(&self) -> usize {
        self.network.bytes()
    }
}

impl Made {
    fn surfaces(&self, settings: &ChainSettings) -> Result<Vec<LabelSurface>, VolumeError> {
        let (sigma, place) = (settings.surface_sigma_voxels, &settings.place_from_grid);
        let boxes = self.boxes.download()?;
        let found = (0..=u8::MAX).zip(&boxes).filter_map(|(label, found)| Some((label, found.as_ref()?)));
        // All are cut before the first is read back.
        let cut: Vec<_> = found
            .map(|(label, found)| Ok((label, self.labels.surface_of(label, found, sigma, place)?)))
            .collect::<Result<_, VolumeError>>()?;
        cut.into_iter().map(|(label, mesh)| Ok(LabelSurface { label, mesh: mesh.download()? })).collect()
    }
}

/// The affine that undoes `affine`.
fn inverse(affine: &[[f64; 4]; 3]) -> Result<[[f64; 4]; 3], GridError> {
    let linear = Matrix3::from_fn(|row, column| affine[row][column]);
    let undone = linear.try_inverse().filter(|m| m.iter().all(|value| value.is_finite()));
    let Some(undone) = undone else {
        let (operation, value, range) = ("segment", linear.determinant(), "of an affine that can be undone");
        return Err(GridError::Setting { operation, setting: "determinant of ct_from_grid", value, range });
    };
    let moved = -(undone * Vector3::from_fn(|row, _| affine[row][3]));
    Ok([0, 1, 2].map(|row| [undone[(row, 0)], undone[(row, 1)], undone[(row, 2)], moved[row]]))
}
