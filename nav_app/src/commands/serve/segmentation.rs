//! Finished series segmented one after another, each by a process of its own.
//!
//! A series that kills the segmentation ends that process and no more.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use engine::dicom_receiver::FinishedSeries;
use serde_json::{Value, json};

use crate::cli::DeviceChoice;
use crate::failure::{Blame, Failure};

/// Longest segmentation; a whole spine takes a minute or two on two cores.
const LONGEST: Duration = Duration::from_secs(3600);
/// Between two looks at the process.
const TICK: Duration = Duration::from_millis(50);

/// A thread that waits for series.
pub struct Segmentation {
    series: Sender<FinishedSeries>,
    thread: JoinHandle<Vec<Value>>,
}

impl Segmentation {
    /// With a model and a device as `segment` takes them.
    pub fn start(model: &str, device: DeviceChoice) -> Result<Self, Failure> {
        // Wrong names are told now and not after the first series.
        crate::commands::method(model, None)?;
        let program = std::env::current_exe().internal()?;
        let model = model.to_owned();
        let device = match device {
            DeviceChoice::Auto => "auto",
            DeviceChoice::Cpu => "cpu",
            DeviceChoice::Cuda => "cuda",
        };
        // As many as the receiver's disk limit allows series.
        let (series, waiting) = channel::<FinishedSeries>();
        let thread = std::thread::spawn(move || {
            waiting.iter().map(|series| segment(&program, &series, &model, device)).collect()
        });
        Ok(Self { series, thread })
    }

    /// The next to be segmented.
    pub fn add(&self, series: FinishedSeries) {
        let _thread_is_gone = self.series.send(series);
    }

    /// Waits for what is left; an entry a series.
    pub fn finish(self) -> Vec<Value> {
        drop(self.series);
        self.thread.join().unwrap_or_default()
    }
}

fn segment(program: &PathBuf, series: &FinishedSeries, model: &str, device: &str) -> Value {
    let since = Instant::now();
    let started = Command::new(program)
        .args(["--quiet", "segment", "--untrusted", "--model", model, "--device", device, "--out"])
        .arg(&series.folder)
        .arg(&series.dicom)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn();
    let outcome = started.and_then(|mut child| {
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status.to_string());
            }
            if since.elapsed() > LONGEST {
                child.kill()?;
                child.wait()?;
                return Ok(format!("ended after {} s", LONGEST.as_secs()));
            }
            std::thread::sleep(TICK);
        }
    });
    let outcome = outcome.unwrap_or_else(|error| error.to_string());
    let is_done = series.folder.join("labels.nii.gz").exists();
    if !is_done {
        tracing::error!(outcome, folder = %series.folder.display(), "a received series could not be segmented");
    }
    json!({ "folder": series.folder, "is_done": is_done, "process": outcome, "ms": since.elapsed().as_secs_f64() * 1e3 })
}
