//! Bytes written by the C++ library 1.11 and by pyigtl 0.3.4 mean here what
//! they mean there, and are written here as they write them.

use engine::track::openigtlink::{Encoder, Kind, Message, Name, Orientation, Scalar, Stamp, US_ASCII, Version};
use geom::nalgebra::{Quaternion, UnitQuaternion, Vector3, Vector4};
use geom::{Nanoseconds, Tool, Tracker, Transform};

use crate::support::{all_golden, decoded, golden};

const QUATERNION: [f32; 4] = [0.182_574_19, 0.365_148_37, 0.547_722_6, 0.730_296_7];
const POSITION: [f32; 3] = [1.5, -2.25, 3.125];

/// The pose of most files, from the quaternion itself.
fn assert_pose(pose: &Transform<Tracker, Tool>) {
    let [x, y, z, w] = QUATERNION.map(f64::from);
    let truth = UnitQuaternion::from_quaternion(Quaternion::new(w, x, y, z));
    assert!(pose.rotation().angle_to(&truth) < 1e-6, "{pose:?}");
    assert_eq!(pose.translation().as_slice(), POSITION.map(f64::from));
}

#[test]
fn every_reference_message_is_understood_and_written_back_byte_by_byte() {
    for (name, bytes) in all_golden() {
        let back = decoded(&bytes, |frame, decoded| {
            assert_eq!(frame.header.time.nanoseconds(), Nanoseconds(1_700_000_000_250_000_000), "{name}");
            let mut encoder = Encoder::new(frame.header.version);
            encoder.next_id = decoded.id;
            let stamp = Stamp { device: frame.header.device, time: frame.header.time };
            let metadata: Vec<_> = decoded
                .metadata
                .iter()
                .map(|(key, value)| [key, value].map(|b| std::str::from_utf8(b).unwrap().to_owned()))
                .collect();
            let metadata: Vec<_> = metadata.iter().map(|[key, value]| (key.as_str(), value.as_str())).collect();
            assert!(encoder.message_with_metadata(&stamp, &decoded.message, &metadata));
            encoder.bytes().to_vec()
        });
        if name.starts_with("TRANSFORM_") {
            // pyigtl calls its texts US-ASCII, we call ours UTF-8.
            assert_eq!(back.len(), bytes.len(), "{name}");
        } else {
            assert_eq!(back, bytes, "{name}");
        }
    }
}

#[test]
fn poses_of_all_forms_are_the_same_pose() {
    decoded(&golden("TRANSFORM"), |frame, d| {
        assert_eq!((frame.header.version, frame.header.device), (Version::V1, Name::new("ProbeToTracker").unwrap()));
        let Message::Transform(matrix) = d.message else { panic!("{d:?}") };
        assert_pose(&matrix.rigid().unwrap());
    });
    decoded(&golden("TDATA"), |_, d| {
        let Message::TrackingData(tools) = d.message else { panic!("{d:?}") };
        let names: Vec<_> = tools.iter().map(|tool| tool.name.to_string()).collect();
        assert_eq!(names, ["Reference", "Stylus"]);
        tools.iter().for_each(|tool| assert_pose(&tool.rigid().unwrap()));
    });
    decoded(&golden("QTDATA"), |_, d| {
        let Message::QuaternionTrackingData(tools) = d.message else { panic!("{d:?}") };
        assert_eq!(tools.len(), 1);
        tools.iter().for_each(|tool| assert_pose(&tool.rigid().unwrap()));
    });
    for name in ["POSITION", "POSITION_24"] {
        decoded(&golden(name), |_, d| {
            let Message::Position(position) = d.message else { panic!("{d:?}") };
            assert_pose(&position.rigid().unwrap());
        });
    }
    decoded(&golden("POSITION_12"), |_, d| {
        let Message::Position(position) = d.message else { panic!("{d:?}") };
        assert_eq!((position.position, position.orientation), (POSITION, Orientation::None));
        assert!(position.rigid::<Tracker, Tool>().is_err(), "a position alone does not place a tool");
    });
}

