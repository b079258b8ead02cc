//! Boxes of labels, and labels as fields to smooth and to cut.
#![allow(unsafe_code)]

use super::buffer::{BLOCK, Buffer, each, launch, narrow, parameters, voxel_count};
use super::grids::{DeviceLabels, DeviceVolume};
use crate::cuda::driver::{Shape, refuse};
use crate::error::OpError;

/// Voxels a block of `label_boxes` looks at; as in `volume_masks.cu`.
const BOX_VOXELS: usize = 256 * 64;

/// Labels there can be.
const LABELS: usize = 256;

parameters! {
    struct FieldOfLabelParameters {
        labels: u64, field: u64, dims: [u32; 3], origin: [i32; 3], field_dims: [u32; 3], wanted: u32,
    }
}
parameters! { struct LabelBoxesParameters { labels: u64, boxes: u64, dims: [u32; 3] } }

/// The voxels a label spans, both ends included, `[z, y, x]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LabelBox {
    /// Lowest indices.
    pub low: [usize; 3],
    /// Highest indices.
    pub high: [usize; 3],
}

/// Boxes on the GPU, as `label_boxes` of `volume_masks.cu` leaves them.
#[derive(Debug)]
pub(super) struct DeviceBoxes(Buffer<u32>);

impl DeviceBoxes {
    /// By label; waits.
    pub(super) fn download(&self) -> Result<Vec<Option<LabelBox>>, OpError> {
        let one = |[low, high]: &[[u32; 3]; 2]| {
            let low = low.map(|c| (u32::MAX - c) as usize);
            (low[0] != u32::MAX as usize).then(|| LabelBox { low, high: high.map(|c| c as usize) })
        };
        Ok(self.0.download()?.as_chunks::<3>().0.as_chunks::<2>().0.iter().map(one).collect())
    }
}

impl DeviceLabels {
    /// The box of each label that occurs, by label; label 0 has none.
    ///
    /// # Errors
    /// [`OpError::Device`] when the GPU has no memory left.
    ///
    /// Cost: one read of the labels.
    pub fn label_boxes(&self) -> Result<Vec<Option<LabelBox>>, OpError> {
        self.find_label_boxes()?.download()
    }

    /// The same, left on the GPU.
    pub(super) fn find_label_boxes(&self) -> Result<DeviceBoxes, OpError> {
        let driver = self.values.driver();
        let boxes = Buffer::<u32>::zeros(driver, LABELS * 6)?;
        let parameters =
            LabelBoxesParameters { labels: self.values.address(), boxes: boxes.address(), dims: self.dims.map(narrow) };
        let blocks = self.voxels().div_ceil(BOX_VOXELS);
        let shape = Shape { grid: [narrow(blocks), 1, 1], threads: BLOCK, shared_bytes: 0 };
        // SAFETY: the labels have those dimensions, the boxes six numbers for
        // each of 256 labels; watched by `cuda_volume::boxes_and_fields_of_labels`.
        unsafe { launch(driver, "label_boxes", shape, &parameters)? };
        Ok(DeviceBoxes(boxes))
    }

    /// 1.0 where the label is, 0.0 elsewhere: to smooth, and to cut at 0.5.
    ///
    /// # Errors
    /// As [`DeviceLabels::mask_of`].
    pub fn field_of(&self, label: u8) -> Result<DeviceVolume, OpError> {
        self.field_in_box(label, [0; 3], self.dims)
    }

    /// The same for a box: `dims` voxels `[z, y, x]` from voxel `origin` on,
    /// which may lie outside, where it is 0.0. A label's own box with a margin
    /// is what its surface needs.
    ///
    /// # Errors
    /// [`OpError::Device`] for an empty or too large box, and one further than
    /// 2^30 voxels away.
    pub fn field_in_box(&self, label: u8, origin: [isize; 3], dims: [usize; 3]) -> Result<DeviceVolume, OpError> {
        let voxels = voxel_count("field_in_box", dims)?;
        if origin.iter().any(|at| at.unsigned_abs() > 1 << 30) || dims.iter().any(|&n| n > 1 << 30) {
            return Err(refuse(&format!("field_in_box: {dims:?} voxels from {origin:?} on [z, y, x] is far outside")));
        }
        let driver = self.values.driver();
        let field = Buffer::new(driver, voxels)?;
        let parameters = FieldOfLabelParameters {
            labels: self.values.address(),
            field: field.address(),
            dims: self.dims.map(narrow),
            origin: origin.map(|at| i32::try_from(at).unwrap_or(i32::MIN)),
            field_dims: dims.map(narrow),
            wanted: u32::from(label),
        };
        // SAFETY: labels and field hold their dimensions, and the kernel
        // reads within them; watched by `cuda_volume::boxes_and_fields_of_labels`.
        unsafe { launch(driver, "field_of_label", each(voxels), &parameters)? };
        Ok(DeviceVolume { values: field, dims })
    }
}
