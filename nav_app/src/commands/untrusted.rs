//! Images that come from outside are read by another process of this program.

use std::path::Path;

use engine::io::Loaded;
use engine::io::{self, Limits, ReaderProcess, isolated};
use engine::volume::Volume;

use crate::cli::ReadImageArguments;
use crate::failure::{Blame, Failure};
use crate::report::Output;

/// The process that reads: this program with its hidden command.
pub fn reader() -> Result<ReaderProcess, Failure> {
    let program = std::env::current_exe().internal()?;
    Ok(ReaderProcess { program, arguments: vec!["--quiet".into(), "read-image".into()] })
}

/// The CT at `path`; `is_untrusted` has it read by another process.
pub fn read_ct(path: &Path, is_untrusted: bool) -> Result<Loaded<Volume>, Failure> {
    if is_untrusted {
        reader()?.read_ct(path, &Limits::default()).bad_input()
    } else {
        io::read_ct(path, &Limits::default()).bad_input()
    }
}

/// The hidden command: reads for the process that started this one, and prints nothing else.
pub fn answer(options: &ReadImageArguments) -> Result<Output, Failure> {
    isolated::answer(&options.limits, &options.path, std::io::stdout().lock()).internal()?;
    std::process::exit(0)
}
