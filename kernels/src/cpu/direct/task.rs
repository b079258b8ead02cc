//! One share of a layer: a box of positions times some panels.

use super::cut::{Cut, Region};
use super::layer::{Chunk, Direct, PanelTarget};
use super::patch::Input;
use super::sink::Sink;
use super::tile::{MOST_POSITIONS, Tile, positions};
use crate::cpu::activation::activate_all;
use crate::cpu::blocks::Shared;
use crate::cpu::element::Element;
use crate::cpu::statistics::Moments;
use crate::cpu::vector::{Isa, Kernel, Vector};
use crate::program::BLOCK;

/// A layer at work.
#[derive(Debug)]
pub(in crate::cpu) struct Task<'a, E, S> {
    pub isa: Isa,
    pub layer: &'a Direct,
    pub cut: Cut,
    pub input: Input<'a, E>,
    pub sink: &'a S,
    /// `[z, y, x]` of the output.
    pub output_dims: [usize; 3],
    /// `[box][panel]`, if statistics are wanted.
    pub moments: Option<&'a Shared<'a, Moments>>,
}

impl<E: Element, S: Sink> Task<'_, E, S> {
    /// Computes one share of the cut.
    ///
    /// # Safety
    /// No other thread computes this share or writes its output meanwhile.
    pub unsafe fn run(&self, share: usize, work: &mut Work) {
        self.isa.run(Share { task: self, share, work });
    }
}

/// What a thread needs while it computes; grows to the largest share it meets.
#[derive(Debug, Default)]
pub(in crate::cpu) struct Work {
    patch: Vec<f32>,
    /// First patch value of each position; the last tile is filled up.
    bases: Vec<usize>,
    /// First output voxel of each position.
    voxels: Vec<usize>,
    offsets: Offsets,
    /// `[panel][position]`; one tile when a layer has a single chunk.
    sums: Vec<[f32; BLOCK]>,
    moments: Vec<Moments>,
}

impl Work {
    /// Bytes it has grown to.
    pub fn bytes(&self) -> usize {
        self.patch.capacity() * 4
            + (self.bases.capacity() + self.voxels.capacity()) * 8
            + self.sums.capacity() * size_of::<[f32; BLOCK]>()
    }

    /// Where the positions of a box lie in the patch and in the output.
    #[inline(always)]
    fn find_positions(&mut self, layer: &Direct, region: &Region, output: [usize; 3], multiple: usize) {
        let [_, height, width] = layer.patch_dims(region.size);
        let step: [usize; 3] = std::array::from_fn(|axis| layer.sampling(axis).patch_step);
        let start: [usize; 3] = std::array::from_fn(|axis| region.start[axis] * layer.scale[axis]);
        self.bases.clear();
        self.voxels.clear();
        for z in 0..region.size[0] {
            for y in 0..region.size[1] {
                let patch = (z * step[0] * height + y * step[1]) * width;
                let (z, y) = (start[0] + z * layer.scale[0], start[1] + y * layer.scale[1]);
                let voxel = (z * output[1] + y) * output[2] + start[2];
                self.bases.extend((0..region.size[2]).map(|x| (patch + x * step[2]) * layer.run));
                self.voxels.extend((0..region.size[2]).map(|x| voxel + x * layer.scale[2]));
            }
        }
        let last = self.bases.last().copied().unwrap_or(0);
        self.bases.resize(self.bases.len().next_multiple_of(multiple), last);
    }
}

/// Where the taps of a chunk lie relative to a base.
#[derive(Debug, Default)]
struct Offsets {
    values: Vec<usize>,
    last: usize,
}

impl Offsets {
    #[inline(always)]
    fn find(&mut self, layer: &Direct, patch: [usize; 3], chunk: &Chunk) {
        let [_, ky, kx] = layer.kernel;
        self.values.clear();
        self.last = 0;
        for plane in 0..chunk.planes.len() {
            for tap in chunk.taps.clone() {
                let [z, y, x] = [tap / (ky * kx), tap / kx % ky, tap % kx];
                let z = plane * patch[0] + z * layer.dilation[0];
                let y = z * patch[1] + y * layer.dilation[1];
                let offset = (y * patch[2] + x * layer.dilation[2]) * layer.run;
                self.last = self.last.max(offset);
                self.values.push(offset);
            }
        }
    }
}

