//! From 348 bytes to a grid, an element type and a place in the file.

use geom::nalgebra::{Matrix3, Matrix3x4, Quaternion, UnitQuaternion, Vector3, Vector4};
use nifti::NiftiHeader;

use super::voxels::{Element, Kind};
use crate::io::error::Problem;
use crate::io::warning::Warning;
use crate::volume::Grid;

/// Bytes of a NIfTI-1 header, without the four that announce extensions.
pub(super) const HEADER_BYTES: usize = 348;
/// Corner distance in mm below which sform and qform say the same.
const SAME_FORM_MM: f64 = 0.1;
/// Largest number a header field of 16 signed bits can hold.
const MAX_DIM: u16 = 32_767;

/// What the header says about the voxels.
#[derive(Debug)]
pub(super) struct Layout {
    pub size: [usize; 3],
    pub ct_from_voxel: Matrix3x4<f64>,
    pub element: Element,
    /// Bytes before the first voxel.
    pub offset: u64,
    pub warnings: Vec<Warning>,
}

/// True when `start` is a NIfTI-1 or -2 header of either byte order.
pub(in crate::io) fn looks_like_nifti(start: &[u8]) -> bool {
    let size = start.first_chunk::<4>().map(|b| [i32::from_le_bytes(*b), i32::from_be_bytes(*b)]);
    size.is_some_and(|sizes| sizes.contains(&348) || sizes.contains(&540))
}

/// Reads the header; the voxel count is checked by the caller.
pub(super) fn parse(bytes: &[u8]) -> Result<Layout, Problem> {
    let size_field = bytes.first_chunk::<4>().copied().unwrap_or_default();
    if [i32::from_le_bytes(size_field), i32::from_be_bytes(size_field)].contains(&540) {
        return Err(bad("it is NIfTI-2; convert it to NIfTI-1, for example with nibabel or SimpleITK"));
    }
    let header = NiftiHeader::from_reader(bytes).map_err(|e| bad(format!("{e}; export it as .nii or .nii.gz")))?;
    if header.sizeof_hdr != 348 {
        return Err(bad(format!("sizeof_hdr is {} instead of 348", header.sizeof_hdr)));
    }
    if &header.magic != b"n+1\0" {
        return Err(bad("header and voxels are in two files (.hdr, .img); save it as one .nii or .nii.gz"));
    }
    let size = size(&header)?;
    let element = element(&header)?;
    let offset = offset(&header)?;
    let mut warnings = Vec::new();
    let ras_from_voxel = affine(&header, size, &mut warnings)?;
    // RAS to LPS: both horizontal axes point the other way. The only place.
    let mut ct_from_voxel = ras_from_voxel * unit(&header, &mut warnings)?;
    ct_from_voxel.row_mut(0).neg_mut();
    ct_from_voxel.row_mut(1).neg_mut();
    Ok(Layout { size, ct_from_voxel, element, offset, warnings })
}

fn bad(reason: impl Into<String>) -> Problem {
    Problem::NiftiHeader(reason.into())
}

fn size(header: &NiftiHeader) -> Result<[usize; 3], Problem> {
    let [dimensions, sizes @ ..] = header.dim;
    if !(3..=7).contains(&dimensions) {
        return Err(bad(format!("it has {dimensions} dimensions; a volume has 3")));
    }
    let used = sizes.get(..usize::from(dimensions)).unwrap_or_default();
    if used.iter().any(|s| *s == 0 || *s > MAX_DIM) {
        return Err(bad(format!("its size is {used:?}; every dimension must be from 1 to {MAX_DIM}")));
    }
    let times = used.iter().skip(3).fold(1usize, |n, s| n.saturating_mul(usize::from(*s)));
    if times != 1 {
        return Err(Problem::TimePoints(times));
    }
    let [x, y, z, ..] = sizes;
    Ok([x, y, z].map(usize::from))
}

/// Codes of the NIfTI-1 standard, `DT_*`.
fn element(header: &NiftiHeader) -> Result<Element, Problem> {
    let kind = match header.datatype {
        2 => Kind::U8,
        4 => Kind::I16,
        8 => Kind::I32,
        16 => Kind::F32,
        64 => Kind::F64,
        256 => Kind::I8,
        512 => Kind::U16,
        768 => Kind::U32,
        1024 => Kind::I64,
        1280 => Kind::U64,
        32 | 1792 | 2048 => return Err(bad("its voxels are complex numbers; export magnitudes as int16")),
        128 | 2304 => return Err(bad("its voxels are colours (RGB); export Hounsfield units as int16")),
        other => return Err(bad(format!("datatype {other} is not supported; export it as int16"))),
    };
    let bits = kind.bytes() * 8;
    if usize::try_from(header.bitpix).ok() != Some(bits) {
        return Err(bad(format!(
            "datatype {} has {bits} bits a voxel, but bitpix is {}",
            header.datatype, header.bitpix
        )));
    }
    let (slope, inter) = (f64::from(header.scl_slope), f64::from(header.scl_inter));
    // Standard: slope 0 means no scaling; nibabel writes NaN for the same.
    let scaled = slope.is_finite() && slope != 0.0;
    if scaled && !inter.is_finite() {
        return Err(bad(format!("scl_slope is {slope} but scl_inter is {inter}")));
    }
    let (slope, inter) = if scaled { (slope, inter) } else { (1.0, 0.0) };
    let is_big_endian = header.endianness == nifti::Endianness::Big;
    Ok(Element { kind, is_big_endian, slope, inter })
}

