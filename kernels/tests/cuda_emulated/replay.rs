//! Recorded runs: what a second, larger or moved run must not change.

use std::sync::Arc;

use kernels::graph::{Conv, Graph, GraphBuilder};
use kernels::weights::synthetic_input;
use kernels::{Cuda, Device, Executable, OpError, Precision, Program, Tensor, Weights};

use crate::emulator::Emulator;

pub fn small_network() -> Graph {
    let mut g = GraphBuilder::new();
    let x = g.input(1);
    let y = g.conv(x, "a", Conv::new(16, [3; 3]));
    let y = g.instance_norm(y, "n", 1e-5);
    let z = g.conv(y, "b", Conv::new(16, [3; 3]).stride([2; 3]));
    let z = g.conv_transpose(z, "up", 16, [2; 3], false);
    let y = g.concat(&[y, z]);
    let y = g.conv(y, "head", Conv::new(3, [1; 3]));
    g.output("logits", y);
    g.build().unwrap()
}

pub fn loaded(graph: &Graph) -> Result<Box<dyn Executable>, OpError> {
    let weights = Weights::synthetic(graph).unwrap();
    Cuda::open()?.load(&Arc::new(Program::new(graph, &weights).unwrap()), Precision::Half)
}

pub fn input(dims: [usize; 3]) -> Tensor {
    synthetic_input([1, dims[0], dims[1], dims[2]]).unwrap()
}

#[test]
fn a_graph_replays_with_the_new_input_and_allocates_nothing() {
    let emulator = Emulator::take();
    let mut network = loaded(&small_network()).unwrap();
    let (first, mut outputs) = (input([4, 6, 8]), Vec::new());
    network.run(&first, &mut outputs).unwrap();
    let expected = outputs.clone();
    let doubled = Tensor::new(first.shape(), first.data().iter().map(|value| value * -2.0).collect()).unwrap();
    let (allocations, launches) = (emulator.allocations(), emulator.launches());
    network.run(&doubled, &mut outputs).unwrap();
    assert!(outputs != expected, "the recording must read the new input");
    let per_run = emulator.launches() - launches;
    network.run(&first, &mut outputs).unwrap();
    assert!(outputs == expected);
    assert_eq!(emulator.launches() - launches, 2 * per_run);
    assert_eq!(emulator.allocations(), allocations, "a second run must not allocate");
}

#[test]
fn another_size_gives_the_same_as_a_fresh_network() {
    let _emulator = Emulator::take();
    let mut used = loaded(&small_network()).unwrap();
    let mut outputs = Vec::new();
    for dims in [[8, 8, 8], [2, 4, 6], [8, 8, 8], [4, 10, 4]] {
        used.run(&input(dims), &mut outputs).unwrap();
        let mut fresh = Vec::new();
        loaded(&small_network()).unwrap().run(&input(dims), &mut fresh).unwrap();
        assert!(outputs == fresh, "{dims:?}");
    }
}

#[test]
fn memory_is_given_back_and_reported() {
    let emulator = Emulator::take();
    let before = emulator.memory_in_use();
    let mut network = loaded(&small_network()).unwrap();
    network.run(&input([8, 8, 8]), &mut Vec::new()).unwrap();
    assert_eq!(emulator.memory_in_use() - before, network.peak_bytes() as i64);
    drop(network);
    assert_eq!(emulator.memory_in_use(), before);
}

#[test]
fn an_executable_moves_between_threads() {
    let _emulator = Emulator::take();
    let mut network = loaded(&small_network()).unwrap();
    let mut outputs = Vec::new();
    network.run(&input([4, 6, 8]), &mut outputs).unwrap();
    let moved = std::thread::spawn(move || {
        let mut outputs = Vec::new();
        network.run(&input([4, 6, 8]), &mut outputs).unwrap();
        outputs
    });
    assert!(moved.join().unwrap() == outputs);
}

#[test]
fn results_do_not_depend_on_the_order_of_threads() {
    let emulator = Emulator::take();
    let results = [0, 1, 2].map(|schedule| {
        emulator.set("SCHEDULE", schedule);
        let mut outputs = Vec::new();
        loaded(&small_network()).unwrap().run(&input([6, 8, 10]), &mut outputs).unwrap();
        outputs
    });
    assert!(results[0] == results[1] && results[0] == results[2]);
}
