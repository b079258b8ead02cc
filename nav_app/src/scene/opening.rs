//! A CT dropped on the window: how far its opening is, and what comes of it.
//!
//! Whatever opens it runs beside the scene ([`Open`], on a thread of its own);
//! the scene goes on, tells what is being done, and closes when another case is
//! ready, for the caller to show. Called by [`super::window`].

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Result;
use bevy::prelude::*;
use bevy::window::FileDragAndDrop;

use super::widgets::text;
use super::{palette, status};

/// How long a failure is told.
const TOLD: Duration = Duration::from_secs(30);
/// Most characters told: three lines.
const MOST: usize = 220;

/// A case that is ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Folder as `segment` writes it.
    pub case: PathBuf,
    /// The CT that was segmented, where it was one.
    pub ct: Option<PathBuf>,
}

/// Makes a case of a dropped file or folder.
pub trait Open: Send + Sync {
    /// Takes as long as it needs.
    ///
    /// * `tell` - is told what is being done, now and then; false asks to stop.
    ///
    /// # Errors
    /// It is no CT and no case, or was asked to stop.
    fn open(&self, path: &Path, tell: &mut dyn FnMut(&str) -> bool) -> Result<Opened>;
}

/// Whatever is dropped; without an opener, it is refused with a sentence.
#[derive(Resource)]
pub struct Opening {
    opener: Option<Arc<dyn Open>>,
    running: Option<Running>,
    told: Option<(String, Instant)>,
    /// What came of it.
    pub opened: Arc<Mutex<Option<Opened>>>,
}

struct Running {
    name: String,
    begun: Instant,
    words: Arc<Mutex<String>>,
    is_ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<Opened>>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.is_ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Its result is of no use any more.
            drop(thread.join());
        }
    }
}

impl Opening {
    /// Nothing was dropped yet.
    #[must_use]
    pub fn new(opener: Option<Arc<dyn Open>>) -> Self {
        Self { opener, running: None, told: None, opened: Arc::default() }
    }

    fn begin(&mut self, path: &Path) {
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        if self.running.is_some() {
            self.tell("another CT is being opened: wait for it".to_owned());
            return;
        }
        let Some(opener) = self.opener.clone() else {
            self.tell("a session is running: end it, then open a CT with `spinenav scene`".to_owned());
            return;
        };
        let (words, is_ended) = (Arc::new(Mutex::new(String::new())), Arc::new(AtomicBool::new(false)));
        let (path, told, stop) = (path.to_owned(), words.clone(), is_ended.clone());
        let work = move || {
            opener.open(&path, &mut |line| {
                line.clone_into(&mut told.lock().unwrap_or_else(PoisonError::into_inner));
                !stop.load(Ordering::Relaxed)
            })
        };
        match std::thread::Builder::new().name("opening".into()).spawn(work) {
            Ok(thread) => {
                self.told = None;
                self.running = Some(Running { name, begun: Instant::now(), words, is_ended, thread: Some(thread) });
            }
            Err(error) => self.tell(format!("{name} cannot be opened: {error}")),
        }
    }

    fn tell(&mut self, words: String) {
        self.told = Some((words, Instant::now()));
    }

    /// Takes in what came of it; true when another case is ready.
    fn finish(&mut self) -> bool {
        let is_done = |running: &mut Running| running.thread.as_ref().is_some_and(JoinHandle::is_finished);
        let Some(mut running) = self.running.take_if(is_done) else { return false };
        match running.thread.take().map(JoinHandle::join) {
            Some(Ok(Ok(opened))) => {
                *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(opened);
                return true;
            }
            Some(Ok(Err(error))) => self.tell(format!("{}: {error:#}", running.name)),
            _ => self.tell(format!("{} could not be opened", running.name)),
        }
        false
    }

    /// What is shown of it, and whether it is a failure.
    fn words(&self) -> Option<(String, bool)> {
        if let Some(running) = &self.running {
            let words = running.words.lock().unwrap_or_else(PoisonError::into_inner);
            let seconds = running.begun.elapsed().as_secs();
            return Some((format!("opening {}, {seconds} s: {words}", running.name), false));
        }
        self.told.as_ref().filter(|(_, at)| at.elapsed() < TOLD).map(|(words, _)| (words.clone(), true))
    }
}

