//! Options of the commands that show a scene in a headset.

use std::net::SocketAddr;

use clap::Args;

/// How a scene is shown in a headset.
#[derive(Debug, Args)]
pub struct HeadsetArguments {
    /// Show it in a headset, through the OpenXR runtime of this machine.
    #[arg(long)]
    pub xr: bool,
    /// Headset: end after this many frames; 0 goes on.
    #[arg(long, default_value_t = 0, requires = "xr")]
    pub frames: u32,
    /// Headset: blend with the room where it can.
    #[arg(long, requires = "xr")]
    pub see_through: bool,
    /// Headset: resolution of an eye, times what the runtime recommends.
    #[arg(long, default_value_t = 1.0, value_parser = parse_resolution)]
    pub resolution: f32,
    /// Headset: this process draws; the one that started it watches over it.
    #[arg(long, hide = true, requires = "xr")]
    pub worker: bool,
    /// Headset: where this process asks for the session's snapshots.
    #[arg(long, hide = true, requires = "worker")]
    pub feed: Option<SocketAddr>,
}

fn parse_resolution(text: &str) -> Result<f32, String> {
    let share: f32 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    if (0.1..=2.0).contains(&share) { Ok(share) } else { Err(format!("{share} is not within 0.1 to 2")) }
}
