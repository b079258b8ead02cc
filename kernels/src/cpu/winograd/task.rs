//! One batch of tiles for some output panels: what a thread does at a time.

use std::ops::Range;

use super::input::{Run, Source};
use super::output::{Finish, Planes};
use super::product::Products;
use super::sizes::{Sizes, Work};
use super::weights::Winograd;
use crate::cpu::blocks::{InputBlocks, OutputBlocks, Shared};
use crate::cpu::statistics::Moments;
use crate::cpu::vector::{BLOCK, Element, Isa};

/// A layer at work.
#[derive(Debug)]
pub(in crate::cpu) struct Task<'a, E> {
    /// Instructions to use; their rows are those `sizes` was made with.
    pub isa: Isa,
    /// Weights.
    pub layer: &'a Winograd,
    /// How the volume is cut.
    pub sizes: Sizes,
    /// As many blocks as the layer was packed for.
    pub input: InputBlocks<'a, E>,
    /// One block per panel.
    pub output: &'a OutputBlocks<'a, E>,
    /// `[batch][panel]`, if statistics are wanted.
    pub moments: Option<&'a Shared<'a, Moments>>,
}

impl<E: Element> Task<'_, E> {
    /// Computes the voxels of `batch` in the output blocks `panels`. Panics
    /// when there is no such batch or panel.
    ///
    /// # Safety
    /// No other thread computes this batch for one of these panels meanwhile,
    /// or writes `output` otherwise.
    pub unsafe fn run(&self, batch: usize, panels: Range<usize>, work: &mut Work) {
        let sizes = &self.sizes;
        assert!(batch < sizes.batches() && panels.end <= self.layer.panels, "no such batch or panel");
        assert!(self.input.len() * BLOCK == sizes.depth, "other inputs than the weights were packed for");
        work.fit(sizes);
        let first = batch * sizes.batch;
        let tiles = sizes.batch.min(sizes.tiles() - first);
        for index in 0..self.input.len() {
            let source = Source { isa: self.isa, sizes, block: self.input.block(index), index };
            for (start, len) in sizes.runs(first, tiles) {
                let run = Run { tile: sizes.position(start), len, slot: start - first };
                source.transform(run, work);
            }
        }
        for panel in panels {
            self.products(tiles, panel, work);
            let moments = self.finish(first, tiles, panel, work);
            if let Some(all) = self.moments {
                // SAFETY: one index per batch and panel, which are this
                // task's (caller; test `any_split_gives_the_same_bits`).
                unsafe { all.set(batch * self.layer.panels + panel, moments) };
            }
        }
    }

    /// Products of all points, and back to voxels within each plane.
    fn products(&self, tiles: usize, panel: usize, work: &mut Work) {
        let sizes = &self.sizes;
        let plane = sizes.plane();
        for z in 0..sizes.tile.inputs()[0] {
            let point = z * plane;
            let weights = (panel * sizes.tile.points() + point) * sizes.depth;
            let weights = &self.layer.weights[weights..][..plane * sizes.depth];
            let products = &mut work.products;
            self.isa.run(Products { sizes, first: point, tiles, values: &work.values, weights, products });
            Planes { sizes, z, tiles, products: &work.products, planes: &mut work.planes }.run_on(self.isa);
        }
    }

    /// Along z and out.
    fn finish(&self, first: usize, tiles: usize, panel: usize, work: &mut Work) -> Moments {
        let sizes = &self.sizes;
        let mut moments = Moments::default();
        let size = sizes.tile.inputs()[0] * sizes.plane_outputs();
        for tile in 0..tiles {
            let position = sizes.position(first + tile);
            let finish = Finish {
                sizes,
                origin: std::array::from_fn(|axis| position[axis] * sizes.tile.outputs[axis]),
                planes: &work.planes[tile * size..][..size],
                bias: &self.layer.bias[panel],
                activation: self.layer.activation,
                output: self.output,
                panel,
                moments: &mut moments,
            };
            finish.run_on(self.isa);
        }
        moments
    }
}
