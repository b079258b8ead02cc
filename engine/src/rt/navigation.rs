//! From a packet to a snapshot: fixed work, no allocation, no clock of its own.
//!
//! The loop is a function of the packets, the commands and the times it is
//! called at, so that a replay gives the same snapshots bit for bit.

use std::sync::Arc;

use geom::nalgebra::Vector3;
use geom::{Ct, Nanoseconds, Patient, Point};

use super::guidance::{Guidance, ToolRole};
use super::loop_settings::LoopSettings;
use super::reference_track::ReferenceTrack;
use super::snapshot::{Snapshot, ToolView};
use super::tool_track::ToolTrack;
use crate::clock::MILLISECOND_NS;
use crate::safety::{
    Alarm, Alarms, Arrival, CheckProgress, CheckState, DegradedReason, DriftSentinel, Event, Evidence, Judgement,
    LandmarkCheck, RefusedEvent, Session, SessionState, StreamCounts, StreamJudge, SwapWatch, ToolJudge, ToolLimits,
    ToolReason, ToolState,
};
use crate::track::{MAX_TOOLS, Missing, ToolList, TrackerPacket};

/// Pictures are made every 10 ms at least: a gap of this is no jitter.
const LONGEST_ABSENCE_NS: u64 = 100 * MILLISECOND_NS;

/// The navigation loop's own state.
#[derive(Debug)]
pub struct NavigationLoop {
    guidance: Arc<Guidance>,
    settings: LoopSettings,
    stream: StreamJudge,
    reference: ToolJudge<Patient>,
    reference_track: ReferenceTrack,
    tools: ToolList<Option<ToolTrack>>,
    swaps: SwapWatch,
    drift: DriftSentinel,
    session: Session,
    check: CheckProgress,
    unknown: Evidence,
    refused: Evidence,
    last: TrackerPacket,
    last_check: Nanoseconds,
    outside: Alarms,
    /// When the last picture was made.
    pictured: Option<Nanoseconds>,
    /// Until when the alarm that the computer falls behind holds.
    behind_until: Nanoseconds,
}

impl NavigationLoop {
    /// A loop that has seen no packet, with default settings but for the
    /// tools' limits. An accepted registration opens the session; a doubtful
    /// one shows poses after a landmark check, a rejected one none.
    #[must_use]
    pub fn new(guidance: Arc<Guidance>, limits: ToolLimits) -> Self {
        Self::with_settings(guidance, LoopSettings { tool: limits, reference: limits, ..LoopSettings::default() })
    }

    /// A loop with all its settings.
    #[must_use]
    pub fn with_settings(guidance: Arc<Guidance>, settings: LoopSettings) -> Self {
        let mut session = Session::default();
        // Both steps are legal from a fresh session.
        session.apply(Event::ImageReady).ok();
        session.apply(Event::Registered(guidance.verdict)).ok();
        let tools = guidance.tools.iter().map(|tool| Some(ToolTrack::new(*tool, settings.tool))).collect();
        let evidence = Evidence::new(settings.stream.alarm_hold);
        Self {
            guidance,
            settings,
            stream: StreamJudge::new(settings.stream),
            reference: ToolJudge::new(settings.reference),
            reference_track: ReferenceTrack::default(),
            tools,
            swaps: SwapWatch::default(),
            drift: DriftSentinel::new(settings.drift),
            session,
            check: CheckProgress::default(),
            unknown: evidence,
            refused: evidence,
            last: TrackerPacket::default(),
            last_check: Nanoseconds(0),
            outside: Alarms::default(),
            pictured: None,
            behind_until: Nanoseconds(0),
        }
    }

