//! A fuzzer for stable Rust over what a DICOM peer says: packets of real
//! associations, changed, cut, joined and mixed with noise.
//!
//! In memory, 20 000 streams by default, read as the receiver reads them
//! (`SPINENAV_FUZZ_EXECUTIONS` asks for more, `SPINENAV_FUZZ_SEED` for others,
//! `SPINENAV_FUZZ_SECONDS` ends it earlier); and some hundreds of whole
//! conversations with a receiver over a socket. The parser is `dicom-ul`'s. What
//! must hold: no panic, no more memory than a multiple of what was sent, and a
//! receiver that serves the next peer as if nothing had been.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use dicom_dictionary_std::uids;
use dicom_ul::association::client::ClientAssociationOptions;
use dicom_ul::pdu::{AbortRQSource, PDataValue, PDataValueType, Pdu, read_pdu, write_pdu};
use engine::dicom_receiver::{DicomReceiver, ReceiverSettings};

use crate::fuzz::{Random, Share, mutate, number};
use crate::phantom::Folder;

/// Largest packet the receiver takes, bytes.
const MAX_PDU: u32 = 1 << 16;
/// Memory that does not depend on what was sent, bytes.
const FIXED_BYTES: u64 = 16 << 10;
/// A list of items of four bytes each becomes one of strings and vectors.
const BYTES_PER_BYTE: u64 = 64;

fn written(pdu: &Pdu) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_pdu(&mut bytes, pdu).unwrap();
    bytes
}

/// What a client sends first, taken from the wire.
fn association_request() -> Vec<u8> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let caller = std::thread::spawn(move || {
        ClientAssociationOptions::new()
            .calling_ae_title("SCANNER")
            .called_ae_title("SPINENAV")
            .with_presentation_context(
                uids::CT_IMAGE_STORAGE,
                vec![uids::EXPLICIT_VR_LITTLE_ENDIAN, uids::IMPLICIT_VR_LITTLE_ENDIAN, uids::JPEG_LOSSLESS_SV1],
            )
            .with_presentation_context(uids::VERIFICATION, vec![uids::IMPLICIT_VR_LITTLE_ENDIAN])
            .username_password("user", "secret")
            .read_timeout(Duration::from_secs(5))
            .establish(address)
            .is_err()
    });
    let (mut stream, _) = listener.accept().unwrap();
    let mut request = vec![0; 6];
    stream.read_exact(&mut request).unwrap();
    let length = u32::from_be_bytes([request[2], request[3], request[4], request[5]]) as usize;
    request.resize(6 + length, 0);
    stream.read_exact(&mut request[6..]).unwrap();
    drop(stream);
    assert!(caller.join().unwrap());
    request
}

/// A C-ECHO and the beginning of a C-STORE, as they are announced.
fn commands() -> [Vec<u8>; 2] {
    let element = |number: u16, value: &[u8]| {
        let mut bytes = vec![0, 0];
        bytes.extend(number.to_le_bytes());
        bytes.extend((value.len() as u32).to_le_bytes());
        bytes.extend(value);
        bytes
    };
    let echo = [
        element(0x0002, b"1.2.840.10008.1.1\0"),
        element(0x0100, &[0x30, 0]),
        element(0x0110, &[1, 0]),
        element(0x0800, &[1, 1]),
    ];
    let store = [
        element(0x0002, b"1.2.840.10008.5.1.4.1.1.2\0"),
        element(0x0100, &[1, 0]),
        element(0x0110, &[2, 0]),
        element(0x0700, &[0, 0]),
        element(0x0800, &[0, 0]),
        element(0x1000, b"1.2.3.4\0"),
    ];
    [echo.concat(), store.concat()]
}

fn data(presentation_context_id: u8, value_type: PDataValueType, is_last: bool, data: Vec<u8>) -> Pdu {
    Pdu::PData { data: vec![PDataValue { presentation_context_id, value_type, is_last, data }] }
}

/// Packets of associations; the first is the request.
fn seeds() -> Vec<Vec<u8>> {
    let [echo, store] = commands();
    let many = (0..20).map(|i| PDataValue {
        presentation_context_id: 1,
        value_type: if i % 2 == 0 { PDataValueType::Command } else { PDataValueType::Data },
        is_last: i == 19,
        data: vec![i; 40],
    });
    vec![
        association_request(),
        written(&data(3, PDataValueType::Command, true, echo)),
        written(&data(1, PDataValueType::Command, true, store)),
        written(&data(1, PDataValueType::Data, true, vec![7; 4000])),
        written(&Pdu::PData { data: many.collect() }),
        written(&Pdu::ReleaseRQ),
        written(&Pdu::ReleaseRP),
        written(&Pdu::AbortRQ { source: AbortRQSource::ServiceUser }),
        written(&Pdu::Unknown { pdu_type: 0x55, data: vec![1, 2, 3] }),
    ]
}

