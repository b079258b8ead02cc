//! Which of a peer's or a recording's names stands for which array.

use super::packet::{Measured, Missing, ToolId, TrackerPacket};
use super::tool_list::MAX_TOOLS;

use geom::Frame;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The patient reference.
    Reference,
    /// An instrument.
    Tool(ToolId),
}

/// The session's own table of names, at most [`MAX_TOOLS`] instruments and one
/// reference. A name that is not in it is ignored.
///
/// Every name must stand for a pose **to the tracker** (`StylusToTracker`), in
/// millimetres; a pose to anything else would be composed wrongly.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ToolNames {
    entries: Vec<(String, Role)>,
}

impl ToolNames {
    /// A table; `None` when a name or number occurs twice, when a name is
    /// empty, or when there are more than [`MAX_TOOLS`] instruments.
    ///
    /// * `reference` - name of the patient reference.
    /// * `tools` - names and numbers of the instruments.
    #[must_use]
    pub fn new(reference: Option<&str>, tools: &[(&str, ToolId)]) -> Option<Self> {
        let tool_roles = tools.iter().map(|(name, id)| ((*name).to_owned(), Role::Tool(*id)));
        let entries: Vec<_> = reference.iter().map(|n| ((*n).to_owned(), Role::Reference)).chain(tool_roles).collect();
        let is_unique = |i: usize| {
            let (name, role) = &entries[i];
            !name.is_empty() && entries.iter().skip(i + 1).all(|(n, r)| n != name && r != role)
        };
        let is_good = tools.len() <= MAX_TOOLS && (0..entries.len()).all(is_unique);
        is_good.then_some(Self { entries })
    }

    /// What `name` stands for.
    #[must_use]
    pub fn role(&self, name: &[u8]) -> Option<Role> {
        self.entries.iter().find(|(n, _)| n.as_bytes() == name).map(|(_, role)| *role)
    }

    /// Number of names, the reference included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// True without names.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Where a pose goes in a packet; `pose` makes it in the frame asked for.
pub(super) trait Place {
    /// Puts the pose of `role` into the packet; `false` when the packet says
    /// something about it already.
    fn place(&mut self, role: Role, pose: impl PoseOf) -> bool;
}

/// A pose whose own frame is known only once its role is.
pub(super) trait PoseOf {
    /// The pose as one of the array `F`.
    fn measured<F: Frame>(&self) -> Measured<F>;
}

impl Place for TrackerPacket {
    fn place(&mut self, role: Role, pose: impl PoseOf) -> bool {
        match role {
            Role::Reference if self.tracker_from_patient == Err(Missing::NotReported) => {
                self.tracker_from_patient = pose.measured();
                true
            }
            Role::Tool(id) if !self.tools.iter().any(|slot| slot.id == id) => {
                *self = self.with_tool(id, pose.measured());
                true
            }
            _ => false,
        }
    }
}

/// What PLUS says of a pose: its status words to ours.
pub(super) fn missing(status: &[u8]) -> Option<Missing> {
    match status {
        b"OK" => None,
        b"OUT_OF_VOLUME" => Some(Missing::OutOfVolume),
        b"HIGH_ERROR" | b"TOO_FEW_MARKERS" => Some(Missing::PartialMarkers),
        // MISSING, OUT_OF_VIEW, INVALID and whatever comes later: not seen.
        _ => Some(Missing::Occluded),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_names_for_one_tool_are_no_table() {
        assert!(ToolNames::new(Some("Ref"), &[("A", ToolId(1)), ("B", ToolId(2))]).is_some());
        assert!(ToolNames::new(Some("A"), &[("A", ToolId(1))]).is_none());
        assert!(ToolNames::new(None, &[("A", ToolId(1)), ("B", ToolId(1))]).is_none());
        assert!(ToolNames::new(None, &[("", ToolId(1))]).is_none());
    }

    #[test]
    fn a_pose_the_sender_does_not_vouch_for_is_no_pose() {
        assert_eq!(missing(b"OK"), None);
        for status in [&b"MISSING"[..], b"INVALID", b"OUT_OF_VOLUME", b"", b"whatever"] {
            assert!(missing(status).is_some());
        }
    }
}