fn offset(header: &NiftiHeader) -> Result<u64, Problem> {
    let offset = header.vox_offset;
    // Some writers leave 0: voxels then follow the header and its 4-byte extension flag.
    if offset == 0.0 {
        return Ok(352);
    }
    if !(348.0..=16_777_216.0).contains(&offset) || offset.fract() != 0.0 {
        return Err(bad(format!("vox_offset is {offset}; voxels start at 352 or later")));
    }
    Ok(offset as u64)
}

/// Millimetres of one header unit.
fn unit(header: &NiftiHeader, warnings: &mut Vec<Warning>) -> Result<f64, Problem> {
    let (unit, mm) = match header.xyzt_units & 7 {
        0 | 2 => return Ok(1.0),
        1 => ("metres", 1000.0),
        3 => ("micrometres", 0.001),
        other => return Err(bad(format!("xyzt_units names the unknown length unit {other}"))),
    };
    warnings.push(Warning::Unit { unit });
    Ok(mm)
}

/// RAS affine in header units by the rule of the module.
fn affine(header: &NiftiHeader, size: [usize; 3], warnings: &mut Vec<Warning>) -> Result<Matrix3x4<f64>, Problem> {
    // A column of zeros or two parallel ones is left to `Grid::new`.
    if header.sform_code > 0 {
        let sform = sform(header)?;
        if header.qform_code > 0
            && let Ok(qform) = qform(header)
            && let distance_mm = corner_distance(&sform, &qform, size)
            && distance_mm > SAME_FORM_MM
        {
            warnings.push(Warning::FormsDisagree { distance_mm });
        }
        Ok(sform)
    } else if header.qform_code > 0 {
        qform(header)
    } else {
        warnings.push(Warning::NoOrientation);
        let spacing = spacing(header)?;
        let mut plain = Matrix3x4::zeros();
        plain.fixed_view_mut::<3, 3>(0, 0).set_diagonal(&spacing);
        Ok(plain)
    }
}

fn sform(header: &NiftiHeader) -> Result<Matrix3x4<f64>, Problem> {
    let rows = [header.srow_x, header.srow_y, header.srow_z];
    if rows.iter().flatten().any(|v| !v.is_finite()) {
        return Err(bad(format!("its sform {rows:?} holds a value that is not a finite number; export it again")));
    }
    Ok(Matrix3x4::from_row_iterator(rows.iter().flatten().map(|v| f64::from(*v))))
}

/// Method 2 of the NIfTI-1 standard: rotation from (b, c, d), then voxel
/// sizes, the third axis mirrored when `pixdim[0]` (qfac) is -1.
fn qform(header: &NiftiHeader) -> Result<Matrix3x4<f64>, Problem> {
    let [b, c, d] = [header.quatern_b, header.quatern_c, header.quatern_d].map(f64::from);
    let origin = [header.quatern_x, header.quatern_y, header.quatern_z].map(f64::from);
    let square = b * b + c * c + d * d;
    if origin.iter().any(|v| !v.is_finite()) || !square.is_finite() || square > 1.001 {
        return Err(bad(format!(
            "its qform (quaternion {:?}, offset {origin:?}) is no rotation and position; export it again",
            [b, c, d]
        )));
    }
    // Below 1e-7 the rest is rounding of (b, c, d), and its root would turn the
    // volume by up to 3e-4 rad (the same bound as nifti1_io.c).
    let rest = 1.0 - square;
    let a = if rest < 1e-7 { 0.0 } else { rest.sqrt() };
    let rotation = UnitQuaternion::from_quaternion(Quaternion::new(a, b, c, d)).to_rotation_matrix();
    let mut spacing = spacing(header)?;
    if header.pixdim.first().is_some_and(|qfac| *qfac < 0.0) {
        spacing.z = -spacing.z;
    }
    let linear = rotation.matrix() * Matrix3::from_diagonal(&spacing);
    let mut affine = Matrix3x4::zeros();
    affine.fixed_view_mut::<3, 3>(0, 0).copy_from(&linear);
    affine.set_column(3, &Vector3::from(origin));
    Ok(affine)
}

/// Voxel sizes, sign removed as the standard says.
fn spacing(header: &NiftiHeader) -> Result<Vector3<f64>, Problem> {
    let [_, x, y, z, ..] = header.pixdim.map(|v| f64::from(v).abs());
    if [x, y, z].iter().any(|v| !v.is_finite() || *v == 0.0) {
        return Err(bad(format!("its voxel size (pixdim) is {:?}; it must be finite and not 0", [x, y, z])));
    }
    Ok(Vector3::new(x, y, z))
}

fn corner_distance(a: &Matrix3x4<f64>, b: &Matrix3x4<f64>, size: [usize; 3]) -> f64 {
    (0..8usize)
        .map(|corner| {
            let [x, y, z] = [0, 1, 2].map(|axis| if corner >> axis & 1 == 1 { size[axis] as f64 - 1.0 } else { 0.0 });
            ((a - b) * Vector4::new(x, y, z, 1.0)).norm()
        })
        .fold(0.0, f64::max)
}

/// True when the grid described is usable; the error says why not.
pub(super) fn grid(layout: &Layout) -> Result<Grid, Problem> {
    Grid::new(layout.size, layout.ct_from_voxel).map_err(Problem::from)
}
