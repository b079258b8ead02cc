//! One file a command; each turns arguments into an [`Output`].

mod alignment;
mod bench;
mod calibrate;
mod case_report;
mod demo;
mod doctor;
mod drr;
#[cfg(feature = "stream")]
mod engine;
mod export;
#[cfg(feature = "xr")]
mod headset;
mod live;
mod measure;
mod models;
mod navigate;
mod plan;
mod record;
mod register;
mod rehearse;
mod replay;
#[cfg(feature = "scene")]
mod scene;
mod segment;
mod serve;
mod untrusted;
#[cfg(feature = "stream")]
mod view;
mod xray;

use std::path::Path;
use std::sync::Arc;

use ::engine::io::{self, Limits};
use ::engine::segment::{Method, Mode, Model, System};
use ::engine::volume::LabelMap;
use kernels::Device;
use kernels::device::{Choice, open};

pub use models::ModelsArguments;
pub use segment::LevelChoice;

use crate::assets;
use crate::cli::{Arguments, Command, DeviceChoice};
use crate::failure::{Blame, Failure};
use crate::report::Output;

/// What a build without headset support says.
#[cfg(not(feature = "xr"))]
fn without_headset() -> Failure {
    let what = "this build has no headset support: build with `cargo build --features xr`";
    Failure::WrongUse(anyhow::anyhow!(what))
}

/// Runs the command that was asked for.
pub fn run(arguments: &Arguments) -> Result<Output, Failure> {
    match &arguments.command {
        Command::Demo(options) => demo::run(options, arguments.quiet),
        Command::Segment(options) => segment::run(options, arguments.quiet),
        Command::Register(options) => register::run(options, arguments.quiet),
        Command::Rehearse(options) => rehearse::run(options, arguments.quiet),
        Command::Navigate(options) => navigate::run(options, arguments.quiet),
        #[cfg(feature = "stream")]
        Command::Engine(options) => engine::run(options, arguments.quiet),
        #[cfg(feature = "stream")]
        Command::View(options) => view::run(options, arguments.json),
        #[cfg(not(feature = "stream"))]
        Command::Engine(_) => without_stream("engine"),
        #[cfg(not(feature = "stream"))]
        Command::View(_) => without_stream("view"),
        Command::Record(options) => record::run(options, arguments.quiet),
        Command::Replay(options) => replay::run(options),
        Command::Serve(options) => serve::run(options, arguments.quiet),
        Command::ReadImage(options) => untrusted::answer(options),
        Command::Export(options) => export::run(options),
        Command::Drr(options) => drr::run(options, arguments.quiet),
        Command::Measure(options) => measure::run(options),
        Command::Xray(options) => xray::run(options, arguments.quiet),
        Command::Plan(options) => plan::run(&options.what),
        Command::Report(options) => case_report::run(options),
        Command::Models(options) => models::run(options, arguments.quiet),
        Command::Calibrate(options) => calibrate::run(&options.what, arguments.quiet),
        Command::Bench(options) => bench::run(&options.what, arguments.quiet),
        #[cfg(feature = "scene")]
        Command::Scene(options) => scene::run(options, arguments.quiet),
        Command::Doctor => doctor::run(),
    }
}

#[cfg(not(feature = "stream"))]
fn without_stream(command: &str) -> Result<Output, Failure> {
    let what = format!(
        "this program was built without the transport between processes; build it with: cargo run --features stream -- \
         {command} ... (`spinenav navigate` runs in one process and needs none)"
    );
    Err(Failure::WrongUse(anyhow::anyhow!(what)))
}

/// The device that was asked for. A GPU that fails later is replaced by the
/// processor, and the log says so.
fn device(choice: DeviceChoice) -> Result<Arc<dyn Device>, Failure> {
    let choice = match choice {
        DeviceChoice::Auto => Choice::Auto,
        DeviceChoice::Cpu => Choice::Cpu,
        DeviceChoice::Cuda => Choice::Cuda,
    };
    let report = Arc::new(|loss: &kernels::OpError| tracing::error!(%loss, "the GPU failed; the processor goes on"));
    let opened = open(choice, report).map_err(|error| {
        Failure::WrongUse(anyhow::anyhow!("{error}; --device auto takes the processor where there is no GPU"))
    })?;
    if let Some(note) = &opened.note {
        tracing::info!(note, "no GPU");
    }
    tracing::info!(device = opened.device.description(), "device");
    Ok(opened.device)
}

/// The label map of a case: a folder written by `segment`, or a file.
fn read_case_labels(case: &Path, command: &str) -> Result<LabelMap, Failure> {
    let path = if case.is_dir() { case.join("labels.nii.gz") } else { case.to_owned() };
    if !path.exists() {
        let path = path.display();
        let what = format!("{path} does not exist; {command} needs a folder written by `segment`, or a label map");
        return Err(Failure::BadInput(anyhow::anyhow!(what)));
    }
    Ok(io::read_labels(&path, &Limits::default()).bad_input()?.value)
}

/// The model that was asked for by name or file, and what it needs, run in
/// the way that was asked for or in its usual one.
fn method(name: &str, mode: Option<Mode>) -> Result<Method, Failure> {
    if name == "threshold" {
        return match mode {
            None => Ok(Method::Threshold),
            Some(mode) => Err(Failure::WrongUse(anyhow::anyhow!("threshold has no network to run in mode {mode}"))),
        };
    }
    let model = model(name, None)?;
    let folder = name.ends_with(".safetensors").then(|| Path::new(name).parent()).flatten();
    let companion = model.card.needs.clone().map(|needs| self::model(&needs, folder)).transpose()?;
    let system = System::new(model, companion, mode).map_err(|error| Failure::WrongUse(error.into()))?;
    Ok(Method::Network(Box::new(system)))
}

/// A model by name or file; a name is looked for in `folder` before those that ship.
fn model(name: &str, folder: Option<&Path>) -> Result<Model, Failure> {
    let beside = folder.map(|folder| folder.join(format!("{name}.safetensors"))).filter(|path| path.exists());
    if let Some(path) = beside.or_else(|| name.ends_with(".safetensors").then(|| name.into())) {
        return Model::from_file(&path).bad_input();
    }
    let Some(shipped) = assets::model(name) else {
        let names = assets::MODELS.map(|model| model.name).join(", ");
        let help = format!("there is {names}, threshold, or a path to a .safetensors file with its card beside it");
        return Err(Failure::WrongUse(anyhow::anyhow!("no model is called {name:?}; {help}")));
    };
    Model::from_bytes(shipped.weights, shipped.card).internal()
}
