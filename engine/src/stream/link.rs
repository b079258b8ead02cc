//! What a viewer knows of an engine it only hears: the newest snapshot, and how
//! far that can still be trusted.
//!
//! The engine judges poses when it publishes; the way to the viewer takes time
//! that the engine cannot see. The link counts that time on the viewer's own
//! clock (the same minimum-delay filter that maps a tracker's clock), adds it to
//! the age of every pose, and withdraws trust with the limits the engine uses.
//! It computes no pose and never gives trust back that the engine has withdrawn.

use geom::Nanoseconds;

use super::frame::{FrameError, decode_snapshot};
use crate::clock::MILLISECOND_NS;
use crate::rt::{Snapshot, ToolView};
use crate::safety::{DegradedReason, SessionState, ToolReason, ToolState};
use crate::track::{ClockMap, ClockSettings};

/// When a link stops being live.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinkLimits {
    /// Age from which what is shown is stale.
    pub stale_after: Nanoseconds,
    /// Age from which nothing is shown.
    pub lost_after: Nanoseconds,
}

impl Default for LinkLimits {
    /// 100 and 500 ms, those of a tool.
    fn default() -> Self {
        Self { stale_after: Nanoseconds(100 * MILLISECOND_NS), lost_after: Nanoseconds(500 * MILLISECOND_NS) }
    }
}

/// How far the link can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkState {
    /// Nothing came yet.
    Waiting,
    /// Snapshots come in time.
    Live,
    /// The newest one is too old to steer by.
    Stale,
    /// It is too old to show.
    Lost,
}

/// Why a link is not live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LinkReason {
    /// The engine or the way to it has ended.
    EngineGone,
    /// No snapshot comes.
    Silent,
    /// Snapshots come late.
    Late,
    /// Two engines answer to the same name.
    TwoEngines,
}

/// What may be shown at an instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinkView {
    /// How far the link can be trusted.
    pub state: LinkState,
    /// Why it is not live.
    pub reason: Option<LinkReason>,
    /// Since the engine published the snapshot, as far as it can be known: the
    /// part of the delay that every snapshot has is not seen.
    pub age: Nanoseconds,
    /// The newest snapshot with the trust that is left. Its `published` is
    /// moved to the instant of this view, so that ages count the way. `None`
    /// before the first.
    pub snapshot: Option<Snapshot>,
    /// The engine's session; 0 before the first snapshot.
    pub session: u64,
}

/// What came over a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct LinkCounts {
    /// Snapshots taken in.
    pub snapshots: u64,
    /// Numbers that never came: the newest is kept, older ones are left out.
    pub skipped: u64,
    /// Repeated or overtaken ones.
    pub repeated: u64,
    /// Frames that were refused.
    pub refused: u64,
    /// Sessions of the engine seen.
    pub sessions: u64,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    snapshot: Snapshot,
    session: u64,
    number: u64,
    /// When it was published, on this side's clock.
    published: Nanoseconds,
    arrival: Nanoseconds,
}

/// The receiving end of a stream. Fixed memory.
#[derive(Debug)]
pub struct Link {
    limits: LinkLimits,
    clock: ClockMap,
    held: Option<Held>,
    /// The session before this one: if it speaks again, there are two engines.
    before: Option<u64>,
    two_until: Nanoseconds,
    is_gone: bool,
    counts: LinkCounts,
}

impl Default for Link {
    fn default() -> Self {
        Self::new(LinkLimits::default())
    }
}

/// How long two engines under one name are remembered.
const TWO_HOLD_NS: u64 = 1000 * MILLISECOND_NS;

impl Link {
    /// A link over which nothing came.
    #[must_use]
    pub fn new(limits: LinkLimits) -> Self {
        Self {
            limits,
            clock: ClockMap::new(ClockSettings::default()),
            held: None,
            before: None,
            two_until: Nanoseconds(0),
            is_gone: false,
            counts: LinkCounts::default(),
        }
    }

