//! NRRD, MetaImage and PLUS recordings: one field changed at a time.

use super::{Bad, Door};

const NRRD: &str = "NRRD0004\ntype: short\ndimension: 3\nsizes: 4 4 4\nencoding: raw\nendian: little\nspace: left-posterior-superior\nspace directions: (1,0,0) (0,1,0) (0,0,1)\nspace origin: (0,0,0)\n\n";
const META: &str = "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nCompressedData = False\nTransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0\nElementSpacing = 1 1 1\nDimSize = 4 4 4\nElementType = MET_SHORT\nElementDataFile = LOCAL\n";
const POSE: &str = "1 0 0 10 0 1 0 20 0 0 1 30 0 0 0 1";

fn voxels() -> Vec<u8> {
    (0..64i16).flat_map(|v| (v * 40 - 1000).to_le_bytes()).collect()
}

/// What is replaced, by what, and what must be said.
type Change = (&'static str, &'static str, &'static [&'static str]);

const NRRD_CHANGES: &[Change] = &[
    ("type: short", "type: block", &["type"]),
    ("type: short", "type: complex", &["type"]),
    ("type: short\n", "", &["type"]),
    ("type: short", "type:", &["type"]),
    ("dimension: 3", "dimension: 2", &["dimension", "axes"]),
    ("dimension: 3", "dimension: 4", &["sizes", "dimension", "axes"]),
    ("dimension: 3", "dimension: many", &["dimension"]),
    ("dimension: 3\n", "", &["dimension"]),
    ("sizes: 4 4 4", "sizes: 4 4", &["sizes"]),
    ("sizes: 4 4 4", "sizes: 4 4 0", &["size"]),
    ("sizes: 4 4 4", "sizes: 4 4 -4", &["sizes"]),
    ("sizes: 4 4 4", "sizes: 4 4 4.5", &["sizes"]),
    ("sizes: 4 4 4", "sizes: 4 4 5", &["damaged or forged"]),
    ("sizes: 4 4 4", "sizes: 4000 4000 4000", &["limit"]),
    ("sizes: 4 4 4", "sizes: 99999999999 99999999999 99999999999", &["size", "limit"]),
    ("sizes: 4 4 4", "sizes: 99999999999999999999999 4 4", &["sizes"]),
    ("sizes: 4 4 4\n", "", &["sizes"]),
    ("encoding: raw", "encoding: ascii", &["raw or gzip"]),
    ("encoding: raw", "encoding: bzip2", &["raw or gzip"]),
    ("encoding: raw", "encoding: gzip", &["cut off", "damaged"]),
    ("encoding: raw\n", "", &["encoding"]),
    ("endian: little", "endian: middle", &["endian"]),
    ("endian: little\n", "", &["endian"]),
    ("space: left-posterior-superior", "space: scanner-xyz", &["space", "left"]),
    ("space: left-posterior-superior", "space: 3D-right-handed", &["space", "left"]),
    ("(0,0,1)", "(0,1,0)", &["same way"]),
    ("(0,0,1)", "(0,0,0)", &["no length", "same way"]),
    ("(0,0,1)", "(0,0,nan)", &["finite"]),
    ("(0,0,1)", "(0,0,inf)", &["finite"]),
    ("(0,0,1)", "(0,0)", &["vector"]),
    ("(0,0,1)", "(0,0,1,2)", &["vector"]),
    ("(0,0,1)", "0,0,1", &["vector", "directions"]),
    ("(0,0,1)", "(0,0,1", &["vector", "directions"]),
    ("(0,0,1)", "", &["direction", "vector"]),
    ("space origin: (0,0,0)", "space origin: (0,nan,0)", &["finite"]),
    ("space origin: (0,0,0)", "space origin: here", &["origin", "vector"]),
    ("type: short", "type: short\ntype: short", &["twice"]),
    ("encoding: raw", "encoding: raw\nline skip: 3", &["lines"]),
    ("encoding: raw", "encoding: raw\nbyte skip: -2", &["byte skip"]),
    ("encoding: raw", "encoding: raw\nbyte skip: 99999999999", &["damaged or forged"]),
    ("encoding: raw", "encoding: raw\nbyte skip: many", &["number"]),
    ("encoding: raw", "encoding: raw\ndata file: ../../etc/passwd", &["beside"]),
    ("encoding: raw", "encoding: raw\ndata file: /etc/passwd", &["beside"]),
    ("encoding: raw", "encoding: raw\ndata file: .", &["regular file", "beside", "open"]),
    ("encoding: raw", "encoding: raw\ndata file: LIST", &["several files"]),
    ("encoding: raw", "encoding: raw\ndata file: s%03d.raw 1 9 1", &["several files"]),
    ("encoding: raw", "encoding: raw\ndata file: absent.raw", &["open"]),
    ("NRRD0004", "NRRX0004", &["text file", "no image"]),
];

