//! Poses from files, recordings and live trackers.
//!
//! Text: a pose a line, told apart by the number of columns: 8 `t x y z qx qy
//! qz qw`, 7 without `t`, 17 `t` and a 4x4 matrix row by row, 16 without `t`.
//! Times in s; `#` starts a comment. JSON: `{"poses": [{"time_s": 0.1,
//! "matrix": [16 numbers]}]}`.

use std::path::Path;

use anyhow::{Result, anyhow, bail};
use engine::io::numbers;
use engine::journal::{JournalSource, ReadLimits};
use engine::track::recording::{Recording, RecordingLimits};
use engine::track::{Source, ToolId, ToolNames, TrackerPacket};
use geom::nalgebra::{Quaternion, UnitQuaternion, Vector3};
use geom::{Frame, Nanoseconds, Patient, Tool, Tracker, Transform, World};
use kernels::interrupt::Interrupt;
use serde::Deserialize;

use super::live::{self, Next};
use crate::cli::{LengthUnit, PoseOptions};

/// The instrument's number in the table of names.
const TOOL: ToolId = ToolId(1);
/// Largest JSON file, bytes.
const MAX_JSON_BYTES: u64 = 64 << 20;
/// Most poses that are kept.
pub const MAX_POSES: usize = 200_000;

/// Poses of an instrument in the axes of its reference, or of the tracker.
#[derive(Debug, Clone, Default)]
pub struct Poses {
    /// `room_from_tool`, in the order recorded.
    pub poses: Vec<Transform<World, Tool>>,
    /// Time of each, s, where the source has times.
    pub times_s: Option<Vec<f64>>,
    /// Poses that came without a usable matrix.
    pub missing: u64,
}

impl Poses {
    /// The times, or an error that says what has them.
    pub fn times(&self, what: &str) -> Result<&[f64]> {
        self.times_s.as_deref().ok_or_else(|| {
            anyhow!("{what} holds poses without times; give 8 columns (t x y z qx qy qz qw), 17 (t and a matrix), or a recording")
        })
    }
}

/// Reads from wherever `from` points to; of a live tracker as long as asked for.
pub fn read(from: &str, options: &PoseOptions) -> Result<Poses> {
    if let Some(address) = live::address(from) {
        let interrupt = Interrupt::watch()?;
        return live::record(address, options, (options.seconds(), 1.0), &interrupt, &mut |_, _, _| Next::Record);
    }
    let path = Path::new(from);
    if !path.exists() {
        bail!(
            "{from} does not exist; give poses as .csv, .json, a PLUS .mha, the folder of a journal, or igtl://HOST:PORT"
        );
    }
    if path.is_dir() {
        return journal(path, options);
    }
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    let found = match extension.as_deref() {
        Some("mha") => recording(path, options),
        Some("json") => json(path, options.unit),
        _ => text(path, options.unit),
    }?;
    if found.poses.is_empty() {
        bail!("{from} holds no usable pose ({} were missing or refused); is --tool right?", found.missing);
    }
    Ok(found)
}

/// The same pose between frames of other names.
pub fn renamed<A: Frame, B: Frame, C: Frame, D: Frame>(poses: &[Transform<A, B>]) -> Vec<Transform<C, D>> {
    poses.iter().map(|p| Transform::new(p.rotation(), p.translation())).collect()
}

fn factor(unit: LengthUnit) -> f64 {
    if unit == LengthUnit::M { 1000.0 } else { 1.0 }
}

fn from_matrix(mut matrix: [f64; 16], unit: LengthUnit) -> Result<Transform<World, Tool>> {
    [3, 7, 11].into_iter().for_each(|i| matrix[i] *= factor(unit));
    Ok(Transform::from_row_major(&matrix)?)
}

/// Deviation of a quaternion's length from 1 that is rounding.
const UNIT_TOLERANCE: f64 = 1e-2;

/// A pose from position and quaternion `x y z qx qy qz qw`.
pub fn from_quaternion(numbers: &[f64], unit: LengthUnit) -> Result<Transform<World, Tool>> {
    let &[x, y, z, qx, qy, qz, qw] = numbers else { bail!("a pose needs x y z qx qy qz qw") };
    let quaternion = Quaternion::new(qw, qx, qy, qz);
    if (quaternion.norm() - 1.0).abs() > UNIT_TOLERANCE {
        bail!(
            "the quaternion {qx} {qy} {qz} {qw} has length {:.3} instead of 1; the order is qx qy qz qw",
            quaternion.norm()
        );
    }
    Ok(Transform::new(UnitQuaternion::new_normalize(quaternion), Vector3::new(x, y, z) * factor(unit)))
}

