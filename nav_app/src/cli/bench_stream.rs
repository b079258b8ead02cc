//! Options of the bench with engine and observers as separate processes.
#![cfg_attr(not(feature = "stream"), allow(dead_code, reason = "read by commands of the feature `stream`"))]

use clap::{Args, ValueEnum};

use super::bench::{parse_hz, parse_tools};

/// Who watches the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StreamCase {
    /// Nobody.
    Nobody,
    /// 1 observer.
    One,
    /// 4 observers.
    Four,
    /// 16 observers.
    Sixteen,
    /// 1 observer behind a router.
    RouterOne,
    /// 4 observers behind a router.
    RouterFour,
    /// 16 observers behind a router.
    RouterSixteen,
    /// 1 observer, and 1 that stands still nine tenths of the time.
    Slow,
    /// 1 observer, and 1 that was stopped (SIGSTOP).
    Dead,
    /// Nobody again: what the figures vary by themselves.
    NobodyAgain,
    /// 1 observer that draws for a simulated display of 90 Hz.
    Display,
}

/// Options of `bench stream`.
#[derive(Debug, Args)]
pub struct BenchStreamArguments {
    /// Length of a turn of each case, s, 1 to 600.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// Turns of each case; the cases take turns, so that other work on the machine hits all.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub rounds: u64,
    /// Packets a second, 1 to 2000.
    #[arg(long, default_value_t = 250.0, value_parser = parse_hz)]
    pub hz: f64,
    /// Instruments in each packet, 1 to 8.
    #[arg(long, default_value_t = 8, value_parser = parse_tools)]
    pub tools: usize,
    /// Only these cases; all when not given.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub cases: Vec<StreamCase>,
}

/// Options of one observer.
#[derive(Debug, Args)]
pub struct StreamObserverArguments {
    /// Port of the engine or router on this machine.
    #[arg(long)]
    pub port: u16,
    /// Time of day at which the engine's clock was zero, ns since 1970.
    #[arg(long)]
    pub zero_ns: u64,
    /// What the observer does with a snapshot.
    #[arg(long, value_enum, default_value = "pick-up")]
    pub work: ObserverWork,
    /// Port a router listens on.
    #[arg(long, default_value_t = 0)]
    pub listen: u16,
}

/// What an observer does with a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ObserverWork {
    /// Looks at it as soon as it is woken.
    PickUp,
    /// Takes the newest at each refresh of a display.
    Display,
    /// Is a router for others.
    Route,
}
