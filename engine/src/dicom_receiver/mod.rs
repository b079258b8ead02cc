//! CT series as a hospital sends them: a DICOM receiver (C-ECHO and C-STORE SCP).
//!
//! Promises: a series appears as a folder, whole and judged, or not at all;
//! objects come in any order, twice, over several associations, and two series
//! at once; a peer that breaks off, stalls or floods costs a thread, a bounded
//! time and a bounded part of the disk, and the rest goes on; no name that a
//! peer sends becomes a path; received images are decoded by the
//! [`SeriesCheck`] only, which may be another process.
//!
//! With certificates it speaks TLS only (feature `tls`, see `docs/security.md`).
//!
//! Does not: authenticate beyond titles, addresses and certificates, query or fetch, keep anything but
//! CT Image Storage. An answered object survives the end of this program; a
//! power cut may lose those of a series that is not finished.
//!
//! The protocol itself is `dicom-ul`'s. `spinenav serve` calls this.

mod association;
mod command;
mod counts;
mod error;
mod identity;
mod incoming;
mod listener;
mod quota;
mod refusal;
mod settings;
mod shelf;
#[cfg(feature = "tls")]
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, bounded};

pub use counts::ReceiverCounts;
pub use error::ReceiverError;
pub use refusal::Status;
pub use settings::{ReceiverLimits, ReceiverSettings, SeriesCheck};
pub use shelf::{FinishedSeries, SeriesEnd};

use counts::{Counter, Counts};
use quota::Quota;
use shelf::{Due, Shelf};

/// Between two looks at sockets and series.
const TICK: Duration = Duration::from_millis(20);
/// Series that ended and nobody asked for yet; more have to wait.
const ENDS: usize = 64;

/// What the threads of a receiver share.
struct Shared {
    settings: ReceiverSettings,
    shelf: Shelf,
    quota: Arc<Quota>,
    counts: Counts,
    associations: AtomicU64,
    objects: AtomicU64,
    is_stopping: AtomicBool,
    #[cfg(feature = "tls")]
    tls: Option<Arc<rustls::ServerConfig>>,
}

impl Shared {
    /// Number of the latest association.
    fn newest(&self) -> u64 {
        self.associations.load(Ordering::Relaxed)
    }

    fn next_object(&self) -> u64 {
        self.objects.fetch_add(1, Ordering::Relaxed)
    }
}

/// A running receiver; dropping it ends all associations and its threads.
pub struct DicomReceiver {
    shared: Arc<Shared>,
    address: SocketAddr,
    ends: Receiver<SeriesEnd>,
    threads: Vec<JoinHandle<()>>,
}

impl DicomReceiver {
    /// Listens.
    ///
    /// # Errors
    /// [`ReceiverError`] when the settings would let strangers in, the address
    /// is taken or the folder cannot be written.
    pub fn start(settings: ReceiverSettings) -> Result<Self, ReceiverError> {
        for title in std::iter::once(&settings.ae_title).chain(&settings.allowed_titles) {
            let is_title = (1..=16).contains(&title.len())
                && title.bytes().all(|b| (b == b' ' || b.is_ascii_graphic()) && b != b'\\')
                && title.trim() == title;
            if !is_title {
                return Err(ReceiverError::Title { title: title.clone() });
            }
        }
        if settings.allowed_titles.is_empty() && !settings.address.ip().is_loopback() {
            return Err(ReceiverError::EverybodyAllowed { address: settings.address });
        }
        #[cfg(feature = "tls")]
        let tls = settings.tls.as_ref().map(crate::tls::Tls::server).transpose();
        #[cfg(feature = "tls")]
        let tls = tls.map_err(|reason| ReceiverError::Tls { reason })?;
        #[cfg(not(feature = "tls"))]
        if settings.tls.is_some() {
            return Err(ReceiverError::Tls { reason: "this program was built without the feature `tls`".into() });
        }
        let folder = |source| ReceiverError::Folder { folder: settings.folder.clone(), source };
        let shelf = Shelf::open(&settings).map_err(folder)?;
        let quota = Quota::new(&settings.folder, settings.limits.disk_bytes, settings.limits.keep_free_bytes);
        let (listener, address) = listener::open(settings.address)?;
        let shared = Arc::new(Shared {
            settings,
            shelf,
            quota,
            counts: Counts::default(),
            associations: AtomicU64::new(0),
            objects: AtomicU64::new(0),
            is_stopping: AtomicBool::new(false),
            #[cfg(feature = "tls")]
            tls,
        });
        let (sender, ends) = bounded(ENDS);
        let (accepting, collecting) = (shared.clone(), shared.clone());
        let threads = vec![
            std::thread::spawn(move || listener::accept(&listener, &accepting)),
            std::thread::spawn(move || collect(&collecting, &sender)),
        ];
        Ok(Self { shared, address, ends, threads })
    }

    /// Where it listens; the port is the one taken when 0 was asked for.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next series that ended; `None` when none did within `wait`.
    #[must_use]
    pub fn next(&self, wait: Duration) -> Option<SeriesEnd> {
        self.ends.recv_timeout(wait).ok()
    }

    /// Counts so far.
    #[must_use]
    pub fn counts(&self) -> ReceiverCounts {
        self.shared.counts.read()
    }
}

impl Drop for DicomReceiver {
    fn drop(&mut self) {
        self.shared.is_stopping.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing more to end.
            let _panicked = thread.join();
        }
    }
}

/// Judges series that are due and puts them in their place.
fn collect(shared: &Shared, ends: &Sender<SeriesEnd>) {
    while !shared.is_stopping.load(Ordering::Relaxed) {
        std::thread::sleep(TICK);
        for due in shared.shelf.due(Instant::now()) {
            let Some(end) = conclude(shared, due) else { continue };
            // A full queue makes this thread wait, but not beyond the end.
            let mut end = Some(end);
            while let Some(waiting) = end.take().filter(|_| !shared.is_stopping.load(Ordering::Relaxed)) {
                end = ends.send_timeout(waiting, TICK).err().map(|e| e.into_inner());
            }
        }
    }
}

fn conclude(shared: &Shared, due: Due) -> Option<SeriesEnd> {
    match due {
        Due::Check { series_uid, dicom, objects } => {
            let outcome = (shared.settings.check)(&dicom);
            if let Err(reason) = &outcome {
                tracing::warn!(reason, objects, "a received series is no CT yet");
            }
            let synced = if outcome.is_ok() { Shelf::sync(&dicom) } else { Ok(()) };
            match synced.and_then(|()| shared.shelf.checked(&series_uid, objects, outcome)) {
                Ok(finished) => finished.map(|finished| {
                    shared.counts.count(Counter::Finished);
                    SeriesEnd::Finished(finished)
                }),
                Err(error) => {
                    let reason = format!("its folder could not be completed: {error}");
                    give_up(shared, &series_uid, reason)
                }
            }
        }
        Due::GiveUp { series_uid, reason } => give_up(shared, &series_uid, reason),
    }
}

fn give_up(shared: &Shared, series_uid: &str, reason: String) -> Option<SeriesEnd> {
    let folder = shared.shelf.give_up(series_uid, &reason)?;
    shared.counts.count(Counter::SetAside);
    Some(SeriesEnd::SetAside { folder, reason })
}
