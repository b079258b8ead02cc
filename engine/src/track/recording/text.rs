//! Reads the text of a recording.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use geom::{Frame, Nanoseconds, Transform};

use super::error::{RecordingError, RecordingProblem as Problem};
use super::voxels::Voxels;
use crate::io::bounded;
use crate::track::packet::{Measured, Missing, TrackerPacket};
use crate::track::tool_names::{Place, PoseOf, Role, ToolNames, missing};

/// How much a recording may ask of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingLimits {
    /// Bytes of text. Default 512 MiB.
    pub text_bytes: u64,
    /// Bytes of a line. Default 64 KiB.
    pub line_bytes: u64,
    /// Frames. Default 200 000: an hour at 55 Hz, 140 MB of packets.
    pub frames: usize,
}

impl Default for RecordingLimits {
    fn default() -> Self {
        Self { text_bytes: 512 << 20, line_bytes: 64 << 10, frames: 200_000 }
    }
}

/// The poses of a recording, in the order recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// One packet a frame; arrival times are the source's.
    pub packets: Vec<TrackerPacket>,
    /// Poses that came marked as invalid.
    pub marked_invalid: u64,
    /// Poses that were refused: not finite or not rigid.
    pub refused: u64,
}

impl Recording {
    /// Reads the poses of `names` (`StylusToTracker`, without `Transform`).
    ///
    /// # Errors
    /// [`RecordingError`] naming the file, the line and what is wrong.
    ///
    /// Cost: about 60 ms for the 4 MB of 5 000 frames with three tools.
    pub fn read(path: &Path, names: &ToolNames, limits: &RecordingLimits) -> Result<Self, RecordingError> {
        let read = || -> Result<Self, Problem> {
            let (file, bytes) = bounded::open(path)?;
            let mut parser = Parser::new(names, limits);
            let text_bytes = parser.lines(BufReader::new(file.take(limits.text_bytes.saturating_add(1))))?;
            parser.finish(bytes.saturating_sub(text_bytes))
        };
        read().map_err(|problem| RecordingError { path: path.to_owned(), problem })
    }
}

/// One frame as its lines come in, in whatever order.
#[derive(Debug, Default)]
struct FrameFields {
    time: Option<Nanoseconds>,
    poses: Vec<(Role, Option<[f64; 16]>, Option<Missing>)>,
}

struct Parser<'a> {
    names: &'a ToolNames,
    limits: &'a RecordingLimits,
    line: u64,
    number: Option<u64>,
    fields: FrameFields,
    voxels: Voxels,
    others: BTreeSet<String>,
    is_named: bool,
    recording: Recording,
}

impl<'a> Parser<'a> {
    fn new(names: &'a ToolNames, limits: &'a RecordingLimits) -> Self {
        let recording = Recording { packets: Vec::new(), marked_invalid: 0, refused: 0 };
        let (fields, voxels) = (FrameFields::default(), Voxels::default());
        Self {
            names,
            limits,
            line: 0,
            number: None,
            fields,
            voxels,
            others: BTreeSet::new(),
            is_named: false,
            recording,
        }
    }

    /// Reads until the voxels begin; returns the bytes of text.
    fn lines(&mut self, mut text: impl BufRead) -> Result<u64, Problem> {
        let (mut line, mut used) = (Vec::new(), 0u64);
        loop {
            line.clear();
            let count = (&mut text).take(self.limits.line_bytes + 1).read_until(b'\n', &mut line)? as u64;
            used += count;
            self.line += 1;
            if used > self.limits.text_bytes {
                return Err(Problem::TooLarge { what: "bytes of text", limit: self.limits.text_bytes });
            }
            if count > self.limits.line_bytes {
                return Err(Problem::TooLarge { what: "bytes in a line", limit: self.limits.line_bytes });
            }
            if count == 0 {
                return Err(Problem::NoEnd);
            }
            let pair = std::str::from_utf8(&line).ok().and_then(|text| text.split_once('='));
            let Some((key, value)) = pair else { return Err(Problem::NotMetaImage { line: self.line }) };
            if self.field(key.trim(), value.trim())? {
                return Ok(used);
            }
        }
    }

    /// Takes in a line; true at the last one.
    fn field(&mut self, key: &str, value: &str) -> Result<bool, Problem> {
        if let Some(rest) = key.strip_prefix("Seq_Frame") {
            self.frame_field(rest, value)?;
            return Ok(false);
        }
        if key == "ElementDataFile" {
            return Ok(true);
        }
        self.voxels.field(key, value);
        Ok(false)
    }

