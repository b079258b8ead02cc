//! Trials of faults that strike before navigation: image, segmentation,
//! registration.

use std::path::Path;
use std::sync::Arc;

use geom::Nanoseconds;

use super::bone::{self, Attempt};
use super::image;
use super::named_fault::{Kind, Sign};
use super::outcome::{Outcome, guarded};
use super::phantom::{self, PhantomTracker};
use super::script::Injection;
use crate::clock::MILLISECOND_NS;
use crate::journal::{Entry, Journal, JournalSettings, ReadLimits, Reader, Recorder, SessionStart, case_hash};
use crate::register::Verdict;
use crate::rt::{Guidance, LoopSettings, NavigationLoop, TrackerErrors};
use crate::safety::ToolState;
use crate::track::{Source, ToolList};

/// A registration further off than this is wrong, mm.
const WRONG_MM: f64 = 2.0;
/// Length of the session that follows.
const ROUNDS: u64 = 50;
const ROUND_NS: u64 = 10 * MILLISECOND_NS;

/// Does what the fault says to a real image, segmentation or registration,
/// navigates with what came of it, and judges. `folder` must be empty.
#[must_use]
pub fn run_slow(injection: &Injection, folder: &Path) -> Outcome {
    guarded(vec![injection.to_string()], || {
        let attempt = match injection.fault.kind {
            Kind::ThickVoxels
            | Kind::CutOffImage
            | Kind::MissingSlices
            | Kind::GantryTilt
            | Kind::EmptySegmentation
            | Kind::MixedLevels => Attempt { said: image::said(injection.fault.kind, folder)?, made: None },
            _ => bone::register(injection),
        };
        navigate(injection, &attempt, &folder.join("journal"))
    })
}

fn navigate(injection: &Injection, attempt: &Attempt, folder: &Path) -> Result<Outcome, String> {
    let case = phantom::case().map_err(|e| e.to_string())?;
    let (settings, errors) = (LoopSettings::default(), TrackerErrors::default());
    let start = SessionStart::new(case_hash(&case), &settings, errors, ToolList::default()).payload();
    let journal =
        Journal::open(folder, Nanoseconds(0), &start, &JournalSettings::default()).map_err(|e| e.to_string())?;
    let mut recorder = Recorder::new(journal.handle());
    attempt.said.iter().for_each(|words| recorder.note(words, Nanoseconds(0)));
    let is_wrong = attempt.made.as_ref().is_some_and(|made| made.1 > WRONG_MM);
    let mut outcome = Outcome { seen: attempt.said.clone(), ..Outcome::default() };
    let mut rounds = 0;
    if let Some((registration, _)) = &attempt.made {
        outcome.seen.push(format!("registration {}", registration.verdict()));
        recorder.registration(registration, Nanoseconds(0));
        let guidance = Guidance::new(&case, registration, &phantom::tools(), errors);
        let mut navigation = NavigationLoop::with_settings(Arc::new(guidance), settings);
        let mut source = PhantomTracker::new(1);
        for round in 0..ROUNDS {
            let now = Nanoseconds(round * ROUND_NS);
            while let Some(packet) = source.poll(now) {
                recorder.packet(&packet, now);
                navigation.observe(&packet);
            }
            let snapshot = navigation.snapshot(now);
            recorder.snapshot(&snapshot, now);
            rounds += u64::from(snapshot.published == now);
            let is_live = snapshot.tools.iter().any(|t| t.state == ToolState::Live && t.ct_from_tip.is_some());
            if is_live && is_wrong {
                outcome.wrong_live_ms += ROUND_NS as f64 * 1e-6;
            }
        }
    }
    drop(journal);
    // A fault that the registration overcame leaves a right pose.
    let is_overcome = attempt.made.as_ref().is_some_and(|m| m.1 <= WRONG_MM && m.0.verdict() != Verdict::Reject);
    let is_said = says(&attempt.said, injection.fault.signs);
    outcome.detected_ms = is_said.then_some(0.0);
    outcome.invariants.deadline_kept = attempt.made.is_none() || rounds == ROUNDS;
    outcome.invariants.not_live = outcome.wrong_live_ms == 0.0;
    outcome.invariants.reason_shown = is_said || is_overcome;
    outcome.invariants.journalled = is_journalled(folder, attempt)?;
    Ok(outcome)
}

fn says(said: &[String], signs: &[Sign]) -> bool {
    signs.iter().any(|sign| matches!(sign, Sign::Words(words) if said.iter().any(|s| s.contains(words))))
}

/// Whether every word and the registration are in the journal.
fn is_journalled(folder: &Path, attempt: &Attempt) -> Result<bool, String> {
    let mut reader = Reader::open(folder, ReadLimits::default()).map_err(|e| e.to_string())?;
    let (mut notes, mut registrations) = (Vec::new(), 0);
    while let Some(record) = reader.next() {
        let record = record.map_err(|e| e.to_string())?;
        match reader.entry(&record).map_err(|e| e.to_string())? {
            Entry::Note(note) => notes.push(note),
            Entry::Registration(_) => registrations += 1,
            _ => {}
        }
    }
    Ok(notes == attempt.said && registrations == usize::from(attempt.made.is_some()))
}
