//! Whether it is the turn of a process that waits to take over from another.
//!
//! Called by a viewer on standby: its feed, and its window.

use std::io::BufRead;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// How far a turn is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Another one is in sight.
    Waits,
    /// It was called.
    HasCome,
    /// Nobody will ever call: who would have is gone.
    IsOver,
}

/// A turn. Clones are one and the same.
#[derive(Debug, Clone, Default)]
pub struct Turn(Arc<AtomicU8>);

impl Turn {
    /// The turn comes with a line on standard input and is over where that ends before.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn of_stdin() -> std::io::Result<Self> {
        let turn = Self::default();
        let told = turn.clone();
        std::thread::Builder::new().name("standby".into()).spawn(move || {
            let mut line = String::new();
            let is_called = std::io::stdin().lock().read_line(&mut line).is_ok_and(|bytes| bytes > 0);
            told.0.store(if is_called { 1 } else { 2 }, Ordering::Release);
        })?;
        Ok(turn)
    }

    /// How far it is.
    #[must_use]
    pub fn state(&self) -> State {
        match self.0.load(Ordering::Acquire) {
            0 => State::Waits,
            1 => State::HasCome,
            _ => State::IsOver,
        }
    }

    /// True once it was called.
    #[must_use]
    pub fn has_come(&self) -> bool {
        self.state() == State::HasCome
    }
}