const META_CHANGES: &[Change] = &[
    ("NDims = 3", "NDims = 2", &["dimensions"]),
    ("NDims = 3", "NDims = 4", &["dimensions"]),
    ("NDims = 3\n", "", &["NDims"]),
    ("DimSize = 4 4 4", "DimSize = 4 4", &["DimSize"]),
    ("DimSize = 4 4 4", "DimSize = 4 4 0", &["DimSize"]),
    ("DimSize = 4 4 4", "DimSize = 4 4 -1", &["DimSize"]),
    ("DimSize = 4 4 4", "DimSize = 4 4 1.5", &["DimSize"]),
    ("DimSize = 4 4 4", "DimSize = 4 4 nan", &["DimSize"]),
    ("DimSize = 4 4 4", "DimSize = 4 4 1e300", &["DimSize"]),
    ("DimSize = 4 4 4", "DimSize = 4 4 five", &["DimSize"]),
    ("DimSize = 4 4 4", "DimSize = 4 4 5", &["damaged or forged"]),
    ("DimSize = 4 4 4", "DimSize = 9999 9999 9999", &["limit"]),
    ("DimSize = 4 4 4\n", "", &["DimSize"]),
    ("ElementSpacing = 1 1 1", "ElementSpacing = 1 1 0", &["no length", "same way"]),
    ("ElementSpacing = 1 1 1", "ElementSpacing = 1 1 inf", &["finite"]),
    ("ElementSpacing = 1 1 1", "ElementSpacing = 1 1", &["ElementSpacing"]),
    ("ElementSpacing = 1 1 1\n", "", &["ElementSpacing"]),
    ("0 0 1\n", "0 1 0\n", &["same way"]),
    ("0 0 1\n", "0 0 nan\n", &["finite"]),
    ("0 0 1\n", "0 0\n", &["numbers are expected"]),
    ("Offset = 0 0 0", "Offset = 0 0 nan", &["finite"]),
    ("Offset = 0 0 0", "Offset = 0 0", &["numbers are expected"]),
    ("MET_SHORT", "MET_OTHER", &["MET_OTHER"]),
    ("MET_SHORT", "MET_SHORT_ARRAY", &["MET_SHORT_ARRAY"]),
    ("MET_SHORT", "", &["ElementType"]),
    ("ElementType = MET_SHORT\n", "", &["ElementType"]),
    ("MET_SHORT", "MET_DOUBLE", &["damaged or forged"]),
    ("LOCAL", "../a.raw", &["beside"]),
    ("LOCAL", "/etc/passwd", &["beside"]),
    ("LOCAL", "LIST", &["several files"]),
    ("LOCAL", "s%03d.raw", &["several files"]),
    ("LOCAL", "absent.raw", &["open"]),
    ("LOCAL", "", &["beside"]),
    ("ElementDataFile = LOCAL\n", "", &["cut off"]),
    ("BinaryData = True", "BinaryData = False", &["text"]),
    ("CompressedData = False", "CompressedData = True", &["cut off", "damaged"]),
    ("NDims = 3", "NDims = 3\nElementNumberOfChannels = 3", &["several values"]),
    ("NDims = 3", "NDims = 3\nHeaderSize = -2", &["HeaderSize"]),
    ("NDims = 3", "NDims = 3\nHeaderSize = 1e15", &["HeaderSize"]),
    ("NDims = 3", "NDims = 3\nHeaderSize = 400", &["damaged or forged"]),
    ("NDims = 3", "NDims = 3\nSeq_Frame0000_Status = OK", &["sequence"]),
];

