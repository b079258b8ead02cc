//! How each convolution is computed: directly, by Winograd's method with
//! tiles that fit the size of its grid, or on a tile unit.

use crate::cpu::amx::{self, Unit};
use crate::cpu::direct::Direct;
use crate::cpu::winograd::{Tile, Winograd, applies};
use crate::program::{BLOCK, Conv, Kind, Program, Source};

/// A layer's weights in the order its method reads them.
#[derive(Debug)]
pub(super) enum Layer {
    Direct(Direct),
    Winograd(Winograd),
    Amx(amx::Layer, Unit),
}

impl Layer {
    fn bytes(&self) -> usize {
        match self {
            Self::Direct(layer) => layer.bytes(),
            Self::Winograd(layer) => layer.bytes(),
            Self::Amx(layer, _) => layer.bytes(),
        }
    }
}

/// The packed weights of a program, one entry per step.
#[derive(Debug)]
pub(super) struct Layers {
    layers: Vec<Option<Layer>>,
    tiles: Option<Unit>,
}

impl Layers {
    pub fn new(steps: usize, tiles: Option<Unit>) -> Self {
        Self { layers: (0..steps).map(|_| None).collect(), tiles }
    }

    pub fn get(&self, step: usize) -> Option<&Layer> {
        self.layers.get(step).and_then(Option::as_ref)
    }

    pub fn bytes(&self) -> usize {
        self.layers.iter().flatten().map(Layer::bytes).sum()
    }

    /// Packs the weights of a step for a grid of `dims`, unless they already
    /// are in that order.
    pub fn fit(&mut self, program: &Program, step: usize, dims: [usize; 3]) -> Option<&Layer> {
        let place = self.layers.get_mut(step)?;
        match (&program.steps[step].kind, self.tiles) {
            (Kind::Conv { input: Source::Value(value), conv }, Some(unit)) => {
                place.get_or_insert_with(|| Layer::Amx(amx::Layer::of_blocks(conv, &value.lanes()), unit));
            }
            (Kind::ConvTranspose { input, conv }, Some(unit)) => {
                place.get_or_insert_with(|| Layer::Amx(amx::Layer::transposed(conv, &input.lanes()), unit));
            }
            (Kind::Conv { input: Source::Value(value), conv }, None) => {
                let lanes = value.lanes();
                match (choose(conv, lanes.len(), dims), &place) {
                    (None, Some(Layer::Direct(_))) => {}
                    (Some(tile), Some(Layer::Winograd(layer))) if layer.tile() == tile => {}
                    (None, _) => *place = Some(Layer::Direct(Direct::of_blocks(conv, &lanes))),
                    (Some(tile), _) => *place = Some(Layer::Winograd(Winograd::new(conv, &lanes, tile))),
                }
            }
            (Kind::Conv { input: Source::Input { channels }, conv }, _) => {
                place.get_or_insert_with(|| Layer::Direct(Direct::of_planes(conv, *channels)));
            }
            (Kind::ConvTranspose { input, conv }, None) => {
                place.get_or_insert_with(|| Layer::Direct(Direct::transposed(conv, &input.lanes())));
            }
            _ => {}
        }
        place.as_ref()
    }
}

/// What a multiply-add of a product, the transform of a value and a byte of
/// weights from memory cost relative to each other. Chosen so that the tile
/// agrees with the fastest one of `benches/winograd.rs` on a Zen 3; only
/// speed depends on them.
const PRODUCT: f64 = 1.0;
const TRANSFORM: f64 = 12.0;
const WEIGHT_BYTE: f64 = 6.0;

/// Transformed weights of one layer take at most this: larger ones would make
/// networks with many parameters several times as large in memory, and are
/// read from memory where a third-level cache could hold them.
const MAX_TRANSFORMED_BYTES: f64 = (32 << 20) as f64;

/// The fastest tile; `None` when the direct sum is faster.
fn choose(conv: &Conv, depth: usize, dims: [usize; 3]) -> Option<Tile> {
    if !applies(conv) {
        return None;
    }
    let outputs = conv.outputs.next_multiple_of(BLOCK) as f64;
    let depth = depth as f64;
    let taps = conv.kernel.iter().product::<usize>() as f64;
    let voxels = dims.iter().product::<usize>() as f64;
    let direct = depth * outputs * taps * (voxels * PRODUCT + 4.0 * WEIGHT_BYTE);
    let cost = |tile: Tile| {
        let tiles = tile.counts(dims).iter().product::<usize>() as f64;
        let points = tile.points() as f64;
        let products = depth * outputs * (tiles * PRODUCT + 4.0 * WEIGHT_BYTE);
        points * (products + tiles * (depth + outputs) * TRANSFORM)
    };
    let along_z: &[usize] = if conv.kernel[0] == 1 { &[1] } else { &[2, 4] };
    let tiles =
        along_z.iter().flat_map(|&z| [2, 4].into_iter().flat_map(move |y| [2, 4].map(|x| Tile { outputs: [z, y, x] })));
    let fits = |tile: &Tile| tile.points() as f64 * depth * outputs * 4.0 <= MAX_TRANSFORMED_BYTES;
    let best = tiles.filter(fits).map(|tile| (cost(tile), tile)).min_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(cost, _)| *cost < direct).map(|(_, tile)| tile)
}
