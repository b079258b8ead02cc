//! One file a command; each turns arguments into an [`Output`].

mod demo;
mod doctor;
mod export;
mod register;
mod segment;

use engine::segment::{Method, Model};
use kernels::{Cpu, Device};

use crate::assets;
use crate::cli::{Arguments, Command, DeviceChoice};
use crate::failure::{Blame, Failure};
use crate::report::Output;

/// Runs the command that was asked for.
pub fn run(arguments: &Arguments) -> Result<Output, Failure> {
    match &arguments.command {
        Command::Demo(options) => demo::run(options, arguments.quiet),
        Command::Segment(options) => segment::run(options, arguments.quiet),
        Command::Register(options) => register::run(options, arguments.quiet),
        Command::Export(options) => export::run(options),
        Command::Doctor => doctor::run(),
    }
}

/// The device that was asked for.
fn device(choice: DeviceChoice) -> Result<Cpu, Failure> {
    if choice == DeviceChoice::Cuda {
        let why = "this version has no CUDA kernels yet; use --device auto or cpu";
        return Err(Failure::WrongUse(anyhow::anyhow!(why)));
    }
    let device = Cpu::new();
    tracing::info!(device = device.description(), "device");
    Ok(device)
}

/// The model that was asked for by name or file.
fn method(name: &str, device: &Cpu) -> Result<Method, Failure> {
    match name {
        "threshold" => Ok(Method::Threshold),
        "compact-spine" => {
            let (weights, card) = (assets::COMPACT_SPINE_WEIGHTS, assets::COMPACT_SPINE_CARD);
            Ok(Method::Network(Box::new(Model::from_bytes(device, weights, card).internal()?)))
        }
        file if file.ends_with(".safetensors") => {
            Ok(Method::Network(Box::new(Model::from_file(device, file.as_ref()).bad_input()?)))
        }
        unknown => {
            let help =
                "there is `compact-spine`, `threshold`, or a path to a .safetensors file with its card beside it";
            Err(Failure::WrongUse(anyhow::anyhow!("no model is called {unknown:?}; {help}")))
        }
    }
}
