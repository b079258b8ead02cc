//! A person's practice on a virtual patient, as the scene asks for it: in a window, in a headset.
//!
//! Promises that nothing of it is lost with the process that draws: what was asked for is a line of a file before it is
//! done, where one is kept.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use engine::case::Case;
use engine::level::Level;
use engine::rehearsal::{HandPractice, PracticeScript, Practised};
use engine::rt::Snapshot;
use engine::safety::SessionState;
use engine::volume::{LabelMap, Volume};
use geom::{Ct, Point};

use super::pointer::Resting;
use super::practice::{Attempt, attempt, checked_name, read_script, verdict_word};
use crate::cli::RehearseArguments;
use crate::failure::{Blame, Failure};
use crate::scene::{SceneHeader, SceneInput, SnapshotFeed};
use crate::scene_input::{Hint, NextLandmark, Practising, Score, Wish};

/// Who is operated on; `how` is the option that asked, and makes the strokes.
pub fn patient(options: &RehearseArguments, how: &str) -> Result<PracticeScript, Failure> {
    options.trainee.as_deref().map(checked_name).transpose()?;
    let script = options.practice.as_deref().map(read_script).transpose()?.unwrap_or_default();
    if !script.strokes.is_empty() {
        let what = format!("{how}: leave the strokes out of the file of --practice; the hand makes them");
        return Err(Failure::WrongUse(anyhow::anyhow!(what)));
    }
    Ok(script)
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

/// The practice behind the scene.
pub struct Trainer {
    practice: HandPractice,
    shown: Arc<Mutex<Snapshot>>,
    /// The score, and the strokes it took.
    ended: Option<(Practised, usize)>,
    earlier: Vec<Wish>,
    kept: Option<File>,
}

impl Trainer {
    /// Lays a virtual patient open; what the scene shows of it, and the practice behind.
    ///
    /// * `means` - what the pointer is, in words.
    pub fn begin(
        labels: &LabelMap,
        script: &PracticeScript,
        case_name: &str,
        means: &str,
    ) -> Result<(Arc<Mutex<Self>>, SceneInput), Failure> {
        let shown = Arc::new(Mutex::new(unregistered()));
        let practice = HandPractice::new(labels, script).bad_input()?;
        let trainer = Self { practice, shown: shown.clone(), ended: None, earlier: Vec::new(), kept: None };
        let header = SceneHeader {
            ct_name: format!("practice on {case_name}"),
            device: format!("virtual patient, {means} is the pointer"),
            is_demonstration: true,
            is_practice: true,
            ..SceneHeader::default()
        };
        let volume = Volume { hu: vec![-1000.0; labels.grid.len()], grid: labels.grid.clone() };
        let case = Arc::new(Case::from_labels(volume, labels.clone()));
        Ok((Arc::new(Mutex::new(trainer)), SceneInput { case, snapshots: Box::new(Shown(shown)), header }))
    }

    /// Keeps what is asked for in a file from now on, and asks again for what stands in it.
    #[cfg_attr(not(feature = "xr"), allow(dead_code, reason = "a window loses nothing"))]
    pub fn keep_in(&mut self, path: &Path) -> Result<(), Failure> {
        let named = |e: std::io::Error| anyhow::anyhow!("{}: {e}", path.display());
        let mut open = OpenOptions::new();
        let mut file = open.read(true).append(true).create(true).open(path).map_err(named).internal()?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(named).internal()?;
        // A process that was killed may have left half a line, which was not done yet.
        let whole = text.split_inclusive('\n').take_while(|line| line.ends_with('\n'));
        let read: Vec<(Wish, usize)> =
            whole.map_while(|line| Some((serde_json::from_str(line).ok()?, line.len()))).collect();
        file.set_len(read.iter().map(|(_, bytes)| *bytes as u64).sum()).map_err(named).internal()?;
        self.earlier = read.into_iter().map(|(wish, _)| wish).collect();
        self.kept = Some(file);
        Ok(())
    }

    /// Does what was asked for before once more, without a scene.
    #[cfg_attr(not(feature = "xr"), allow(dead_code, reason = "a window loses nothing"))]
    pub fn do_again(&mut self) {
        for wish in std::mem::take(&mut self.earlier) {
            match wish {
                // What was refused then is refused again.
                Wish::Touch(place) => drop(self.practice.touch(place)),
                Wish::Lift => self.practice.lift(),
                Wish::Undo => drop(self.practice.undo()),
                Wish::Register => drop(self.register()),
            }
        }
    }

    /// What came of it, once it is over.
    pub fn take(&mut self, case_name: String, seed: u64) -> Option<(Practised, Attempt)> {
        let (practised, strokes) = self.ended.take()?;
        let landmark_fre_mm = self.practice.landmark_fre_mm();
        let attempt = Attempt { strokes, landmark_fre_mm, ..attempt(&practised, case_name, seed) };
        Some((practised, attempt))
    }
}

impl Practising for Trainer {
    fn earlier(&self) -> Vec<Wish> {
        self.earlier.clone()
    }

    fn note(&mut self, wish: Wish) {
        let Some(file) = &mut self.kept else { return };
        let line = serde_json::to_string(&wish).unwrap_or_default();
        if let Err(error) = writeln!(file, "{line}") {
            tracing::warn!(%error, "what is touched is not kept any more: a headset that is lost would begin anew");
            self.kept = None;
        }
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_is_asked_for_again_but_for_half_a_line() {
        let folder = std::env::temp_dir().join(format!("spinenav-trainer-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("touches.jsonl");
        let touch = Wish::Touch(Point::new(0.1, -20.25, 3.0));
        let labels = crate::assets::demo_labels(&folder).unwrap();
        let begin = || Trainer::begin(&labels, &PracticeScript::default(), "a case", "a hand").unwrap().0;
        let first = begin();
        let mut trainer = first.lock().unwrap();
        trainer.keep_in(&path).unwrap();
        assert!(trainer.earlier().is_empty());
        [touch, Wish::Lift, Wish::Undo].into_iter().for_each(|wish| trainer.note(wish));
        // The process dies while it writes.
        std::fs::write(&path, format!("{}{{\"touch\":[1.0,", std::fs::read_to_string(&path).unwrap())).unwrap();
        let again = begin();
        let mut trainer = again.lock().unwrap();
        trainer.keep_in(&path).unwrap();
        assert_eq!(trainer.earlier(), [touch, Wish::Lift, Wish::Undo]);
        trainer.note(Wish::Register);
        let kept = std::fs::read_to_string(&path).unwrap();
        assert!(kept.lines().count() == 4 && kept.ends_with("\"register\"\n"), "{kept}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