    /// Takes in a frame that arrived at `arrival` on this side's clock.
    ///
    /// # Errors
    /// [`FrameError`]; what was held stays, and ages.
    pub fn take(&mut self, bytes: &[u8], arrival: Nanoseconds) -> Result<(), FrameError> {
        let (head, snapshot) = decode_snapshot(bytes).inspect_err(|_| self.counts.refused += 1)?;
        let number_before = match &self.held {
            Some(held) if held.session == head.session => {
                if head.number <= held.number {
                    self.counts.repeated += 1;
                    return Ok(());
                }
                held.number
            }
            held => {
                if self.before == Some(head.session) {
                    self.two_until = arrival + Nanoseconds(TWO_HOLD_NS);
                    return Ok(());
                }
                self.before = held.map(|held| held.session);
                self.clock = ClockMap::new(ClockSettings::default());
                self.counts.sessions += 1;
                // A viewer may come in the middle.
                head.number.saturating_sub(1)
            }
        };
        self.counts.skipped += head.number - number_before - 1;
        self.counts.snapshots += 1;
        self.is_gone = false;
        let published = self.clock.map(snapshot.published, arrival).session_time;
        self.held = Some(Held { snapshot, session: head.session, number: head.number, published, arrival });
        Ok(())
    }

    /// The transport says that the engine, or the way to it, has ended. The
    /// next snapshot takes this back.
    pub fn engine_gone(&mut self) {
        self.is_gone = true;
    }

    /// What came so far.
    #[must_use]
    pub const fn counts(&self) -> LinkCounts {
        self.counts
    }

    /// What may be shown at `now`.
    #[must_use]
    pub fn view(&self, now: Nanoseconds) -> LinkView {
        let Some(held) = &self.held else {
            let reason = Some(if self.is_gone { LinkReason::EngineGone } else { LinkReason::Silent });
            return LinkView { state: LinkState::Waiting, reason, age: Nanoseconds(0), snapshot: None, session: 0 };
        };
        let age = Nanoseconds(now.0.saturating_sub(held.published.0));
        let has_two = now < self.two_until;
        let state = if has_two || age >= self.limits.lost_after {
            LinkState::Lost
        } else if self.is_gone || age >= self.limits.stale_after {
            LinkState::Stale
        } else {
            LinkState::Live
        };
        let is_late = now.0.saturating_sub(held.arrival.0) < self.limits.stale_after.0;
        let reason = match state {
            LinkState::Live | LinkState::Waiting => None,
            _ if has_two => Some(LinkReason::TwoEngines),
            _ if self.is_gone => Some(LinkReason::EngineGone),
            _ if is_late => Some(LinkReason::Late),
            _ => Some(LinkReason::Silent),
        };
        let snapshot = Some(self.trusted(&held.snapshot, age, state));
        LinkView { state, reason, age, snapshot, session: held.session }
    }

    /// The snapshot with the trust that is left `age` after it was published.
    fn trusted(&self, snapshot: &Snapshot, age: Nanoseconds, link: LinkState) -> Snapshot {
        let mut left = *snapshot;
        for tool in left.tools.iter_mut() {
            if !matches!(tool.state, ToolState::Live | ToolState::Stale) {
                continue;
            }
            let whole_age = Nanoseconds(age.0.saturating_add(snapshot.published.0.saturating_sub(tool.measured.0)));
            if link == LinkState::Lost || whole_age >= self.limits.lost_after {
                let (id, measured) = (tool.id, tool.measured);
                *tool = ToolView { id, measured, reason: Some(ToolReason::Silent), ..ToolView::default() };
            } else if tool.state == ToolState::Live
                && (link == LinkState::Stale || whole_age >= self.limits.stale_after)
            {
                (tool.state, tool.reason) = (ToolState::Stale, Some(ToolReason::Silent));
            }
        }
        if link != LinkState::Live {
            let is_trusted = matches!(left.reference, ToolState::Live | ToolState::Stale);
            if is_trusted {
                left.reference = if link == LinkState::Lost { ToolState::Lost } else { ToolState::Stale };
            }
            if left.session == SessionState::Navigating {
                left.session = SessionState::Degraded(DegradedReason::StreamFault);
            }
        }
        left.published = snapshot.published + age;
        left
    }
}

#[cfg(test)]
#[path = "link_test.rs"]
mod tests;
