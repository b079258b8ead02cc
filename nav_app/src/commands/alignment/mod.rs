//! The alignment beside a session: measured once, followed when levels are registered again, corrected by hand.
//!
//! Everything here runs on a thread of its own and in the order it was asked for; the navigation loop and the scene
//! never wait for it. What it did is in the journal, so that a replay computes the same values.
//!
//! | module | what it holds |
//! |---|---|
//! | `desk` | landmarks, poses, corrections, and the files that follow them |
//! | `table` | before, now and target in lines of text |

mod desk;
pub mod table;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use engine::level::Level;
use engine::measure::Corrections;
use engine::measure::follow::{Alignment, Targets};
use engine::rehearsal::manoeuvre::Bend;
use engine::volume::LabelMap;

use crate::cli::{AlignmentArguments, NumberingChoice, PostureChoice};
use crate::commands::measure::{Request, read_for};
use crate::failure::{Blame, Failure};
use crate::shown_alignment::{Asked, SharedAlignment};

/// Longest alignment that is read, bytes.
const MOST_BYTES: u64 = 1 << 20;

use desk::Desk;
pub use desk::{Around, Simulated, find};

/// An alignment that a session or `measure` wrote.
pub fn read_alignment(path: &Path) -> Result<Alignment, Failure> {
    let refused = |why: String| {
        let what = "is no alignment (`navigate --alignment`, `measure --moved --out`)";
        Failure::BadInput(anyhow::anyhow!("{} {what}: {why}", path.display()))
    };
    let size = std::fs::metadata(path).map_err(|error| refused(error.to_string()))?.len();
    if size > MOST_BYTES {
        return Err(refused(format!("it has {size} bytes, more than {MOST_BYTES}")));
    }
    let text = std::fs::read(path).map_err(|error| refused(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| refused(error.to_string()))
}

/// The labels of a session's case, VerSe numbers, with the femora of `femora` or of the case's other bones.
pub fn labels_of(case: &Path, femora: Option<&Path>) -> Result<LabelMap, Failure> {
    let beside = Some(case.join("other_bones.nii.gz")).filter(|path| path.exists());
    read_for(&Request {
        case,
        numbering: NumberingChoice::Verse,
        femora: femora.or(beside.as_deref()),
        corrections: None,
        posture: PostureChoice::Supine,
    })
}

/// Something to be done.
enum Job {
    /// Points were touched on several levels: register each.
    Levels(PathBuf),
    /// Points were touched on one level.
    Level(Level, PathBuf),
    /// The simulated patient is bent and touched again.
    Bend(Bend),
    /// A landmark or a level was corrected in the window.
    Correct(Asked),
    /// Tell the table.
    Tell,
    /// Nothing more comes.
    End,
}

/// The thread, and what it shows.
pub struct AlignmentThread {
    jobs: Sender<Job>,
    shown: SharedAlignment,
    thread: JoinHandle<()>,
}

impl AlignmentThread {
    /// Measures `case` and starts; `None` where the alignment was not asked for.
    ///
    /// * `around` - registration, journal and simulated patient of the session.
    pub fn start(options: &AlignmentArguments, case: &Path, around: Around) -> Result<Option<Self>, Failure> {
        if options.alignment.is_none() && options.corrections.is_none() {
            return Ok(None);
        }
        let targets = options.alignment_target.as_deref().map(Targets::read).transpose().bad_input()?;
        let labels = labels_of(case, options.femora.as_deref())?;
        let corrections = match options.corrections.as_deref().filter(|path| path.exists()) {
            Some(path) => Corrections::read(path).bad_input()?,
            None => Corrections::default(),
        };
        let (jobs, waiting) = channel();
        let shown = match &options.by {
            Some(_) => {
                let jobs = jobs.clone();
                SharedAlignment::default().with_corrections(move |asked| jobs.send(Job::Correct(asked)).is_ok())
            }
            None => SharedAlignment::default(),
        };
        let files = desk::Files { out: options.alignment.clone(), corrections: options.corrections.clone() };
        let by = options.by.clone().unwrap_or_default();
        let mut desk = Desk::new(labels, corrections, targets.unwrap_or_default(), (files, by), around, shown.clone())?;
        let run = move || {
            for job in waiting {
                match job {
                    Job::Levels(file) => desk.levels(&file),
                    Job::Level(level, file) => desk.level(level, &file),
                    Job::Bend(bend) => desk.bend(bend),
                    Job::Correct(asked) => desk.correct(&asked),
                    Job::Tell => desk.tell(),
                    Job::End => break,
                }
            }
        };
        let thread = std::thread::Builder::new().name("alignment".into()).spawn(run).internal()?;
        Ok(Some(Self { jobs, shown, thread }))
    }

    /// What the scene reads.
    pub fn shown(&self) -> SharedAlignment {
        self.shown.clone()
    }

    /// What is typed goes here.
    pub fn door(&self) -> AlignmentDoor {
        AlignmentDoor(self.jobs.clone())
    }

    /// Ends the thread when everything that was asked for is done; the last alignment.
    pub fn finish(self) -> Alignment {
        // Both fail only when the thread is gone.
        self.jobs.send(Job::End).ok();
        self.thread.join().ok();
        self.shown.newest().alignment.clone()
    }
}

/// Passes on what a user types about the alignment.
#[derive(Clone)]
pub struct AlignmentDoor(Sender<Job>);

impl AlignmentDoor {
    /// Takes a line that is about the alignment: `None` when it is about something else.
    pub fn take(&self, words: &[&str]) -> Option<Result<(), String>> {
        let job = match words {
            ["levels", file @ ..] if !file.is_empty() => Ok(Job::Levels(file.join(" ").into())),
            ["level", level, file @ ..] if !file.is_empty() => {
                let known =
                    Level::from_name(level).ok_or_else(|| format!("{level:?} is no level; L3, T12 or sacrum is"));
                known.map(|level| Job::Level(level, file.join(" ").into()))
            }
            ["bend", bend @ ..] => Bend::parse(bend).map(Job::Bend),
            ["alignment"] => Ok(Job::Tell),
            _ => return None,
        };
        Some(job.and_then(|job| self.0.send(job).map_err(|_| "the session is over".to_owned())))
    }
}
