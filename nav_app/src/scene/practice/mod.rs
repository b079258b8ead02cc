//! Practice by hand: mouse or controller point at the bone and touch it, as with a pointer; landmarks first.
//!
//! The scene finds the bone that is pointed at and draws what was touched; whether
//! it could be touched, what a tracker makes of it, and what comes of it are
//! [`Practising`]'s. A registration runs beside the picture; touches made
//! meanwhile are kept and taken in after it.
//!
//! | module | what it holds |
//! |---|---|
//! | [`mouse`] | mouse and keys |
//! | [`marks`] | dots and ring |
//! | [`words`] | what is asked for, and what came of it |
//!
//! A headset's hands are in `xr::touch`.

pub mod marks;
pub mod mouse;
#[cfg(test)]
mod tests;
pub mod words;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bevy::prelude::*;
use bevy::tasks::{AsyncComputeTaskPool, Task, block_on, poll_once};
use engine::level::Level;
use geom::{Ct, Point};

use super::picture::{self, Condition, Picture};
use super::{orbit_control, panel};
use crate::scene_input::{Hint, NextLandmark, Practising, Score, Wish};

/// Bone between two points of a stroke, mm: a pointer drawn at 60 mm/s before a
/// tracker of 30 Hz.
pub const SPACING_MM: f64 = 2.0;

/// The practice behind the window, shared with the work beside the picture.
pub type Behind = Arc<Mutex<dyn Practising>>;

/// What came of work beside the picture.
enum Answer {
    Hint(Option<Hint>),
    Score(Score),
}

/// A practice in the scene.
#[derive(Resource)]
pub struct Practice {
    behind: Behind,
    wishes: VecDeque<Wish>,
    /// How many of the wishes at the front were asked for before.
    earlier: usize,
    task: Option<Task<Answer>>,
    /// Levels that can be touched.
    pub levels: Vec<Level>,
    /// The landmark that is asked for, until all were touched.
    pub landmark: Option<NextLandmark>,
    /// Where the landmarks were touched.
    pub landmarks: Vec<Point<Ct>>,
    /// How well they fit, mm, once all were touched.
    pub landmark_fre_mm: Option<f64>,
    /// Places touched, stroke after stroke.
    pub strokes: Vec<Vec<Point<Ct>>>,
    /// Times a stroke was taken back.
    pub undone: u32,
    /// Where to go on.
    pub hint: Option<Hint>,
    /// Why the last touch was none.
    pub refusal: Option<String>,
    /// The score, once it is over.
    pub score: Option<Score>,
    is_lifted: bool,
}

impl Practice {
    /// One that begins.
    #[must_use]
    pub fn new(behind: Behind) -> Self {
        let asked = lock(&behind);
        let (levels, landmark, wishes) = (asked.levels(), asked.landmark(), VecDeque::from(asked.earlier()));
        drop(asked);
        Self {
            behind,
            earlier: wishes.len(),
            wishes,
            task: None,
            levels,
            landmark,
            landmarks: Vec::new(),
            landmark_fre_mm: None,
            strokes: Vec::new(),
            undone: 0,
            hint: None,
            refusal: None,
            score: None,
            is_lifted: true,
        }
    }

    /// Points touched.
    #[must_use]
    pub fn points(&self) -> usize {
        self.strokes.iter().map(Vec::len).sum()
    }