struct Share<'a, 'w, E, S> {
    task: &'a Task<'a, E, S>,
    share: usize,
    work: &'w mut Work,
}

impl<E: Element, S: Sink> Kernel for Share<'_, '_, E, S> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self, v: V) {
        let Self { task, share, work } = self;
        let layer = task.layer;
        let (number, region, panels) = task.cut.share(share);
        let rows = positions::<V>();
        let patch_dims = layer.patch_dims(region.size);
        work.find_positions(layer, &region, task.output_dims, rows);
        grow(&mut work.patch, layer.planes_at_once() * patch_dims.iter().product::<usize>() * layer.run, 0.0);
        let is_single = layer.chunks.len() == 1;
        let panel_sums = if is_single { 0 } else { work.bases.len() };
        grow(&mut work.sums, (panel_sums * panels.len()).max(MOST_POSITIONS), [0.0; BLOCK]);
        grow(&mut work.moments, panels.len(), Moments::default());
        work.moments.fill(Moments::default());

        for (index, chunk) in layer.chunks.iter().enumerate() {
            if chunk.taps.start == 0 {
                layer.fill_patch(v, &task.input, &region, chunk, &mut work.patch);
            }
            work.offsets.find(layer, patch_dims, chunk);
            let is_last = index + 1 == layer.chunks.len();
            for (place, panel) in panels.clone().enumerate() {
                let start = (index == 0).then_some(&layer.bias[panel]);
                let weights = layer.weights(panel, chunk);
                for (tile, bases) in work.bases.chunks_exact(rows).enumerate() {
                    let first = tile * rows;
                    let slot = if is_single { 0 } else { place * panel_sums + first };
                    let sums = &mut work.sums[slot..slot + rows];
                    let Offsets { values: offsets, last } = &work.offsets;
                    let run = layer.run;
                    Tile { patch: &work.patch, bases, offsets, last: *last, run, weights, start }.accumulate(v, sums);
                    if is_last {
                        let voxels = &work.voxels[first..];
                        let used = voxels.len().min(rows);
                        // SAFETY: the voxels and panels of this share, which
                        // no other thread computes (caller of `Task::run`;
                        // test `tests/cpu_steps.rs`).
                        unsafe {
                            task.finish(v, layer.targets[panel], voxels, &mut sums[..used], &mut work.moments[place])
                        };
                    }
                }
            }
        }
        let Some(slots) = task.moments else { return };
        for (moments, panel) in work.moments.iter().zip(panels) {
            // SAFETY: one slot per box and panel (as above).
            unsafe { slots.set(number * layer.panels() + panel, *moments) };
        }
    }
}

impl<E: Element, S: Sink> Task<'_, E, S> {
    /// Activation, statistics, and out.
    ///
    /// # Safety
    /// No other thread writes these voxels of this panel meanwhile.
    #[inline(always)]
    unsafe fn finish<V: Vector>(
        &self,
        v: V,
        target: PanelTarget,
        voxels: &[usize],
        sums: &mut [[f32; BLOCK]],
        moments: &mut Moments,
    ) {
        activate_all(self.layer.activation, sums);
        for (values, voxel) in sums.iter_mut().zip(voxels) {
            // SAFETY: the caller's promise, passed on.
            unsafe { self.sink.put(v, target, *voxel, values) };
        }
        if self.moments.is_some() {
            moments.add(v, sums);
        }
    }
}

/// Makes a buffer at least `len` long, without touching what is there.
fn grow<T: Clone>(buffer: &mut Vec<T>, len: usize, value: T) {
    if buffer.len() < len {
        buffer.resize(len, value);
    }
}
