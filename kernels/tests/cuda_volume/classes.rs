//! A network over a whole CT: the GPU's chain against the processor's steps.

use std::sync::Arc;

use kernels::device::{ClassFields, Passes, VolumeRun};
use kernels::{Cpu, Device, Program};

use crate::cases::{FLIPPED, TILTED, WHOLE, WINDOWS, by_brightness, ct, run, unet};
use crate::{assert_close, on_every_device};

fn fields(device: &dyn Device, program: &Arc<Program>, hu: &[f32], run: &VolumeRun) -> ClassFields {
    device.class_fields(program, hu, run, &mut |_| ()).unwrap()
}

fn check(got: &ClassFields, want: &ClassFields) {
    assert_close(&got.hu, &want.hu, 5e-3);
    assert_eq!(got.classes.len(), want.classes.len());
    let pairs = || got.classes.iter().flatten().zip(want.classes.iter().flatten());
    let error: f64 = pairs().map(|(g, w)| f64::from(g - w).powi(2)).sum::<f64>() / pairs().count() as f64;
    // fp16 activations on the GPU, f32 on the processor.
    assert!(error.sqrt() < 5e-3, "{}", error.sqrt());
}

/// What the engine sees of a CT must not depend on where it was computed.
#[test]
fn class_fields_are_those_of_the_processor() {
    let tiles = Passes::Whole { activation_bytes: 1 << 14 };
    let cases = [(FLIPPED, WINDOWS, unet()), (TILTED, WINDOWS, unet()), (FLIPPED, WHOLE, by_brightness())];
    for (affine, passes, program) in cases.into_iter().chain([(FLIPPED, tiles, by_brightness())]) {
        let (run, cpu) = (run(affine, passes), Cpu::new());
        let [first, second] = [ct(500.0), ct(350.0)];
        let want = [&first, &second].map(|hu| fields(&cpu, &program, hu, &run));
        assert!(want[0] != want[1]);
        on_every_device(|cuda| {
            check(&fields(cuda, &program, &first, &run), &want[0]);
            // The same geometry again: recorded launches, other values.
            check(&fields(cuda, &program, &second, &run), &want[1]);
            let again = fields(cuda, &program, &first, &run);
            assert!(again == fields(cuda, &program, &first, &run), "the same bits in every run");
            check(&again, &want[0]);
        });
    }
}

/// A chain is kept for one network and geometry; others get their own.
#[test]
fn another_network_or_geometry_is_not_mistaken_for_the_last() {
    let hu = ct(500.0);
    let [a, b] = [unet(), by_brightness()];
    let runs = [(&a, run(FLIPPED, WINDOWS)), (&b, run(FLIPPED, WINDOWS)), (&b, run(TILTED, WHOLE))];
    let cpu = Cpu::new();
    let want = runs.map(|(program, run)| fields(&cpu, program, &hu, &run));
    on_every_device(|cuda| {
        for ((program, run), want) in runs.iter().zip(&want) {
            check(&fields(cuda, program, &hu, run), want);
        }
    });
}

#[test]
fn bad_input_is_refused_and_the_next_ct_runs() {
    let (program, run) = (unet(), run(FLIPPED, WINDOWS));
    let good = ct(500.0);
    let mut broken = good.clone();
    broken[4000] = f32::NAN;
    let want = fields(&Cpu::new(), &program, &good, &run);
    let refused = |device: &dyn Device, hu: &[f32], run: &VolumeRun| {
        device.class_fields(&program, hu, run, &mut |_| ()).unwrap_err().to_string()
    };
    assert!(refused(&Cpu::new(), &broken, &run).contains("NaN"));
    on_every_device(|cuda| {
        assert!(refused(cuda, &broken, &run).contains("NaN"));
        assert!(refused(cuda, &good[1..], &run).contains("10881"));
        let twisted = VolumeRun { ct_from_grid: [[f64::NAN; 4]; 3], ..run };
        assert!(refused(cuda, &good, &twisted).contains("ct_from_grid"));
        let odd = VolumeRun { passes: Passes::Windows { patch: [7, 8, 8], overlap: 0.25, empty_below_hu: 0.0 }, ..run };
        assert!(refused(cuda, &good, &odd).contains("multiples"));
        check(&fields(cuda, &program, &good, &run), &want);
    });
}
