//! Single tiles: the hardware and its model, and the model and the manual.

use super::case::{noise, round, units};
use crate::cpu::amx::Unit;
use crate::cpu::amx::tiles::{Line, ROW_VALUES, ROWS, SUMS, TileKernel, Tiles};
use crate::half_precision::bf16_from_f32;
use crate::program::BLOCK;

/// One product of random tiles, with rows that overlap.
struct Product<'a> {
    a: &'a [u16],
    row_bytes: usize,
    b: &'a [Line],
    c: &'a mut [f32; SUMS],
}

impl TileKernel for Product<'_> {
    fn run<T: Tiles>(self, mut tiles: T) {
        let Self { a, row_bytes, b, c } = self;
        assert!(a.len() * 2 >= (ROWS - 1) * row_bytes + 64 && b.len() >= 2 * ROWS);
        // SAFETY: the assert.
        unsafe {
            tiles.zero::<3>();
            tiles.load::<4>(a.as_ptr(), row_bytes);
            tiles.load::<7>(b.as_ptr().cast(), 64);
            tiles.load::<1>(b[ROWS..].as_ptr().cast(), 64);
            tiles.multiply::<3, 4, 7>();
            tiles.multiply::<3, 4, 1>();
            tiles.store::<3>(c.as_mut_ptr());
        }
    }
}

fn product(unit: Unit, a: &[u16], row_bytes: usize, b: &[Line]) -> [f32; SUMS] {
    let mut c = [f32::NAN; SUMS];
    unit.run(Product { a, row_bytes, b, c: &mut c });
    c
}

#[test]
fn hardware_is_the_model() {
    // Finite values of all magnitudes, denormals and both zeros among them.
    let any = |value: &f32| {
        let bits = (value.to_bits() ^ value.to_bits() << 7) as u16;
        if bits >> 7 & 0xff > 0xbf { bits & 0x9fff } else { bits }
    };
    for row_bytes in [32, 64, 192] {
        let a: Vec<u16> = noise(7, 2000).iter().map(any).collect();
        let b: Vec<u16> = noise(8, 2 * ROWS * ROW_VALUES).iter().map(any).collect();
        let b: Vec<Line> = b.as_chunks().0.iter().map(|&values| Line(values)).collect();
        let model = product(Unit::MODEL, &a, row_bytes, &b).map(f32::to_bits);
        for unit in units() {
            assert_eq!(product(unit, &a, row_bytes, &b).map(f32::to_bits), model, "{unit:?}, rows {row_bytes} apart");
        }
    }
}

#[test]
fn the_model_sums_even_and_odd_values_apart() {
    let half = |value: f32| bf16_from_f32(value);
    let mut a = vec![0; ROWS * ROW_VALUES];
    let mut b = vec![Line::ZERO; 2 * ROWS];
    b[..ROWS].fill(Line([half(1.0); ROW_VALUES]));
    // One after the other 2^24 + 1 - 2^24 is 0 in f32; apart it is 1.
    a[..3].copy_from_slice(&[half(16_777_216.0), half(1.0), half(-16_777_216.0)]);
    // A denormal counts as zero, and so does a denormal result.
    a[ROW_VALUES..][..2].copy_from_slice(&[0x0040, half(2.0)]);
    a[2 * ROW_VALUES] = half(1e-30);
    b[0].0[0] = half(1e-10);
    let c = product(Unit::MODEL, &a, 64, &b);
    assert_eq!(c[1], 1.0);
    assert_eq!(c[BLOCK..][..2], [2.0, 2.0]);
    assert_eq!(c[2 * BLOCK..][..2], [0.0, round(1e-30)]);
}
