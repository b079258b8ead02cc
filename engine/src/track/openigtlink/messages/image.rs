//! IMAGE: voxels and where they lie.

use geom::nalgebra::{Matrix4, Vector3};

use crate::track::openigtlink::error::Refusal;
use crate::track::openigtlink::pose::Matrix;
use crate::track::openigtlink::wire::{Put, Reader};

/// Number type of a voxel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Scalar {
    I8 = 2,
    U8 = 3,
    I16 = 4,
    U16 = 5,
    I32 = 6,
    U32 = 7,
    F32 = 10,
    F64 = 11,
}

impl Scalar {
    fn from_wire(number: u8) -> Option<Self> {
        use Scalar::{F32, F64, I8, I16, I32, U8, U16, U32};
        [I8, U8, I16, U16, I32, U32, F32, F64].into_iter().find(|s| *s as u8 == number)
    }

    /// Bytes of one value.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

/// Content of an IMAGE message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Image<'a> {
    /// Version of the image header, 1 or 2, without difference in layout.
    pub version: u16,
    /// Values per voxel.
    pub components: u8,
    /// Type of a value.
    pub scalar: Scalar,
    /// True when the sender declares little-endian voxels. Note that the C++
    /// library declares big-endian unless told otherwise, whatever it sends.
    pub is_little_endian: bool,
    /// True when positions are RAS, false for LPS.
    pub is_ras: bool,
    /// Voxels along i, j, k.
    pub size: [u16; 3],
    /// Columns: steps along i, j, k in mm; then the **centre** of the image.
    pub matrix: Matrix,
    /// First voxel of the part that is sent.
    pub part_start: [u16; 3],
    /// Size of the part that is sent.
    pub part_size: [u16; 3],
    /// Voxels of the part, i fastest.
    pub voxels: &'a [u8],
}

const HEADER: usize = 72;

impl<'a> Image<'a> {
    pub(in crate::track::openigtlink) fn decode(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let image = Self::fields(bytes)?;
        image.check().map(|()| image)
    }

    fn fields(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let Some((head, voxels)) = bytes.split_first_chunk::<HEADER>() else {
            return Err(Refusal::Size { kind: "IMAGE", found: bytes.len(), needed: "72 bytes and the voxels" });
        };
        let mut reader = Reader(head);
        // The header chunk has the length of all fields, so none is missing.
        let wrong = || content("the image header cannot be read");
        let version = reader.u16().ok_or_else(wrong)?;
        let [components, scalar, endian, frame] = reader.array().ok_or_else(wrong)?;
        Ok(Self {
            version,
            components,
            scalar: Scalar::from_wire(scalar).ok_or_else(|| content("unknown scalar type"))?,
            is_little_endian: one_or_two(endian).ok_or_else(|| content("byte order is neither 1 nor 2"))?,
            is_ras: !one_or_two(frame).ok_or_else(|| content("coordinate system is neither 1 (RAS) nor 2 (LPS)"))?,
            size: reader.u16s().ok_or_else(wrong)?,
            matrix: Matrix(reader.f32s().ok_or_else(wrong)?),
            part_start: reader.u16s().ok_or_else(wrong)?,
            part_size: reader.u16s().ok_or_else(wrong)?,
            voxels,
        })
    }

    fn check(&self) -> Result<(), Refusal> {
        if self.matrix.0.iter().any(|v| !v.is_finite()) {
            return Err(Refusal::NotFinite);
        }
        let is_inside =
            |((start, part), size): ((u16, u16), u16)| u32::from(start) + u32::from(part) <= u32::from(size);
        if !self.part_start.into_iter().zip(self.part_size).zip(self.size).all(is_inside) {
            return Err(content("the part sent lies outside the image"));
        }
        let voxels = self.part_size.iter().try_fold(1usize, |n, s| n.checked_mul(usize::from(*s)));
        let per_voxel = usize::from(self.components) * self.scalar.bytes();
        if voxels.and_then(|n| n.checked_mul(per_voxel)) != Some(self.voxels.len()) || self.components == 0 {
            return Err(content("the voxels are not as many as size, components and scalar type say"));
        }
        Ok(())
    }

    pub(in crate::track::openigtlink) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16s(&[self.version]);
        let frame = if self.is_ras { 1 } else { 2 };
        out.put(&[self.components, self.scalar as u8, if self.is_little_endian { 2 } else { 1 }, frame]);
        out.put_u16s(&self.size);
        out.put_f32s(&self.matrix.0);
        out.put_u16s(&self.part_start);
        out.put_u16s(&self.part_size);
        out.put(self.voxels);
    }

    /// Maps voxel indices `(i, j, k)` of the whole image to **LPS** mm: RAS is
    /// turned here, and the centre that the wire carries into the first voxel.
    #[must_use]
    pub fn lps_from_index(&self) -> Matrix4<f64> {
        let m = self.matrix.0.map(f64::from);
        let sign = if self.is_ras { -1.0 } else { 1.0 };
        let column = |at: usize| Vector3::new(sign * m[at], sign * m[at + 1], m[at + 2]);
        let steps = [column(0), column(3), column(6)];
        let half = self.size.map(|s| (f64::from(s) - 1.0) / 2.0);
        let origin = column(9) - steps[0] * half[0] - steps[1] * half[1] - steps[2] * half[2];
        Matrix4::from_columns(&[steps[0].push(0.0), steps[1].push(0.0), steps[2].push(0.0), origin.push(1.0)])
    }
}

const fn one_or_two(byte: u8) -> Option<bool> {
    match byte {
        1 => Some(false),
        2 => Some(true),
        _ => None,
    }
}

const fn content(what: &'static str) -> Refusal {
    Refusal::Content { kind: "IMAGE", what }
}
