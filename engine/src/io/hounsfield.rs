//! Whether numbers can be a CT in Hounsfield units.

use std::path::Path;

use rayon::prelude::*;

use crate::io::error::{Problem, ReadError};
use crate::io::warning::{THICK_MM, Warning};
use crate::volume::{Grid, Volume};

/// Below this there is lung, fat stranding or air: every CT of a trunk has some.
const AIR_BELOW_HU: f32 = -200.0;
/// Above this there is bone, contrast or metal.
const BONE_ABOVE_HU: f32 = 200.0;
/// What a voxel that is not a number becomes: air.
const REPLACEMENT_HU: f32 = -1024.0;

/// Replaces NaN and infinite voxels by air (counted), refuses constant images
/// and values that cannot be HU, warns of thick voxels and missing air or bone.
pub(super) fn check(path: &Path, volume: &mut Volume, warnings: &mut Vec<Warning>) -> Result<(), ReadError> {
    let replace = |v: &mut f32| {
        let bad = !v.is_finite();
        if bad {
            *v = REPLACEMENT_HU;
        }
        usize::from(bad)
    };
    let (bad, low, high) = volume
        .hu
        .par_chunks_mut(1 << 16)
        .map(|part| {
            let bad: usize = part.iter_mut().map(replace).sum();
            part.iter().fold((bad, f32::INFINITY, f32::NEG_INFINITY), |(n, l, h), v| (n, l.min(*v), h.max(*v)))
        })
        .reduce(|| (0, f32::INFINITY, f32::NEG_INFINITY), |a, b| (a.0 + b.0, a.1.min(b.1), a.2.max(b.2)));
    if low >= high || bad == volume.hu.len() {
        return Err(ReadError::new(path, Problem::NoContent { voxels: volume.hu.len(), value: low }));
    }
    if let Some(why) = not_hounsfield(low, high) {
        return Err(ReadError::new(path, Problem::NotHounsfield { low, high, why }));
    }
    if bad > 0 {
        warnings.push(Warning::NotFinite { voxels: bad });
    }
    if low >= AIR_BELOW_HU {
        warnings.push(Warning::NoAir { low_hu: low });
    }
    if high <= BONE_ABOVE_HU {
        warnings.push(Warning::NoBone { high_hu: high });
    }
    thickness(&volume.grid, warnings);
    Ok(())
}

/// Warns when the spacing exceeds 2 mm along any axis.
pub(super) fn thickness(grid: &Grid, warnings: &mut Vec<Warning>) {
    let spacing_mm = grid.spacing_mm();
    // Headers hold single precision: 2 mm must not count as more than 2 mm.
    if spacing_mm.iter().any(|s| *s > THICK_MM + 1e-3) {
        warnings.push(Warning::ThickVoxels { spacing_mm });
    }
}

/// What gives non-HU values away, or `None`.
fn not_hounsfield(low: f32, high: f32) -> Option<&'static str> {
    if high - low <= 2.0 {
        Some("the whole range is 2 or less, as after normalising to 0..1 or -1..1")
    } else if low >= AIR_BELOW_HU && high <= BONE_ABOVE_HU {
        Some("there is neither air below -200 nor bone above 200")
    } else if low >= 0.0 && high <= 255.0 {
        Some("the range is that of an 8-bit picture")
    } else {
        None
    }
}