    fn frame_field(&mut self, rest: &str, value: &str) -> Result<(), Problem> {
        let line = self.line;
        let wrong = |what| Problem::Line { line, what };
        let (number, field) = rest.split_once('_').ok_or_else(|| wrong("a frame line without a field name"))?;
        let number: u64 = number.parse().map_err(|_| wrong("a frame without a number"))?;
        if self.number != Some(number) {
            if self.number.is_some_and(|before| number < before) {
                return Err(wrong("frames are not in order"));
            }
            self.end_frame()?;
            self.number = Some(number);
        }
        if field == "Timestamp" {
            self.fields.time = Some(seconds(value).ok_or_else(|| wrong("a time stamp that is no number of seconds"))?);
        } else if let Some(name) = field.strip_suffix("TransformStatus") {
            if let (Some(at), Some(reason)) = (self.pose_of(name), missing(value.as_bytes())) {
                self.fields.poses[at].2 = Some(reason);
            }
        } else if let Some(at) = field.strip_suffix("Transform").and_then(|name| self.pose_of(name)) {
            let matrix = matrix(value).ok_or_else(|| wrong("a transform that is not sixteen numbers"))?;
            self.fields.poses[at].1 = Some(matrix);
        }
        Ok(())
    }

    /// Place of a wanted name among the frame's poses.
    fn pose_of(&mut self, name: &str) -> Option<usize> {
        let Some(role) = self.names.role(name.as_bytes()) else {
            if self.others.len() < 16 {
                self.others.insert(name.to_owned());
            }
            return None;
        };
        self.is_named = true;
        let poses = &mut self.fields.poses;
        Some(poses.iter().position(|(r, ..)| *r == role).unwrap_or_else(|| {
            poses.push((role, None, None));
            poses.len() - 1
        }))
    }

    fn end_frame(&mut self) -> Result<(), Problem> {
        let fields = std::mem::take(&mut self.fields);
        if self.number.is_none() {
            return Ok(());
        }
        let time = fields.time.ok_or(Problem::Line { line: self.line, what: "the frame before has no time stamp" })?;
        if self.recording.packets.len() >= self.limits.frames {
            return Err(Problem::TooLarge { what: "frames", limit: self.limits.frames as u64 });
        }
        let mut packet = TrackerPacket::new(self.recording.packets.len() as u64 + 1, time, time);
        for (role, matrix, status) in fields.poses {
            let refused = matrix.is_some_and(|m| Transform::<geom::Tracker, geom::Tool>::from_row_major(&m).is_err());
            self.recording.marked_invalid += u64::from(status.is_some());
            self.recording.refused += u64::from(status.is_none() && refused);
            packet.place(role, RecordedPose { matrix, status });
        }
        self.recording.packets.push(packet);
        Ok(())
    }

    fn finish(mut self, voxel_bytes: u64) -> Result<Recording, Problem> {
        self.end_frame()?;
        let announced = self.voxels.size.last().copied().unwrap_or(0);
        let found = self.recording.packets.len() as u64;
        if announced != found {
            return Err(Problem::Frames { found, announced });
        }
        if !self.is_named {
            let available = self.others.into_iter().collect::<Vec<_>>().join(", ");
            return Err(Problem::NoNames { available });
        }
        if let Some(announced) = self.voxels.announced().filter(|announced| *announced > voxel_bytes) {
            return Err(Problem::Voxels { found: voxel_bytes, announced });
        }
        Ok(self.recording)
    }
}

/// A pose as recorded, checked once its role is known.
struct RecordedPose {
    matrix: Option<[f64; 16]>,
    status: Option<Missing>,
}

impl PoseOf for RecordedPose {
    fn measured<F: Frame>(&self) -> Measured<F> {
        match (self.status, self.matrix) {
            (Some(reason), _) => Err(reason),
            (None, Some(matrix)) => Transform::from_row_major(&matrix).map_err(|_| Missing::Refused),
            (None, None) => Err(Missing::NotReported),
        }
    }
}

fn seconds(text: &str) -> Option<Nanoseconds> {
    let seconds: f64 = text.parse().ok()?;
    // 2^32 s are 136 years; beyond that nanoseconds lose their meaning.
    (0.0..4_294_967_296.0).contains(&seconds).then(|| Nanoseconds((seconds * 1e9).round() as u64))
}

fn matrix(text: &str) -> Option<[f64; 16]> {
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    let mut matrix = [0.0; 16];
    for entry in &mut matrix {
        *entry = numbers.next()?.ok()?;
    }
    numbers.next().is_none().then_some(matrix)
}
