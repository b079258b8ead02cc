//! Every instruction set against plain arithmetic.

use super::{BLOCK, Element, F16, Isa, Kernel, Matmul, Vector};
use crate::cpu::element::Lanes;

/// `[sum, difference, product, larger, a * b + c, c - a * b]` of three blocks.
struct Arithmetic([[f32; BLOCK]; 3]);

impl Kernel for Arithmetic {
    type Output = [[f32; BLOCK]; 6];
    #[inline(always)]
    fn run<V: Vector>(self, v: V) -> Self::Output {
        let mut out = [[0.0; BLOCK]; 6];
        for part in (0..BLOCK).step_by(V::LANES) {
            // SAFETY: `part + LANES <= BLOCK`.
            let [a, b, c] = self.0.map(|block| unsafe { v.load(block.as_ptr().add(part)) });
            let results = [a.add(b), a.sub(b), a.mul(b), a.max(b), a.mul_add(b, c), a.neg_mul_add(b, c)];
            for (out, result) in out.iter_mut().zip(results) {
                // SAFETY: as above.
                unsafe { result.store(out.as_mut_ptr().add(part)) };
            }
        }
        out
    }
}

fn block(seed: f32) -> [f32; BLOCK] {
    std::array::from_fn(|lane| (lane as f32 * seed).sin() * 3.0)
}

#[test]
fn every_set_computes_the_same() {
    let blocks = [block(0.7), block(1.9), block(5.3)];
    for isa in Isa::available() {
        let results = isa.run(Arithmetic(blocks));
        for lane in 0..BLOCK {
            let [a, b, c] = blocks.map(|block| f64::from(block[lane]));
            let expected = [a + b, a - b, a * b, a.max(b), a * b + c, c - a * b];
            for (result, expected) in results.iter().zip(expected) {
                assert!((f64::from(result[lane]) - expected).abs() < 2e-6, "{isa:?}, lane {lane}");
            }
        }
    }
}

struct Product<'a> {
    rows: usize,
    a: &'a [f32],
    b: &'a [f32],
    c: &'a mut [f32],
    depth: usize,
}

impl Kernel for Product<'_> {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector>(self, v: V) {
        let Self { rows, a, b, c, depth } = self;
        assert!(a.len() >= rows * depth && b.len() >= depth * BLOCK && c.len() >= rows * BLOCK);
        let step = Matmul { a: a.as_ptr(), a_stride: depth, b: b.as_ptr(), c: c.as_mut_ptr(), depth };
        // SAFETY: the assert.
        unsafe { v.matmul(rows, step) };
    }
}

#[test]
fn products_of_any_number_of_rows() {
    for (isa, depth) in Isa::available().into_iter().flat_map(|isa| [1, 19, 64, 131].map(|depth| (isa, depth))) {
        let a: Vec<f32> = (0..isa.rows() * depth).map(|i| (i as f32 * 0.3).sin()).collect();
        let b: Vec<f32> = (0..depth * BLOCK).map(|i| (i as f32 * 0.7).cos()).collect();
        for rows in 0..=isa.rows() {
            let mut c = vec![7.0; isa.rows() * BLOCK];
            isa.run(Product { rows, a: &a, b: &b, c: &mut c, depth });
            for (index, &value) in c.iter().enumerate() {
                let (row, lane) = (index / BLOCK, index % BLOCK);
                let term = |k: usize| f64::from(a[row * depth + k]) * f64::from(b[k * BLOCK + lane]);
                let expected = if row < rows { (0..depth).map(term).sum() } else { 7.0 };
                assert!((f64::from(value) - expected).abs() < 1e-5, "{isa:?}, {rows} rows: row {row}");
            }
        }
    }
}

struct Round<'a>(&'a [f32; BLOCK], &'a mut Lanes<F16>, &'a mut [f32; BLOCK]);

impl Kernel for Round<'_> {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector>(self, v: V) {
        let stored: *mut F16 = self.1.0.as_mut_ptr();
        for part in (0..BLOCK).step_by(V::LANES) {
            // SAFETY: `part + LANES <= BLOCK`.
            unsafe {
                F16::write(v.load(self.0.as_ptr().add(part)), stored.add(part));
                F16::read(v, stored.add(part)).store(self.2.as_mut_ptr().add(part));
            }
        }
    }
}

#[test]
fn f16_rounds_alike() {
    let mut values = block(2.3);
    values[..5].copy_from_slice(&[1.0 + 1.0 / 2048.0, 1.0 + 3.0 / 2048.0, f32::INFINITY, -0.0, 1e-7]);
    for isa in Isa::available() {
        let (mut stored, mut back) = (Lanes::default(), [0.0; BLOCK]);
        isa.run(Round(&values, &mut stored, &mut back));
        assert_eq!(stored, Lanes::narrow(values), "{isa:?}");
        assert_eq!(back, stored.widen(), "{isa:?}");
    }
}

struct RoundForTiles<'a>(&'a [f32; BLOCK], &'a mut [u16; BLOCK]);

impl Kernel for RoundForTiles<'_> {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector>(self, v: V) {
        for part in (0..BLOCK).step_by(V::LANES) {
            // SAFETY: `part + LANES <= BLOCK`.
            unsafe { v.load(self.0.as_ptr().add(part)).store_bf16(self.1.as_mut_ptr().add(part)) };
        }
    }
}

#[test]
fn bf16_rounds_alike() {
    let mut values = block(2.3);
    values[..5].copy_from_slice(&[1.0 + 1.0 / 256.0, 1.0 + 3.0 / 256.0, f32::INFINITY, -0.0, 1e-39]);
    for isa in Isa::available() {
        let mut stored = [0; BLOCK];
        isa.run(RoundForTiles(&values, &mut stored));
        assert_eq!(stored, values.map(crate::half_precision::bf16_from_f32), "{isa:?}");
    }
}
