//! Who watches in each case.

use crate::cli::{ObserverWork, StreamCase};

/// All cases in the order of their turns.
pub const ALL: [StreamCase; 11] = [
    StreamCase::Nobody,
    StreamCase::One,
    StreamCase::Four,
    StreamCase::Sixteen,
    StreamCase::RouterOne,
    StreamCase::RouterFour,
    StreamCase::RouterSixteen,
    StreamCase::Slow,
    StreamCase::Dead,
    StreamCase::NobodyAgain,
    StreamCase::Display,
];

/// What is wrong with the last observer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    None,
    /// It runs 50 ms of every 500.
    Slow,
    /// It stands still.
    Dead,
}

/// Its name in reports.
pub const fn words(case: StreamCase) -> &'static str {
    match case {
        StreamCase::Nobody => "nobody",
        StreamCase::One => "1 observer",
        StreamCase::Four => "4 observers",
        StreamCase::Sixteen => "16 observers",
        StreamCase::RouterOne => "1 behind a router",
        StreamCase::RouterFour => "4 behind a router",
        StreamCase::RouterSixteen => "16 behind a router",
        StreamCase::Slow => "1, and 1 slow",
        StreamCase::Dead => "1, and 1 dead",
        StreamCase::NobodyAgain => "nobody, again",
        StreamCase::Display => "1 with a display",
    }
}

/// Observers that count.
pub const fn observers(case: StreamCase) -> usize {
    match case {
        StreamCase::Nobody | StreamCase::NobodyAgain => 0,
        StreamCase::Four | StreamCase::RouterFour => 4,
        StreamCase::Sixteen | StreamCase::RouterSixteen => 16,
        _ => 1,
    }
}

/// What they do.
pub const fn work(case: StreamCase) -> ObserverWork {
    if matches!(case, StreamCase::Display) { ObserverWork::Display } else { ObserverWork::PickUp }
}

/// Whether a router stands between.
pub const fn has_router(case: StreamCase) -> bool {
    matches!(case, StreamCase::RouterOne | StreamCase::RouterFour | StreamCase::RouterSixteen)
}

/// What is wrong with one observer more.
pub const fn trouble(case: StreamCase) -> Trouble {
    match case {
        StreamCase::Slow => Trouble::Slow,
        StreamCase::Dead => Trouble::Dead,
        _ => Trouble::None,
    }
}
