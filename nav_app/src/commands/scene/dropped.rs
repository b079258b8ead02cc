//! A CT or a case dropped on the window of `scene`.
//!
//! A CT is segmented by `spinenav segment` in a process of its own, beside the
//! scene that goes on; the case goes into a new folder beside the current one.
//! Then this program begins anew with that case. A folder that `segment` wrote is
//! opened as it is.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::cli::SceneArguments;
use crate::failure::{Blame, Failure};
use crate::scene::{Open, Opened};

/// Time between two looks at the segmentation.
const LOOK: Duration = Duration::from_millis(100);
/// File by which a case is known.
const LABELS: &str = "labels.nii.gz";

/// Opens what is dropped.
pub struct Dropped;

impl Open for Dropped {
    fn open(&self, path: &Path, tell: &mut dyn FnMut(&str) -> bool) -> Result<Opened> {
        ensure!(path.exists(), "there is no such file");
        if path.join(LABELS).is_file() {
            return Ok(Opened { case: path.to_owned(), ct: None });
        }
        let case = free_folder(path)?;
        tell("segmentation begins");
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("segment").arg(path).arg("--out").arg(&case);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let last = follow(&mut child, tell);
        // One that has ended needs no killing.
        drop(child.kill());
        let status = child.wait()?;
        let last = last?;
        ensure!(status.success(), "{}", last.trim_start_matches("spinenav: "));
        Ok(Opened { case, ct: Some(path.to_owned()) })
    }
}

/// Passes on what the segmentation says until it ends; returns its last line.
fn follow(child: &mut Child, tell: &mut dyn FnMut(&str) -> bool) -> Result<String> {
    let lines = child.stderr.take().context("the segmentation cannot be heard")?;
    let (said, heard) = mpsc::channel();
    let listen = move || BufReader::new(lines).lines().map_while(Result::ok).try_for_each(|line| said.send(line));
    std::thread::Builder::new().name("dropped".into()).spawn(listen)?;
    let mut last = String::new();
    loop {
        match heard.recv_timeout(LOOK) {
            Ok(line) => last = line,
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            // Its standard error is closed: it has ended.
            Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(last),
        }
        if !tell(&last) {
            bail!("the window was closed before {last:?} was done");
        }
    }
}

/// A folder that is not there yet, named after the CT.
fn free_folder(ct: &Path) -> Result<PathBuf> {
    let name = ct.file_name().map_or_else(|| "ct".into(), |name| name.to_string_lossy());
    let name = name.split('.').next().filter(|name| !name.is_empty()).unwrap_or("ct");
    let folder = |number: u32| PathBuf::from(format!("{name}-case-{number:03}"));
    let free = (1..1000).map(folder).find(|folder| !folder.exists());
    free.with_context(|| format!("there are a thousand folders like {name}-case-001 here: remove some"))
}

/// Begins anew with what was opened, as this program was begun.
pub fn show(options: &SceneArguments, opened: &Opened) -> Result<(), Failure> {
    let program = std::env::current_exe().internal()?;
    let mut command = Command::new(program);
    command.arg("scene").arg("--case").arg(&opened.case);
    if let Some(ct) = &opened.ct {
        command.arg("--ct").arg(ct);
    }
    if let Some(settings) = &options.settings {
        command.arg("--settings").arg(settings);
    }
    become_it(command)
}

/// This process becomes the other one: the old case's memory is free at once.
#[cfg(unix)]
fn become_it(mut command: Command) -> Result<(), Failure> {
    use std::os::unix::process::CommandExt;
    // Comes back only when it failed.
    Err(Failure::Internal(anyhow::Error::from(command.exec()).context("the opened case cannot be shown")))
}

#[cfg(not(unix))]
fn become_it(mut command: Command) -> Result<(), Failure> {
    let status = command.status().context("the opened case cannot be shown").internal()?;
    if status.success() { Ok(()) } else { Err(Failure::Internal(anyhow::anyhow!("the opened case was not shown"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_opened_as_it_is_and_nothing_is_not() {
        let folder = std::env::temp_dir().join(format!("spinenav-dropped-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(LABELS), b"").unwrap();
        assert_eq!(Dropped.open(&folder, &mut |_| true).unwrap(), Opened { case: folder.clone(), ct: None });
        std::fs::remove_dir_all(&folder).unwrap();
        let error = Dropped.open(&folder, &mut |_| true).unwrap_err().to_string();
        assert!(error.contains("no such file"), "{error}");
    }

    #[test]
    fn a_case_gets_a_folder_named_after_its_ct() {
        let folder = free_folder(Path::new("/scans/patient.nii.gz")).unwrap();
        assert_eq!(folder, PathBuf::from("patient-case-001"));
    }
}
