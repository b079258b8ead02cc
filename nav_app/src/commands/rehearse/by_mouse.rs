//! `rehearse --by-mouse`: a person touches a virtual patient's bone in the
//! window, registers, and hears the truth. Kept as a script's practice is.

use std::sync::{Arc, Mutex, PoisonError};

use engine::case::Case;
use engine::level::Level;
use engine::rehearsal::{HandPractice, PracticeScript, Practised};
use engine::rt::Snapshot;
use engine::safety::SessionState;
use engine::volume::{LabelMap, Volume};
use geom::{Ct, Point};
use serde_json::json;

use super::pointer::Resting;
use super::practice::{attempt, checked_name, conclude, read_script, verdict_word};
use crate::cli::RehearseArguments;
use crate::failure::{Blame, Failure};
use crate::report::Output;
use crate::scene::{self, SceneHeader, SceneInput, SceneStart, SnapshotFeed};
use crate::scene_input::{Hint, NextLandmark, Practising, Score};

/// Opens the window and keeps what came of it.
pub fn run(options: &RehearseArguments, (case_name, labels): (String, LabelMap)) -> Result<Output, Failure> {
    options.trainee.as_deref().map(checked_name).transpose()?;
    let script = options.practice.as_deref().map(read_script).transpose()?.unwrap_or_default();
    if !script.strokes.is_empty() {
        let what = "--by-mouse: leave the strokes out of the file of --practice; the mouse makes them";
        return Err(Failure::WrongUse(anyhow::anyhow!(what)));
    }
    if scene::display_name().is_none() {
        let what = "--by-mouse needs a display; --practice STROKES.json plays strokes without one";
        return Err(Failure::WrongUse(anyhow::anyhow!(what)));
    }
    let shown = Arc::new(Mutex::new(unregistered()));
    let trainer = Trainer::new(&labels, &script, shown.clone())?;
    let trainer = Arc::new(Mutex::new(trainer));
    let header = SceneHeader {
        ct_name: format!("practice on {case_name}"),
        device: "virtual patient, the mouse is the pointer".into(),
        is_demonstration: true,
        is_practice: true,
        ..SceneHeader::default()
    };
    let volume = Volume { hu: vec![-1000.0; labels.grid.len()], grid: labels.grid.clone() };
    let case = Arc::new(Case::from_labels(volume, labels.clone()));
    let start = SceneStart { practice: Some(trainer.clone()), ..SceneStart::of_user() };
    scene::run_window_with(SceneInput { case, snapshots: Box::new(Shown(shown)), header }, start).internal()?;
    let mut trainer = trainer.lock().unwrap_or_else(PoisonError::into_inner);
    let landmark_fre_mm = trainer.practice.landmark_fre_mm();
    let Some((practised, strokes)) = trainer.ended.take() else {
        let text = "The window was closed before Enter registered the touched points: nothing was kept.".to_owned();
        return Ok(Output { json: json!({ "attempt": null }), text, is_refused: false });
    };
    let mut attempt = attempt(&practised, case_name, script.seed);
    attempt.strokes = strokes;
    attempt.landmark_fre_mm = landmark_fre_mm;
    conclude(options, &practised, attempt, labels)
}

/// What is shown until there is a registration: no pose.
fn unregistered() -> Snapshot {
    Snapshot { sequence: 1, session: SessionState::Segmented, ..Snapshot::default() }
}

/// What the window shows of the virtual pointer.
struct Shown(Arc<Mutex<Snapshot>>);

impl SnapshotFeed for Shown {
    fn latest(&self) -> Option<Snapshot> {
        Some(*self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The practice behind the window.
struct Trainer {
    practice: HandPractice,
    shown: Arc<Mutex<Snapshot>>,
    /// The score, and the strokes it took.
    ended: Option<(Practised, usize)>,
}

impl Trainer {
    fn new(labels: &LabelMap, script: &PracticeScript, shown: Arc<Mutex<Snapshot>>) -> Result<Self, Failure> {
        Ok(Self { practice: HandPractice::new(labels, script).bad_input()?, shown, ended: None })
    }
}

impl Practising for Trainer {
    fn levels(&self) -> Vec<Level> {
        self.practice.levels().to_vec()
    }

    fn landmark(&self) -> Option<NextLandmark> {
        let (number, landmark) = self.practice.landmark()?;
        let words = format!("{} {}", landmark.level, landmark.part);
        Some(NextLandmark { number: number + 1, count: self.practice.landmarks().len(), words, at: landmark.at })
    }

    fn landmark_fre_mm(&self) -> Option<f64> {
        self.practice.landmark_fre_mm()
    }

    fn touch(&mut self, place: Point<Ct>) -> Result<(), String> {
        self.practice.touch(place).map_err(|refusal| refusal.to_string())
    }

    fn lift(&mut self) -> Option<Hint> {
        self.practice.lift();
        let standing = self.practice.stand();
        let best = standing.hints.first()?;
        let words = format!("{} {}", best.level, best.part);
        Some(Hint { at: best.at, words, before_mm: best.before_mm, after_mm: best.after_mm })
    }

    fn undo(&mut self) -> usize {
        self.practice.undo()
    }

    fn register(&mut self) -> Score {
        let practised = self.practice.finish();
        let mm = |value: Option<f64>| value.map_or("-".into(), |mm| format!("{mm:.2} mm"));
        let registration = practised.registration();
        let verdict = registration.map(|r| r.verdict());
        let is_good = practised.is_good();
        let words = format!(
            "{}  predicted {}  TRUE ERROR {}  {}",
            verdict.map_or("no registration", verdict_word).to_uppercase(),
            mm(practised.predicted_tre_mm),
            mm(practised.true_tre_mm),
            if is_good { "good" } else { "not good enough" }
        );
        let (rms_mm, centre_tre_mm) = (registration.map(|r| r.rms_mm()), practised.predicted_tre_mm);
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Resting::on(&practised).0;
        self.ended = Some((practised, self.practice.strokes()));
        Score { words, is_good, verdict, rms_mm, centre_tre_mm }
    }
}
