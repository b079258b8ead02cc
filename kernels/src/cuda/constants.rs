//! What does not depend on the size of the image: packed weights, biases,
//! taps, norms. Built once when a program is loaded, copied to the GPU as one
//! piece.

use super::pack::{PackShape, pack};
use super::parameters::{Block, Norm, Tap};
use crate::program::{Affine, BLOCK, Conv, ConvTranspose, Kind, Program, Source, Value};

/// Alignment of every item, for 16-byte loads and whole cache lines.
const ALIGN: usize = 256;

/// Bytes for the GPU, and where in them things are.
#[derive(Debug, Default)]
pub(crate) struct Blob {
    pub bytes: Vec<u8>,
}

impl Blob {
    fn align(&mut self) -> u64 {
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGN), 0);
        self.bytes.len() as u64
    }

    /// Appends words; returns their offset.
    pub(crate) fn words(&mut self, words: &[u32]) -> u64 {
        let offset = self.align();
        self.bytes.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
        offset
    }

    /// Appends `values` and zeros up to `length`; returns their offset.
    pub(crate) fn floats(&mut self, values: &[f32], length: usize) -> u64 {
        let offset = self.align();
        self.bytes.extend(values.iter().flat_map(|value| value.to_ne_bytes()));
        self.bytes.extend(std::iter::repeat_n(0, length.saturating_sub(values.len()) * size_of::<f32>()));
        offset
    }

    fn taps(&mut self, taps: &[Tap]) -> u64 {
        let words: Vec<u32> =
            taps.iter().flat_map(|tap| [tap.z, tap.y, tap.x, tap.channel]).map(i32::cast_unsigned).collect();
        self.words(&words)
    }

    /// Appends a table of blocks.
    pub(crate) fn blocks(&mut self, blocks: &[Block]) -> u64 {
        let offset = self.align();
        for block in blocks {
            self.bytes
                .extend([block.values, block.scale, block.shift].iter().flat_map(|address| address.to_ne_bytes()));
            self.bytes.extend(block.slope.to_ne_bytes());
            self.bytes.extend(block.unused.to_ne_bytes());
        }
        offset
    }

    /// Appends a table of norms.
    pub(crate) fn norms(&mut self, norms: &[Norm]) -> u64 {
        let offset = self.align();
        for norm in norms {
            let addresses = [norm.gamma, norm.beta, norm.scale, norm.shift];
            self.bytes.extend(addresses.iter().flat_map(|address| address.to_ne_bytes()));
            self.bytes.extend(norm.eps.to_ne_bytes());
            self.bytes.extend(norm.channels.to_ne_bytes());
        }
        offset
    }
}

/// Which kernel a convolution needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// 3x3x3, stride 1, padding 1: `conv_tile`, or `conv_gather` on small grids.
    Tile,
    /// Any other: `conv_gather`.
    Gather,
    /// Planar input: `conv_planar`.
    Planar,
}

/// A packed layer; offsets into the constants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layer {
    pub route: Route,
    pub shape: PackShape,
    pub weights: u64,
    pub bias: u64,
    pub taps: u64,
    /// Taps of the gather.
    pub tap_count: usize,
}

/// Offsets of a norm's arrays, each as long as whole blocks need.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AffineOffsets {
    pub scale: u64,
    pub shift: u64,
    pub gamma: u64,
    pub beta: u64,
}

/// Everything of a program that is the same for all sizes.
#[derive(Debug)]
pub(crate) struct Constants {
    pub blob: Blob,
    /// Per step; `None` for steps without weights.
    pub layers: Vec<Option<Layer>>,
    pub affines: Vec<AffineOffsets>,
}

impl Constants {
    pub(crate) fn new(program: &Program) -> Self {
        let mut blob = Blob::default();
        let layers = program
            .steps
            .iter()
            .map(|step| match &step.kind {
                Kind::Conv { input: Source::Value(value), conv } => Some(blocked(&mut blob, value, conv)),
                Kind::Conv { input: Source::Input { channels }, conv } => Some(planar(&mut blob, *channels, conv)),
                Kind::ConvTranspose { input, conv } => Some(transposed(&mut blob, input, conv)),
                _ => None,
            })
            .collect();
        let affines = program.affines.iter().map(|affine| affine_offsets(&mut blob, affine)).collect();
        Self { blob, layers, affines }
    }
}

/// Taps `[z, y, x]` with z fastest, as `conv_tile` walks through them.
fn tap_order(kernel: [usize; 3]) -> Vec<[usize; 3]> {
    let [nz, ny, nx] = kernel;
    (0..ny).flat_map(|y| (0..nx).flat_map(move |x| (0..nz).map(move |z| [z, y, x]))).collect()
}

