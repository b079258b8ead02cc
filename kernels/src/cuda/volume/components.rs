//! Connected parts of a mask on the GPU.
#![allow(unsafe_code)]

use std::cmp::Reverse;

use super::buffer::{Buffer, each, launch, narrow, parameters};
use super::grids::DeviceLabels;
use super::scan::exclusive_sum;
use crate::components::{Components, Connectivity};
use crate::error::OpError;

/// Voxels a word of the kernels covers.
const WORD: usize = 32;

parameters! { struct StartParameters { mask: u64, links: u64, voxels: u32, width: u32 } }
parameters! { struct UniteParameters { links: u64, depth: u32, height: u32, width: u32, steps: i32 } }
parameters! { struct FlattenParameters { links: u64, root_bits: u64, counts: u64, voxels: u32 } }
parameters! {
    struct NumberParameters {
        links: u64, root_bits: u64, roots_before: u64, labels: u64, sizes: u64, voxels: u32,
    }
}
parameters! { struct ClearParameters { parts: u64, sizes: u64, labels: u64, voxels: u32, smallest: u32 } }
parameters! { struct PartMaskParameters { labels: u64, mask: u64, voxels: u32, wanted: u32 } }

/// Which neighbours touch a voxel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touching {
    /// The 6 that share a face.
    Faces,
    /// The 18 that share a face or an edge.
    Edges,
    /// The 26 that share a face, an edge or a corner.
    Corners,
}

impl From<Connectivity> for Touching {
    fn from(connectivity: Connectivity) -> Self {
        match connectivity {
            Connectivity::Faces => Self::Faces,
            Connectivity::Corners => Self::Corners,
        }
    }
}

/// Numbered parts and their sizes, all on the GPU.
struct Parts {
    labels: Buffer<u32>,
    /// Of part `i + 1`; zero beyond the last part.
    sizes: Buffer<u32>,
    /// How many parts.
    count: Buffer<u32>,
}

/// A label image and the size of each label on the GPU, numbered as
/// [`Components`].
#[derive(Debug)]
pub struct DeviceComponents {
    labels: Buffer<u32>,
    sizes: Vec<usize>,
    dims: [usize; 3],
}

impl DeviceLabels {
    /// The connected parts of the voxels that are not 0, with the numbers of
    /// [`crate::connected_components`]; a [`Connectivity`] or a [`Touching`].
    ///
    /// # Errors
    /// [`OpError::Device`] when the GPU has no memory left.
    ///
    /// Cost: five passes over the volume; 11 bytes a voxel while it runs.
    pub fn components(&self, touching: impl Into<Touching>) -> Result<DeviceComponents, OpError> {
        let parts = self.number_parts(touching.into())?;
        let count = parts.count.first()? as usize;
        let sizes = parts.sizes.first_values(count)?.into_iter().map(|size| size as usize).collect();
        Ok(DeviceComponents { labels: parts.labels, sizes, dims: self.dims })
    }

    /// Makes the voxels of connected parts (of all labels but 0 together) of
    /// fewer than `smallest` voxels background.
    ///
    /// # Errors
    /// As [`DeviceLabels::components`].
    pub fn clear_small_parts(&mut self, touching: impl Into<Touching>, smallest: u32) -> Result<(), OpError> {
        let parts = self.number_parts(touching.into())?;
        let parameters = ClearParameters {
            parts: parts.labels.address(),
            sizes: parts.sizes.address(),
            labels: self.values.address(),
            voxels: narrow(self.voxels()),
            smallest,
        };
        // SAFETY: parts and labels hold all voxels, sizes every part; watched
        // by `cuda_volume::crumbs_go_and_the_rest_stays`.
        unsafe { launch(self.values.driver(), "clear_small_parts", each(self.voxels()), &parameters) }
    }

    /// Labels the parts without asking the host how many there are.
    fn number_parts(&self, touching: Touching) -> Result<Parts, OpError> {
        let driver = self.values.driver();
        let voxels = self.voxels();
        let (words, count) = (voxels.div_ceil(WORD), narrow(voxels));
        let links = Buffer::<u32>::new(driver, voxels)?;
        let (root_bits, counts) = (Buffer::<u32>::new(driver, words)?, Buffer::new(driver, words)?);
        let [depth, height, width] = self.dims.map(narrow);
        let start = StartParameters { mask: self.values.address(), links: links.address(), voxels: count, width };
        let steps = match touching {
            Touching::Faces => 1,
            Touching::Edges => 2,
            Touching::Corners => 3,
        };
        let unite = UniteParameters { links: links.address(), depth, height, width, steps };
        let flatten = FlattenParameters {
            links: links.address(),
            root_bits: root_bits.address(),
            counts: counts.address(),
            voxels: count,
        };
        // SAFETY: mask and links hold all voxels, bits and counts all words;
        // watched by `cuda_volume::finds_the_parts_of_the_cpu`.
        unsafe {
            launch(driver, "components_start", each(voxels), &start)?;
            launch(driver, "components_unite", each(voxels), &unite)?;
            launch(driver, "components_flatten", each(voxels), &flatten)?;
        }
        let parts = exclusive_sum(&counts, words)?;
        // No two parts touch: at most every other voxel begins one.
        let (labels, sizes) = (Buffer::new(driver, voxels)?, Buffer::<u32>::zeros(driver, voxels.div_ceil(2))?);
        let number = NumberParameters {
            links: links.address(),
            root_bits: root_bits.address(),
            roots_before: counts.address(),
            labels: labels.address(),
            sizes: sizes.address(),
            voxels: count,
        };
        // SAFETY: as above; sizes hold one a part.
        unsafe { launch(driver, "components_number", each(voxels), &number)? };
        Ok(Parts { labels, sizes, count: parts })
    }
}

impl DeviceComponents {
    /// Voxels of label `i + 1`.
    #[must_use]
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// The label with the most voxels (the first of equals), or `None` when
    /// the mask was empty.
    #[must_use]
    pub fn largest(&self) -> Option<u32> {
        let by_size = self.sizes.iter().zip(1_u32..);
        by_size.max_by_key(|&(size, label)| (size, Reverse(label))).map(|(_, label)| label)
    }

    /// The mask of one part; empty for a label that does not exist.
    ///
    /// # Errors
    /// [`OpError::Device`] when the GPU has no memory left.
    pub fn mask_of(&self, label: u32) -> Result<DeviceLabels, OpError> {
        let driver = self.labels.driver();
        let voxels = self.dims.iter().product();
        let mask = Buffer::new(driver, voxels)?;
        let parameters = PartMaskParameters {
            labels: self.labels.address(),
            mask: mask.address(),
            voxels: narrow(voxels),
            wanted: label,
        };
        // SAFETY: both buffers hold all voxels; watched by
        // `cuda_volume::finds_the_parts_of_the_cpu`.
        unsafe { launch(driver, "mask_of_part", each(voxels), &parameters)? };
        Ok(DeviceLabels { values: mask, dims: self.dims })
    }

    /// Brings labels and sizes back.
    ///
    /// # Errors
    /// [`OpError::Device`] when anything queued before failed.
    pub fn download(&self) -> Result<Components, OpError> {
        Ok(Components { labels: self.labels.download()?, sizes: self.sizes.clone() })
    }
}
