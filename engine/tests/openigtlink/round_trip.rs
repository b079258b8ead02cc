//! What is written here is read here as it was, in every version.

use engine::track::openigtlink::{
    Element, Encoder, Freedom, Matrix, Message, Name, QuaternionPose, Stamp, StartTracking, Timestamp, Version,
};
use geom::nalgebra::{UnitQuaternion, Vector3};
use geom::{Nanoseconds, Tool, Tracker, Transform};

use crate::support::{Random, decoded, frames};

fn pose(random: &mut Random) -> Transform<Tracker, Tool> {
    let turn = Vector3::from_fn(|_, _| random.unit() * 1.8);
    Transform::new(UnitQuaternion::from_scaled_axis(turn), Vector3::from_fn(|_, _| random.unit() * 2000.0))
}

fn stamp(random: &mut Random) -> Stamp {
    let time = Timestamp::from_nanoseconds(Nanoseconds(random.next() >> 3));
    Stamp { device: Name::new("Tracker").unwrap(), time }
}

#[test]
fn ten_thousand_random_packets_survive_all_versions() {
    let mut random = Random(7);
    let mut encoders = [Version::V1, Version::V2, Version::V3].map(Encoder::new);
    for round in 0..10_000 {
        let encoder = &mut encoders[round % 3];
        encoder.clear();
        let at = stamp(&mut random);
        let tools: Vec<_> = (0..random.below(9)).map(|_| pose(&mut random)).collect();
        let name = |i: usize| Name::new(&format!("Tool{i}")).unwrap();
        encoder.tracking(
            &at,
            tools.iter().enumerate().map(|(i, pose)| Element {
                name: name(i),
                freedom: Freedom::SIX,
                reserved: 0,
                pose: Matrix::from(pose),
            }),
        );
        decoded(encoder.bytes(), |frame, d| {
            assert_eq!((frame.header.device, frame.header.time), (at.device, at.time));
            let Message::TrackingData(elements) = d.message else { panic!("{d:?}") };
            assert_eq!(elements.len(), tools.len());
            for (i, (element, truth)) in elements.iter().zip(&tools).enumerate() {
                let back: Transform<Tracker, Tool> = element.rigid().unwrap();
                let error = truth.inverse() * back;
                assert_eq!(element.name, name(i));
                // Single precision at two metres is 0.12 um.
                assert!(error.angle_rad() < 1e-6 && error.translation().norm() < 1e-3, "{error:?}");
            }
        });
    }
}

#[test]
fn quaternions_and_matrices_say_the_same() {
    let mut random = Random(8);
    let mut encoder = Encoder::new(Version::V1);
    for _ in 0..1_000 {
        encoder.clear();
        let (at, truth) = (stamp(&mut random), pose(&mut random));
        encoder.transform(&at, &truth);
        let element = Element {
            name: Name::new("T").unwrap(),
            freedom: Freedom::SIX,
            reserved: 0,
            pose: QuaternionPose::from(&truth),
        };
        encoder.tracking(&at, [element]);
        let mut poses: Vec<Transform<Tracker, Tool>> = Vec::new();
        frames(encoder.bytes(), 100, |frame| match frame.decode().unwrap().message {
            Message::Transform(matrix) => poses.push(matrix.rigid().unwrap()),
            Message::QuaternionTrackingData(tools) => poses.extend(tools.iter().map(|t| t.rigid().unwrap())),
            other => panic!("{other:?}"),
        })
        .unwrap();
        let apart = poses[0].inverse() * poses[1];
        assert!(apart.angle_rad() < 1e-6 && apart.translation().norm() < 1e-9, "{apart:?}");
    }
}

#[test]
fn a_mesh_goes_out_in_ras_and_comes_back_in_lps() {
    let mut encoder = Encoder::new(Version::V2);
    let at = stamp(&mut Random(9));
    let points = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [-7.0, 8.0, 9.5]];
    assert!(encoder.mesh(&at, &points, &[[0, 1, 2]]));
    // First coordinate on the wire: header, extended header, counts.
    let first = encoder.bytes()[58 + 12 + 40..][..4].try_into().unwrap();
    assert_eq!(f32::from_be_bytes(first), -1.0);
    decoded(encoder.bytes(), |_, d| {
        let Message::PolyData(surface) = d.message else { panic!("{d:?}") };
        let back: Vec<_> = surface.points_lps().map(|p| p.to_array().map(|v| v as f32)).collect();
        assert_eq!(back, points);
    });
}

#[test]
fn metadata_travels_with_header_two_and_is_left_out_of_header_one() {
    let mut encoder = Encoder::new(Version::V2);
    let at = stamp(&mut Random(10));
    let start = StartTracking { interval_ms: 20, coordinate: Name::new("").unwrap() };
    let texts = [("Status", "OK"), ("Empty", ""), ("Größe", "ü")];
    assert!(encoder.message_with_metadata(&at, &Message::StartTrackingData(start), &texts));
    decoded(encoder.bytes(), |_, d| {
        assert_eq!(d.message, Message::StartTrackingData(start));
        let back: Vec<_> = d.metadata.iter().map(|(k, v)| [k, v].map(|b| std::str::from_utf8(b).unwrap())).collect();
        assert_eq!(back, texts.map(|(k, v)| [k, v]));
    });
    let mut encoder = Encoder::new(Version::V1);
    assert!(encoder.message_with_metadata(&at, &Message::StartTrackingData(start), &texts));
    assert_eq!(encoder.bytes().len(), 58 + 36);
}