/// The number of columns decides what they are.
fn text(path: &Path, unit: LengthUnit) -> Result<Poses> {
    let columns = columns(path)?;
    let mut found = Poses::default();
    let mut times = Vec::new();
    let mut add = |number: usize, time: Option<f64>, pose: Result<Transform<World, Tool>>| -> Result<()> {
        found.poses.push(pose.map_err(|e| anyhow!("{}, pose {}: {e}", path.display(), number + 1))?);
        times.extend(time);
        Ok(())
    };
    const MEANING: &str = "[t] x y z qx qy qz qw, or [t] and a 4x4 matrix row by row";
    match columns {
        7 => rows::<7>(path, MEANING)?.iter().enumerate().try_for_each(|(i, r)| add(i, None, from_quaternion(r, unit))),
        8 => rows::<8>(path, MEANING)?
            .iter()
            .enumerate()
            .try_for_each(|(i, r)| add(i, Some(r[0]), from_quaternion(&r[1..], unit))),
        16 => rows::<16>(path, MEANING)?.iter().enumerate().try_for_each(|(i, r)| add(i, None, from_matrix(*r, unit))),
        17 => rows::<17>(path, MEANING)?.iter().enumerate().try_for_each(|(i, r)| {
            let matrix: [f64; 16] = std::array::from_fn(|k| r[k + 1]);
            add(i, Some(r[0]), from_matrix(matrix, unit))
        }),
        other => bail!(
            "{}: the first line has {other} columns; a pose has 7 or 8 (x y z and a quaternion, with t), or 16 or 17 (a matrix)",
            path.display()
        ),
    }?;
    let times_s = (!times.is_empty()).then_some(times);
    Ok(Poses { times_s, ..found })
}

fn rows<const N: usize>(path: &Path, meaning: &'static str) -> Result<Vec<[f64; N]>> {
    let rows = numbers::read_rows::<N>(path, meaning)?;
    if rows.len() > MAX_POSES {
        bail!("{} holds {} poses, {MAX_POSES} are the most; cut the recording", path.display(), rows.len());
    }
    Ok(rows)
}

