//! Landmarks, poses of levels and corrections of a session, and the files that follow them.
#![allow(clippy::print_stderr, reason = "what was found is told while the session goes on")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::clock::{Clock, SystemClock};
use engine::journal::{Entry, JournalHandle, RecordedAlignment, RecordedRegistration};
use engine::level::Level;
use engine::measure::follow::{Follower, Placed, Targets};
use engine::measure::{Corrections, Spine, handle};
use engine::register::simulate::Sweep;
use engine::register::{self, Articulated, ArticulatedSettings, Bump, Settings, Target, TargetSettings, Verdict};
use engine::rehearsal::manoeuvre::{Bend, bone_by_level, motion, touched_again};
use engine::rt::{Reader, Snapshot};
use engine::safety::SessionState;
use engine::surface::{self, MeshSettings};
use engine::volume::LabelMap;
use geom::{Ct, Patient, Point, PoseCovariance, Transform};

use super::table;
use crate::commands::register::read_points;
use crate::failure::{Blame, Failure};
use crate::shown_alignment::{Asked, LevelShift, SharedAlignment, ShownAlignment};

/// Points that a simulated surgeon touches on each level.
const POINTS: usize = 200;

/// What the alignment has to do with the session around it.
pub struct Around {
    /// Where the CT lies.
    pub whole: Placed,
    /// The session's journal.
    pub journal: Option<JournalHandle>,
    /// The session's clock.
    pub clock: Arc<dyn Clock>,
    /// The session's snapshots: nothing is followed while nothing is registered.
    pub snapshots: Option<Reader<Snapshot>>,
    /// The patient behind a simulated tracker.
    pub simulated: Option<Simulated>,
}

impl Around {
    /// No session: the case as the CT shows it.
    pub fn nothing() -> Self {
        let whole = exactly(Transform::identity());
        Self { whole, journal: None, clock: Arc::new(SystemClock::default()), snapshots: None, simulated: None }
    }
}

/// A pose without error.
fn exactly(patient_from_ct: Transform<Patient, Ct>) -> Placed {
    Placed { patient_from_ct, covariance: PoseCovariance::zero(), verdict: Verdict::Accept }
}

/// A simulated patient that can be bent.
pub struct Simulated {
    /// Where it really lies.
    pub patient_from_ct: Transform<Patient, Ct>,
    /// Seed of what is touched.
    pub seed: u64,
}

/// Files that are kept up to date.
pub struct Files {
    /// Before, now and target.
    pub out: Option<PathBuf>,
    /// What was corrected by hand.
    pub corrections: Option<PathBuf>,
}

/// The landmarks of a case and where its levels lie.
pub struct Desk {
    /// As read, before any renaming.
    labels: LabelMap,
    /// The landmarks before any was moved, levels renamed.
    found: Spine,
    /// Names at the start, by their name in the map.
    first_names: BTreeMap<String, String>,
    corrections: Corrections,
    follower: Follower,
    files: Files,
    by: String,
    around: Around,
    shown: SharedAlignment,
    parts: Option<Articulated>,
    bends: Vec<Bend>,
    state: Option<SessionState>,
    /// Levels that were registered by themselves.
    placed: BTreeMap<u8, Placed>,
}

impl Desk {
    /// Measures the landmarks and shows them. Cost: seconds.
    pub fn new(
        labels: LabelMap,
        corrections: Corrections,
        targets: Targets,
        (files, by): (Files, String),
        around: Around,
        shown: SharedAlignment,
    ) -> Result<Self, Failure> {
        let found = Spine::find(
            &renamed(&labels, &corrections).map_err(|why| anyhow::anyhow!(why)).bad_input()?,
            &Corrections::default(),
        );
        if found.vertebrae.is_empty() {
            let what = "no vertebra with a body was found in the labels: there is no alignment to follow";
            return Err(Failure::BadInput(anyhow::anyhow!(what)));
        }
        let follower = Follower::new(found.corrected(&corrections), around.whole, targets);
        let (parts, bends, state, first_names) = (None, Vec::new(), None, corrections.levels.clone());
        let placed = BTreeMap::new();
        let desk = Self {
            labels,
            found,
            first_names,
            corrections,
            follower,
            files,
            by,
            around,
            shown,
            parts,
            bends,
            state,
            placed,
        };
        // So that a replay starts from the same landmarks.
        desk.corrections.pieces().iter().for_each(|piece| desk.record_correction(piece));
        desk.publish("");
        Ok(desk)
    }

