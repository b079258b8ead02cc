//! Series while they are received, and what becomes of them.
//!
//! A series lies in `receiving/<id>` until it is whole and was judged a CT, then
//! its folder is renamed into place at once: whoever looks sees all of it or
//! nothing. One that stays incomplete goes to `set-aside/<id>` with the reason.
//! `<id>` comes from a hash of the series UID: no name of a peer becomes a path.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;
use sha2::{Digest, Sha256};

use super::identity::Identity;
use super::incoming::{Hash, Incoming};
use super::refusal::{Refusal, Status};
use super::settings::ReceiverSettings;
use crate::io::write_whole;

/// A series that ended, one way or the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeriesEnd {
    /// It is whole and a CT.
    Finished(FinishedSeries),
    /// It was not, within the time allowed.
    SetAside {
        /// Where its objects are kept.
        folder: PathBuf,
        /// Why.
        reason: String,
    },
}

/// A series whose folder is in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedSeries {
    /// Its folder, with `series.json` and `dicom/`.
    pub folder: PathBuf,
    /// The slices.
    pub dicom: PathBuf,
    /// SeriesInstanceUID.
    pub series_uid: String,
    /// Objects kept.
    pub objects: usize,
    /// Title of the peer that sent the last of them.
    pub caller: String,
    /// What the check wants the user to know.
    pub warnings: Vec<String>,
}

/// What is to be done about a series.
pub(super) enum Due {
    /// Judge what lies there.
    Check { series_uid: String, dicom: PathBuf, objects: usize },
    /// Its time is over.
    GiveUp { series_uid: String, reason: String },
}

/// How an object was taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Added {
    Kept,
    /// The same object was there; nothing was kept twice.
    Again,
}

struct Series {
    folder: PathBuf,
    objects: HashMap<String, Hash>,
    /// Associations that sent to it and are still open.
    senders: BTreeSet<u64>,
    /// Newest association when a sender went away without a release.
    broken_since: Option<u64>,
    last: Instant,
    /// Objects at the last check that failed, and its reason.
    failed: Option<(usize, String)>,
    caller: String,
}

impl Series {
    fn dicom(&self) -> PathBuf {
        self.folder.join("dicom")
    }
}

pub(super) struct Shelf {
    folder: PathBuf,
    quiet: Duration,
    incomplete: Duration,
    series_limit: usize,
    objects_limit: usize,
    series: Mutex<BTreeMap<String, Series>>,
}

