//! Prefix sums on the GPU.
#![allow(unsafe_code)]

use super::buffer::{BLOCK, Buffer, launch, narrow, parameters};
use crate::cuda::driver::Shape;
use crate::error::OpError;

/// Values a block sums; `SCAN_ITEMS` in `volume_scan.cu`.
const SCAN_ITEMS: usize = 2048;

parameters! { struct ScanParameters { values: u64, sums: u64, count: u32 } }

/// Replaces each of the first `count` values by the sum of those before it;
/// returns the sum of all.
pub(super) fn exclusive_sum(values: &Buffer<u32>, count: usize) -> Result<Buffer<u32>, OpError> {
    let driver = values.driver();
    let blocks = count.div_ceil(SCAN_ITEMS).max(1);
    let sums = Buffer::new(driver, blocks)?;
    let parameters = ScanParameters { values: values.address(), sums: sums.address(), count: narrow(count) };
    let shape = Shape { grid: [narrow(blocks), 1, 1], threads: BLOCK, shared_bytes: 0 };
    // SAFETY: `values` holds at least `count`, `sums` one a block; watched by
    // `cuda_volume::finds_the_parts_of_the_cpu`, whose grids need two levels.
    unsafe { launch(driver, "scan_blocks", shape, &parameters)? };
    if blocks == 1 {
        return Ok(sums);
    }
    let total = exclusive_sum(&sums, blocks)?;
    // SAFETY: as above.
    unsafe { launch(driver, "scan_add", shape, &parameters)? };
    Ok(total)
}
