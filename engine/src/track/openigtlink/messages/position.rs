//! POSITION: a position with a whole, a shortened or no quaternion.

use geom::{Frame, Transform};

use crate::track::openigtlink::error::Refusal;
use crate::track::openigtlink::pose::QuaternionPose;
use crate::track::openigtlink::wire::{Put, Reader};

/// How much orientation the body holds; the body's size tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Orientation {
    /// 28 bytes: `(x, y, z, w)`.
    Whole([f32; 4]),
    /// 24 bytes: `(x, y, z)`; w is the positive root of what is missing to 1.
    Shortened([f32; 3]),
    /// 12 bytes: none.
    None,
}

/// Content of a POSITION message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    /// Position, mm.
    pub position: [f32; 3],
    /// Orientation as sent.
    pub orientation: Orientation,
}

impl Position {
    pub(in crate::track::openigtlink) fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        let size = Refusal::Size { kind: "POSITION", found: bytes.len(), needed: "12, 24 or 28 bytes" };
        let mut reader = Reader(bytes);
        let Some(position) = reader.f32s() else { return Err(size) };
        let orientation = match reader.0.len() {
            0 => Some(Orientation::None),
            12 => reader.f32s().map(Orientation::Shortened),
            16 => reader.f32s().map(Orientation::Whole),
            _ => None,
        };
        Ok(Self { position, orientation: orientation.ok_or(size)? })
    }

    pub(in crate::track::openigtlink) fn encode(&self, out: &mut Vec<u8>) {
        out.put_f32s(&self.position);
        match &self.orientation {
            Orientation::Whole(q) => out.put_f32s(q),
            Orientation::Shortened(q) => out.put_f32s(q),
            Orientation::None => {}
        }
    }

    /// The pose.
    ///
    /// # Errors
    /// [`Refusal`] without an orientation, or when the numbers are no rigid motion.
    pub fn rigid<To: Frame, Src: Frame>(&self) -> Result<Transform<To, Src>, Refusal> {
        let quaternion = match self.orientation {
            Orientation::Whole(q) => q,
            Orientation::Shortened([x, y, z]) => {
                let rest = 1.0 - (x * x + y * y + z * z);
                // Below zero only by rounding; the length check catches more, and NaN.
                [x, y, z, if rest < 0.0 { 0.0 } else { rest.sqrt() }]
            }
            Orientation::None => return Err(Refusal::NoOrientation),
        };
        QuaternionPose { position: self.position, quaternion }.rigid()
    }
}
