//! `navigate --xr`: a guided session in a headset.
//!
//! The session runs here; another process draws, and asks this one for the
//! newest snapshot ([`feed`](crate::commands::headset::feed)). A runtime that
//! dies or hangs, a headset that is taken off: the session goes on.

use std::net::SocketAddr;
use std::sync::Arc;

use super::{Started, Watch, header, read_case};
use crate::cli::NavigateArguments;
use crate::commands::headset::feed::{RemoteSnapshots, SnapshotServer};
use crate::commands::headset::{Watched, draw};
use crate::failure::{Blame, Failure};
use crate::report::Output;
use crate::scene::{SceneHeader, SceneInput, VolumeSettings};
use crate::scene_input::{PlannedScrew, read_tool_shape};

/// Shows the session in the headset until the wearer ends it or its end was typed.
pub fn follow(
    options: &NavigateArguments,
    started: &Started,
    plan: Vec<PlannedScrew>,
    quiet: bool,
) -> Result<Watch, Failure> {
    let snapshots = started.live.reader();
    let header = SceneHeader { plan: plan.into(), ..header(options, started)? };
    let server = SnapshotServer::start(snapshots.clone(), &header, &started.renamed).internal()?;
    let watched = Watched::start(&options.out, vec!["--feed".to_owned(), server.address().to_string()])?;
    let told = Watch::follow(&snapshots, quiet, &|_| watched.is_closed());
    tracing::warn!("{}", watched.tell().1);
    Ok(told)
}

/// The drawing process; ends when the session does.
pub fn worker(options: &NavigateArguments, address: SocketAddr) -> Result<Output, Failure> {
    let session = &options.session;
    // Whoever wears the headset must not go on looking at a session that is gone.
    let (header, snapshots) = RemoteSnapshots::connect(address, || std::process::exit(1)).internal()?;
    let case = Arc::new(read_case(&session.case, session.ct.as_deref(), &snapshots.renamed, "navigate")?);
    let tool_shape = options.tool_shape.as_deref().map(read_tool_shape).transpose()?;
    let header = SceneHeader { tool_shape, ..header };
    let input = SceneInput { case, snapshots: Box::new(snapshots), header };
    draw(&options.headset, &options.out, input, VolumeSettings::default(), None)
}
