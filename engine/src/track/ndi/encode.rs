//! Replies as a tracker writes them, for the simulator and for tests.

use geom::{Frame, Tracker, Transform};

use super::crc16::crc16;
use super::decoder::{BINARY, STREAM};
use super::gbf::FrameHead;
use crate::track::packet::Missing;

/// A tool as the simulator reports it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reported {
    /// Its port handle.
    pub handle: u16,
    /// Quaternion w, x, y, z, then position in mm; or why there is none.
    pub pose: Result<[f32; 7], Missing>,
}

impl Reported {
    /// A measured pose as the wire has it.
    #[must_use]
    pub fn new<F: Frame>(handle: u16, measured: Result<Transform<Tracker, F>, Missing>) -> Self {
        let pose = measured.map(|pose| {
            let (q, t) = (pose.rotation(), pose.translation());
            [q.w, q.i, q.j, q.k, t.x, t.y, t.z].map(|number| number as f32)
        });
        Self { handle, pose }
    }
}

/// A text reply: the text, four hexadecimal digits of its sum, a return.
#[must_use]
pub fn text_reply(text: &str) -> Vec<u8> {
    format!("{text}{:04X}\r", crc16(text.as_bytes())).into_bytes()
}

/// The content of a BX2 reply.
#[must_use]
pub fn gbf(frames: &[(FrameHead, Vec<Reported>)]) -> Vec<u8> {
    let mut items = Vec::new();
    for (head, ports) in frames {
        let time = head.time.unwrap_or_default().0;
        items.extend([head.kind, 0, 0, 0]);
        let (s, ns) = (time / 1_000_000_000, time % 1_000_000_000);
        for number in [head.number, s as u32, ns as u32] {
            items.extend(number.to_le_bytes());
        }
        let mut six_d = Vec::new();
        for port in ports {
            six_d.extend(port.handle.to_le_bytes());
            six_d.extend(port.pose.map_or_else(status, |_| 0).to_le_bytes());
            if let Ok(pose) = port.pose {
                pose.iter().chain(&[0.1]).for_each(|number| six_d.extend(number.to_le_bytes()));
            }
        }
        items.extend(container(2, ports.len(), &six_d));
    }
    container(1, frames.len(), &items)
}

const fn status(missing: Missing) -> u16 {
    0x0100
        | match missing {
            Missing::OutOfVolume => 0x09,
            Missing::PartialMarkers => 0x0d,
            Missing::NotReported => 0x21,
            Missing::Occluded | Missing::Refused => 0x1f,
        }
}

/// A container with one component.
fn container(kind: u16, items: usize, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1, 0, 1, 0];
    bytes.extend(kind.to_le_bytes());
    bytes.extend((content.len() as u32 + 12).to_le_bytes());
    bytes.extend([0, 0]);
    bytes.extend((items as u32).to_le_bytes());
    bytes.extend(content);
    bytes
}

/// A binary reply with its two sums.
#[must_use]
pub fn binary_reply(content: &[u8]) -> Vec<u8> {
    let mut bytes = BINARY.to_le_bytes().to_vec();
    bytes.extend((content.len() as u16).to_le_bytes());
    bytes.extend(crc16(&bytes).to_le_bytes());
    bytes.extend(content);
    bytes.extend(crc16(content).to_le_bytes());
    bytes
}

/// A reply as part of the stream `id`.
#[must_use]
pub fn streamed(id: &str, reply: &[u8]) -> Vec<u8> {
    let mut bytes = STREAM.to_le_bytes().to_vec();
    bytes.extend((id.len() as u16).to_le_bytes());
    bytes.extend(id.as_bytes());
    bytes.extend(crc16(&bytes).to_le_bytes());
    bytes.extend(reply);
    bytes
}
