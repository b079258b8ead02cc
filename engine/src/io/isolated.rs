//! Images from strangers, read by another process.
//!
//! Decoders are where files attack: the process that decodes has a limit on its
//! memory and time, may write no file, leaves no core dump, and (on Linux) has no
//! sockets and starts no process; when it dies, this one reports a bad file and goes on. Costs one more copy of the volume
//! and a process start (`docs/security.md` has the figures).
//!
//! The parent calls [`ReaderProcess::read_ct`]; its child, the same program
//! started with arguments of its own, calls [`answer`]. Between them goes one
//! line of JSON (size, affine, warnings, or an error), then the voxels.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};

use geom::nalgebra::Matrix3x4;
use rlimit::Resource;
use serde::{Deserialize, Serialize};

use crate::io::error::{Problem, ReadError};
use crate::io::limits::Limits;
use crate::io::read_ct;
use crate::io::warning::{Loaded, Warning};
use crate::volume::{Grid, Volume};

/// Longest first line, bytes: an error or some warnings.
const MAX_LINE: u64 = 1 << 20;
/// Voxels that go through the pipe at a time.
const CHUNK: usize = 1 << 18;

/// The child's first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Answer {
    Error(String),
    Volume { size: [usize; 3], ct_from_voxel: [f64; 12], warnings: Vec<String> },
}

/// How to start the process that reads.
#[derive(Debug, Clone)]
pub struct ReaderProcess {
    /// The program; usually the one that runs.
    pub program: PathBuf,
    /// What makes it call [`answer`]; the limits (JSON) and the path come after these.
    pub arguments: Vec<OsString>,
}

impl ReaderProcess {
    /// As [`read_ct`], in another process within `limits.memory` and `limits.time`.
    ///
    /// # Errors
    /// As [`read_ct`]; a process that dies or takes too long is [`Problem::Isolated`].
    pub fn read_ct(&self, path: &Path, limits: &Limits) -> Result<Loaded<Volume>, ReadError> {
        let fail = |reason: String| ReadError::new(path, Problem::Isolated { reason });
        let as_json = serde_json::to_string(limits).map_err(|e| fail(e.to_string()))?;
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .arg(as_json)
            .arg(path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .env_clear()
            .spawn()
            .map_err(|e| fail(format!("its process cannot be started: {e}")))?;
        let Some(output) = child.stdout.take() else { return Err(fail("its process has no output".into())) };
        let child = Mutex::new(child);
        let (done, is_done) = channel::<()>();
        let (outcome, is_late) = std::thread::scope(|scope| {
            let child = &child;
            let watch = scope.spawn(move || {
                let is_late = is_done.recv_timeout(limits.time) == Err(RecvTimeoutError::Timeout);
                if is_late {
                    kill(child);
                }
                is_late
            });
            let outcome = receive(path, output, limits);
            drop(done);
            (outcome, watch.join().unwrap_or_default())
        });
        kill(&child);
        let status = child.lock().unwrap_or_else(PoisonError::into_inner).wait();
        match outcome {
            Err(None) if is_late => Err(fail(format!("it was not read within {} s", limits.time.as_secs()))),
            Err(None) => {
                let status = status.map_or_else(|e| e.to_string(), |s| s.to_string());
                let memory = limits.memory >> 20;
                Err(fail(format!("the process that read it ended ({status}; it may use {memory} MiB)")))
            }
            Err(Some(error)) => Err(error),
            Ok(loaded) => Ok(loaded),
        }
    }
}

/// Ends the child if it still runs.
fn kill(child: &Mutex<Child>) {
    let _already_ended = child.lock().unwrap_or_else(PoisonError::into_inner).kill();
}

/// The volume from the child's output; `None` when that ends too early.
fn receive(path: &Path, output: ChildStdout, limits: &Limits) -> Result<Loaded<Volume>, Option<ReadError>> {
    let mut reader = BufReader::with_capacity(1 << 18, output);
    let mut line = Vec::new();
    reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line).map_err(|_| None)?;
    let answer: Answer = serde_json::from_slice(&line).map_err(|_| None)?;
    let (size, affine, warnings) = match answer {
        Answer::Error(reason) => return Err(Some(ReadError::new(path, Problem::Isolated { reason }))),
        Answer::Volume { size, ct_from_voxel, warnings } => (size, ct_from_voxel, warnings),
    };
    // The child is not believed either.
    let voxels = limits.check_voxels(path, size)?;
    let grid = Grid::new(size, Matrix3x4::from_row_slice(&affine)).map_err(|e| ReadError::new(path, e.into()))?;
    let mut hu: Vec<f32> = Vec::new();
    let mut buffer = vec![0; CHUNK * 4];
    while hu.len() < voxels {
        let bytes = (voxels - hu.len()).min(CHUNK) * 4;
        let part = buffer.get_mut(..bytes).unwrap_or_default();
        reader.read_exact(part).map_err(|_| None)?;
        if hu.is_empty() {
            hu.reserve_exact(voxels);
        }
        let (values, _) = part.as_chunks::<4>();
        hu.extend(values.iter().map(|b| f32::from_le_bytes(*b)));
    }
    if !hu.iter().all(|v| v.is_finite()) {
        return Err(None);
    }
    let warnings = warnings.into_iter().map(Warning::Reported).collect();
    Ok(Loaded { value: Volume { grid, hu }, warnings })
}

/// The child's side: confines this process, reads the image and writes the answer to `out`.
///
/// * `limits` - JSON of [`Limits`], as the parent wrote it.
///
/// # Errors
/// When the limits cannot be set or `out` is closed; a bad image is an answer, not an error.
pub fn answer(limits: &str, path: &Path, mut out: impl Write) -> std::io::Result<()> {
    let limits: Limits = serde_json::from_str(limits)?;
    confine(&limits)?;
    let loaded = match read_ct(path, &limits) {
        Ok(loaded) => loaded,
        Err(error) => return say(&mut out, &Answer::Error(error.problem.to_string())),
    };
    let Volume { grid, hu } = &loaded.value;
    let mut ct_from_voxel = [0.0; 12];
    ct_from_voxel.iter_mut().zip(grid.ct_from_voxel().transpose().iter()).for_each(|(to, from)| *to = *from);
    let warnings = loaded.warnings.iter().map(ToString::to_string).collect();
    say(&mut out, &Answer::Volume { size: grid.size(), ct_from_voxel, warnings })?;
    let mut buffer = Vec::with_capacity(CHUNK * 4);
    for part in hu.chunks(CHUNK) {
        buffer.clear();
        part.iter().for_each(|v| buffer.extend_from_slice(&v.to_le_bytes()));
        out.write_all(&buffer)?;
    }
    out.flush()
}

fn say(out: &mut impl Write, answer: &Answer) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    out.write_all(&line)?;
    out.flush()
}

/// Limits of this process from now on: memory, processor time, no files, no core dump,
/// no sockets and no processes.
fn confine(limits: &Limits) -> std::io::Result<()> {
    let seconds = limits.time.as_secs().max(1);
    for (resource, limit) in
        [(Resource::AS, limits.memory), (Resource::CPU, seconds * 4), (Resource::FSIZE, 0), (Resource::CORE, 0)]
    {
        rlimit::setrlimit(resource, limit, limit)?;
    }
    // A wall more where there is one; a system without filters has the others.
    let _unsupported = kernels::system_calls::refuse_system_calls();
    Ok(())
}
