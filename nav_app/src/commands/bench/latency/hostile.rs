//! Peers that mean harm to the engine's OpenIGTLink server, for `bench latency --observers`.
//!
//! Each keeps to one way, as fast as the server lets it: bytes without sense,
//! headers that announce more than any message may have, well-formed poses
//! that are no numbers, and connections that are opened and dropped.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use engine::clock::{Clock, SystemClock};
use engine::register::random::Random;
use engine::track::openigtlink::{Encoder, HEADER_BYTES, Matrix, Message, Name, Stamp, Timestamp, Version};
use geom::Nanoseconds;

use super::observers::Turn;

/// Bytes a peer writes at once.
const PIECE: usize = 1 << 16;
/// Where a header says how long the body is.
const BODY_LENGTH: std::ops::Range<usize> = 42..50;

/// What a hostile peer sends; `None` to connect and go.
pub fn ways(device: Name<20>) -> [Option<Vec<u8>>; 4] {
    let mut random = Random::new(9);
    let noise = (0..PIECE).map(|_| random.below(256) as u8).collect();
    let mut encoder = Encoder::new(Version::V1);
    let stamp = Stamp { device, time: Timestamp::from_nanoseconds(Nanoseconds(1)) };
    while encoder.bytes().len() < PIECE && encoder.message(&stamp, &Message::Transform(Matrix([f32::NAN; 12]))) {}
    let poses = encoder.bytes().to_vec();
    let mut endless = poses.get(..HEADER_BYTES).unwrap_or_default().to_vec();
    if let Some(length) = endless.get_mut(BODY_LENGTH) {
        length.fill(0xff);
    }
    [Some(noise), Some(endless), Some(poses), None]
}

/// One hostile peer, in the turns that are its own.
pub fn attack(address: SocketAddr, way: Option<&[u8]>, clock: &SystemClock, is_over: &AtomicBool) {
    let mut link = None::<TcpStream>;
    while !is_over.load(Ordering::Acquire) {
        if Turn::at(clock.now()) != Turn::Hostile {
            link = None;
            thread::sleep(Duration::from_millis(20));
            continue;
        }
        let Some(stream) = link.take().or_else(|| TcpStream::connect(address).ok()) else {
            thread::sleep(Duration::from_millis(1));
            continue;
        };
        let is_open = way.is_some_and(|bytes| (&stream).write_all(bytes).is_ok());
        link = is_open.then_some(stream);
    }
}