    /// Takes in a packet. Returns false when it was a repeat or late; such a
    /// packet changes no pose.
    pub fn observe(&mut self, packet: &TrackerPacket) -> bool {
        let mut packet = *packet;
        if self.stream.take(&mut packet) != Arrival::Fresh {
            return false;
        }
        let time = packet.session_time;
        self.reference.observe(time, packet.tracker_from_patient);
        if let Some(pose) = packet.tracker_from_patient.ok().filter(|pose| pose.is_finite()) {
            self.reference_track.push(time, pose);
        }
        self.watch_slots(&packet);
        let reference = self.reference_track.at(time);
        for track in self.tools.iter_mut().flatten() {
            let measured = packet.tool(track.tool.id);
            track.judge.observe(time, measured);
            if let (Ok(pose), Some(reference)) = (measured, reference)
                && pose.is_finite()
            {
                let patient_from_tool = reference.inverse() * pose;
                track.fuse(time, patient_from_tool);
                if track.tool.role == ToolRole::SecondReference && self.drift.observe(time, &patient_from_tool) {
                    // Refused before registration: there is nothing to lose yet.
                    self.session.apply(Event::DriftFound).ok();
                    self.check.restart();
                }
            }
        }
        self.last = packet;
        true
    }

    /// Exchanged, unknown and refused instruments in a packet.
    fn watch_slots(&mut self, packet: &TrackerPacket) {
        let mut places: [Option<Vector3<f64>>; MAX_TOOLS] = [None; MAX_TOOLS];
        for (place, track) in places.iter_mut().zip(self.tools.iter().flatten()) {
            let pose = packet.tool(track.tool.id).ok().filter(|pose| pose.is_finite());
            *place = pose.map(|pose| pose.translation());
        }
        self.swaps.observe(packet.session_time, &places);
        for slot in packet.tools.iter() {
            if !self.tools.iter().flatten().any(|track| track.tool.id == slot.id) {
                self.unknown.hit(Evidence::ENOUGH, packet.arrival_time);
            }
            let is_refused = match slot.tracker_from_tool {
                Ok(pose) => !pose.is_finite(),
                Err(missing) => missing == Missing::Refused,
            };
            if is_refused {
                self.refused.hit(1.0, packet.arrival_time);
            }
        }
        if packet.tracker_from_patient == Err(Missing::Refused) {
            self.refused.hit(1.0, packet.arrival_time);
        }
        self.refused.relax();
    }

    /// Applies an event of the session: a check, a void registration, the end.
    ///
    /// # Errors
    /// [`RefusedEvent`] when it makes no sense now; nothing changes.
    pub fn apply(&mut self, event: Event, now: Nanoseconds) -> Result<SessionState, RefusedEvent> {
        let state = self.session.apply(event)?;
        if matches!(event, Event::CheckPassed | Event::Registered(_)) {
            self.drift.relearn();
            self.last_check = now;
        }
        // Landmarks touched for one cause do not count for the next.
        if !matches!(event, Event::TrackingGood | Event::TrackingBad(_)) {
            self.check.restart();
        }
        Ok(state)
    }

    /// The followed instrument touches a landmark that lies at `planned`: says
    /// how far off it is, and tells the session when the check has failed or
    /// is complete. `None` when the instrument is not live or nothing is
    /// registered or read back.
    pub fn check_landmark(&mut self, planned: Point<Ct>, now: Nanoseconds) -> Option<LandmarkCheck> {
        let reference = self.reference.judge(now);
        let track = self.tools.iter().flatten().next()?;
        let is_open = self.session.awaits_check() || self.shows_poses();
        if !is_open || self.judge(0, track, reference, now).state != ToolState::Live {
            return None;
        }
        let (_, patient_from_tool) = track.newest()?;
        let tip = patient_from_tool * track.tool.tool_from_tip * Point::new(0.0, 0.0, 0.0);
        let distance_mm = (self.guidance.ct_from_patient * tip).distance(planned);
        let check = self.check.touch(planned, distance_mm, self.landmarks_needed(now).max(1), &self.settings.check);
        if !check.has_passed {
            let touched = self.check;
            self.apply(Event::CheckFailed, now).ok()?;
            // The screen still says how far off it was.
            self.check = touched;
        } else if check.is_complete() {
            self.apply(Event::CheckPassed, now).ok()?;
        }
        Some(check)
    }

