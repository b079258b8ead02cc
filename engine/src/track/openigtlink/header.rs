//! The 58 bytes before every body, and the extended header inside it.

use super::error::{Refusal, StreamError};
use super::kind::Kind;
use super::name::Name;
use super::timestamp::Timestamp;
use super::wire::Reader;

/// Bytes of a header.
pub const HEADER_BYTES: usize = 58;

/// Bytes of the extended header as we send it.
pub(super) const EXTENDED_BYTES: usize = 12;

/// Header version, which decides whether the body begins with an extended
/// header. Protocols 1 and 2 send header 1, protocol 3 sends header 2; some
/// senders write 3 with the same layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Version {
    /// Body is content only. Every peer understands it.
    #[default]
    V1,
    /// Extended header and metadata around the content.
    V2,
    /// As [`Version::V2`].
    V3,
}

impl Version {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
            Self::V3 => 3,
        }
    }

    /// True when the body begins with an extended header.
    #[must_use]
    pub const fn is_extended(self) -> bool {
        !matches!(self, Self::V1)
    }
}

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Header version of the sender; answers use the same.
    pub version: Version,
    /// Type as sent.
    pub type_name: Name<12>,
    /// Name of the device the message is about.
    pub device: Name<20>,
    /// When the sender measured.
    pub time: Timestamp,
    /// Bytes that follow.
    pub body_bytes: u64,
    /// CRC-64 of these bytes.
    pub checksum: u64,
}

impl Header {
    /// The type, or [`Kind::Unknown`].
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::from_wire(&self.type_name)
    }

    /// Reads a header.
    ///
    /// # Errors
    /// [`StreamError`] when the bytes cannot be one.
    pub fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Self, StreamError> {
        let mut reader = Reader(bytes);
        // Never missing: the array has the length of all fields together.
        let found = reader.u16().unwrap_or(0);
        let version = match found {
            1 => Version::V1,
            2 => Version::V2,
            3 => Version::V3,
            _ => return Err(StreamError::Version { found }),
        };
        let name = reader.name().unwrap_or(Name::from_wire(&[0; 12]));
        if !name.is_printable_ascii() {
            return Err(StreamError::TypeName { name });
        }
        Ok(Self {
            version,
            type_name: name,
            device: reader.name().unwrap_or(Name::from_wire(&[0; 20])),
            time: Timestamp(reader.u64().unwrap_or(0)),
            body_bytes: reader.u64().unwrap_or(0),
            checksum: reader.u64().unwrap_or(0),
        })
    }

    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let version = self.version.number().to_be_bytes();
        let (time, body_bytes, checksum) = (self.time.0, self.body_bytes, self.checksum);
        let numbers = [time, body_bytes, checksum].map(u64::to_be_bytes);
        let fields = [&version, self.type_name.wire().as_slice(), self.device.wire(), numbers.as_flattened()];
        let mut bytes = [0; HEADER_BYTES];
        bytes.iter_mut().zip(fields.into_iter().flatten()).for_each(|(to, from)| *to = *from);
        bytes
    }
}

/// Key and value pairs a sender adds to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Metadata<'a> {
    index: &'a [u8],
    text: &'a [u8],
}

/// Character set number of UTF-8 (IANA MIBenum).
pub const UTF_8: u16 = 106;

/// Character set number of US-ASCII (IANA MIBenum).
pub const US_ASCII: u16 = 3;

impl<'a> Metadata<'a> {
    /// Splits a body of header 2 or 3 into message number, content and metadata.
    pub(super) fn split(body: &'a [u8]) -> Result<(u32, &'a [u8], Self), Refusal> {
        Self::split_checked(body).ok_or(Refusal::Extended)
    }

    fn split_checked(body: &'a [u8]) -> Option<(u32, &'a [u8], Self)> {
        let mut reader = Reader(body);
        let (extended, index, text) = (reader.u16()?, reader.u16()?, reader.u32()?);
        let id = reader.u32()?;
        // Later versions may lengthen the extended header; what is new is passed over.
        reader.bytes(usize::from(extended).checked_sub(EXTENDED_BYTES)?)?;
        let (index, text) = (usize::from(index), usize::try_from(text).ok()?);
        let content = reader.bytes(reader.0.len().checked_sub(index)?.checked_sub(text)?)?;
        let mut metadata = Self { index: reader.bytes(index)?, text: reader.0 };
        if index > 0 {
            let count = Reader(metadata.index).u16()?;
            metadata.index = metadata.index.get(2..2 + usize::from(count) * 8)?;
        }
        let sizes = metadata.index.as_chunks::<8>().0.iter().try_fold(0usize, |sum, entry| {
            let (key, value) = entry_sizes(entry);
            sum.checked_add(key)?.checked_add(value)
        })?;
        (sizes <= metadata.text.len()).then_some((id, content, metadata))
    }

    /// Keys and values as sent, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let mut text = Reader(self.text);
        self.index.as_chunks::<8>().0.iter().map_while(move |entry| {
            let (key, value) = entry_sizes(entry);
            Some((text.bytes(key)?, text.bytes(value)?))
        })
    }

    /// Value of `key`, if it was sent.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'a [u8]> {
        self.iter().find(|(k, _)| *k == key.as_bytes()).map(|(_, value)| value)
    }

    /// What PLUS and 3D Slicer say about the pose of a TRANSFORM, `None` when
    /// they say nothing. Anything but `OK` means that there is no pose.
    #[must_use]
    pub fn pose_status(&self) -> Option<&'a [u8]> {
        self.get("Status").or_else(|| self.get("TransformStatus"))
    }
}

fn entry_sizes(entry: &[u8; 8]) -> (usize, usize) {
    let [k0, k1, _, _, value @ ..] = *entry;
    (usize::from(u16::from_be_bytes([k0, k1])), usize::try_from(u32::from_be_bytes(value)).unwrap_or(usize::MAX))
}