#[test]
fn requests_and_texts_carry_their_fields() {
    decoded(&golden("STT_TDATA"), |_, d| {
        let Message::StartTrackingData(start) = d.message else { panic!("{d:?}") };
        assert_eq!((start.interval_ms, start.coordinate), (40, Name::new("Patient").unwrap()));
    });
    decoded(&golden("RTS_TDATA"), |_, d| assert_eq!(d.message, Message::ReplyTrackingData(0)));
    decoded(&golden("STP_TDATA"), |_, d| assert_eq!(d.message, Message::StopTrackingData));
    decoded(&golden("GET_STATUS"), |_, d| assert_eq!(d.message, Message::GetStatus));
    decoded(&golden("CAPABILITY"), |_, d| {
        let Message::Capability(types) = d.message else { panic!("{d:?}") };
        let kinds: Vec<_> = types.iter().map(|name| Kind::from_wire(&name)).collect();
        assert_eq!(kinds, [Kind::Transform, Kind::TrackingData, Kind::GetCapability]);
    });
    decoded(&golden("STATUS"), |_, d| {
        let Message::Status(status) = d.message else { panic!("{d:?}") };
        assert_eq!((status.code, status.subcode, status.text), (1, 128, b"running".as_slice()));
        assert_eq!(status.error, *"OK");
    });
    decoded(&golden("STRING"), |_, d| {
        let Message::String(text) = d.message else { panic!("{d:?}") };
        assert_eq!((text.encoding, text.bytes), (US_ASCII, b"hello".as_slice()));
    });
}

#[test]
fn geometry_that_is_ras_on_the_wire_is_lps_here() {
    decoded(&golden("POINT"), |_, d| {
        let Message::Point(points) = d.message else { panic!("{d:?}") };
        let point = points.iter().next().unwrap();
        assert_eq!((point.name.to_string(), point.group.to_string()), ("L1-tip".into(), "GROUP_0".into()));
        assert_eq!((point.rgba, point.diameter, point.owner), ([255, 0, 0, 255], 1.5, Name::new("CT").unwrap()));
        assert_eq!(point.position_lps().unwrap().to_array(), [-1.0, -2.0, 3.0]);
    });
    decoded(&golden("POLYDATA"), |_, d| {
        let Message::PolyData(surface) = d.message else { panic!("{d:?}") };
        let points: Vec<_> = surface.points_lps().map(|p| p.to_array()).collect();
        assert_eq!(points, [[0.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0]]);
        let faces: Vec<Vec<u32>> = surface.polygons.iter().map(Iterator::collect).collect();
        assert_eq!(faces, [[0, 1, 2], [0, 1, 3]]);
    });
}

#[test]
fn an_image_lies_where_its_sender_put_it() {
    decoded(&golden("IMAGE"), |_, d| {
        let Message::Image(image) = d.message else { panic!("{d:?}") };
        assert_eq!(
            (image.size, image.scalar, image.is_ras, image.is_little_endian),
            ([4, 3, 2], Scalar::I16, true, true)
        );
        let values: Vec<_> = image.voxels.as_chunks().0.iter().map(|b| i16::from_le_bytes(*b)).collect();
        assert_eq!(values, (0..24).map(|i| i * 100 - 1000).collect::<Vec<i16>>());
        let lps_from_index = image.lps_from_index();
        // The centre of 4 x 3 x 2 voxels is where the sender's matrix puts it, in RAS.
        let centre = lps_from_index * Vector4::new(1.5, 1.0, 0.5, 1.0);
        assert!((centre.xyz() - Vector3::new(-1.5, 2.25, 3.125)).norm() < 1e-6, "{centre}");
        let steps = [0, 1, 2].map(|i| lps_from_index.column(i).norm());
        assert!(steps.iter().zip([0.7, 0.7, 2.5]).all(|(a, b)| (a - b).abs() < 1e-6), "{steps:?}");
    });
    decoded(&golden("IMAGE_2"), |frame, d| {
        assert_eq!(frame.header.version, Version::V2);
        let Message::Image(image) = d.message else { panic!("{d:?}") };
        assert!(!image.is_ras);
        // pyigtl was given the position of the first voxel, in LPS.
        let origin = image.lps_from_index() * Vector4::new(0.0, 0.0, 0.0, 1.0);
        assert!((origin.xyz() - Vector3::new(10.0, -20.0, 30.5)).norm() < 1e-5, "{origin}");
    });
}

#[test]
fn what_the_sender_says_about_a_pose_is_heard() {
    decoded(&golden("TRANSFORM_2"), |_, d| {
        assert_eq!((d.id, d.metadata.pose_status(), d.metadata.get("Rate")), (7, Some(&b"OK"[..]), Some(&b"60"[..])));
    });
    decoded(&golden("TRANSFORM_LOST_2"), |_, d| {
        assert_eq!((d.id, d.metadata.pose_status()), (8, Some(&b"MISSING"[..])));
    });
}