fn tap(at: [usize; 3], dilation: [usize; 3], channel: i32) -> Tap {
    let offset = |axis: usize| i32::try_from(at[axis] * dilation[axis]).unwrap_or(i32::MAX);
    Tap { z: offset(0), y: offset(1), x: offset(2), channel }
}

/// Index of a tap in the layer's `[kz, ky, kx]`.
fn tap_index([z, y, x]: [usize; 3], kernel: [usize; 3]) -> usize {
    (z * kernel[1] + y) * kernel[2] + x
}

fn blocked(blob: &mut Blob, value: &Value, conv: &Conv) -> Layer {
    let (lanes, order) = (value.lanes(), tap_order(conv.kernel));
    let (inputs, taps) = (value.channels(), order.len());
    let shape = PackShape::new(1, conv.outputs.div_ceil(BLOCK), value.blocks() * taps);
    let words = pack(shape, |_, output, unit, row| match lanes[unit / taps * BLOCK + row] {
        Some(channel) if output < conv.outputs => {
            conv.weight[(output * inputs + channel) * taps + tap_index(order[unit % taps], conv.kernel)]
        }
        _ => 0.0,
    });
    let is_tile = conv.kernel == [3; 3] && conv.stride == [1; 3] && conv.padding == [1; 3] && conv.dilation == [1; 3];
    let table: Vec<Tap> = order.iter().map(|&at| tap(at, conv.dilation, 0)).collect();
    Layer {
        route: if is_tile { Route::Tile } else { Route::Gather },
        shape,
        weights: blob.words(&words),
        bias: blob.floats(&conv.bias, conv.outputs.next_multiple_of(BLOCK)),
        taps: blob.taps(&table),
        tap_count: taps,
    }
}

/// For planar inputs the rows of a unit are (channel, tap) pairs in order.
fn planar(blob: &mut Blob, inputs: usize, conv: &Conv) -> Layer {
    let order = tap_order(conv.kernel);
    let taps = order.len();
    let units = (inputs * taps).div_ceil(BLOCK);
    let shape = PackShape::new(1, conv.outputs.div_ceil(BLOCK), units);
    let words = pack(shape, |_, output, unit, row| {
        let k = unit * BLOCK + row;
        if output >= conv.outputs || k >= inputs * taps {
            return 0.0;
        }
        conv.weight[(output * inputs + k / taps) * taps + tap_index(order[k % taps], conv.kernel)]
    });
    let table: Vec<Tap> = (0..units * BLOCK)
        .map(|k| match i32::try_from(k / taps) {
            Ok(channel) if k < inputs * taps => tap(order[k % taps], conv.dilation, channel),
            _ => Tap { z: 0, y: 0, x: 0, channel: -1 },
        })
        .collect();
    Layer {
        route: Route::Planar,
        shape,
        weights: blob.words(&words),
        bias: blob.floats(&conv.bias, conv.outputs.next_multiple_of(BLOCK)),
        taps: blob.taps(&table),
        tap_count: taps,
    }
}

/// One 1x1x1 product per tap, each with weights of its own.
fn transposed(blob: &mut Blob, value: &Value, conv: &ConvTranspose) -> Layer {
    let lanes = value.lanes();
    let taps = conv.kernel.iter().product::<usize>();
    let shape = PackShape::new(taps, conv.outputs.div_ceil(BLOCK), value.blocks());
    let words = pack(shape, |part, output, unit, row| match lanes[unit * BLOCK + row] {
        Some(channel) if output < conv.outputs => conv.weight[(channel * conv.outputs + output) * taps + part],
        _ => 0.0,
    });
    Layer {
        route: Route::Gather,
        shape,
        weights: blob.words(&words),
        bias: blob.floats(&conv.bias, conv.outputs.next_multiple_of(BLOCK)),
        taps: blob.taps(&[tap([0; 3], [1; 3], 0)]),
        tap_count: 1,
    }
}

fn affine_offsets(blob: &mut Blob, affine: &Affine) -> AffineOffsets {
    let length = affine.channels().next_multiple_of(BLOCK);
    match affine {
        Affine::Constant { scale, shift } => AffineOffsets {
            scale: blob.floats(scale, length),
            shift: blob.floats(shift, length),
            ..AffineOffsets::default()
        },
        // Lanes without a channel keep a scale of zero.
        Affine::Instance { gamma, beta, .. } => AffineOffsets {
            scale: blob.floats(&[], length),
            shift: blob.floats(&[], length),
            gamma: blob.floats(gamma, length),
            beta: blob.floats(beta, length),
        },
    }
}
