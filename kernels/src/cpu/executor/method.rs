//! How each convolution is computed: directly, by Winograd's method with
//! tiles that fit the size of its grid, or on a tile unit.

use std::sync::Arc;

use crate::cpu::amx::{self, Unit};
use crate::cpu::direct::Direct;
use crate::cpu::winograd::{Tile, Winograd, applies};
use crate::program::{BLOCK, Conv, ConvTranspose, Kind, Program, Source};

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

/// The weights of a program, one entry per step.
///
/// They are held once where possible: a packed layer that can be turned back
/// into the program's weights replaces them. Transformed ones cannot, because
/// another size of image may need another tile.
#[derive(Debug)]
pub(super) struct Layers {
    layers: Vec<Option<Layer>>,
    /// As the program had them; empty once they are packed for good.
    weights: Vec<Arc<[f32]>>,
    tiles: Option<Unit>,
}

impl Layers {
    /// Takes the weights out of `program`.
    pub fn new(program: &mut Program, tiles: Option<Unit>) -> Self {
        let take = |kind: &mut Kind| match kind {
            Kind::Conv { conv, .. } => std::mem::take(&mut conv.weight),
            Kind::ConvTranspose { conv, .. } => std::mem::take(&mut conv.weight),
            _ => Arc::default(),
        };
        let weights: Vec<_> = program.steps.iter_mut().map(|step| take(&mut step.kind)).collect();
        Self { layers: weights.iter().map(|_| None).collect(), weights, tiles }
    }

    pub fn get(&self, step: usize) -> Option<&Layer> {
        self.layers.get(step).and_then(Option::as_ref)
    }

    pub fn bytes(&self) -> usize {
        let kept = self.weights.iter().map(|weights| size_of_val(&**weights)).sum::<usize>();
        kept + self.layers.iter().flatten().map(Layer::bytes).sum::<usize>()
    }

    /// Packs the weights of a step for a grid of `dims`, unless they already
    /// are in that order.
    pub fn fit(&mut self, program: &Program, step: usize, dims: [usize; 3]) -> Option<&Layer> {
        let (place, weights) = (self.layers.get_mut(step)?, self.weights.get_mut(step)?);
        match &program.steps[step].kind {
            Kind::Conv { input: Source::Value(value), conv } => {
                let lanes = value.lanes();
                fit(place, weights, self.tiles, (conv, &lanes), dims);
            }
            Kind::Conv { input: Source::Input { channels }, conv } if place.is_none() => {
                let conv = Conv { weight: std::mem::take(weights), ..conv.clone() };
                *place = Some(Layer::Direct(Direct::of_planes(&conv, *channels)));
            }
            Kind::ConvTranspose { input, conv } if place.is_none() => {
                let conv = ConvTranspose { weight: std::mem::take(weights), ..conv.clone() };
                let lanes = input.lanes();
                *place = Some(match self.tiles {
                    Some(unit) => Layer::Amx(amx::Layer::transposed(&conv, &lanes), unit),
                    None => Layer::Direct(Direct::transposed(&conv, &lanes)),
                });
            }
            _ => {}
        }
        place.as_ref()
    }
}

/// Packs a convolution of blocks by the best method for a grid of `dims`.
fn fit(
    place: &mut Option<Layer>,
    weights: &mut Arc<[f32]>,
    tiles: Option<Unit>,
    (conv, lanes): (&Conv, &[Option<usize>]),
    dims: [usize; 3],
) {
    let tile = choose(conv, lanes.len(), dims);
    match (&*place, tiles, tile) {
        (Some(Layer::Amx(..)), _, _) | (Some(Layer::Direct(_)), None, None) => return,
        (Some(Layer::Winograd(layer)), None, Some(tile)) if layer.tile() == tile => return,
        (Some(Layer::Direct(layer)), ..) => *weights = layer.unpacked(conv.outputs, lanes),
        _ => {}
    }
    // The old order is given back before the new one is made.
    *place = None;
    let conv = Conv { weight: Arc::clone(weights), ..conv.clone() };
    *place = Some(match (tiles, tile) {
        (Some(unit), _) => Layer::Amx(amx::Layer::of_blocks(&conv, lanes), unit),
        (None, Some(tile)) => Layer::Winograd(Winograd::new(&conv, lanes, tile)),
        (None, None) => Layer::Direct(Direct::of_blocks(&conv, lanes)),
    });
    if !matches!(place, Some(Layer::Winograd(_))) {
        *weights = Arc::default();
    }
}

/// What a multiply-add of a product, the transform of a value and a byte of
/// weights from memory cost relative to each other. Chosen so that the tile
/// agrees with the fastest one of `benches/winograd.rs` on a Zen 3; only
/// speed depends on them.
const PRODUCT: f64 = 1.0;
const TRANSFORM: f64 = 12.0;
const WEIGHT_BYTE: f64 = 6.0;

/// What a byte of transformed weights costs beside their use, because they are
/// kept: about 0.8 ms for a megabyte on that processor. Without it, networks
/// with many parameters on small grids take twice the memory for a few
/// hundredths of the time.
const KEPT_BYTE: f64 = 40.0;

/// Transformed weights of one layer take at most this: larger ones are read
/// from memory where a third-level cache could hold them.
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
        let kept = 4.0 * depth * outputs * KEPT_BYTE;
        points * (products + tiles * (depth + outputs) * TRANSFORM + kept)
    };
    let along_z: &[usize] = if conv.kernel[0] == 1 { &[1] } else { &[2, 4] };
    let tiles =
        along_z.iter().flat_map(|&z| [2, 4].into_iter().flat_map(move |y| [2, 4].map(|x| Tile { outputs: [z, y, x] })));
    let fits = |tile: &Tile| tile.points() as f64 * depth * outputs * 4.0 <= MAX_TRANSFORMED_BYTES;
    let best = tiles.filter(fits).map(|tile| (cost(tile), tile)).min_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(cost, _)| *cost < direct).map(|(_, tile)| tile)
}