    /// Registers every level that the points of a file lie on.
    pub fn levels(&mut self, file: &Path) {
        match read_points(file) {
            Ok(points) => self.register(&points),
            Err(failure) => eprintln!("{failure}"),
        }
    }

    /// Bends the simulated patient, touches every level again, and tells how far the values are off.
    pub fn bend(&mut self, bend: Bend) {
        let Some(Simulated { patient_from_ct, seed }) = &self.around.simulated else {
            eprintln!("only a simulated patient (sim://) can be bent by words");
            return;
        };
        let (patient_from_ct, seed) = (*patient_from_ct, *seed + 1 + self.bends.len() as u64);
        let spine = self.follower.spine().clone();
        let labels = match motion(&spine, &[bend], bend.at).and_then(|_| renamed(&self.labels, &self.corrections)) {
            Ok(labels) => labels,
            Err(why) => {
                eprintln!("the spine cannot be bent there: {why}");
                return;
            }
        };
        self.bends.push(bend);
        let whole = spine.vertebrae.iter().filter(|v| v.superior.is_ok() && v.inferior.is_ok()).map(|v| v.level);
        let levels: Vec<Level> = whole.chain(Level::from_number(26).filter(|_| spine.sacrum.is_ok())).collect();
        eprintln!("bent at {bend}; {} levels are touched again, {POINTS} points each", levels.len());
        let mut fresh = Vec::new();
        // From the pelvis up: each level starts from where the one below was found.
        for level in levels.iter().rev() {
            let sweep = Sweep { points: POINTS, seed, ..Sweep::default() };
            let touched = touched_again(&labels, &spine, &self.bends, &[*level], &patient_from_ct, &sweep);
            match touched.and_then(|points| self.register_level(*level, &points, fresh.last())) {
                Ok(placed) => fresh.extend(Some(placed).filter(|placed| placed.verdict != Verdict::Reject)),
                Err(why) => eprintln!("{level} could not be followed: {why}"),
            }
        }
        self.publish(&format!("{} levels were registered again", fresh.len()));
        self.tell();
        self.tell_truth(&levels, &patient_from_ct);
    }

    /// Registers the level that the points of a file were touched on.
    pub fn level(&mut self, level: Level, file: &Path) {
        let points = read_points(file).map_err(|failure| failure.to_string());
        match points.and_then(|points| self.register_level(level, &points, None)) {
            Ok(_) => {
                self.publish(&format!("{level} was registered again"));
                self.tell();
            }
            Err(why) => eprintln!("{level} could not be followed: {why}"),
        }
    }

    /// Finds a level whose name is known near where it is expected: at `below`, where it was found last, or where the
    /// whole spine's registration has it.
    fn register_level(
        &mut self,
        level: Level,
        points: &[Point<Patient>],
        below: Option<&Placed>,
    ) -> Result<Placed, String> {
        self.check_session()?;
        let labels = renamed(&self.labels, &self.corrections)?;
        let mesh = surface::from_mask(&labels, level.number(), &MeshSettings::default());
        let target = Target::new(&mesh.vertices_cloud(), None, &TargetSettings::default());
        let target = target.map_err(|error| error.to_string())?;
        let last = self.placed.get(&level.number()).filter(|placed| placed.verdict != Verdict::Reject);
        let expected = below.or(last).unwrap_or(&self.around.whole).patient_from_ct;
        let found = register::update(&target, points, &expected, &Bump::default(), &Settings::default());
        Ok(self.place(level, &RecordedRegistration::from(&found.map_err(|error| error.to_string())?)))
    }

