//! Winograd's transforms along one axis.
//!
//! F(m, 3) turns `m + 2` inputs into `m + 2` products and these into `m`
//! outputs (Lavin & Gray 2016, arXiv:1509.09308). It is multiplication of
//! polynomials by evaluation at `m + 1` points and infinity; along several
//! axes the transforms are nested (Budden et al. 2017, arXiv:1611.06565).
//!
//! # Points
//! F(2, 3) uses 0, 1, -1. F(4, 3) uses 0, +-5/8, +-3/2, as oneDNN does in
//! f32 (on the choice: Barabasz et al. 2020, DOI 10.1145/3412380): all
//! constants are exact in f32, and the largest error over three axes is 6 to 8
//! times below that of the usual 0, +-1, +-2 (1.5e-6 against 1.3e-5 of the
//! largest output with 16 channels, 4.5e-6 against 2.9e-5 with 128, random data).

use crate::cpu::vector::Vector;

/// The smaller positive point of F(4, 3).
const A: f32 = 0.625;
/// The larger one.
const B: f32 = 1.5;

/// F(m, 3) along one axis, or nothing at all.
pub(super) trait Axis: Copy {
    /// Outputs of a tile.
    const OUTPUTS: usize;
    /// Inputs of a tile, which is also its products.
    const INPUTS: usize;

    /// Inputs to products.
    fn input<V: Vector>(self, get: impl Fn(usize) -> V, put: impl FnMut(usize, V));
    /// Products to outputs.
    fn output<V: Vector>(self, get: impl Fn(usize) -> V, put: impl FnMut(usize, V));
}

/// An axis the kernel does not extend along: one input, one output.
#[derive(Debug, Clone, Copy)]
pub(super) struct One;

/// F(2, 3): 4 products for 2 outputs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Two;

/// F(4, 3): 6 products for 4 outputs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Four;

impl Axis for One {
    const OUTPUTS: usize = 1;
    const INPUTS: usize = 1;

    #[inline(always)]
    fn input<V: Vector>(self, get: impl Fn(usize) -> V, mut put: impl FnMut(usize, V)) {
        put(0, get(0));
    }

    #[inline(always)]
    fn output<V: Vector>(self, get: impl Fn(usize) -> V, mut put: impl FnMut(usize, V)) {
        put(0, get(0));
    }
}

impl Axis for Two {
    const OUTPUTS: usize = 2;
    const INPUTS: usize = 4;

    #[inline(always)]
    fn input<V: Vector>(self, get: impl Fn(usize) -> V, mut put: impl FnMut(usize, V)) {
        let (d1, d2) = (get(1), get(2));
        put(0, d2.sub(get(0)));
        put(1, d2.add(d1));
        put(2, d2.sub(d1));
        put(3, get(3).sub(d1));
    }

    #[inline(always)]
    fn output<V: Vector>(self, get: impl Fn(usize) -> V, mut put: impl FnMut(usize, V)) {
        let (m1, m2) = (get(1), get(2));
        put(0, m1.add(m2).add(get(0)));
        put(1, m1.sub(m2).add(get(3)));
    }
}

impl Axis for Four {
    const OUTPUTS: usize = 4;
    const INPUTS: usize = 6;

    #[inline(always)]
    fn input<V: Vector>(self, get: impl Fn(usize) -> V, mut put: impl FnMut(usize, V)) {
        let (d1, d2, d3, d4) = (get(1), get(2), get(3), get(4));
        let (a, b, aa, bb) = (d1.splat(A), d1.splat(B), d1.splat(A * A), d1.splat(B * B));
        // x (x + a)(x^2 - b^2) and its mirror image share both halves.
        let (even, odd) = (d2.neg_mul_add(bb, d4), d1.neg_mul_add(bb, d3));
        put(1, odd.mul_add(a, even));
        put(2, odd.neg_mul_add(a, even));
        let (even, odd) = (d2.neg_mul_add(aa, d4), d1.neg_mul_add(aa, d3));
        put(3, odd.mul_add(b, even));
        put(4, odd.neg_mul_add(b, even));
        // (x^2 - a^2)(x^2 - b^2), and times x.
        let (sum, product) = (d1.splat(A * A + B * B), d1.splat(A * A * B * B));
        put(0, get(0).mul_add(product, d2.neg_mul_add(sum, d4)));
        put(5, d1.mul_add(product, d3.neg_mul_add(sum, get(5))));
    }

    #[inline(always)]
    fn output<V: Vector>(self, get: impl Fn(usize) -> V, mut put: impl FnMut(usize, V)) {
        let (m1, m2, m3, m4) = (get(1), get(2), get(3), get(4));
        let (sum_a, difference_a) = (m1.add(m2), m1.sub(m2));
        let (sum_b, difference_b) = (m3.add(m4), m3.sub(m4));
        let power = |factor: f32| m1.splat(factor);
        put(0, sum_a.add(sum_b).add(get(0)));
        put(1, difference_a.mul_add(power(A), difference_b.mul(power(B))));
        put(2, sum_a.mul_add(power(A * A), sum_b.mul(power(B * B))));
        let last = difference_b.mul_add(power(B * B * B), get(5));
        put(3, difference_a.mul_add(power(A * A * A), last));
    }
}

/// What the three taps of a kernel become along an axis with `outputs`
/// outputs: `products[j] = sum over i of row[j][i] * taps[i]`.
pub(super) fn weight_rows(outputs: usize) -> Vec<[f64; 3]> {
    let points: &[f64] = match outputs {
        2 => &[0.0, 1.0, -1.0],
        _ => &[0.0, 0.625, -0.625, 1.5, -1.5],
    };
    let row = |&point: &f64| {
        let others = points.iter().filter(|&&other| other != point);
        let norm: f64 = others.map(|other| point - other).product();
        [1.0 / norm, point / norm, point * point / norm]
    };
    points.iter().map(row).chain([[0.0, 0.0, 1.0]]).collect()
}
