//! One share of a layer: a box of positions times some panels.

use std::ops::Range;

use super::cut::Cut;
use super::layer::Layer;
use super::multiply::{Operands, Sums, WINDOWS};
use super::patch::{Fill, Offset, Patch};
use super::tiles::{Line, ROWS, SUMS, TileKernel, Tiles};
use super::unit::Unit;
use super::windows::{Place, Windows};
use crate::cpu::activation::activate;
use crate::cpu::blocks::{InputBlocks, Shared};
use crate::cpu::direct::Sink;
use crate::cpu::statistics::Moments;
use crate::cpu::vector::{Element, Isa, Kernel, Vector};
use crate::program::BLOCK;

/// A layer at work.
#[derive(Debug)]
pub(in crate::cpu) struct Task<'a, E, S> {
    pub unit: Unit,
    /// Instructions for everything but the products.
    pub isa: Isa,
    pub layer: &'a Layer,
    pub cut: Cut,
    /// As many blocks as the layer was packed for.
    pub input: InputBlocks<'a, E>,
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
        let layer = self.layer;
        let (number, region, panels) = self.cut.share(share);
        let patch = Patch::new(layer, region);
        if work.patch.len() < patch.lines() {
            work.patch.resize(patch.lines(), Line::ZERO);
        }
        self.isa.run(Fill { patch, input: self.input, to: &mut work.patch });
        work.offsets.clear();
        work.offsets.extend(layer.steps.iter().map(|step| patch.offset(step)));
        let [_, height, width] = self.output_dims;
        work.windows.cover(&patch, region.size, |z, y| {
            let [z, y, x] = [(0, z), (1, y), (2, 0)].map(|(axis, at)| (region.start[axis] + at) * layer.scale[axis]);
            ((z * height + y) * width + x, layer.scale[2])
        });
        work.moments.clear();
        work.moments.resize(panels.len(), Moments::default());
        self.unit.run(Panels { task: self, panels: panels.clone(), work });
        let Some(slots) = self.moments else { return };
        for (moments, panel) in work.moments.iter().zip(panels) {
            // SAFETY: one slot per box and panel, which are this share's
            // (caller; test `any_order_gives_the_same_bits`).
            unsafe { slots.set(number * layer.panels() + panel, *moments) };
        }
    }
}

/// What a thread needs while it computes; grows to the largest share it meets.
#[derive(Debug)]
pub(in crate::cpu) struct Work {
    patch: Vec<Line>,
    offsets: Vec<Offset>,
    windows: Windows,
    moments: Vec<Moments>,
    sums: Box<Sums>,
}

impl Default for Work {
    fn default() -> Self {
        let sums = Box::new(Sums([[0.0; SUMS]; 4]));
        Self { patch: Vec::new(), offsets: Vec::new(), windows: Windows::default(), moments: Vec::new(), sums }
    }
}

impl Work {
    /// Bytes it has grown to.
    pub fn bytes(&self) -> usize {
        self.patch.capacity() * size_of::<Line>()
            + self.offsets.capacity() * size_of::<Offset>()
            + self.windows.bytes()
            + self.moments.capacity() * size_of::<Moments>()
            + size_of::<Sums>()
    }
}

/// All panels of a share, two at a time.
struct Panels<'a, 'w, E, S> {
    task: &'a Task<'a, E, S>,
    panels: Range<usize>,
    work: &'w mut Work,
}

impl<E: Element, S: Sink> TileKernel for Panels<'_, '_, E, S> {
    #[inline(always)]
    fn run<T: Tiles>(self, mut tiles: T) {
        let Self { task, panels, work } = self;
        let Work { patch, offsets, windows, moments, sums } = work;
        let operands = Operands { patch, offsets };
        let layer = task.layer;
        let mut starts = [0; WINDOWS];
        for first in panels.clone().step_by(2) {
            let group = first..(first + 2).min(panels.end);
            let windows_at_once = WINDOWS / group.len();
            for window in (0..windows.len()).step_by(windows_at_once) {
                let count = windows_at_once.min(windows.len() - window);
                (0..count).for_each(|index| starts[index] = windows.start(window + index));
                let starts = &starts[..count];
                if group.len() == 2 {
                    let weights = [layer.weights(first), layer.weights(first + 1)];
                    operands.two_panels(&mut tiles, starts, weights, sums);
                } else {
                    operands.one_panel(&mut tiles, starts, layer.weights(first), sums);
                }
                for (tile, sums) in sums.0.iter().enumerate().take(count * group.len()) {
                    let panel = first + tile % group.len();
                    let places = windows.places(window + tile / group.len());
                    let moments = &mut moments[panel - panels.start];
                    task.isa.run(Finish { task, panel, sums, places, moments });
                }
            }
        }
    }
}

/// Bias, activation, statistics, and out, for one tile.
struct Finish<'a, E, S> {
    task: &'a Task<'a, E, S>,
    panel: usize,
    sums: &'a [f32; SUMS],
    places: &'a [Place],
    moments: &'a mut Moments,
}

impl<E: Element, S: Sink> Kernel for Finish<'_, E, S> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self, v: V) {
        let Self { task, panel, sums, places, moments } = self;
        let (layer, target) = (task.layer, task.layer.targets[panel]);
        let mut values = [[0.0; BLOCK]; ROWS];
        for (values, place) in values.iter_mut().zip(places) {
            values.copy_from_slice(&sums[place.row * BLOCK..][..BLOCK]);
            for (value, bias) in values.iter_mut().zip(&layer.bias[panel]) {
                *value += bias;
            }
            *values = activate(layer.activation, *values);
            // SAFETY: the voxels and panels of this share, which no other
            // thread computes (caller of `Task::run`; test
            // `any_order_gives_the_same_bits`).
            unsafe { task.sink.put(v, target, place.voxel, values) };
        }
        if task.moments.is_some() {
            moments.add(v, &values[..places.len()]);
        }
    }
}
