//! What happens in a session, and what its user is asked to do.
#![allow(clippy::print_stderr, reason = "a running session tells what changes on stderr")]

use std::time::{Duration, Instant};

use engine::rt::{LoopSettings, Reader, Snapshot};
use engine::safety::{Alarm, CheckPrompt, SessionState, ToolState};
use serde_json::{Value, json};

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// A change worth telling.
#[derive(Debug)]
struct Happening {
    /// Since the session began.
    at_s: f64,
    what: String,
}

/// Steps, tool states and alarms as they came.
#[derive(Debug, Default)]
pub struct Watch {
    happenings: Vec<Happening>,
    session: Option<SessionState>,
    tools: Vec<(u16, ToolState)>,
    alarms: Vec<Alarm>,
    prompt: Option<CheckPrompt>,
    last: Option<Snapshot>,
    snapshots: u64,
    live: u64,
}

impl Watch {
    /// Looks at the session until `is_over` says so of the time that passed, or
    /// the session was ended.
    pub fn follow(snapshots: &Reader<Snapshot>, quiet: bool, is_over: &dyn Fn(Duration) -> bool) -> Self {
        let (started, mut watch) = (Instant::now(), Self::default());
        while !is_over(started.elapsed()) && watch.session != Some(SessionState::Stopped) {
            if let Some(snapshot) = snapshots.take() {
                let told = watch.happenings.len();
                watch.look(&snapshot, started.elapsed().as_secs_f64());
                for new in watch.happenings.iter().skip(told).filter(|_| !quiet) {
                    eprintln!("{:8.2} s  {}", new.at_s, new.what);
                }
            }
            std::thread::sleep(LOOK);
        }
        watch
    }

    fn look(&mut self, snapshot: &Snapshot, at_s: f64) {
        let mut tell = |what: String| self.happenings.push(Happening { at_s, what });
        if self.session.replace(snapshot.session) != Some(snapshot.session) {
            tell(format!("session {}", snapshot.session));
        }
        for tool in snapshot.tools.iter() {
            let known = self.tools.iter_mut().find(|t| t.0 == tool.id.0);
            let is_new = match known {
                Some(known) => std::mem::replace(&mut known.1, tool.state) != tool.state,
                None => {
                    self.tools.push((tool.id.0, tool.state));
                    true
                }
            };
            if is_new {
                let reason = tool.reason.map_or_else(String::new, |reason| format!(": {reason:?}"));
                tell(format!("instrument {} {:?}{reason}", tool.id.0, tool.state));
            }
        }
        let alarms: Vec<Alarm> = snapshot.alarms.iter().collect();
        for alarm in alarms.iter().filter(|alarm| !self.alarms.contains(alarm)) {
            tell(format!("alarm: {alarm}"));
        }
        for alarm in self.alarms.iter().filter(|alarm| !alarms.contains(alarm)) {
            tell(format!("over: {alarm}"));
        }
        let prompt = snapshot.check_prompt(LoopSettings::default().check);
        if self.prompt != prompt {
            self.prompt = prompt;
            match prompt {
                Some(prompt) => tell(prompt.to_string()),
                None => tell("no landmark check is asked for any more".into()),
            }
        }
        self.alarms = alarms;
        self.snapshots += 1;
        self.live += u64::from(snapshot.guided().state == ToolState::Live);
        self.last = Some(*snapshot);
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let tip = |s: &Snapshot| s.guided().ct_from_tip.map(|pose| (pose * geom::Point::new(0.0, 0.0, 0.0)).to_array());
        json!({
            "live_share": self.live as f64 / self.snapshots.max(1) as f64,
            "events": self.happenings.iter().map(|h| json!({ "at_s": h.at_s, "what": h.what })).collect::<Vec<_>>(),
            "last": self.last.as_ref().map(|s| json!({
                "session": s.session.to_string(),
                "state": s.guided().state,
                "tip_mm": tip(s),
                "bone_distance_mm": s.guided().bone_distance_mm,
                "level": s.guided().nearest_level.map(|level| level.to_string()),
                "predicted_tre_mm": s.guided().predicted_tre_mm,
                "asked": self.prompt.map(|prompt| prompt.to_string()),
            })),
        })
    }

    /// For people.
    pub fn text(&self) -> String {
        let share = 100.0 * self.live as f64 / self.snapshots.max(1) as f64;
        format!("The instrument was live in {share:.1} % of the pictures; {} changes were told.", self.happenings.len())
    }
}