    /// Landmarks to be touched now; 0 while no check is asked for.
    fn landmarks_needed(&self, now: Nanoseconds) -> u8 {
        let most = u8::try_from(CheckProgress::MOST).unwrap_or(u8::MAX);
        match (self.session.awaits_check(), self.is_check_due(now)) {
            (true, _) => self.settings.check.landmarks.clamp(1, most),
            (false, is_due) => u8::from(is_due),
        }
    }

    fn is_check_due(&self, now: Nanoseconds) -> bool {
        let since_check = Nanoseconds(now.0.saturating_sub(self.last_check.0));
        self.settings.check_every.0 > 0 && since_check >= self.settings.check_every
    }

    /// Takes another registration, of the same tools: the session follows its
    /// verdict, and asks for a check where one is owed. Returns what was read
    /// before, so that it can be freed elsewhere.
    pub fn replace_guidance(&mut self, guidance: Arc<Guidance>, now: Nanoseconds) -> Arc<Guidance> {
        self.apply(Event::Registered(guidance.verdict), now).ok();
        std::mem::replace(&mut self.guidance, guidance)
    }

    /// What the loop reads now.
    #[must_use]
    pub const fn guidance(&self) -> &Arc<Guidance> {
        &self.guidance
    }

    /// A person has looked which array is on which instrument.
    pub fn acknowledge_tools(&mut self) {
        self.swaps.acknowledge();
    }

    /// Alarms raised outside the loop that hold from now on: packets dropped
    /// before it, a journal that cannot be written.
    pub fn tell_outside(&mut self, alarms: Alarms) {
        self.outside = alarms;
    }

    /// What came so far.
    #[must_use]
    pub const fn counts(&self) -> StreamCounts {
        self.stream.counts()
    }

    /// The picture at `now`, whether or not a packet came.
    #[must_use]
    pub fn snapshot(&mut self, now: Nanoseconds) -> Snapshot {
        self.snapshot_for(now, now)
    }

    /// The picture at `now` that will be displayed at `display_time`.
    #[must_use]
    pub fn snapshot_for(&mut self, now: Nanoseconds, display_time: Nanoseconds) -> Snapshot {
        let reference = self.reference.judge(now);
        self.notice_absence(now);
        let mut alarms = self.alarms(reference, now);
        alarms.raise_if(Alarm::PacketsDropped, now < self.behind_until);
        let mut judged = [Judgement::LIVE; MAX_TOOLS];
        let mut is_good = false;
        for (index, (place, track)) in judged.iter_mut().zip(self.tools.iter().flatten()).enumerate() {
            *place = self.judge(index, track, reference, now);
            is_good |= place.state == ToolState::Live && track.tool.role == ToolRole::Instrument;
        }
        let tracking =
            if is_good { Event::TrackingGood } else { Event::TrackingBad(self.cause(reference, alarms, now)) };
        // Before registration tracking quality moves nothing; a refused event
        // leaves the state as it is.
        self.session.apply(tracking).ok();
        let views = self.tools.iter().flatten().zip(judged);
        let tools = views.map(|(track, judged)| self.view(track, judged, display_time)).collect();
        Snapshot {
            sequence: self.last.sequence,
            source_time: self.last.source_time,
            arrival_time: self.last.arrival_time,
            published: now,
            session: self.session.state(),
            reference: reference.state,
            alarms,
            check: self.check_state(now),
            tools,
        }
    }

    /// A loop that was not run for a while says so when it comes back.
    fn notice_absence(&mut self, now: Nanoseconds) {
        let away_ns = self.pictured.map_or(0, |last| now.0.saturating_sub(last.0));
        if away_ns > LONGEST_ABSENCE_NS {
            self.behind_until = now + self.settings.stream.alarm_hold;
        }
        self.pictured = Some(now);
    }