fn recording() -> String {
    let mut text = "ObjectType = Image\nNDims = 3\nDimSize = 0 0 2\nElementType = MET_UCHAR\n".to_owned();
    for frame in 0..2 {
        for tool in ["ReferenceToTracker", "StylusToTracker"] {
            text += &format!(
                "Seq_Frame000{frame}_{tool}Transform = {POSE}\nSeq_Frame000{frame}_{tool}TransformStatus = OK\n"
            );
        }
        text += &format!("Seq_Frame000{frame}_Timestamp = {frame}.5\n");
    }
    text + "ElementDataFile = LOCAL\n"
}

const RECORDING_CHANGES: &[Change] = &[
    ("ObjectType = Image\n", "garbage\n", &["no MetaImage"]),
    ("ElementDataFile = LOCAL\n", "", &["cut off"]),
    ("DimSize = 0 0 2", "DimSize = 0 0 3", &["announces"]),
    ("DimSize = 0 0 2", "DimSize = 9 9 2", &["voxels"]),
    ("ToTracker", "ToNowhere", &["no transform", "holds"]),
    ("Timestamp = 1.5", "Timestamp = nan", &["line"]),
    ("Timestamp = 1.5", "Timestamp = later", &["line"]),
    ("Timestamp = 1.5", "Timestamp = -5e30", &["line"]),
    ("1 0 0 10 0 1 0 20 0 0 1 30 0 0 0 1", "1 0 0 10", &["line"]),
    ("1 0 0 10 0 1 0 20 0 0 1 30 0 0 0 1", "one two three", &["line"]),
];

pub fn files() -> Vec<Bad> {
    let mut all = Vec::new();
    let mut change = |door, name: &str, whole: &str, changes: &[Change], voxels: &[u8]| {
        for (from, to, said) in changes {
            assert!(whole.contains(from), "{name} has no {from:?}");
            let bytes = [whole.replacen(from, to, 1).as_bytes(), voxels].concat();
            all.push(Bad::new(door, format!("{name}: {from:?} as {to:?}"), bytes, said));
        }
    };
    change(Door::Ct, "nrrd", NRRD, NRRD_CHANGES, &voxels());
    change(Door::Ct, "metaimage", META, META_CHANGES, &voxels());
    let all_at_once = recording();
    for (from, to, said) in RECORDING_CHANGES {
        assert!(all_at_once.contains(from), "the recording has no {from:?}");
        let text = if *from == "ToTracker" { all_at_once.replace(from, to) } else { all_at_once.replacen(from, to, 1) };
        all.push(Bad::new(Door::Recording, format!("recording: {from:?} as {to:?}"), text, said));
    }
    let many: String = (0..150_000).map(|i| format!("k{i}: v\n")).collect();
    let fields = NRRD.replace("type: short", &format!("{many}type: short"));
    all.push(Bad::new(Door::Ct, "nrrd with 150 000 fields", fields, &["fields"]));
    let many: String = (0..150_000).map(|i| format!("k{i} = v\n")).collect();
    let fields = META.replace("DimSize", &format!("{many}DimSize"));
    all.push(Bad::new(Door::Ct, "metaimage with 150 000 fields", fields, &["fields"]));
    let long = format!("ObjectType = Image\nSeq_Frame0000_StylusToTrackerTransform = {}\n", "1 ".repeat(70_000));
    all.push(Bad::new(Door::Recording, "recording with an endless line", long, &["line", "bytes"]));
    all
}
