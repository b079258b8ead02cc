//! What the benches share: weights, and the line that says what was measured.
#![allow(dead_code, reason = "each bench uses a part of it")]

use kernels::graph::Graph;
use kernels::{NetworkError, Weights};

/// Weights of any values.
pub fn weights(graph: &Graph) -> Result<Weights, NetworkError> {
    let mut weights = Weights::new();
    for (name, shape) in graph.tensors() {
        let values = noise(shape.iter().product(), 2);
        weights.insert(&name, shape, values)?;
    }
    Ok(weights)
}

/// Values in -1..1 from a linear congruential generator (Numerical Recipes).
pub fn noise(len: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// The processor's name where the system tells it.
pub fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name"));
    name.map_or(std::env::consts::ARCH.to_owned(), |name| name.trim_start_matches([' ', '\t', ':']).to_owned())
}

/// The commit that was measured, where git tells it.
pub fn commit() -> String {
    let git = std::process::Command::new("git").args(["describe", "--always", "--dirty"]).output();
    git.map_or("unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
