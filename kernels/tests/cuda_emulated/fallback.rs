//! Losing the GPU in the middle of a case: the same result from the processor.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use kernels::device::{Fallback, HuWindow, Passes, VolumeRun};
use kernels::{Cpu, Cuda, Device, Precision, Program, Weights};

use crate::emulator::Emulator;
use crate::replay::{input, small_network};

#[test]
fn a_lost_gpu_is_replaced_by_the_processor_in_the_same_run() {
    let emulator = Emulator::take();
    let graph = small_network();
    let program = Arc::new(Program::new(&graph, &Weights::synthetic(&graph).unwrap()).unwrap());
    let reports = Arc::new(AtomicUsize::new(0));
    let reason = Arc::new(Mutex::new(String::new()));
    let (counter, text) = (Arc::clone(&reports), Arc::clone(&reason));
    let device = Fallback::new(
        Arc::new(Cuda::open().unwrap()),
        Arc::new(Cpu::new()),
        Arc::new(move |error| {
            counter.fetch_add(1, Ordering::Relaxed);
            *text.lock().unwrap() = error.to_string();
        }),
    );
    let mut expected = Vec::new();
    Cpu::new().load(&program, Precision::F32).unwrap().run(&input([4, 6, 8]), &mut expected).unwrap();

    let mut network = device.load(&program, Precision::F32).unwrap();
    let mut outputs = Vec::new();
    network.run(&input([4, 6, 8]), &mut outputs).unwrap();
    assert!(outputs != expected, "the first run is the GPU's, in fp16");
    emulator.set("FAIL_AFTER", 3);
    for _ in 0..3 {
        network.run(&input([4, 6, 8]), &mut outputs).unwrap();
        assert!(outputs == expected, "after the loss the processor computes");
    }
    assert_eq!(reports.load(Ordering::Relaxed), 1);
    assert!(reason.lock().unwrap().contains("CUDA_ERROR_LAUNCH_FAILED"));
}

#[test]
fn a_gpu_lost_in_the_middle_of_a_ct_costs_time_and_not_the_case() {
    let emulator = Emulator::take();
    let graph = small_network();
    let program = Arc::new(Program::new(&graph, &Weights::synthetic(&graph).unwrap()).unwrap());
    let device = Fallback::new(Arc::new(Cuda::open().unwrap()), Arc::new(Cpu::new()), Arc::new(|_| ()));
    let run = VolumeRun {
        ct_dims: [7, 9, 8],
        grid_dims: [6, 11, 9],
        ct_from_grid: [[0.9, 0.0, 0.0, 0.0], [0.0, 0.8, 0.0, 0.0], [0.0, 0.0, 1.1, 0.0]],
        blur_voxels: [0.5, 0.0, 0.0],
        outside_hu: -1000.0,
        window: HuWindow { low: -1000.0, high: 1000.0, offset: 0.0, scale: 500.0 },
        passes: Passes::Windows { patch: [4, 8, 8], overlap: 0.25, empty_below_hu: 0.0 },
    };
    let hu: Vec<f32> = (0..7 * 9 * 8).map(|i| ((i * 37) % 900) as f32 - 200.0).collect();
    let fields = |device: &dyn Device| device.class_fields(&program, &hu, &run, &mut |_| ()).unwrap();
    let want = fields(&Cpu::new());
    assert!(fields(&device) != want, "the first case is the GPU's, in fp16");
    emulator.set("FAIL_AFTER", 5);
    assert!(fields(&device) == want, "the lost one is the processor's");
    assert!(device.loss().is_some());
    assert!(fields(&device) == want);
}
