//! The scene in a window, fed by the stream.

use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use engine::journal::case_hash;
use engine::register::Verdict;
use engine::rt::Snapshot;
use engine::stream::LinkState;
use engine::stream::description::hexadecimal;
use engine::stream::wire::ViewerWire;
use serde_json::json;

use super::{alignment, description};
use crate::cli::ViewArguments;
use crate::commands::navigate::read_case;
use crate::commands::plan;
use crate::failure::{Blame, Failure};
use crate::report::Output;
use crate::scene::{self, SceneHeader, SceneInput, SnapshotFeed};
use crate::turn::Turn;

/// Opens the window and draws until it is closed.
pub fn open(options: &ViewArguments, viewer: ViewerWire) -> Result<Output, Failure> {
    let Some(path) = &options.case else {
        let what = "a window needs the case that the engine navigates: give --case, or leave --window out for lines";
        return Err(Failure::WrongUse(anyhow::anyhow!(what)));
    };
    let described = description(&viewer)?;
    let case = Arc::new(read_case(path, options.ct.as_deref(), &described.renamed, "view")?);
    let viewer = Arc::new(viewer);
    let alignment = described.follows_alignment.then(|| alignment::follow(&viewer)).transpose()?;
    if hexadecimal(&case_hash(&case)) != described.case_sha256 {
        let what = format!("{} is not the case that the engine navigates; give the same folder", path.display());
        return Err(Failure::BadInput(anyhow::anyhow!(what)));
    }
    let is_described = |verdict: &Verdict| verdict.to_string() == described.registration.verdict;
    let plan = match &options.plan {
        Some(path) => plan::checked(path, &case, None)?,
        None => described.plan,
    };
    let header = SceneHeader {
        plan: plan.into(),
        alignment,
        verdict: [Verdict::Accept, Verdict::Doubtful, Verdict::Reject].into_iter().find(is_described),
        rms_mm: Some(described.registration.rms_mm),
        ct_name: "case".into(),
        device: format!("{} (engine {})", described.tracker, described.session),
        ..SceneHeader::default()
    };
    let watched = options.watched.then(|| Mutex::new(None));
    let turn = options.standby.then(Turn::of_stdin).transpose().internal()?;
    let waits = turn.clone().map(|turn| (turn, AtomicU32::new(0)));
    let snapshots = Box::new(RemoteFeed { viewer, shown: Mutex::new((0, LinkState::Waiting)), watched, waits });
    scene::run_window(SceneInput { case, snapshots, header }, turn).internal()?;
    Ok(Output { json: json!({ "ended": "closed" }), text: "The window was closed.".into(), is_refused: false })
}

/// What the scene draws, with the trust that is left when it arrives.
struct RemoteFeed {
    viewer: Arc<ViewerWire>,
    /// Snapshots that had come and the state of the link when it was asked last.
    shown: Mutex<(u64, LinkState)>,
    /// When the last sign of life was given, for who watches this process. The
    /// scene asks once a frame: a scene that hangs gives none.
    watched: Option<Mutex<Option<Instant>>>,
    /// The turn that a window on standby waits for, and the snapshots it was given before.
    waits: Option<(Turn, AtomicU32)>,
}

/// Snapshots that a window out of sight is given, so that everything has been drawn once; more would cost without use.
const REHEARSED: u32 = 20;

impl RemoteFeed {
    fn show_life(&self) {
        let Some(mut last) = self.watched.as_ref().and_then(|watched| watched.lock().ok()) else { return };
        if last.is_none_or(|at| at.elapsed() > Duration::from_millis(200)) {
            *last = Some(Instant::now());
            let mut out = std::io::stdout().lock();
            // Nobody watches any more; the picture goes on.
            let _unwatched = out.write_all(b".").and_then(|()| out.flush());
        }
    }
}

impl SnapshotFeed for RemoteFeed {
    fn latest(&self) -> Option<Snapshot> {
        self.show_life();
        let is_rehearsed = |given: &AtomicU32| given.load(Ordering::Relaxed) >= REHEARSED;
        if self.waits.as_ref().is_some_and(|(turn, given)| !turn.has_come() && is_rehearsed(given)) {
            return None;
        }
        let latest = self.newest();
        if let Some((_, given)) = self.waits.as_ref().filter(|_| latest.is_some()) {
            given.fetch_add(1, Ordering::Relaxed);
        }
        latest
    }
}

impl RemoteFeed {
    fn newest(&self) -> Option<Snapshot> {
        let now = (self.viewer.counts().snapshots, self.viewer.view());
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *shown, (now.0, now.1.state));
        match now.1.state {
            LinkState::Live => now.1.snapshot.filter(|_| before.0 != now.0),
            // Every frame: its trust shrinks although nothing new comes.
            LinkState::Stale => now.1.snapshot,
            // Once, without any pose; after that the scene says that the engine is silent.
            LinkState::Lost => now.1.snapshot.filter(|_| before.1 != LinkState::Lost),
            LinkState::Waiting => None,
        }
    }
}
