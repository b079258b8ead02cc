//! The viewer process that an engine starts and watches.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use engine::stream::{Supervisor, SupervisorSettings};

use crate::cli::EngineArguments;
use crate::failure::{Blame, Failure};
use crate::scene;

/// Starts this program as a viewer in a window, and another one that waits out of sight to take over when it dies:
/// with a software driver a window needs 3 s until it shows the scene.
///
/// # Errors
/// There is no display, or the system refuses a thread.
pub fn supervise(options: &EngineArguments) -> Result<Supervisor, Failure> {
    if scene::display_name().is_none() {
        let what = "--view desktop needs a display; without one, `spinenav view` prints what may be shown";
        return Err(Failure::WrongUse(anyhow::anyhow!(what)));
    }
    let program = std::env::current_exe().internal()?;
    let arguments = arguments(options);
    let command = move || {
        let mut command = Command::new(&program);
        command.args(&arguments);
        command
    };
    Supervisor::start(command, SupervisorSettings { standby: true, ..SupervisorSettings::default() }).internal()
}

/// The viewer's command line. A wildcard to listen on is no place to connect to.
fn arguments(options: &EngineArguments) -> Vec<OsString> {
    let listen = options.listen.first().map_or("tcp/127.0.0.1:7447", String::as_str);
    let connect = listen.replace("/0.0.0.0:", "/127.0.0.1:").replace("/[::]:", "/[::1]:");
    let mut arguments: Vec<OsString> =
        ["view", "--window", "--watched", "--standby", "--name", &options.wire.name, "--connect", &connect]
            .map(Into::into)
            .into();
    let files: [(&str, Option<&Path>); 5] = [
        ("--case", Some(&options.session.case)),
        ("--ct", options.session.ct.as_deref()),
        ("--tls-authority", options.wire.tls.tls_authority.as_deref()),
        ("--tls-certificate", options.wire.tls.tls_certificate.as_deref()),
        ("--tls-key", options.wire.tls.tls_key.as_deref()),
    ];
    for (name, file) in files {
        arguments.extend(file.into_iter().flat_map(|file| [name.into(), file.into()]));
    }
    arguments
}
