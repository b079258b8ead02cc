//! POINT: named points, such as fiducials.

use geom::{Ct, Point};

use crate::track::openigtlink::error::Refusal;
use crate::track::openigtlink::name::Name;
use crate::track::openigtlink::wire::{Put, Reader};

const POINT_BYTES: usize = 136;

/// One point of a POINT message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NamedPoint {
    /// Its name.
    pub name: Name<64>,
    /// Group it belongs to.
    pub group: Name<32>,
    /// Colour.
    pub rgba: [u8; 4],
    /// Position as sent, mm; RAS from 3D Slicer.
    pub position: [f32; 3],
    /// Diameter, mm.
    pub diameter: f32,
    /// Device the point belongs to.
    pub owner: Name<20>,
}

impl NamedPoint {
    /// The position of a point that was sent in RAS, as 3D Slicer does.
    ///
    /// # Errors
    /// [`Refusal::NotFinite`].
    pub fn position_lps(&self) -> Result<Point<Ct>, Refusal> {
        let [r, a, s] = self.position.map(f64::from);
        let point = Point::new(-r, -a, s);
        if point.is_finite() { Ok(point) } else { Err(Refusal::NotFinite) }
    }

    pub(in crate::track::openigtlink) fn encode(&self, out: &mut Vec<u8>) {
        out.put(self.name.wire());
        out.put(self.group.wire());
        out.put(&self.rgba);
        out.put_f32s(&self.position);
        out.put_f32s(&[self.diameter]);
        out.put(self.owner.wire());
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        Some(Self {
            name: reader.name()?,
            group: reader.name()?,
            rgba: reader.array()?,
            position: reader.f32s()?,
            diameter: reader.f32()?,
            owner: reader.name()?,
        })
    }
}

/// The points of a message, read as they are walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Points<'a>(&'a [u8]);

impl<'a> Points<'a> {
    pub(in crate::track::openigtlink) fn decode(bytes: &'a [u8]) -> Result<Self, Refusal> {
        if !bytes.len().is_multiple_of(POINT_BYTES) {
            return Err(Refusal::Size { kind: "POINT", found: bytes.len(), needed: "a multiple of 136" });
        }
        Ok(Self(bytes))
    }

    /// The points in the order sent.
    pub fn iter(&self) -> impl Iterator<Item = NamedPoint> + use<'a> {
        self.0.chunks_exact(POINT_BYTES).filter_map(NamedPoint::decode)
    }
}
