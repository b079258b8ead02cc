//! The emulator itself: the wrappers do what CUDA defines, and planted faults
//! are found.

use std::ffi::c_void;

use crate::emulator::Emulator;

fn address<T>(pointer: &mut T) -> *mut c_void {
    std::ptr::from_mut(pointer).cast()
}

/// Fp16 bits of small integers.
fn half(value: i32) -> u16 {
    if value == 0 {
        return 0;
    }
    let magnitude = value.unsigned_abs();
    let exponent = magnitude.ilog2();
    let mantissa = ((magnitude << 10) >> exponent) & 1023;
    (u16::from(value < 0) << 15) | (((exponent + 15) << 10) | mantissa) as u16
}

/// 16-byte aligned.
#[repr(C, align(16))]
struct Aligned<T>(T);

#[test]
fn a_matrix_product_is_the_sum_of_products() {
    let emulator = Emulator::take();
    let value = |row: usize, column: usize| (row * 7 + column * 3) as i32 % 11 - 5;
    let mut a = Aligned([0_u16; 256]);
    let mut b = [0_u16; 128];
    a.0.iter_mut().enumerate().for_each(|(i, x)| *x = half(value(i / 16, i % 16)));
    b.iter_mut().enumerate().for_each(|(i, x)| *x = half(value(i / 8, i % 8)));
    for schedule in [0, 1, 2] {
        emulator.set("SCHEDULE", schedule);
        let mut product = [f32::NAN; 128];
        let (mut pa, mut pb, mut pp) = (a.0.as_mut_ptr(), b.as_mut_ptr(), product.as_mut_ptr());
        emulator.launch("conformance_matrix", 32, &mut [address(&mut pa), address(&mut pb), address(&mut pp)]).unwrap();
        for (i, &sum) in product.iter().enumerate() {
            let expected: i32 = (0..16).map(|k| value(i / 8, k) * value(k, i % 8)).sum();
            assert_eq!(sum, expected as f32, "{i}");
        }
    }
}

#[test]
fn fp16_rounds_to_nearest_even() {
    let emulator = Emulator::take();
    let cases = [
        (1.0, 1.0),
        (1.0 + 2.0_f32.powi(-11), 1.0),
        (1.0 + 3.0 * 2.0_f32.powi(-11), 1.0 + 2.0_f32.powi(-9)),
        (65519.0, 65504.0),
        (65520.0, f32::INFINITY),
        (2.0_f32.powi(-24), 2.0_f32.powi(-24)),
        (2.0_f32.powi(-25), 0.0),
        (-0.1, -0.099_975_586),
    ];
    let mut values = cases.map(|(value, _)| value);
    let mut rounded = [f32::NAN; 8];
    let (mut from, mut to, mut count) = (values.as_mut_ptr(), rounded.as_mut_ptr(), 8_i32);
    let arguments = &mut [address(&mut from), address(&mut to), address(&mut count)];
    emulator.launch("conformance_half", 64, arguments).unwrap();
    assert_eq!(rounded, cases.map(|(_, expected)| expected));
}

#[test]
fn planted_faults_are_found() {
    let emulator = Emulator::take();
    let mut values = [0_f32; 64];
    let mut to = values.as_mut_ptr();
    emulator.launch("conformance_missing_barrier", 64, &mut [address(&mut to)]).unwrap();
    assert!(values.iter().any(|value| value.is_nan()), "a missing barrier must read poison");

    let mut source = Aligned([1_f32; 128]);
    let mut from = source.0.as_mut_ptr();
    emulator.launch("conformance_missing_wait", 32, &mut [address(&mut from), address(&mut to)]).unwrap();
    assert!(values[..32].iter().all(|value| value.is_nan()), "a missing wait must read poison");

    let error = emulator.launch("conformance_divergence", 32, &mut [address(&mut to)]).unwrap_err();
    assert!(error.contains("deadlock") || error.contains("alive"), "{error}");

    let error = emulator.launch("conformance_divergence", 64, &mut [address(&mut to)]).unwrap_err();
    assert!(error.contains("at most 32 threads"), "{error}");
}

#[test]
#[ignore = "writes outside its memory; `cuda/sanitize.sh` checks that it is found"]
fn planted_overrun() {
    let emulator = Emulator::take();
    let mut values = [0_f32; 64];
    let mut to = values.as_mut_ptr();
    emulator.launch("conformance_overrun", 32, &mut [address(&mut to)]).unwrap();
}

#[test]
#[ignore = "has a race; `cuda/sanitize.sh` checks that it is found"]
fn planted_race() {
    let emulator = Emulator::take();
    let mut values = [0_f32; 64];
    let mut to = values.as_mut_ptr();
    emulator.launch("conformance_missing_barrier", 64, &mut [address(&mut to)]).unwrap();
}