/// The line that tells.
#[derive(Component)]
pub struct OpeningWords;

/// Puts the line into the 3-D view, above the steps.
pub fn spawn(view: &mut ChildSpawnerCommands<'_>) {
    let mut place = Node { position_type: PositionType::Absolute, ..default() };
    (place.left, place.bottom) = (px(16.0), px(status::RESERVED + 30.0));
    (place.padding, place.max_width) = (UiRect::axes(px(12.0), px(7.0)), percent(94.0));
    let words = text("", 22.0, palette::TEXT);
    let line = view
        .spawn((words, place, BackgroundColor(palette::PANEL), Visibility::Hidden, GlobalZIndex(1), OpeningWords))
        .id();
    view.commands().entity(line).insert(TextLayout::new(Justify::Left, LineBreak::WordOrCharacter));
}

/// Takes what is dropped, tells how far it is, and ends the scene when another
/// case is ready.
pub fn follow(
    mut drops: MessageReader<'_, '_, FileDragAndDrop>,
    mut opening: ResMut<'_, Opening>,
    mut exits: MessageWriter<'_, AppExit>,
    mut words: Single<'_, '_, (&mut Text, &mut BackgroundColor, &mut Visibility), With<OpeningWords>>,
) {
    for event in drops.read() {
        if let FileDragAndDrop::DroppedFile { path_buf, .. } = event {
            opening.begin(path_buf);
        }
    }
    if opening.finish() {
        exits.write(AppExit::Success);
    }
    let (text, background, visibility) = &mut *words;
    let told = opening.words();
    visibility.set_if_neq(if told.is_some() { Visibility::Inherited } else { Visibility::Hidden });
    let Some((told, is_failure)) = told else { return };
    background.set_if_neq(BackgroundColor(if is_failure { palette::ALARM } else { palette::PANEL }));
    // The font has only ASCII.
    let told: String = told.chars().map(|c| if c.is_ascii_graphic() { c } else { ' ' }).take(MOST).collect();
    if text.0 != told {
        text.0 = told;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Stub;

    impl Open for Stub {
        fn open(&self, path: &Path, tell: &mut dyn FnMut(&str) -> bool) -> Result<Opened> {
            while tell("network 40 %") {
                if path.ends_with("good") {
                    return Ok(Opened { case: path.to_owned(), ct: None });
                }
                anyhow::ensure!(!path.ends_with("bad"), "it holds no CT");
                std::thread::sleep(Duration::from_millis(1));
            }
            anyhow::bail!("stopped")
        }
    }

    fn open(name: &str) -> Opening {
        let mut opening = Opening::new(Some(Arc::new(Stub)));
        opening.begin(Path::new(name));
        opening
    }

    fn wait(opening: &mut Opening) -> bool {
        for _ in 0..5000 {
            if opening.finish() {
                return true;
            }
            if opening.running.is_none() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        false
    }

    #[test]
    fn a_case_that_is_ready_is_given_on_and_a_wrong_file_is_told() {
        let mut good = open("good");
        assert!(wait(&mut good) && good.opened.lock().unwrap().is_some());
        let mut bad = open("folder/bad");
        assert!(!wait(&mut bad));
        assert_eq!(bad.words(), Some(("bad: it holds no CT".to_owned(), true)));
    }

    #[test]
    fn a_window_that_closes_ends_the_opening_and_a_second_drop_waits() {
        let mut slow = open("slow");
        slow.begin(Path::new("good"));
        assert!(slow.running.is_some() && slow.told.is_some());
        // Comes back only when the thread has ended.
        drop(slow);
    }

    #[test]
    fn a_session_takes_no_other_patient() {
        let mut opening = Opening::new(None);
        opening.begin(Path::new("ct.nii.gz"));
        assert!(opening.words().is_some_and(|(words, is_failure)| is_failure && words.contains("session")));
    }
}
