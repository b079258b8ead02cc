//! The smooth surface of one label, as the engine cuts it.

use super::gaussian::gaussian_taps;
use super::grids::DeviceLabels;
use super::label_fields::LabelBox;
use super::surface::DeviceMesh;
use crate::cuda::driver::refuse;
use crate::error::OpError;

/// Where the Gaussian over a mask ends, and the largest one: the rules of the
/// engine's `surface::from_masks`.
const REACH_SIGMAS: f64 = 3.0;
const MAX_REACH: f64 = 64.0;

impl DeviceLabels {
    /// The closed surface of `label`: its mask in `found`, blurred with
    /// `sigma_voxels` `[z, y, x]` (0 for none) and cut at one half.
    ///
    /// - `place_from_voxel`: where voxel `(x, y, z, 1)` lies.
    ///
    /// # Errors
    /// [`OpError::Device`] for sigmas that are negative or not finite, and as
    /// [`DeviceVolume::surface`](super::DeviceVolume::surface).
    ///
    /// Cost: linear in the voxels of the box.
    pub fn surface_of(
        &self,
        label: u8,
        found: &LabelBox,
        sigma_voxels: [f64; 3],
        place_from_voxel: &[[f64; 4]; 3],
    ) -> Result<DeviceMesh, OpError> {
        if sigma_voxels.iter().any(|sigma| !(sigma.is_finite() && *sigma >= 0.0)) {
            return Err(refuse(&format!("surface_of: sigmas of {sigma_voxels:?} voxels; give 0 or more")));
        }
        let reach = sigma_voxels.map(|sigma| (REACH_SIGMAS * sigma).ceil().min(MAX_REACH) as usize);
        let margin = reach.map(|reach| reach + 1);
        let index = |n: usize| isize::try_from(n).unwrap_or(isize::MAX);
        let origin = [0, 1, 2].map(|axis| index(found.low[axis]) - index(margin[axis]));
        let dims = [0, 1, 2].map(|axis| (found.high[axis] + 1).saturating_sub(found.low[axis]) + 2 * margin[axis]);
        let taps = [0, 1, 2].map(|axis| gaussian_taps(sigma_voxels[axis], i32::try_from(reach[axis]).unwrap_or(0)));
        let mut place = *place_from_voxel;
        for row in &mut place {
            row[3] += (0..3).map(|axis| row[axis] * origin[2 - axis] as f64).sum::<f64>();
        }
        self.field_in_box(label, origin, dims)?.convolve(&taps)?.surface(0.5, &place)
    }
}