    fn judge(&self, index: usize, track: &ToolTrack, reference: Judgement, now: Nanoseconds) -> Judgement {
        let judged = track.judge(now, reference);
        if self.swaps.is_suspect(index) && matches!(judged.state, ToolState::Live | ToolState::Stale) {
            return Judgement::not_live(ToolState::Implausible, ToolReason::Swapped);
        }
        if self.stream.is_clock_untrusted(now) { judged.without_clock() } else { judged }
    }

    /// Why nothing is live.
    fn cause(&self, reference: Judgement, alarms: Alarms, now: Nanoseconds) -> DegradedReason {
        let stream = [Alarm::TrackerSilent, Alarm::Duplicated, Alarm::Reordered, Alarm::Delayed];
        if self.stream.is_clock_untrusted(now) {
            DegradedReason::ClockJumped
        } else if stream.into_iter().any(|alarm| alarms.has(alarm)) {
            DegradedReason::StreamFault
        } else if reference.state != ToolState::Live {
            DegradedReason::ReferenceLost
        } else {
            DegradedReason::ToolLost
        }
    }

    fn alarms(&self, reference: Judgement, now: Nanoseconds) -> Alarms {
        let mut alarms = self.stream.alarms(now).union(self.outside);
        alarms.raise_if(Alarm::ReferenceLost, matches!(reference.state, ToolState::Stale | ToolState::Lost));
        alarms.raise_if(Alarm::ReferenceFrozen, reference.state == ToolState::Frozen);
        alarms.raise_if(Alarm::ReferenceImplausible, reference.state == ToolState::Implausible);
        alarms.raise_if(Alarm::Drift, self.drift.has_drifted());
        alarms.raise_if(Alarm::ToolsSwapped, self.swaps.has_suspects());
        alarms.raise_if(Alarm::UnknownTool, self.unknown.is_enough(now));
        alarms.raise_if(Alarm::PosesRefused, self.refused.is_enough(now));
        alarms.raise_if(Alarm::LandmarkCheckDue, self.landmarks_needed(now) > 0);
        alarms
    }

    fn check_state(&self, now: Nanoseconds) -> CheckState {
        match self.landmarks_needed(now) {
            0 => CheckState::default(),
            needed => self.check.state(needed),
        }
    }

    /// True in the steps in which a live or stale pose may be shown.
    fn shows_poses(&self) -> bool {
        match self.session.state() {
            SessionState::Registered(_) | SessionState::Navigating => true,
            SessionState::Degraded(reason) => !reason.needs_check(),
            SessionState::NoImage | SessionState::Segmented | SessionState::Stopped => false,
        }
    }

    fn view(&self, track: &ToolTrack, judged: Judgement, display_time: Nanoseconds) -> ToolView {
        let Judgement { state, reason } = judged;
        let is_shown = self.shows_poses() && matches!(state, ToolState::Live | ToolState::Stale);
        // A stale pose is not carried forward: its motion is as old as it is.
        let limit = if state == ToolState::Live { self.settings.prediction } else { Nanoseconds(0) };
        let pose = track.pose_at(display_time, limit).filter(|_| is_shown);
        let patient_from_tip = pose.map(|(pose, _)| pose * track.tool.tool_from_tip);
        let ct_from_tip = patient_from_tip.map(|pose| self.guidance.ct_from_patient * pose);
        let origin = Point::new(0.0, 0.0, 0.0);
        let nearest = ct_from_tip.and_then(|pose| self.guidance.nearest_bone(pose * origin));
        ToolView {
            id: track.tool.id,
            state,
            reason,
            measured: track.newest().map_or(Nanoseconds(0), |(time, _)| time),
            ct_from_tip,
            is_predicted: pose.is_some_and(|(_, is_predicted)| is_predicted),
            bone_distance_mm: nearest.map(|(distance_mm, _)| distance_mm),
            nearest_level: nearest.and_then(|(_, level)| level),
            predicted_tre_mm: patient_from_tip
                .map(|pose| self.guidance.predicted_tre_mm(&track.tool, pose * Point::new(0.0, 0.0, 0.0)) as f32),
        }
    }
}

#[cfg(test)]
#[path = "navigation_test.rs"]
mod tests;
