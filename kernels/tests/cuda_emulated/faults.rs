//! A GPU that fails: always an error that says so, never a result.

use kernels::{NetworkError, OpError};

use crate::emulator::Emulator;
use crate::replay::{input, loaded, small_network};

#[test]
fn a_lost_gpu_is_an_error_at_every_launch() {
    let emulator = Emulator::take();
    let mut network = loaded(&small_network()).unwrap();
    let mut outputs = Vec::new();
    let before = emulator.launches();
    network.run(&input([4, 6, 8]), &mut outputs).unwrap();
    for launch in 0..emulator.launches() - before {
        emulator.set("FAIL_AFTER", -1);
        let mut network = loaded(&small_network()).unwrap();
        network.run(&input([4, 6, 8]), &mut outputs).unwrap();
        emulator.set("FAIL_AFTER", launch);
        for _ in 0..2 {
            match network.run(&input([4, 6, 8]), &mut outputs) {
                Err(NetworkError::Operation { source: OpError::Device { device: "CUDA", reason } }) => {
                    assert!(reason.contains("CUDA_ERROR_LAUNCH_FAILED"), "{reason}");
                }
                other => panic!("launch {launch}: {other:?}"),
            }
        }
        // Opening again reports the loss instead of crashing.
        assert!(loaded(&small_network()).is_err());
    }
}

#[test]
fn too_little_memory_is_an_error_and_a_smaller_image_still_runs() {
    let emulator = Emulator::take();
    let mut network = loaded(&small_network()).unwrap();
    let mut outputs = Vec::new();
    emulator.set("MEMORY", emulator.memory_in_use() + 300_000);
    let error = network.run(&input([32, 32, 32]), &mut outputs).unwrap_err().to_string();
    assert!(error.contains("CUDA") && error.contains("MiB of GPU memory"), "{error}");
    network.run(&input([4, 4, 4]), &mut outputs).unwrap();
}

#[test]
fn impossible_inputs_are_refused_before_the_gpu_sees_them() {
    let emulator = Emulator::take();
    let mut network = loaded(&small_network()).unwrap();
    let before = emulator.launches();
    let mut poisoned = input([4, 4, 4]);
    poisoned.data_mut()[7] = f32::NAN;
    for refused in [poisoned, input([3, 4, 4]), kernels::Tensor::zeros([2, 4, 4, 4]).unwrap()] {
        assert!(network.run(&refused, &mut Vec::new()).is_err());
    }
    assert_eq!(emulator.launches(), before);
}
