//! The weights of one layer, transformed and packed once.

use super::tile::Tile;
use super::transform::weight_rows;
use crate::cpu::vector::BLOCK;
use crate::graph::Activation;
use crate::program::Conv;

/// Sixteen floats on a cache line.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line(pub [f32; BLOCK]);

/// A convolution ready to run with one tile size.
#[derive(Debug, Clone)]
pub(in crate::cpu) struct Winograd {
    pub(super) tile: Tile,
    /// Stored input channels, dead ones included.
    pub(super) depth: usize,
    /// Blocks of output channels.
    pub(super) panels: usize,
    /// `[panel][point][input channel]`, each 16 output channels.
    pub(super) weights: Vec<Line>,
    /// Per panel.
    pub(super) bias: Vec<Line>,
    pub(super) activation: Activation,
}

impl Winograd {
    /// Transforms and packs the weights; `lanes` says which channel each
    /// stored lane of the input holds ([`crate::program::Value::lanes`]).
    ///
    /// Call only for what [`super::applies`] accepts.
    pub fn new(conv: &Conv, lanes: &[Option<usize>], tile: Tile) -> Self {
        let panels = conv.outputs.div_ceil(BLOCK);
        let (points, depth) = (tile.points(), lanes.len());
        let taps = conv.kernel[0] * 9;
        let inputs = conv.weight.len() / (conv.outputs * taps).max(1);
        let mut weights = vec![Line([0.0; BLOCK]); panels * points * depth];
        for (lane, channel) in lanes.iter().enumerate() {
            let Some(channel) = channel else { continue };
            for output in 0..conv.outputs {
                let kernel = &conv.weight[(output * inputs + channel) * taps..][..taps];
                let panel = output / BLOCK * points;
                for (point, value) in transform(kernel, tile).into_iter().enumerate() {
                    weights[(panel + point) * depth + lane].0[output % BLOCK] = value as f32;
                }
            }
        }
        let mut bias = vec![Line([0.0; BLOCK]); panels];
        for (output, &value) in conv.bias.iter().enumerate() {
            bias[output / BLOCK].0[output % BLOCK] = value;
        }
        Self { tile, depth, panels, weights, bias, activation: conv.activation }
    }

    /// Bytes of the packed weights.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.weights) + size_of_val(&*self.bias)
    }

    /// Blocks of output channels.
    pub fn panels(&self) -> usize {
        self.panels
    }

    /// The tile it was packed for.
    pub fn tile(&self) -> Tile {
        self.tile
    }
}

/// The kernel of one channel pair at every point, `[z][y][x]`, in f64.
fn transform(kernel: &[f32], tile: Tile) -> Vec<f64> {
    let mut values: Vec<f64> = kernel.iter().copied().map(f64::from).collect();
    // Each turn transforms the last axis and brings it to the front, so that
    // after three turns the axes are in order again.
    for outputs in tile.outputs.into_iter().rev() {
        let rows = weight_rows(outputs);
        let taps = if outputs == 1 { 1 } else { 3 };
        let lines = values.chunks_exact(taps);
        values = match outputs {
            1 => values,
            _ => {
                rows.iter().flat_map(|row| lines.clone().map(|l| row.iter().zip(l).map(|(a, b)| a * b).sum())).collect()
            }
        };
    }
    values
}
