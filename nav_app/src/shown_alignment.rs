//! The alignment as a thread beside the session keeps it, and what the scene reads and asks of it.
//!
//! Neither waits for the other: the scene takes the newest, and what it asks waits in a queue.
#![cfg_attr(not(feature = "scene"), allow(dead_code, reason = "without a scene nothing is drawn or moved"))]

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use engine::measure::follow::Alignment;
use engine::measure::handle::{Handle, HandlePart};
use engine::stream::ToldAlignment;
use geom::nalgebra::Vector3;

/// What is shown.
#[derive(Debug, Clone, Default)]
pub struct ShownAlignment {
    /// Counts what was shown here, from 1; given by [`SharedAlignment::put`].
    pub number: u64,
    /// Before, now and target.
    pub alignment: Alignment,
    /// Landmarks that can be moved; empty where nothing may be corrected.
    pub handles: Vec<Handle>,
    /// Levels that were renamed by hand: their name in the case, and now.
    pub renamed: Vec<(String, String)>,
    /// What was done last, in words.
    pub said: String,
}

impl ShownAlignment {
    /// What another process is told of it; who corrects does so beside the session.
    ///
    /// * `session` - another number in every session.
    #[cfg_attr(not(any(feature = "stream", feature = "xr")), allow(dead_code, reason = "told to other processes"))]
    pub fn told(&self, session: u64) -> ToldAlignment {
        let Self { number, alignment, renamed, said, .. } = self.clone();
        // The first of two sessions are two.
        ToldAlignment { number: session.wrapping_add(number).max(1), alignment, renamed, said }
    }
}

impl From<ToldAlignment> for ShownAlignment {
    fn from(told: ToldAlignment) -> Self {
        let ToldAlignment { number: _, alignment, renamed, said } = told;
        Self { alignment, renamed, said, ..Self::default() }
    }
}

/// A correction that was made in the window.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// An end of a landmark goes elsewhere, LPS mm.
    Move(String, HandlePart, Vector3<f64>),
    /// Every level takes the name of its neighbour: one up, or one down.
    RenameAll(LevelShift),
}

/// Which way names go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LevelShift {
    /// L3 is called L2.
    Up,
    /// L3 is called L4.
    Down,
}

/// The newest alignment, shared.
#[derive(Clone, Default)]
pub struct SharedAlignment {
    shown: Arc<Mutex<Arc<ShownAlignment>>>,
    ask: Option<Arc<dyn Fn(Asked) -> bool + Send + Sync>>,
}

impl fmt::Debug for SharedAlignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedAlignment").field("shown", &self.newest()).finish_non_exhaustive()
    }
}

impl SharedAlignment {
    /// Shows `alignment`, which nobody follows.
    pub fn still(alignment: Alignment) -> Self {
        let shared = Self::default();
        shared.put(ShownAlignment { alignment, ..ShownAlignment::default() });
        shared
    }

    /// Passes what is asked on to `ask`, which says false when too much waits.
    pub fn with_corrections(self, ask: impl Fn(Asked) -> bool + Send + Sync + 'static) -> Self {
        Self { ask: Some(Arc::new(ask)), ..self }
    }

    /// Puts something newer there.
    pub fn put(&self, shown: ShownAlignment) {
        let mut newest = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        *newest = Arc::new(ShownAlignment { number: newest.number + 1, ..shown });
    }

    /// What is there now.
    pub fn newest(&self) -> Arc<ShownAlignment> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// True when landmarks and levels may be corrected here.
    pub fn is_correctable(&self) -> bool {
        self.ask.is_some()
    }

    /// Asks for a correction; false when none may be made or too much waits.
    pub fn ask(&self, asked: Asked) -> bool {
        self.ask.as_ref().is_some_and(|ask| ask(asked))
    }
}