/// Columns of the first line that is no comment.
fn columns(path: &Path) -> Result<usize> {
    use std::io::BufRead;
    let start =
        engine::io::bounded::read_start(path, 1 << 20).map_err(|e| anyhow!("cannot read {}: {e}", path.display()))?;
    // A line of numbers is short; a file without line ends is none of ours.
    let mut lines = start.as_slice();
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line)? == 0 {
            bail!("{} holds no numbers; a pose a line is expected", path.display());
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.split('#').next().unwrap_or("").trim();
        if text.chars().next().is_some_and(|c| c.is_ascii_alphabetic()) {
            bail!("{} begins with {text:?}; let a line of headings begin with #", path.display());
        }
        let words = text.split(|c: char| c.is_whitespace() || c == ',' || c == ';').filter(|w| !w.is_empty()).count();
        if words > 0 {
            return Ok(words);
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PoseFile {
    poses: Vec<PoseEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PoseEntry {
    #[serde(default)]
    time_s: Option<f64>,
    matrix: [f64; 16],
}

fn json(path: &Path, unit: LengthUnit) -> Result<Poses> {
    let text = engine::io::read_bounded(path, MAX_JSON_BYTES).map_err(|e| anyhow!("{}: {e}", path.display()))?;
    let file: PoseFile = serde_json::from_slice(&text).map_err(|e| {
        let form = "{\"poses\": [{\"time_s\": 0.1, \"matrix\": [16 numbers]}]}";
        anyhow!("{}: {e}; expected {form}", path.display())
    })?;
    if file.poses.len() > MAX_POSES {
        bail!("{} holds {} poses, {MAX_POSES} are the most", path.display(), file.poses.len());
    }
    let pose = |(i, entry): (usize, &PoseEntry)| {
        from_matrix(entry.matrix, unit).map_err(|e| anyhow!("{}, pose {}: {e}", path.display(), i + 1))
    };
    let poses = file.poses.iter().enumerate().map(pose).collect::<Result<_>>()?;
    Ok(Poses { poses, times_s: file.poses.iter().map(|entry| entry.time_s).collect(), missing: 0 })
}

/// The names to look for.
pub fn names(options: &PoseOptions) -> Result<ToolNames> {
    ToolNames::new(options.reference.as_deref(), &[(&options.tool, TOOL)])
        .ok_or_else(|| anyhow!("--tool and --reference must differ and not be empty"))
}

/// Whose clock the times of poses are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamps {
    /// The tracker's, as it stamped them.
    Source,
    /// Ours, when they arrived: for two trackers whose clocks differ.
    Arrival,
}

/// Collects the poses of packets.
pub struct Collector {
    has_reference: bool,
    stamps: Stamps,
    reference: Option<Transform<Tracker, Patient>>,
    poses: Poses,
    times: Vec<f64>,
}

impl Collector {
    /// Collects in the axes of the reference, where there is to be one.
    pub const fn new(has_reference: bool, stamps: Stamps) -> Self {
        let poses = Poses { poses: Vec::new(), times_s: None, missing: 0 };
        Self { has_reference, stamps, reference: None, poses, times: Vec::new() }
    }

    /// Takes a packet; `false` when it holds no usable pose of the tool.
    pub fn take(&mut self, packet: &TrackerPacket) -> bool {
        // A source that sends one array a message: the reference is that of the last packet.
        self.reference = packet.tracker_from_patient.ok().or(self.reference);
        let tool = packet.tool(TOOL).ok().map(|t| Transform::<World, Tool>::new(t.rotation(), t.translation()));
        let pose = match (tool, self.has_reference, &self.reference) {
            (Some(tool), false, _) => Some(tool),
            (Some(tool), true, Some(seen)) => {
                Some(Transform::<World, World>::new(seen.rotation(), seen.translation()).inverse() * tool)
            }
            _ => None,
        };
        let Some(pose) = pose else {
            self.poses.missing += 1;
            return false;
        };
        let time = if self.stamps == Stamps::Source { packet.source_time } else { packet.arrival_time };
        self.poses.poses.push(pose);
        self.times.push(time.0 as f64 * 1e-9);
        true
    }

    /// The poses so far, without their times.
    pub const fn poses(&self) -> &Poses {
        &self.poses
    }

    /// Time of each pose so far, s.
    pub fn times_s(&self) -> &[f64] {
        &self.times
    }

    /// Forgets poses from the beginning.
    pub fn forget(&mut self, count: usize) {
        let count = count.min(self.poses.poses.len());
        self.poses.poses.drain(..count);
        self.times.drain(..count);
    }

    /// A copy of the poses so far, with their times.
    pub fn timed(&self) -> Poses {
        Poses { times_s: Some(self.times.clone()), ..self.poses.clone() }
    }

    /// The poses with their times.
    pub fn finish(self) -> Poses {
        Poses { times_s: Some(self.times), ..self.poses }
    }
}

fn collect(packets: &[TrackerPacket], has_reference: bool) -> Poses {
    let mut collector = Collector::new(has_reference, Stamps::Source);
    for packet in packets {
        collector.take(packet);
    }
    collector.finish()
}

fn recording(path: &Path, options: &PoseOptions) -> Result<Poses> {
    let recording = Recording::read(path, &names(options)?, &RecordingLimits::default())?;
    Ok(collect(&recording.packets, options.reference.is_some()))
}

fn journal(path: &Path, options: &PoseOptions) -> Result<Poses> {
    let mut source = JournalSource::open(path, ReadLimits::default())?;
    let mut packets = Vec::new();
    while let Some(packet) = source.poll(Nanoseconds(u64::MAX)) {
        if packets.len() >= MAX_POSES {
            bail!("{} holds more than {MAX_POSES} packets; cut the session", path.display());
        }
        packets.push(packet);
    }
    let found = collect(&packets, options.reference.is_some());
    if found.poses.is_empty() {
        bail!("{} holds no pose of instrument 1 among {} packets", path.display(), packets.len());
    }
    Ok(found)
}

#[cfg(test)]
#[path = "poses_test.rs"]
mod tests;
