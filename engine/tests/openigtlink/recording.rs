//! Recordings of PLUS, and what is not one.

use std::path::PathBuf;

use engine::track::recording::{RecordedSource, Recording, RecordingLimits};
use engine::track::{Missing, Source, ToolId, ToolNames};
use geom::Nanoseconds;

const HEAD: &str = "ObjectType = Image\nNDims = 3\nDimSize = 2 1 3\nElementType = MET_UCHAR\nCompressedData = False\n";

fn frames() -> String {
    let pose = |x: f64| format!("1 0 0 {x} 0 1 0 0 0 0 1 0 0 0 0 1");
    let mut text = String::new();
    for (i, (status, second)) in
        [("OK", pose(2.0)), ("INVALID", pose(3.0)), ("OK", "nan ".repeat(16))].iter().enumerate()
    {
        text += &format!("Seq_Frame{i:04}_StylusToTrackerTransform = {second}\n");
        text += &format!("Seq_Frame{i:04}_StylusToTrackerTransformStatus = {status}\n");
        text += &format!("Seq_Frame{i:04}_ReferenceToTrackerTransform = {}\n", pose(i as f64));
        text += &format!("Seq_Frame{i:04}_Timestamp = {}\n", 10.0 + 0.1 * i as f64);
    }
    text
}

fn names() -> ToolNames {
    ToolNames::new(Some("ReferenceToTracker"), &[("StylusToTracker", ToolId(1))]).unwrap()
}