    /// Takes a level's registration and writes it down.
    fn place(&mut self, level: Level, recorded: &RecordedRegistration) -> Placed {
        let placed = Placed::from(recorded);
        self.follower.place(level, placed);
        self.placed.insert(level.number(), placed);
        self.record(&Entry::LevelRegistration(level, Box::new(recorded.clone())));
        placed
    }

    /// Nothing is followed while nothing is registered.
    fn check_session(&mut self) -> Result<(), String> {
        if let Some(snapshot) = self.around.snapshots.as_ref().and_then(Reader::take) {
            self.state = Some(snapshot.session);
        }
        match self.state {
            Some(state @ (SessionState::NoImage | SessionState::Segmented | SessionState::Stopped)) => {
                Err(format!("levels are not followed while the session is {state}"))
            }
            _ => Ok(()),
        }
    }

    fn register(&mut self, points: &[Point<Patient>]) {
        if let Err(why) = self.check_session() {
            eprintln!("{why}");
            return;
        }
        let initial = self.around.whole.patient_from_ct;
        let found = self.parts().and_then(|parts| {
            parts.register(points, &initial, &ArticulatedSettings::default()).map_err(|error| error.to_string())
        });
        match found {
            Ok(levels) if levels.is_empty() => {
                eprintln!("no level was touched often enough; 12 points each are needed")
            }
            Ok(levels) => {
                for pose in &levels {
                    let Some(level) = Level::from_number(pose.level) else { continue };
                    self.place(level, &RecordedRegistration::from(&pose.registration));
                }
                self.publish(&format!("{} levels were registered again", levels.len()));
                self.tell();
            }
            Err(why) => eprintln!("the levels could not be registered: {why}"),
        }
    }

    /// The surfaces of the levels, prepared when they are needed first.
    fn parts(&mut self) -> Result<&Articulated, String> {
        let parts = match self.parts.take() {
            Some(parts) => parts,
            None => {
                let (cloud, levels) = bone_by_level(&renamed(&self.labels, &self.corrections)?);
                Articulated::new(&cloud, &levels, &TargetSettings::default()).map_err(|error| error.to_string())?
            }
        };
        Ok(self.parts.insert(parts))
    }

    /// How far the values are from those of the simulated patient.
    fn tell_truth(&self, levels: &[Level], patient_from_ct: &Transform<Patient, Ct>) {
        let mut truth = Follower::new(self.follower.spine().clone(), exactly(*patient_from_ct), Targets::default());
        for level in levels {
            let Ok(motion) = motion(self.follower.spine(), &self.bends, *level) else { continue };
            truth.place(*level, exactly(*patient_from_ct * motion));
        }
        let found = self.follower.alignment();
        for (row, truth) in found.parameters.iter().zip(truth.alignment().parameters) {
            if let (Some(now), Some(truth)) = (row.now, truth.now) {
                let (name, off) = (&row.name, now.value - truth.value);
                eprintln!("  simulated truth: {name:26} {:7.2}, found {off:+.2} off", truth.value);
            }
        }
    }

    /// Makes a correction, writes it down, and measures again.
    pub fn correct(&mut self, asked: &Asked) {
        let when = crate::calendar::now();
        let who = [self.by.as_str(), when.as_str()];
        let (change, what) = match asked {
            Asked::Move(landmark, part, to) => {
                let all = handle::handles(self.follower.spine());
                let held = all.iter().find(|h| h.landmark == *landmark && h.part == *part);
                let change = held.and_then(|held| handle::moved(self.follower.spine(), held, *to, who));
                (change.ok_or_else(|| "it is not there, or no plate lies so".to_owned()), format!("{landmark} moved"))
            }
            Asked::RenameAll(shift) => {
                let is_guided = self.around.snapshots.is_some();
                let refused = || Err("levels are renamed before a session, with `spinenav scene`".to_owned());
                (if is_guided { refused() } else { self.shifted(*shift, who) }, "levels renamed".to_owned())
            }
        };
        let done = change.and_then(|change| {
            let mut corrections = self.corrections.clone();
            corrections.merge(change.clone());
            let found = match change.levels.is_empty() {
                true => self.found.clone(),
                false => Spine::find(&renamed(&self.labels, &corrections)?, &Corrections::default()),
            };
            if let Some(file) = &self.files.corrections {
                corrections.write(file).map_err(|error| error.to_string())?;
            }
            Ok((change, corrections, found))
        });
        match done {
            Ok((change, corrections, found)) => {
                let is_renamed = !change.levels.is_empty();
                self.record_correction(&change);
                self.corrections = corrections;
                self.follower.replace_spine(found.corrected(&self.corrections));
                self.found = found;
                if is_renamed {
                    // Poses of levels carry the old names.
                    self.follower.replace_whole(self.around.whole);
                    self.placed.clear();
                    self.parts = None;
                }
                self.publish(&format!("{what} by {} at {when}", self.by));
            }
            Err(why) => self.publish(&format!("not done ({what}): {why}")),
        }
    }

