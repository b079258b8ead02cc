//! The session as a video: numbered PNG files, ten a second at most.
//!
//! Frames are what the window showed, alarms and all. One is asked for when the
//! one before has been written, so that a slow disk makes fewer frames and never
//! a queue; `times.txt` holds when each was taken. Called by [`super::window`].

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bevy::prelude::*;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured};
use bevy::tasks::{AsyncComputeTaskPool, Task};

use super::headless::write_rgb;

/// Time between two frames.
const EVERY: Duration = Duration::from_millis(100);
/// Longest video: an hour and a half, some 10 GB.
const MOST_FRAMES: u32 = 54_000;

/// A video that is being written, or not.
#[derive(Resource, Default)]
pub struct Video {
    /// Folder for the next one; a free name in the current folder without it.
    folder: Option<PathBuf>,
    running: Option<Running>,
}

struct Running {
    folder: PathBuf,
    times: File,
    begun: Instant,
    asked: Option<Instant>,
    is_awaited: bool,
    frames: u32,
    writing: Option<Task<Result<()>>>,
}

impl Video {
    /// Writes into `folder`, from the first frame on.
    ///
    /// # Errors
    /// The folder cannot be made or written to, or holds a video.
    pub fn begun(folder: PathBuf) -> Result<Self> {
        let mut video = Self { folder: Some(folder), running: None };
        video.begin()?;
        Ok(video)
    }

    fn begin(&mut self) -> Result<()> {
        let folder = self.folder.take().unwrap_or_else(free_folder);
        let what = || format!("no video is recorded into {}", folder.display());
        std::fs::create_dir_all(&folder).with_context(what)?;
        // What was recorded before is not written over.
        let times =
            OpenOptions::new().write(true).create_new(true).open(folder.join("times.txt")).with_context(what)?;
        tracing::info!(folder = %folder.display(), "recording a video");
        let begun = Instant::now();
        self.running = Some(Running { folder, times, begun, asked: None, is_awaited: false, frames: 0, writing: None });
        Ok(())
    }

    /// Begins or ends a video.
    pub fn toggle(&mut self) {
        if self.running.take().is_none()
            && let Err(error) = self.begin()
        {
            tracing::warn!("{error:#}");
        }
    }

    /// Frames written, while one is recorded.
    #[must_use]
    pub fn frames(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.frames)
    }
}

fn free_folder() -> PathBuf {
    let folder = |number: u32| PathBuf::from(format!("spinenav-video-{number:03}"));
    (1..999).map(folder).find(|folder| !folder.exists()).unwrap_or_else(|| folder(999))
}

/// Asks for the next frame when it is due.
pub fn record(mut video: ResMut<'_, Video>, mut commands: Commands<'_, '_>) {
    let Some(running) = video.bypass_change_detection().running.as_mut() else { return };
    if let Some(writing) = running.writing.take_if(|writing| writing.is_finished())
        && let Err(error) = bevy::tasks::block_on(writing)
    {
        tracing::warn!("the video has ended: {error:#}");
        video.running = None;
        return;
    }
    let is_due = running.asked.is_none_or(|asked| asked.elapsed() >= EVERY);
    if !is_due || running.is_awaited || running.writing.is_some() || running.frames >= MOST_FRAMES {
        return;
    }
    (running.asked, running.is_awaited) = (Some(Instant::now()), true);
    commands.spawn(Screenshot::primary_window()).observe(keep);
}

/// Writes a frame in the background.
fn keep(captured: On<'_, '_, ScreenshotCaptured>, mut video: ResMut<'_, Video>) {
    let Some(running) = video.running.as_mut() else { return };
    running.is_awaited = false;
    running.frames += 1;
    let path = running.folder.join(format!("frame-{:06}.png", running.frames));
    let ms = running.asked.map_or(0, |asked| asked.duration_since(running.begun).as_millis());
    let told = writeln!(running.times, "{} {ms}", running.frames);
    let image = captured.image.clone();
    running.writing = Some(AsyncComputeTaskPool::get().spawn(async move {
        told.context("its times cannot be written")?;
        // A window's pixels may run blue first.
        let rgb = image.try_into_dynamic()?.to_rgb8();
        let size = [rgb.width(), rgb.height()];
        write_rgb(rgb.as_raw(), size, &path).with_context(|| format!("{} cannot be written", path.display()))
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_video_is_not_recorded_over_another_one() {
        let folder = std::env::temp_dir().join(format!("spinenav-video-{}", std::process::id()));
        let first = Video::begun(folder.clone()).unwrap();
        assert_eq!(first.frames(), Some(0));
        let error = format!("{:#}", Video::begun(folder.clone()).err().unwrap());
        assert!(error.contains("no video is recorded into"), "{error}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