    /// True while a registration runs beside the picture.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        self.task.is_some()
    }

    /// Asks for something; nothing is taken after the score was told.
    pub fn ask(&mut self, wish: Wish) {
        if self.score.is_none() {
            self.wishes.push_back(wish);
        }
    }

    /// Does what waits, in its order, until something has to be waited for.
    fn go_on(&mut self) {
        while self.task.is_none() && self.score.is_none() {
            let Some(wish) = self.wishes.pop_front() else { return };
            // Behind is not held by anybody: no task runs.
            let behind = self.behind.clone();
            match self.earlier.checked_sub(1) {
                Some(left) => self.earlier = left,
                None => lock(&behind).note(wish),
            }
            match wish {
                Wish::Touch(place) => {
                    let touched = lock(&behind).touch(place);
                    match touched {
                        Ok(()) => self.keep(place),
                        Err(why) => self.refusal = Some(why),
                    }
                    self.ask_for_landmark();
                }
                Wish::Undo => {
                    lock(&behind).undo();
                    if self.strokes.pop().is_none() {
                        self.landmarks.pop();
                    }
                    self.undone += 1;
                    (self.is_lifted, self.hint, self.refusal) = (true, None, None);
                    self.ask_for_landmark();
                    if self.strokes.is_empty() {
                        continue;
                    }
                    // What is left is asked for its hint again.
                    self.wait_for(move || Answer::Hint(lock(&behind).lift()));
                }
                Wish::Lift if self.is_lifted => {}
                Wish::Lift => {
                    self.is_lifted = true;
                    self.wait_for(move || Answer::Hint(lock(&behind).lift()));
                }
                Wish::Register if self.strokes.is_empty() => {
                    self.refusal = Some("nothing to register yet: landmarks first, then the bone".into());
                }
                Wish::Register => self.wait_for(move || Answer::Score(lock(&behind).register())),
            }
        }
    }

    fn ask_for_landmark(&mut self) {
        let behind = lock(&self.behind);
        (self.landmark, self.landmark_fre_mm) = (behind.landmark(), behind.landmark_fre_mm());
    }

    /// Keeps a place that was touched: the landmark that was asked for, or one of a stroke.
    fn keep(&mut self, place: Point<Ct>) {
        self.refusal = None;
        if self.landmark.is_some() {
            self.landmarks.push(place);
            return;
        }
        if std::mem::take(&mut self.is_lifted) || self.strokes.is_empty() {
            self.strokes.push(Vec::new());
        }
        if let Some(stroke) = self.strokes.last_mut() {
            stroke.push(place);
        }
    }

    fn wait_for(&mut self, work: impl FnOnce() -> Answer + Send + 'static) {
        self.task = Some(AsyncComputeTaskPool::get().spawn(async move { work() }));
    }

    /// Takes in what came of the work; true when there was something.
    fn take_answer(&mut self) -> bool {
        let Some(task) = self.task.take_if(|task| task.is_finished()) else { return false };
        match block_on(poll_once(task)) {
            Some(Answer::Hint(hint)) => self.hint = hint,
            Some(Answer::Score(score)) => {
                self.wishes.clear();
                self.earlier = 0;
                (self.score, self.hint) = (Some(score), None);
            }
            None => {}
        }
        true
    }
}

fn lock(behind: &Behind) -> MutexGuard<'_, dyn Practising + 'static> {
    behind.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a practice is done with.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// Mouse and keys.
    Mouse,
    /// A headset's hands.
    #[cfg_attr(not(feature = "xr"), expect(dead_code, reason = "only a headset has hands"))]
    Hands,
}

/// Adds the practice to a scene; what it is done with comes beside it.
pub fn plugin(app: &mut App, behind: Behind, means: Means) {
    app.insert_resource(Practice::new(behind))
        .insert_resource(means)
        .add_systems(PreUpdate, expect_no_registration.after(picture::take_snapshot))
        .add_systems(Startup, marks::spawn)
        .add_systems(Update, (follow, marks::follow, words::tell, show_score).chain());
}

/// Adds mouse and keys to a window with a practice.
pub fn use_mouse(app: &mut App) {
    app.init_resource::<mouse::Stroke>()
        .add_systems(Update, words::spawn.before(words::tell))
        .add_systems(Update, mouse::frame_levels.before(orbit_control::apply))
        // A press on the bone must not turn the view.
        .add_systems(Update, (mouse::touch.before(orbit_control::apply), mouse::press_keys).chain().before(follow));
}

/// What is about to be registered is no alarm.
fn expect_no_registration(mut picture: ResMut<'_, Picture>) {
    if picture.condition == Condition::NotRegistered {
        picture.condition = Condition::Practice;
    }
}

/// The panel tells of the registration that was made.
fn show_score(practice: Res<'_, Practice>, mut fields: Query<'_, '_, (&panel::Registered, &mut Text, &mut TextColor)>) {
    let Some(score) = practice.score.as_ref().filter(|_| practice.is_changed()) else { return };
    let told = panel::Registered::words(score.verdict, score.rms_mm, score.centre_tre_mm, "failed");
    for (field, mut text, mut color) in &mut fields {
        let Some((words, ink)) = told.get(*field as usize) else { continue };
        text.0.clone_from(words);
        *color = TextColor(*ink);
    }
}

/// Goes on with what waits.
fn follow(mut practice: ResMut<'_, Practice>) {
    // Looked at first without writing: a change is what makes the view be drawn.
    let is_done = practice.task.as_ref().is_some_and(Task::is_finished);
    let has_work = !practice.wishes.is_empty() && practice.task.is_none();
    if is_done || has_work {
        practice.take_answer();
        practice.go_on();
    }
}