    /// All vertebrae with the name of their neighbour.
    fn shifted(&self, shift: LevelShift, [by, when]: [&str; 2]) -> Result<Corrections, String> {
        let present = engine::level::present(&renamed(&self.labels, &self.corrections)?.labels);
        let next = |level: Level| match (shift, level.number()) {
            (LevelShift::Up, 2..=25) => Level::from_number(level.number() - 1),
            (LevelShift::Down, 1..=23) => Level::from_number(level.number() + 1),
            _ => None,
        };
        let mut levels = BTreeMap::new();
        for level in present.into_iter().filter(|level| level.is_vertebra()) {
            let to = next(level).ok_or_else(|| format!("{level} has no neighbour there; edit the corrections file"))?;
            levels.insert(level.to_string(), to.to_string());
        }
        Ok(Corrections { by: by.into(), when: when.into(), levels, ..Corrections::default() })
    }

    /// Tells the table.
    pub fn tell(&self) {
        eprintln!("{}", table::lines(&self.shown.newest().alignment).join("\n"));
    }

    /// Computes the alignment, keeps it in journal and file, and shows it.
    fn publish(&self, said: &str) {
        let alignment = self.follower.alignment();
        self.record(&Entry::Alignment(Box::new(RecordedAlignment::new(&self.follower, &alignment))));
        if let Some(out) = &self.files.out {
            let text = serde_json::to_string_pretty(&alignment).map_err(std::io::Error::from);
            if let Err(error) = text.and_then(|text| std::fs::write(out, text + "\n")) {
                eprintln!("the alignment was not written to {}: {error}", out.display());
            }
        }
        let is_correctable = self.shown.is_correctable();
        let handles = if is_correctable { handle::handles(self.follower.spine()) } else { Vec::new() };
        let renamed = renamed_since(&self.first_names, &self.corrections.levels);
        self.shown.put(ShownAlignment { alignment, handles, renamed, said: said.into(), ..ShownAlignment::default() });
    }

    fn record_correction(&self, change: &Corrections) {
        if let Ok(json) = serde_json::to_string(change) {
            self.record(&Entry::Correction(json));
        }
    }

    fn record(&self, entry: &Entry) {
        if let Some(journal) = &self.around.journal {
            let (kind, payload) = entry.encode();
            // A full queue is counted and told by the journal.
            journal.record(kind, self.around.clock.now(), &payload);
        }
    }
}

/// Names that differ between two sets of renamings, each by the name in the map.
fn renamed_since(first: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let keys: BTreeSet<&String> = first.keys().chain(now.keys()).collect();
    let pair = |key: &String| (first.get(key).unwrap_or(key).clone(), now.get(key).unwrap_or(key).clone());
    keys.into_iter().map(pair).filter(|(first, now)| first != now).collect()
}

fn renamed(labels: &LabelMap, corrections: &Corrections) -> Result<LabelMap, String> {
    let mut labels = labels.clone();
    corrections.rename(&mut labels).map_err(|error| error.to_string())?;
    Ok(labels)
}

/// The landmarks of `labels` after the corrections.
pub fn find(labels: &LabelMap, corrections: &Corrections) -> Result<Spine, String> {
    Ok(Spine::find(&renamed(labels, corrections)?, corrections))
}