/// Makes the length of the first packet right, so that its content is looked at.
fn repair(stream: &mut [u8]) {
    if let Some((head, body)) = stream.split_first_chunk_mut::<6>() {
        head[2..6].copy_from_slice(&(body.len() as u32).to_be_bytes());
    }
}

fn stream(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    // The request holds most of what there is to parse.
    let mut bytes = if random.below(2) == 0 { seeds[0].clone() } else { seeds[random.below(seeds.len())].clone() };
    bytes = mutate(&[bytes, seeds[random.below(seeds.len())].clone()], random);
    if random.below(4) != 0 {
        repair(&mut bytes);
    }
    bytes
}

/// Reads a stream to its end: packets read, and whether it was refused.
fn read(bytes: &[u8]) -> (u64, bool) {
    let mut rest = bytes;
    let mut packets = 0;
    loop {
        let before = rest.len();
        match read_pdu(&mut rest, MAX_PDU, true) {
            Ok(Some(_)) => packets += 1,
            Ok(None) => return (packets, false),
            Err(_) => return (packets, true),
        }
        assert!(rest.len() < before, "a packet takes bytes");
    }
}

#[test]
fn changed_packets_are_read_or_refused_and_memory_follows_their_length() {
    let seeds = seeds();
    let mut random = Random::seeded();
    let mut share = Share::of(number("SPINENAV_FUZZ_EXECUTIONS", 20_000));
    let (mut packets, mut refused, mut panics, mut most) = (0, 0u64, 0u64, 0.0f64);
    let mut kept: Vec<Vec<u8>> = Vec::new();
    while share.goes_on() {
        let bytes = stream(&seeds, &mut random);
        let mut caught = Ok((0, false));
        let memory = allocation_counter::measure(|| caught = std::panic::catch_unwind(|| read(&bytes)));
        match caught {
            Ok((count, is_refused)) => {
                packets += count;
                refused += u64::from(is_refused);
            }
            Err(_) => {
                panics += 1;
                kept.push(bytes);
                kept.truncate(3);
                continue;
            }
        }
        let limit = FIXED_BYTES + BYTES_PER_BYTE * bytes.len() as u64;
        assert!(memory.bytes_max <= limit, "{} bytes for {} sent: {bytes:x?}", memory.bytes_max, bytes.len());
        most = most.max(memory.bytes_max as f64 / bytes.len().max(1) as f64);
    }
    println!("PDU: {share}, {packets} packets, {refused} refused, {panics} panics, at most {most:.1} bytes a byte");
    assert_eq!(panics, 0, "{kept:x?}");
    assert!(packets > share.done() / 10 && refused > share.done() / 20, "a fuzzer that reaches nothing finds nothing");
}

#[test]
fn a_receiver_outlives_changed_conversations() {
    let seeds = seeds();
    let [echo, _] = commands();
    let folder = Folder::new();
    let mut settings = ReceiverSettings::new(folder.path().to_owned());
    settings.address.set_port(0);
    settings.limits.silence = Duration::from_millis(300);
    settings.limits.associations = 16;
    let receiver = DicomReceiver::start(settings).unwrap();
    let mut random = Random::seeded();
    let mut share = Share::of(number("SPINENAV_FUZZ_EXECUTIONS", 20_000) / 100);
    while share.goes_on() {
        let Ok(mut peer) = TcpStream::connect(receiver.address()) else { continue };
        // Most conversations begin well, or nothing would be reached.
        let begin = if random.below(8) == 0 { stream(&seeds, &mut random) } else { seeds[0].clone() };
        let talk = (0..random.below(4)).flat_map(|_| stream(&seeds[1..], &mut random)).collect::<Vec<_>>();
        // A peer that is turned away has nothing to write to.
        let _ = peer.write_all(&begin).and_then(|()| peer.write_all(&talk));
        let _ = peer.shutdown(std::net::Shutdown::Write);
        peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let _ = peer.read_to_end(&mut Vec::new());
    }
    println!("conversations: {share}");
    // The next one is served.
    let since = Instant::now();
    let mut peer = loop {
        let called = ClientAssociationOptions::new()
            .calling_ae_title("SCANNER")
            .called_ae_title("SPINENAV")
            .with_presentation_context(uids::VERIFICATION, vec![uids::IMPLICIT_VR_LITTLE_ENDIAN])
            .read_timeout(Duration::from_secs(5))
            .establish(receiver.address());
        match called {
            Ok(peer) => break peer,
            Err(error) => assert!(since.elapsed() < Duration::from_secs(30), "the receiver is gone: {error}"),
        }
    };
    let id = peer.presentation_contexts()[0].id;
    peer.send(&data(id, PDataValueType::Command, true, echo)).unwrap();
    assert!(matches!(peer.receive(), Ok(Pdu::PData { .. })));
}
