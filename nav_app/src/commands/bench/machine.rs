//! What was measured on: a figure without it means nothing.

use serde::Serialize;

/// This machine and this program.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// The processor's name where the system tells it.
    pub processor: String,
    /// Cores this process may use.
    pub cores: usize,
    /// Threads every side was given.
    pub threads: usize,
    /// Processes wanting a core when the run began, averaged over a minute:
    /// well above zero, and the figures are those of a busy machine.
    pub load_before: Option<f64>,
}

impl Machine {
    /// Looks at this machine; `threads` of 0 is one a core.
    pub fn this(threads: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let name = info.lines().find_map(|line| line.strip_prefix("model name"));
        let processor = name.map_or(std::env::consts::ARCH, |name| name.trim_start_matches([' ', '\t', ':']));
        Self {
            processor: processor.to_owned(),
            cores,
            threads: if threads == 0 { cores } else { threads },
            load_before: load(),
        }
    }
}

fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

/// The commit of the source tree this program was built in, where git tells it.
pub fn commit() -> String {
    let folder = env!("CARGO_MANIFEST_DIR");
    let git = std::process::Command::new("git").args(["-C", folder, "describe", "--always", "--dirty"]).output();
    let text = git.ok().filter(|o| o.status.success()).map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned());
    text.unwrap_or_else(|| "unknown".to_owned())
}
