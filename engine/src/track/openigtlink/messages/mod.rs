//! Content of each message type, borrowed from the received bytes.

mod image;
mod point;
mod polydata;
mod position;
mod request;
mod status;
mod tracking;

pub use image::{Image, Scalar};
pub use point::{NamedPoint, Points};
pub use polydata::{Cells, PolyData};
pub use position::{Orientation, Position};
pub use request::{Capability, StartTracking};
pub use status::{STATUS_OK, Status, Text};
pub use tracking::{Element, Elements, Freedom, WirePose};

pub(super) use polydata::encode_mesh;

use super::error::Refusal;
use super::kind::Kind;
use super::pose::{Matrix, QuaternionPose};
use super::wire::{Put, Reader};
use request::decode_reply;

/// A decoded message. Nothing is copied but small fixed-size fields, so
/// decoding allocates nothing for any type.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Message<'a> {
    /// TRANSFORM: what maps into what is told by the device name, by custom
    /// `ToolToTracker`; lengths in mm, no RAS or LPS involved.
    Transform(Matrix),
    /// TDATA.
    TrackingData(Elements<'a, Matrix>),
    /// QTDATA.
    QuaternionTrackingData(Elements<'a, QuaternionPose>),
    /// STT_TDATA.
    StartTrackingData(StartTracking),
    /// STT_QTDATA.
    StartQuaternionTrackingData(StartTracking),
    /// STP_TDATA.
    StopTrackingData,
    /// STP_QTDATA.
    StopQuaternionTrackingData,
    /// RTS_TDATA: 0 when granted.
    ReplyTrackingData(u8),
    /// RTS_QTDATA: 0 when granted.
    ReplyQuaternionTrackingData(u8),
    /// POSITION.
    Position(Position),
    /// STATUS.
    Status(Status<'a>),
    /// GET_STATUS.
    GetStatus,
    /// POINT.
    Point(Points<'a>),
    /// STRING.
    String(Text<'a>),
    /// IMAGE.
    Image(Image<'a>),
    /// POLYDATA.
    PolyData(PolyData<'a>),
    /// CAPABILITY.
    Capability(Capability<'a>),
    /// GET_CAPABIL.
    GetCapability,
}

impl<'a> Message<'a> {
    /// Reads the content of a message of type `kind`; `None` for a type that
    /// is not understood.
    pub(super) fn decode(kind: Kind, content: &'a [u8]) -> Option<Result<Self, Refusal>> {
        Some(match kind {
            Kind::Transform => decode_transform(content).map(Self::Transform),
            Kind::TrackingData => Elements::decode(content).map(Self::TrackingData),
            Kind::QuaternionTrackingData => Elements::decode(content).map(Self::QuaternionTrackingData),
            Kind::StartTrackingData => StartTracking::decode(content).map(Self::StartTrackingData),
            Kind::StartQuaternionTrackingData => StartTracking::decode(content).map(Self::StartQuaternionTrackingData),
            Kind::StopTrackingData => Ok(Self::StopTrackingData),
            Kind::StopQuaternionTrackingData => Ok(Self::StopQuaternionTrackingData),
            Kind::ReplyTrackingData => decode_reply(content).map(Self::ReplyTrackingData),
            Kind::ReplyQuaternionTrackingData => decode_reply(content).map(Self::ReplyQuaternionTrackingData),
            Kind::Position => Position::decode(content).map(Self::Position),
            Kind::Status => Status::decode(content).map(Self::Status),
            Kind::GetStatus => Ok(Self::GetStatus),
            Kind::Point => Points::decode(content).map(Self::Point),
            Kind::String => Text::decode(content).map(Self::String),
            Kind::Image => Image::decode(content).map(Self::Image),
            Kind::PolyData => PolyData::decode(content).map(Self::PolyData),
            Kind::Capability => Capability::decode(content).map(Self::Capability),
            Kind::GetCapability => Ok(Self::GetCapability),
            Kind::Unknown => return None,
        })
    }

    /// Its type.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Transform(_) => Kind::Transform,
            Self::TrackingData(_) => Kind::TrackingData,
            Self::QuaternionTrackingData(_) => Kind::QuaternionTrackingData,
            Self::StartTrackingData(_) => Kind::StartTrackingData,
            Self::StartQuaternionTrackingData(_) => Kind::StartQuaternionTrackingData,
            Self::StopTrackingData => Kind::StopTrackingData,
            Self::StopQuaternionTrackingData => Kind::StopQuaternionTrackingData,
            Self::ReplyTrackingData(_) => Kind::ReplyTrackingData,
            Self::ReplyQuaternionTrackingData(_) => Kind::ReplyQuaternionTrackingData,
            Self::Position(_) => Kind::Position,
            Self::Status(_) => Kind::Status,
            Self::GetStatus => Kind::GetStatus,
            Self::Point(_) => Kind::Point,
            Self::String(_) => Kind::String,
            Self::Image(_) => Kind::Image,
            Self::PolyData(_) => Kind::PolyData,
            Self::Capability(_) => Kind::Capability,
            Self::GetCapability => Kind::GetCapability,
        }
    }

    /// Appends the content; `false` when a field cannot hold it.
    pub(super) fn encode(&self, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Transform(matrix) => out.put_f32s(&matrix.0),
            Self::TrackingData(elements) => elements.iter().for_each(|e| e.encode(out)),
            Self::QuaternionTrackingData(elements) => elements.iter().for_each(|e| e.encode(out)),
            Self::StartTrackingData(start) | Self::StartQuaternionTrackingData(start) => start.encode(out),
            Self::ReplyTrackingData(code) | Self::ReplyQuaternionTrackingData(code) => out.put(&[*code]),
            Self::Position(position) => position.encode(out),
            Self::Status(status) => status.encode(out),
            Self::Point(points) => points.iter().for_each(|p| p.encode(out)),
            Self::String(text) => return text.encode(out),
            Self::Image(image) => image.encode(out),
            Self::PolyData(surface) => surface.encode(out),
            Self::Capability(types) => out.put(types.0),
            Self::StopTrackingData | Self::StopQuaternionTrackingData | Self::GetStatus | Self::GetCapability => {}
        }
        true
    }
}

fn decode_transform(content: &[u8]) -> Result<Matrix, Refusal> {
    let mut reader = Reader(content);
    match (reader.f32s(), reader.0.len()) {
        (Some(numbers), 0) => Ok(Matrix(numbers)),
        _ => Err(Refusal::Size { kind: "TRANSFORM", found: content.len(), needed: "48 bytes" }),
    }
}
