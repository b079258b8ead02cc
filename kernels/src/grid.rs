//! Checks shared by everything that takes a voxel grid `[z, y, x]`.

use crate::error::GridError;

/// Checks that `dims` are not empty and that `given` is their product, which
/// it returns.
pub(crate) fn check_len(operation: &'static str, dims: [usize; 3], given: usize) -> Result<usize, GridError> {
    let needed = count(operation, dims)?;
    if needed == given {
        return Ok(needed);
    }
    Err(GridError::Length { operation, dims, needed, given })
}

/// Product of the dimensions, which must be at least 1 and fit in memory as
/// eight-byte voxels.
pub(crate) fn count(operation: &'static str, dims: [usize; 3]) -> Result<usize, GridError> {
    dims.iter()
        .try_fold(1_usize, |n, &dim| n.checked_mul(dim))
        .filter(|&n| n > 0 && n <= isize::MAX as usize / size_of::<u64>())
        .ok_or(GridError::Dims { operation, dims })
}

/// Checks that a setting is finite and `is_valid`.
pub(crate) fn check_setting(
    operation: &'static str,
    setting: &'static str,
    value: f64,
    is_valid: bool,
    range: &'static str,
) -> Result<(), GridError> {
    if value.is_finite() && is_valid {
        return Ok(());
    }
    Err(GridError::Setting { operation, setting, value, range })
}

/// The rows of a volume grouped by y: `[y][z]`, each `width` values, so that
/// one task can own a whole z-x plane.
pub(crate) fn rows_by_y<T>(data: &mut [T], [_, height, width]: [usize; 3]) -> Vec<Vec<&mut [T]>> {
    let mut planes: Vec<Vec<&mut [T]>> = Vec::new();
    planes.resize_with(height, Vec::new);
    for (index, row) in data.chunks_mut(width).enumerate() {
        planes[index % height].push(row);
    }
    planes
}
