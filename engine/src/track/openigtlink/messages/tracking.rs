//! TDATA and QTDATA: every tool of a tracker in one message.

use std::marker::PhantomData;

use geom::{Frame, Transform};

use crate::track::openigtlink::error::Refusal;
use crate::track::openigtlink::name::Name;
use crate::track::openigtlink::pose::{Matrix, QuaternionPose};
use crate::track::openigtlink::wire::{Put, Reader};

/// What a tracker knows of a tool, the `type` byte of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freedom(pub u8);

impl Freedom {
    /// A reference that other tools are measured against, six degrees.
    pub const TRACKER: Self = Self(1);
    /// Position and orientation.
    pub const SIX: Self = Self(2);
    /// Position only.
    pub const THREE: Self = Self(3);
    /// Position and axis.
    pub const FIVE: Self = Self(4);

    /// True when the element holds a whole pose.
    #[must_use]
    pub const fn is_whole_pose(self) -> bool {
        self.0 == Self::TRACKER.0 || self.0 == Self::SIX.0
    }
}

/// One tool of a message, its pose still unchecked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Element<P> {
    /// Name the sender gives the tool.
    pub name: Name<20>,
    /// Degrees of freedom.
    pub freedom: Freedom,
    /// Reserved byte, kept so that a message can be sent on unchanged.
    pub reserved: u8,
    /// The numbers.
    pub pose: P,
}

/// The two forms a pose takes in an element.
pub trait WirePose: Sized + Copy {
    /// Bytes of an element.
    const ELEMENT_BYTES: usize;
    /// Name of the message.
    const KIND: &'static str;
    /// What sizes are right, for messages.
    const NEEDED: &'static str;
    #[doc(hidden)]
    fn read(bytes: &[u8]) -> Option<Self>;
    #[doc(hidden)]
    fn write(&self, out: &mut Vec<u8>);
    /// The checked transform.
    ///
    /// # Errors
    /// [`Refusal`] when the numbers are no rigid motion.
    fn rigid<To: Frame, Src: Frame>(&self) -> Result<Transform<To, Src>, Refusal>;
}

impl WirePose for Matrix {
    const ELEMENT_BYTES: usize = 70;
    const KIND: &'static str = "TDATA";
    const NEEDED: &'static str = "a multiple of 70, one element a tool";
    fn read(bytes: &[u8]) -> Option<Self> {
        Reader(bytes).f32s().map(Matrix)
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.put_f32s(&self.0);
    }
    fn rigid<To: Frame, Src: Frame>(&self) -> Result<Transform<To, Src>, Refusal> {
        Self::rigid(self)
    }
}

impl WirePose for QuaternionPose {
    const ELEMENT_BYTES: usize = 50;
    const KIND: &'static str = "QTDATA";
    const NEEDED: &'static str = "a multiple of 50, one element a tool";
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        Some(Self { position: reader.f32s()?, quaternion: reader.f32s()? })
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.put_f32s(&self.position);
        out.put_f32s(&self.quaternion);
    }
    fn rigid<To: Frame, Src: Frame>(&self) -> Result<Transform<To, Src>, Refusal> {
        Self::rigid(self)
    }
}

impl<P: WirePose> Element<P> {
    /// The pose, tool to tracker (or to whatever the sender tracks in).
    ///
    /// # Errors
    /// [`Refusal`] when the element holds less than six degrees of freedom or
    /// its numbers are no rigid motion.
    pub fn rigid<To: Frame, Src: Frame>(&self) -> Result<Transform<To, Src>, Refusal> {
        if !self.freedom.is_whole_pose() {
            return Err(Refusal::NoOrientation);
        }
        self.pose.rigid()
    }

    pub(in crate::track::openigtlink) fn encode(&self, out: &mut Vec<u8>) {
        out.put(self.name.wire());
        out.put(&[self.freedom.0, self.reserved]);
        self.pose.write(out);
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let (name, freedom, reserved) = (reader.name()?, Freedom(reader.u8()?), reader.u8()?);
        Some(Self { name, freedom, reserved, pose: P::read(reader.0)? })
    }
}

/// The tools of a TDATA ([`Matrix`]) or QTDATA ([`QuaternionPose`]) message,
/// read from the received bytes as they are walked; no allocation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Elements<'a, P> {
    bytes: &'a [u8],
    form: PhantomData<P>,
}

impl<'a, P: WirePose> Elements<'a, P> {
    pub(in crate::track::openigtlink) fn decode(bytes: &'a [u8]) -> Result<Self, Refusal> {
        if !bytes.len().is_multiple_of(P::ELEMENT_BYTES) {
            return Err(Refusal::Size { kind: P::KIND, found: bytes.len(), needed: P::NEEDED });
        }
        Ok(Self { bytes, form: PhantomData })
    }

    /// Number of tools.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len() / P::ELEMENT_BYTES
    }

    /// True when the message holds no tool.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The tools in the order sent.
    pub fn iter(&self) -> impl Iterator<Item = Element<P>> + use<'a, P> {
        self.bytes.chunks_exact(P::ELEMENT_BYTES).filter_map(Element::decode)
    }
}
