//! Options of the engine and its viewers as separate processes.
//!
//! Always read, so that `--help` tells of them; what runs them is built with the
//! feature `stream` only.
#![cfg_attr(not(feature = "stream"), allow(dead_code, reason = "read by commands of the feature `stream`"))]

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::live::{SessionArguments, parse_seconds};
use super::tls::TlsArguments;

/// Who this side is, and what the engine is called.
#[derive(Debug, Args)]
pub struct WireArguments {
    /// Name of the engine in all keys: a-z, 0-9 and -.
    #[arg(long, default_value = "engine")]
    pub name: String,
    /// For tls/ addresses.
    #[command(flatten)]
    pub tls: TlsArguments,
}

/// The viewer an engine starts and watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WatchedViewer {
    /// None; viewers connect as they like.
    None,
    /// A window of its own process, started again when it dies or hangs.
    Desktop,
}

/// Options of `engine`.
#[derive(Debug, Args)]
pub struct EngineArguments {
    /// The session.
    #[command(flatten)]
    pub session: SessionArguments,
    /// Where to listen: `tcp/127.0.0.1:PORT`, or `tls/ADDRESS:PORT` with certificates; may be given more than once.
    #[arg(long, value_name = "ADDRESS", default_value = "tcp/127.0.0.1:7447")]
    pub listen: Vec<String>,
    /// Who the engine is.
    #[command(flatten)]
    pub wire: WireArguments,
    /// Zenoh's router mode: other routers and peers find their way through it.
    #[arg(long)]
    pub router: bool,
    /// Common name of a certificate that may see; may be given more than once.
    #[arg(long, value_name = "COMMON_NAME")]
    pub observer: Vec<String>,
    /// Common name of a certificate that may see and send intents; may be given more than once.
    #[arg(long, value_name = "COMMON_NAME")]
    pub operator: Vec<String>,
    /// New file for the key that signs intents; only this user can read it. Without it nobody sends any.
    #[arg(long, value_name = "FILE")]
    pub intent_key: Option<PathBuf>,
    /// A viewer process that is started, watched and started again.
    #[arg(long, value_enum, default_value = "none")]
    pub view: WatchedViewer,
    /// Planned screws, graded once, that every viewer shows; a plan of other labels is refused.
    #[arg(long, value_name = "FILE.json")]
    pub plan: Option<PathBuf>,
    /// Length of the session, s; 0 goes on until it is ended.
    #[arg(long, default_value_t = 0.0, value_parser = parse_seconds)]
    pub seconds: f64,
}

/// Options of `view`.
#[derive(Debug, Args)]
pub struct ViewArguments {
    /// Where the engine or a router listens; may be given more than once.
    #[arg(long, value_name = "ADDRESS", default_value = "tcp/127.0.0.1:7447")]
    pub connect: Vec<String>,
    /// Who this viewer is.
    #[command(flatten)]
    pub wire: WireArguments,
    /// Open the scene in a window instead of printing lines; needs --case.
    #[arg(long, requires = "case")]
    pub window: bool,
    /// The case the engine navigates, for the window.
    #[arg(long)]
    pub case: Option<PathBuf>,
    /// The CT that was segmented, for the window's slices.
    #[arg(long)]
    pub ct: Option<PathBuf>,
    /// Planned screws to show in the place of the engine's; a plan of other labels is refused.
    #[arg(long, value_name = "FILE.json", requires = "window")]
    pub plan: Option<PathBuf>,
    /// Print the session's alignment instead, now and whenever it changes (`engine --alignment FILE`).
    #[arg(long, conflicts_with_all = ["window", "intent", "route"])]
    pub alignment: bool,
    /// Times a second something is printed; changes of the link come at once.
    #[arg(long, default_value_t = 2.0, value_parser = parse_hz)]
    pub hz: f64,
    /// End after this time, s; 0 goes on until it is ended.
    #[arg(long, default_value_t = 0.0, value_parser = parse_seconds)]
    pub seconds: f64,
    /// Show nothing: be a router that listens here for many other viewers.
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["window", "intent"])]
    pub route: Vec<String>,
    /// Ask the engine for something once, and end: `acknowledge-tools`, `withdraw-registration`,
    /// `reference-changed`, `tool-geometry-changed`, `stop`, or `check-landmark=X,Y,Z` (CT, LPS mm).
    #[arg(long, requires = "intent_key", conflicts_with = "window", allow_hyphen_values = true)]
    pub intent: Option<String>,
    /// The file with the key of the engine's session; without it a viewer only observes.
    #[arg(long, value_name = "FILE")]
    pub intent_key: Option<PathBuf>,
    /// Show with dots on standard output that the viewer lives; for who watches it.
    #[arg(long, hide = true)]
    pub watched: bool,
    /// Stay out of sight until a line comes on standard input; for who watches it.
    #[arg(long, hide = true, requires = "window")]
    pub standby: bool,
}

fn parse_hz(text: &str) -> Result<f64, String> {
    let hz: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    if (0.1..=1000.0).contains(&hz) { Ok(hz) } else { Err(format!("{hz} a second is not within 0.1 to 1000")) }
}

#[cfg(feature = "stream")]
mod addresses {
    //! Options as addresses of the wire.

    use engine::stream::wire::{Access, EngineAddress, ViewerAddress};

    use super::{EngineArguments, ViewArguments};

    impl EngineArguments {
        /// Where to listen, and who may see and ask.
        pub fn address(&self) -> EngineAddress {
            EngineAddress {
                name: self.wire.name.clone(),
                listen: self.listen.clone(),
                is_router: self.router,
                tls: self.wire.tls.files(),
                access: Access { observers: self.observer.clone(), operators: self.operator.clone() },
            }
        }
    }

    impl ViewArguments {
        /// Where to connect.
        pub fn address(&self) -> ViewerAddress {
            ViewerAddress { name: self.wire.name.clone(), connect: self.connect.clone(), tls: self.wire.tls.files() }
        }

        /// Where to listen for other viewers.
        pub fn routing(&self) -> EngineAddress {
            EngineAddress {
                name: self.wire.name.clone(),
                listen: self.route.clone(),
                is_router: true,
                tls: self.wire.tls.files(),
                access: Access::default(),
            }
        }
    }
}
