//! Small NIfTI files made by hand.

/// A NIfTI-1 file of 16-bit voxels; `sform` is row-major RAS.
pub fn nifti(size: [i16; 3], sform: [[f32; 4]; 3], voxels: &[i16]) -> Vec<u8> {
    let mut file = vec![0u8; 352];
    file[0..4].copy_from_slice(&348i32.to_le_bytes());
    for (i, n) in [3, size[0], size[1], size[2], 1, 1, 1, 1].into_iter().enumerate() {
        file[40 + 2 * i..42 + 2 * i].copy_from_slice(&n.to_le_bytes());
    }
    file[70..72].copy_from_slice(&4i16.to_le_bytes()); // int16
    file[72..74].copy_from_slice(&16i16.to_le_bytes()); // bits
    for i in 0..4 {
        file[76 + 4 * i..80 + 4 * i].copy_from_slice(&1f32.to_le_bytes());
    }
    file[108..112].copy_from_slice(&352f32.to_le_bytes()); // voxels begin here
    file[112..116].copy_from_slice(&1f32.to_le_bytes()); // slope
    file[123] = 2; // millimetres
    file[254..256].copy_from_slice(&1i16.to_le_bytes()); // sform holds
    for (r, row) in sform.iter().enumerate() {
        for (c, value) in row.iter().enumerate() {
            let at = 280 + 16 * r + 4 * c;
            file[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
    }
    file[344..348].copy_from_slice(b"n+1\0");
    file.extend(voxels.iter().flat_map(|v| v.to_le_bytes()));
    file
}

/// One millimetre along right, anterior, superior.
pub const RAS: [[f32; 4]; 3] = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]];

/// Soft tissue with a bright rod: a picture, but no spine.
pub fn picture(count: usize) -> Vec<i16> {
    (0..count).map(|i| if i % 7 == 0 { 700 } else { 40 - (i % 90) as i16 }).collect()
}
