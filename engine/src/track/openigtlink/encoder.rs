//! Messages onto the wire, in one buffer that keeps its memory.

use geom::{Frame, Transform};

use super::crc64;
use super::header::{EXTENDED_BYTES, HEADER_BYTES, Header, Version};
use super::kind::Kind;
use super::messages::{Element, Message, NamedPoint, WirePose, encode_mesh};
use super::name::Name;
use super::pose::Matrix;
use super::timestamp::Timestamp;
use super::wire::Put;

/// Whose message it is and when it was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Device the message is about.
    pub device: Name<20>,
    /// When it was measured.
    pub time: Timestamp,
}

/// Writes messages one after the other; [`Encoder::bytes`] goes to the socket,
/// then [`Encoder::clear`]. Once the buffer has grown to the largest message,
/// encoding allocates nothing.
#[derive(Debug)]
pub struct Encoder {
    /// Header version of what is written; set it to the peer's.
    pub version: Version,
    /// Number of the next message, sent with header 2 and later.
    pub next_id: u32,
    buffer: Vec<u8>,
}

impl Encoder {
    /// An encoder for a peer that understands `version`.
    #[must_use]
    pub fn new(version: Version) -> Self {
        Self { version, next_id: 0, buffer: Vec::with_capacity(4096) }
    }

    /// What was written since the last [`Encoder::clear`].
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// Forgets what was written and keeps the memory.
    pub fn clear(&mut self) {
        self.buffer.clear();
    }

    /// Any message; `false`, with nothing written, when it does not fit the
    /// fields of its type.
    pub fn message(&mut self, stamp: &Stamp, message: &Message<'_>) -> bool {
        self.write(message.kind(), stamp, &[], |out| message.encode(out))
    }

    /// Any message with key and value texts; without them on header 1, which
    /// has no place for them.
    pub fn message_with_metadata(&mut self, stamp: &Stamp, message: &Message<'_>, metadata: &[(&str, &str)]) -> bool {
        self.write(message.kind(), stamp, metadata, |out| message.encode(out))
    }

    /// TRANSFORM of a pose.
    pub fn transform<To: Frame, Src: Frame>(&mut self, stamp: &Stamp, pose: &Transform<To, Src>) -> bool {
        self.message(stamp, &Message::Transform(Matrix::from(pose)))
    }

    /// TDATA or QTDATA of tools.
    pub fn tracking<P: WirePose>(&mut self, stamp: &Stamp, tools: impl IntoIterator<Item = Element<P>>) -> bool {
        let kind =
            if P::ELEMENT_BYTES == Matrix::ELEMENT_BYTES { Kind::TrackingData } else { Kind::QuaternionTrackingData };
        self.write(kind, stamp, &[], |out| {
            tools.into_iter().for_each(|tool| tool.encode(out));
            true
        })
    }

    /// POINT of points whose positions are in RAS already.
    pub fn points<'a>(&mut self, stamp: &Stamp, points: impl IntoIterator<Item = &'a NamedPoint>) -> bool {
        self.write(Kind::Point, stamp, &[], |out| {
            points.into_iter().for_each(|point| point.encode(out));
            true
        })
    }

    /// POLYDATA of a triangle mesh in LPS mm, sent in RAS.
    pub fn mesh(&mut self, stamp: &Stamp, points_lps: &[[f32; 3]], triangles: &[[u32; 3]]) -> bool {
        self.write(Kind::PolyData, stamp, &[], |out| encode_mesh(points_lps, triangles, out))
    }

    /// CAPABILITY: every type understood here.
    pub fn capability(&mut self, stamp: &Stamp) -> bool {
        self.write(Kind::Capability, stamp, &[], |out| {
            for kind in Kind::KNOWN {
                out.put(Name::<12>::new(kind.name()).unwrap_or(Name::from_wire(&[0; 12])).wire());
            }
            true
        })
    }

    fn write(
        &mut self,
        kind: Kind,
        stamp: &Stamp,
        metadata: &[(&str, &str)],
        content: impl FnOnce(&mut Vec<u8>) -> bool,
    ) -> bool {
        let start = self.buffer.len();
        // Room for the header, which is known only once the body stands.
        self.buffer.put(&[0; HEADER_BYTES]);
        let is_whole =
            if self.version.is_extended() { self.extended_body(metadata, content) } else { content(&mut self.buffer) };
        let body = self.buffer.get(start + HEADER_BYTES..).unwrap_or(&[]);
        let (Some(type_name), true) = (Name::new(kind.name()), is_whole) else {
            self.buffer.truncate(start);
            return false;
        };
        let header = Header {
            version: self.version,
            type_name,
            device: stamp.device,
            time: stamp.time,
            body_bytes: body.len() as u64,
            checksum: crc64::update(0, body),
        };
        if let Some(place) = self.buffer.get_mut(start..start + HEADER_BYTES) {
            place.copy_from_slice(&header.encode());
        }
        self.next_id = self.next_id.wrapping_add(1);
        true
    }

    fn extended_body(&mut self, metadata: &[(&str, &str)], content: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
        let index = u16::try_from(2 + 8 * metadata.len());
        let text = u32::try_from(metadata.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>());
        let (Ok(index), Ok(text)) = (index, text) else { return false };
        self.buffer.put_u16s(&[EXTENDED_BYTES as u16, index]);
        self.buffer.put_u32s(&[text, self.next_id]);
        if !content(&mut self.buffer) {
            return false;
        }
        self.buffer.put_u16s(&[metadata.len() as u16]);
        for (key, value) in metadata {
            let (Ok(key), Ok(value)) = (u16::try_from(key.len()), u32::try_from(value.len())) else { return false };
            self.buffer.put_u16s(&[key, super::header::UTF_8]);
            self.buffer.put_u32s(&[value]);
        }
        for (key, value) in metadata {
            self.buffer.put(key.as_bytes());
            self.buffer.put(value.as_bytes());
        }
        true
    }
}
