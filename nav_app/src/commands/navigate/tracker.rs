//! Where the poses come from, by address.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::clock::Clock;
use engine::io::numbers;
use engine::journal::{JournalSource, ReadLimits};
use engine::rt::TrackedTool;
use engine::track::ndi::{NdiSource, NdiSourceSettings};
use engine::track::openigtlink::{IgtlSource, IgtlSourceSettings};
use engine::track::recording::{RecordedSource, Recording, RecordingLimits};
use engine::track::{Source, ToolId, ToolNames};
use geom::{Tip, Tool, Transform};

use crate::cli::TrackerArguments;
use crate::failure::{Blame, Failure};

/// A tracker that can be read, and the arrays it is to follow.
pub struct Tracker {
    /// Where the packets come from.
    pub source: Box<dyn Source>,
    /// The instruments; the first is the one the scene follows.
    pub tools: Vec<TrackedTool>,
}

/// A tracker's address, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// The simulated tracker.
    Simulated,
    /// An OpenIGTLink server, `HOST:PORT`.
    OpenIgtLink(String),
    /// An NDI tracker, `HOST:PORT`.
    Ndi(String),
    /// A recording or a journal.
    Replay(PathBuf),
}

impl Address {
    /// Reads `sim://`, `igtl://HOST:PORT`, `ndi://HOST:PORT` or `replay://FILE`.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let (scheme, place) = text.split_once(':').unwrap_or((text, ""));
        let place = place.trim_start_matches("//");
        match scheme {
            "sim" => Ok(Self::Simulated),
            "igtl" if place.is_empty() => Err(Failure::WrongUse(anyhow::anyhow!(
                "an OpenIGTLink tracker needs its address: igtl://127.0.0.1:18944"
            ))),
            "igtl" => Ok(Self::OpenIgtLink(with_port(place, 18944))),
            "ndi" if place.is_empty() => Err(Failure::WrongUse(anyhow::anyhow!(
                "an NDI tracker needs its address: ndi://192.168.0.9 or ndi://HOST:PORT"
            ))),
            "ndi" => Ok(Self::Ndi(with_port(place, 8765))),
            "replay" if !place.is_empty() => Ok(Self::Replay(place.into())),
            _ => Err(Failure::WrongUse(anyhow::anyhow!(
                "{text:?} is no tracker; there are sim://, igtl://HOST:PORT, ndi://HOST:PORT and replay://FILE"
            ))),
        }
    }
}

/// `place` with the usual port where it names none.
fn with_port(place: &str, usual: u16) -> String {
    // An IPv6 address has colons of its own, within brackets.
    let has_port = place.rsplit(']').next().is_some_and(|rest| rest.contains(':'));
    if has_port { place.to_owned() } else { format!("{place}:{usual}") }
}

/// Opens the tracker; a simulated one is made by `simulated`, which knows what
/// it is to see.
pub fn open(
    address: &Address,
    options: &TrackerArguments,
    clock: &Arc<dyn Clock>,
    simulated: impl FnOnce() -> Result<Tracker, Failure>,
) -> Result<Tracker, Failure> {
    match address {
        Address::Simulated => simulated(),
        Address::OpenIgtLink(address) => {
            let (names, tools) = names(options)?;
            let settings = IgtlSourceSettings::new(address.clone(), names);
            let source = IgtlSource::start(settings, clock.clone()).internal()?;
            Ok(Tracker { source: Box::new(source), tools })
        }
        Address::Ndi(address) => {
            let (names, tools) = names(options)?;
            let settings = NdiSourceSettings::new(address.clone(), names);
            let source = NdiSource::start(settings, clock.clone()).internal()?;
            Ok(Tracker { source: Box::new(source), tools })
        }
        Address::Replay(path) => replayed(options, path),
    }
}

fn replayed(options: &TrackerArguments, path: &Path) -> Result<Tracker, Failure> {
    let (names, tools) = names(options)?;
    if path.is_dir() {
        let source = JournalSource::open(path, ReadLimits::default()).bad_input()?;
        return Ok(Tracker { source: Box::new(source), tools });
    }
    let recording = Recording::read(path, &names, &RecordingLimits::default()).bad_input()?;
    let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    Ok(Tracker { source: Box::new(RecordedSource::new(name, recording)), tools })
}

/// The arrays by name: `NAME` or `NAME=FILE` with the calibration of the tip.
fn names(options: &TrackerArguments) -> Result<(ToolNames, Vec<TrackedTool>), Failure> {
    let parts: Vec<(&str, Option<&str>)> = options
        .tool
        .iter()
        .map(|tool| tool.split_once('=').map_or((tool.as_str(), None), |t| (t.0, Some(t.1))))
        .collect();
    let numbered: Vec<(&str, ToolId)> = parts.iter().zip(1..).map(|(part, id)| (part.0, ToolId(id))).collect();
    let what = "the names of --reference and --tool must differ and not be empty, at most eight instruments";
    let names = ToolNames::new(Some(&options.reference), &numbered).ok_or_else(|| anyhow::anyhow!(what));
    let names = names.map_err(Failure::WrongUse)?;
    let tool = |(part, numbered): (&(&str, Option<&str>), &(&str, ToolId))| {
        let tip = part.1.map_or_else(|| Ok(Transform::identity()), |file| calibration(Path::new(file)))?;
        Ok(TrackedTool::instrument(numbered.1, tip))
    };
    let tools: Result<Vec<TrackedTool>, Failure> = parts.iter().zip(&numbered).map(tool).collect();
    Ok((names, tools?))
}

/// `tool_from_tip`, 16 numbers row by row.
fn calibration(path: &Path) -> Result<Transform<Tool, Tip>, Failure> {
    let matrix = numbers::read_matrix(path).bad_input()?;
    Transform::from_row_major(&matrix).map_err(|e| anyhow::anyhow!("{}: {e}", path.display())).bad_input()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<Address> {
        Address::parse(text).ok()
    }

    #[test]
    fn addresses_get_the_port_of_their_protocol() {
        assert_eq!(parsed("igtl://tracker"), Some(Address::OpenIgtLink("tracker:18944".into())));
        assert_eq!(parsed("ndi://192.168.0.9"), Some(Address::Ndi("192.168.0.9:8765".into())));
        assert_eq!(parsed("ndi://192.168.0.9:3000"), Some(Address::Ndi("192.168.0.9:3000".into())));
        assert_eq!(parsed("ndi://[fe80::1]"), Some(Address::Ndi("[fe80::1]:8765".into())));
        assert_eq!(parsed("replay://folder"), Some(Address::Replay("folder".into())));
        for nothing in ["ndi://", "igtl://", "replay://", "serial:", ""] {
            assert_eq!(parsed(nothing), None, "{nothing}");
        }
    }
}
