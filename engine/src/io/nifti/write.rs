//! Volumes and label maps out, `.nii` or `.nii.gz`.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use geom::nalgebra::{Matrix3, Rotation3, UnitQuaternion};

use crate::io::atomic;
use crate::io::error::WriteError;
use crate::volume::{Grid, LabelMap, Volume};

/// Bytes converted at a time.
const CHUNK: usize = 1 << 18;

/// Writes labels as unsigned bytes; compressed when the name ends in `.gz`.
///
/// The file appears whole or not at all. The sform holds the affine (RAS,
/// single precision); the qform too, when the grid has no shear.
///
/// # Errors
/// [`WriteError`] when the system refuses or `labels` and grid differ in size.
pub fn write_labels(path: &Path, map: &LabelMap) -> Result<(), WriteError> {
    check_len(path, &map.grid, map.labels.len())?;
    write(path, &map.grid, Stored::U8, |out| out.write_all(&map.labels))
}

/// Writes a CT: as 16-bit integers when every value is one (nothing is lost),
/// else as 32-bit floats. Otherwise as [`write_labels`].
///
/// # Errors
/// As [`write_labels`].
pub fn write_volume(path: &Path, volume: &Volume) -> Result<(), WriteError> {
    check_len(path, &volume.grid, volume.hu.len())?;
    let range = f32::from(i16::MIN)..=f32::from(i16::MAX);
    if volume.hu.iter().all(|v| range.contains(v) && v.fract() == 0.0) {
        write(path, &volume.grid, Stored::I16, |out| write_all(out, &volume.hu, |v| (v as i16).to_le_bytes()))
    } else {
        write(path, &volume.grid, Stored::F32, |out| write_all(out, &volume.hu, f32::to_le_bytes))
    }
}

/// Number types written.
#[derive(Clone, Copy)]
enum Stored {
    U8,
    I16,
    F32,
}

fn check_len(path: &Path, grid: &Grid, found: usize) -> Result<(), WriteError> {
    if grid.len() == found {
        return Ok(());
    }
    let text = format!("{found} voxels for a grid of {}", grid.len());
    let source = std::io::Error::new(std::io::ErrorKind::InvalidInput, text);
    Err(WriteError { path: path.to_owned(), doing: "write the voxels", source })
}

fn write_all<const N: usize>(
    out: &mut dyn Write,
    values: &[f32],
    to_bytes: impl Fn(f32) -> [u8; N],
) -> std::io::Result<()> {
    let mut buffer = Vec::with_capacity(CHUNK * N);
    for part in values.chunks(CHUNK) {
        buffer.clear();
        buffer.extend(part.iter().flat_map(|v| to_bytes(*v)));
        out.write_all(&buffer)?;
    }
    Ok(())
}

fn write(
    path: &Path,
    grid: &Grid,
    stored: Stored,
    voxels: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<(), WriteError> {
    let is_gzip = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz"));
    let header = header(grid, stored).map_err(|text| WriteError {
        path: path.to_owned(),
        doing: "describe the grid in a NIfTI header",
        source: std::io::Error::new(std::io::ErrorKind::InvalidInput, text),
    })?;
    atomic::write(path, |file| {
        if is_gzip {
            let mut gzip = GzEncoder::new(file, Compression::fast());
            gzip.write_all(&header)?;
            voxels(&mut gzip)?;
            gzip.finish().map(drop)
        } else {
            file.write_all(&header)?;
            voxels(file)
        }
    })
}

/// The 348 bytes and the four that say "no extension", little endian.
fn header(grid: &Grid, stored: Stored) -> Result<Vec<u8>, String> {
    let mut ras = *grid.ct_from_voxel();
    ras.row_mut(0).neg_mut();
    ras.row_mut(1).neg_mut();
    let (datatype, bits) = match stored {
        Stored::U8 => (2i16, 8i16),
        Stored::I16 => (4, 16),
        Stored::F32 => (16, 32),
    };
    let mut bytes = vec![0u8; 352];
    let mut put = |at: usize, value: &[u8]| {
        if let Some(place) = bytes.get_mut(at..at + value.len()) {
            place.copy_from_slice(value);
        }
    };
    put(0, &348i32.to_le_bytes());
    put(40, &3i16.to_le_bytes());
    for (axis, size) in grid.size().into_iter().enumerate() {
        let size = i16::try_from(size).map_err(|_| format!("{size} voxels along an axis; NIfTI-1 holds 32767"))?;
        put(42 + 2 * axis, &size.to_le_bytes());
    }
    (4..8).for_each(|i| put(40 + 2 * i, &1i16.to_le_bytes()));
    put(70, &datatype.to_le_bytes());
    put(72, &bits.to_le_bytes());
    put(108, &352f32.to_le_bytes());
    put(112, &1f32.to_le_bytes());
    put(123, &[2]); // millimetres
    put(148, b"SpineNav");
    put(254, &1i16.to_le_bytes());
    for row in 0..3 {
        for column in 0..4 {
            put(280 + 16 * row + 4 * column, &(ras[(row, column)] as f32).to_le_bytes());
        }
    }
    let (quaternion, qfac) = quaternion(&ras.fixed_view::<3, 3>(0, 0).into_owned());
    put(76, &qfac.to_le_bytes());
    for (axis, spacing) in grid.spacing_mm().into_iter().enumerate() {
        put(80 + 4 * axis, &(spacing as f32).to_le_bytes());
    }
    if let Some(bcd) = quaternion {
        put(252, &1i16.to_le_bytes());
        for (i, value) in bcd.into_iter().chain([ras[(0, 3)], ras[(1, 3)], ras[(2, 3)]]).enumerate() {
            put(256 + 4 * i, &(value as f32).to_le_bytes());
        }
    }
    put(344, b"n+1\0");
    Ok(bytes)
}

/// Quaternion (b, c, d) with a >= 0 and qfac; no quaternion when the axes are
/// not at right angles, because the qform cannot shear.
fn quaternion(linear: &Matrix3<f64>) -> (Option<[f64; 3]>, f32) {
    let mut axes = *linear;
    axes.column_iter_mut().for_each(|mut c| {
        c.normalize_mut();
    });
    let qfac = if axes.determinant() < 0.0 { -1.0 } else { 1.0 };
    axes.column_mut(2).scale_mut(f64::from(qfac));
    if (axes.transpose() * axes - Matrix3::identity()).amax() > 1e-5 {
        return (None, qfac);
    }
    let rotation = Rotation3::from_matrix_eps(&axes, 1e-12, 50, Rotation3::identity());
    let q = UnitQuaternion::from_rotation_matrix(&rotation).into_inner();
    let sign = if q.w < 0.0 { -1.0 } else { 1.0 };
    (Some([q.i, q.j, q.k].map(|v| v * sign)), qfac)
}