fn read(text: &str, limits: &RecordingLimits) -> Result<Recording, String> {
    let folder = std::env::temp_dir().join(format!("spinenav-recording-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut name = std::hash::DefaultHasher::new();
    std::hash::Hash::hash(&(text, limits.frames, limits.text_bytes), &mut name);
    let path: PathBuf = folder.join(format!("{:x}.mha", std::hash::Hasher::finish(&name)));
    std::fs::write(&path, text).unwrap();
    Recording::read(&path, &names(), limits).map_err(|error| error.to_string())
}

fn whole() -> String {
    format!("{HEAD}{}ElementDataFile = LOCAL\nABCDEF", frames())
}

#[test]
fn poses_come_back_with_their_times_and_invalid_ones_are_no_poses() {
    let recording = read(&whole(), &RecordingLimits::default()).unwrap();
    let stylus: Vec<_> = recording.packets.iter().map(|p| p.tool(ToolId(1)).map(|t| t.translation().x)).collect();
    assert_eq!(stylus, [Ok(2.0), Err(Missing::Occluded), Err(Missing::Refused)]);
    assert!(recording.packets.iter().all(|p| p.tracker_from_patient.is_ok()));
    assert_eq!((recording.marked_invalid, recording.refused), (1, 1));
    let mut source = RecordedSource::new("test", recording);
    let start = Nanoseconds(5_000_000_000);
    let first = source.poll(start).unwrap();
    assert_eq!((first.source_time, first.arrival_time), (Nanoseconds(10_000_000_000), start));
    assert!(source.poll(start).is_none());
    assert_eq!(source.next_due(), Nanoseconds(5_100_000_000));
    assert!(source.poll(Nanoseconds(5_200_000_000)).is_some() && source.poll(Nanoseconds(5_200_000_001)).is_some());
    assert!(source.is_over() && source.poll(Nanoseconds(u64::MAX)).is_none());
}

#[test]
fn a_damaged_recording_is_refused_with_the_line() {
    let limits = RecordingLimits::default();
    let cases = [
        (whole().replace("ElementDataFile = LOCAL\nABCDEF", ""), "cut off"),
        (whole().replace("ABCDEF", "ABC"), "3 bytes of voxels, 6 announced"),
        (
            whole().replace("CompressedData = False", "CompressedData = True\nCompressedDataSize = 7"),
            "6 bytes of voxels, 7 announced",
        ),
        (whole().replace("DimSize = 2 1 3", "DimSize = 2 1 4"), "3 frames, DimSize announces 4"),
        (whole().replace("1 0 0 2 0", "1 0 0"), "line 6: a transform that is not sixteen numbers"),
        (whole().replace("Timestamp = 10\n", "Timestamp = -1\n"), "line 9: a time stamp"),
        (whole().replace("Seq_Frame0000_Timestamp = 10\n", ""), "no time stamp"),
        (whole().replace("Seq_Frame0001_Ref", "Seq_Frame0000_Ref"), "not in order"),
        (whole().replace("ToTracker", "ToProbe"), "the recording holds ReferenceToProbe, StylusToProbe"),
        ("not a recording".into(), "line 1 has no `key = value`"),
        (String::new(), "cut off"),
        (format!("{HEAD}{}", "x".repeat(100_000)), "bytes in a line"),
    ];
    for (text, expected) in cases {
        let error = read(&text, &limits).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    assert!(
        read(&whole(), &RecordingLimits { frames: 2, ..limits.clone() }).unwrap_err().contains("more than 2 frames")
    );
    assert!(read(&whole(), &RecordingLimits { text_bytes: 100, ..limits }).unwrap_err().contains("bytes of text"));
}

#[test]
fn a_recording_cut_at_any_byte_is_refused() {
    let text = whole();
    for cut in 0..text.len() {
        assert!(read(&text[..cut], &RecordingLimits::default()).is_err(), "cut at {cut}");
    }
}

/// As PLUS writes a tracker without images: no voxels, an image that is marked
/// invalid, a blank at the end of each line, times with fractions.
fn without_images(frames: usize) -> String {
    let mut text = format!("ObjectType = Image\nNDims = 3\nCompressedData = False\nDimSize = 0 0 {frames}   \n");
    text += "ElementType = MET_UCHAR\nUltrasoundImageOrientation = XX\n";
    for i in 0..frames {
        let turn = 0.01 * i as f64;
        let (sine, cosine) = turn.sin_cos();
        for (name, x) in [("Reference", 60.6), ("Stylus", 19.58 + i as f64)] {
            text += &format!(
                "Seq_Frame{i:04}_{name}ToTrackerTransform = {cosine} {} 0 {x} {sine} {cosine} 0 137.86 0 0 1 -296.49 0 0 0 1 \n",
                -sine
            );
            text += &format!("Seq_Frame{i:04}_{name}ToTrackerTransformStatus = OK\n");
        }
        text += &format!("Seq_Frame{i:04}_Timestamp = {}\n", 196.720_814_285 + i as f64 / 13.0);
        text += &format!("Seq_Frame{i:04}_ImageStatus = INVALID\n");
    }
    text + "ElementDataFile = LOCAL\n"
}

#[test]
fn a_recording_without_images_replays_whole_at_its_own_pace() {
    let recording = read(&without_images(93), &RecordingLimits::default()).unwrap();
    assert_eq!((recording.packets.len(), recording.marked_invalid, recording.refused), (93, 0, 0));
    let first = recording.packets[0];
    assert_eq!(first.source_time, Nanoseconds(196_720_814_285));
    assert_eq!(first.tracker_from_patient.unwrap().translation().as_slice(), [60.6, 137.86, -296.49]);
    assert_eq!(first.tool(ToolId(1)).unwrap().translation().as_slice(), [19.58, 137.86, -296.49]);
    let mut source = RecordedSource::new("phantom", recording);
    source.poll(Nanoseconds(0)).unwrap();
    let mut times = vec![Nanoseconds(0)];
    while !source.is_over() {
        let due = source.next_due();
        assert!(source.poll(Nanoseconds(due.0 - 1)).is_none(), "not before it is due");
        times.push(source.poll(due).unwrap().source_time);
    }
    assert!(times.is_sorted_by(|a, b| a.0 < b.0) && times.len() == 93);
}