impl Shelf {
    /// Opens the folder; what an earlier run left half received is set aside.
    pub(super) fn open(settings: &ReceiverSettings) -> std::io::Result<Self> {
        let shelf = Self {
            folder: settings.folder.clone(),
            quiet: settings.quiet,
            incomplete: settings.incomplete,
            series_limit: settings.limits.series,
            objects_limit: settings.limits.series_objects,
            series: Mutex::default(),
        };
        fs::create_dir_all(shelf.receiving())?;
        for entry in fs::read_dir(shelf.receiving())?.flatten() {
            if entry.path().is_dir() {
                shelf.put_aside(&entry.path(), "the program ended while the series was received");
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(shelf)
    }

    /// Folder of what is not finished.
    pub(super) fn receiving(&self) -> PathBuf {
        self.folder.join("receiving")
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Series>> {
        // Whoever panicked while it held the lock left a map that is still true.
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an object that `association` sent into its series.
    pub(super) fn add(
        &self,
        association: u64,
        caller: &str,
        (identity, hash): (Identity, Hash),
        incoming: Incoming,
        now: Instant,
    ) -> Result<Added, Refusal> {
        let mut all = self.lock();
        if !all.contains_key(&identity.series) {
            if all.len() >= self.series_limit {
                let reason = format!("{} series are being received already", all.len());
                return Err(Refusal::new(Status::OutOfResources, reason));
            }
            let folder = free_name(&self.receiving(), &name(&identity.series));
            fs::create_dir_all(folder.join("dicom"))
                .map_err(|_| Refusal::new(Status::OutOfResources, "the disk does not take the series"))?;
            all.insert(identity.series.clone(), Series::new(folder, now));
        }
        let Some(series) = all.get_mut(&identity.series) else {
            return Err(Refusal::new(Status::OutOfResources, "the series cannot be opened"));
        };
        series.last = now;
        series.senders.insert(association);
        caller.clone_into(&mut series.caller);
        match series.objects.get(&identity.sop_instance) {
            Some(kept) if *kept == hash => return Ok(Added::Again),
            Some(_) => {
                let reason = "an object with this UID and other content is there; the first is kept";
                return Err(Refusal::new(Status::CannotUnderstand, reason));
            }
            None if series.objects.len() >= self.objects_limit => {
                let reason = format!("series above {} objects are not kept", self.objects_limit);
                return Err(Refusal::new(Status::OutOfResources, reason));
            }
            None => {}
        }
        incoming.keep_as(&series.dicom().join(format!("{:06}.dcm", series.objects.len() + 1)))?;
        series.objects.insert(identity.sop_instance, hash);
        Ok(Added::Kept)
    }

    /// `association` is over; `newest` is the number of the latest one.
    pub(super) fn left(&self, association: u64, is_released: bool, newest: u64, now: Instant) {
        for series in self.lock().values_mut() {
            if !series.senders.remove(&association) {
                continue;
            }
            series.last = now;
            match (is_released, series.broken_since) {
                (false, _) => series.broken_since = Some(newest),
                // Only who came later knows what was lost.
                (true, Some(since)) if association > since => series.broken_since = None,
                (true, _) => {}
            }
        }
    }

    /// What must be done at `now`.
    pub(super) fn due(&self, now: Instant) -> Vec<Due> {
        let due = |(uid, series): (&String, &Series)| {
            let waited = now.saturating_duration_since(series.last);
            let objects = series.objects.len();
            let failed_as_it_is = series.failed.as_ref().is_some_and(|(n, _)| *n == objects);
            if !series.senders.is_empty() || waited < self.quiet {
                None
            } else if series.broken_since.is_none() && !failed_as_it_is && objects > 0 {
                Some(Due::Check { series_uid: uid.clone(), dicom: series.dicom(), objects })
            } else if waited >= self.incomplete {
                let broken = || format!("the sender went away after {objects} object(s) and did not come back");
                let reason = series.failed.as_ref().map_or_else(broken, |(_, reason)| reason.clone());
                Some(Due::GiveUp { series_uid: uid.clone(), reason })
            } else {
                None
            }
        };
        self.lock().iter().filter_map(due).collect()
    }

    /// Puts the files of a series on the disk for good, before it is called finished. Takes no lock: a slow
    /// disk must not hold up those who send.
    pub(super) fn sync(dicom: &Path) -> std::io::Result<()> {
        fs::read_dir(dicom)?.flatten().try_for_each(|entry| fs::File::open(entry.path())?.sync_all())
    }

    /// Notes the outcome of a check of `objects` objects; a good one puts the series in place.
    pub(super) fn checked(
        &self,
        series_uid: &str,
        objects: usize,
        outcome: Result<Vec<String>, String>,
    ) -> std::io::Result<Option<FinishedSeries>> {
        let mut all = self.lock();
        let Some(series) = all.get_mut(series_uid).filter(|s| s.objects.len() == objects && s.senders.is_empty())
        else {
            return Ok(None); // More came while it was judged.
        };
        let warnings = match outcome {
            Ok(warnings) => warnings,
            Err(reason) => {
                series.failed = Some((objects, reason));
                return Ok(None);
            }
        };
        let folder = free_name(&self.folder, &name(series_uid));
        let note =
            json!({ "series_uid": series_uid, "objects": objects, "sent_by": series.caller, "warnings": warnings });
        write_whole(&series.folder.join("series.json"), format!("{note:#}\n").as_bytes()).map_err(|e| e.source)?;
        fs::rename(&series.folder, &folder)?;
        let caller = std::mem::take(&mut series.caller);
        all.remove(series_uid);
        let (dicom, series_uid) = (folder.join("dicom"), series_uid.to_owned());
        Ok(Some(FinishedSeries { folder, dicom, series_uid, objects, caller, warnings }))
    }

    /// Ends a series that did not become whole.
    pub(super) fn give_up(&self, series_uid: &str, reason: &str) -> Option<PathBuf> {
        let series = self.lock().remove(series_uid)?;
        Some(self.put_aside(&series.folder, reason))
    }

    fn put_aside(&self, folder: &Path, reason: &str) -> PathBuf {
        let aside = self.folder.join("set-aside");
        let id = folder.file_name().map_or_else(|| "series".into(), |n| n.to_string_lossy().into_owned());
        let target = free_name(&aside, &id);
        let moved = fs::create_dir_all(&aside)
            .and_then(|()| fs::write(folder.join("reason.txt"), format!("{reason}\n")))
            .and_then(|()| fs::rename(folder, &target));
        match moved {
            Ok(()) => target,
            Err(error) => {
                tracing::error!(%error, folder = %folder.display(), "an incomplete series stays where it is");
                folder.to_owned()
            }
        }
    }
}

impl Series {
    fn new(folder: PathBuf, now: Instant) -> Self {
        Self {
            folder,
            objects: HashMap::new(),
            senders: BTreeSet::new(),
            broken_since: None,
            last: now,
            failed: None,
            caller: String::new(),
        }
    }
}

/// A name for a series that says nothing about it and cannot lead anywhere.
fn name(series_uid: &str) -> String {
    let hash = Sha256::digest(series_uid.as_bytes());
    hash.iter().take(8).fold("series-".to_owned(), |name, byte| format!("{name}{byte:02x}"))
}

/// `name` in `folder`, or with a number where it is taken.
fn free_name(folder: &Path, name: &str) -> PathBuf {
    let numbered = (2..).map(|n: u32| folder.join(format!("{name}-{n}")));
    let mut candidates = std::iter::once(folder.join(name)).chain(numbered);
    candidates.find(|path| !path.exists()).unwrap_or_else(|| folder.join(name))
}
