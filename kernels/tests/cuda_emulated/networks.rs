//! Whole networks, and random ones, against plain loops.

use kernels::architectures::{CompactUnet, Dense3dUnet};
use kernels::graph::Graph;

use crate::check::error_of;
use crate::emulator::Emulator;
use crate::support::random_graph::random_graph;

/// Relative error of a network of some twenty layers in fp16.
const NETWORK: f64 = 1e-2;

/// Random networks: a sample of what `fusion.rs` runs on the processor.
const RANDOM_NETWORKS: u64 = 60;

/// A random network is wrong beyond this. Norms over a few nearly equal
/// voxels magnify the rounding of fp16, so one network may be far off without
/// a mistake; a mistake in a fusion shows in many.
const WRONG: f64 = 0.05;

fn compare(name: &str, graph: &Graph, shape: [usize; 4]) {
    let error = error_of(graph, shape);
    assert!(error < NETWORK, "{name}: relative error {error:.2e}");
}

#[test]
fn compact_unet() {
    let _emulator = Emulator::take();
    let network = CompactUnet { channels: vec![8, 16, 32], ..CompactUnet::default() };
    compare("compact U-Net", &network.graph().unwrap(), [1, 16, 12, 8]);
}

#[test]
fn dense_unet() {
    let _emulator = Emulator::take();
    let network = Dense3dUnet { growth: 8, layers: vec![2, 2], stem: 8, bottleneck: 2, ..Dense3dUnet::default() };
    compare("dense U-Net", &network.graph().unwrap(), [1, 8, 8, 8]);
}

#[test]
fn random_networks() {
    let _emulator = Emulator::take();
    let mut wrong = Vec::new();
    for seed in 0..RANDOM_NETWORKS {
        let (graph, shape) = random_graph(seed);
        let error = error_of(&graph, shape);
        if error > WRONG {
            wrong.push(format!("seed {seed} on {shape:?}: relative error {error:.2e}, {} nodes", graph.nodes().len()));
        }
    }
    assert!(wrong.len() <= 2, "{}", wrong.join("\n"));
}
