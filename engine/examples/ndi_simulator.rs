//! An NDI tracker without hardware: `cargo run -p engine --example ndi_simulator -- 127.0.0.1:8765`
//!
//! Tracks a reference, two instruments and a second array on the bone over a
//! phantom, with noise, 60 times a second. Part numbers 8700331 to 8700334.
#![allow(clippy::print_stdout, reason = "an example tells what it does")]

use std::sync::Arc;

use engine::fault::phantom::{PhantomTracker, SECOND_REFERENCE};
use engine::track::ndi::{Misbehaviour, SimulatedPort, Simulator, SimulatorSettings};
use engine::track::{Role, Source, ToolId};

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8765".into());
    let roles = [Role::Reference, Role::Tool(ToolId(1)), Role::Tool(ToolId(2)), Role::Tool(SECOND_REFERENCE)];
    let port = |(handle, role): (u8, Role)| SimulatedPort {
        handle,
        role,
        id: format!("870033{handle}"),
        serial: format!("3A00000{handle}"),
    };
    let ports = (1..).zip(roles).map(port).collect();
    let source = Arc::new(|| Box::new(PhantomTracker::new(1)) as Box<dyn Source>);
    let simulator = Simulator::start(SimulatorSettings { address, ports, source, misbehaviour: Misbehaviour::None })?;
    println!("NDI simulator on {}; end it with Ctrl-C", simulator.address());
    loop {
        std::thread::park();
    }
}
