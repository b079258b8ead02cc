//! Blocks to planar network outputs, with softmax where it is asked for.

use super::gather::Gather;
use super::task::{Cut, Work};
use crate::cpu::activation::{activate_all, exp};
use crate::cpu::blocks::Shared;
use crate::cpu::element::Element;
use crate::cpu::vector::{Isa, Kernel, Vector};
use crate::graph::Activation;
use crate::program::{BLOCK, Finish};

/// A store at work: its shares are the parts of its cut, all channels each.
#[derive(Debug)]
pub(in crate::cpu) struct Store<'a, E> {
    pub isa: Isa,
    pub input: Gather<'a, E>,
    pub activation: Activation,
    pub finish: Finish,
    pub cut: Cut,
    /// `[channel][z][y][x]`.
    pub output: &'a Shared<'a, f32>,
}

impl<E: Element> Store<'_, E> {
    /// Writes one part.
    ///
    /// # Safety
    /// No other thread computes this part or writes its output meanwhile.
    pub unsafe fn run(&self, part: usize, work: &mut Work) {
        self.isa.run(Part { store: self, part, work });
    }
}

struct Part<'a, 'w, E> {
    store: &'a Store<'a, E>,
    part: usize,
    work: &'w mut Work,
}

impl<E: Element> Kernel for Part<'_, '_, E> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self, v: V) {
        let Self { store, part, work } = self;
        let dims @ [_, height, width] = store.input.dims();
        let voxels = dims.iter().product::<usize>();
        let channels = store.output.len() / voxels;
        let blocks = channels.div_ceil(BLOCK);
        let (z, rows) = store.cut.rows(part);
        work.row.resize(blocks * width, [0.0; BLOCK]);
        for y in rows {
            for (block, row) in work.row.chunks_exact_mut(width).enumerate() {
                store.input.row(v, [block, z, y], &mut work.scratch.packed, row);
                activate_all(store.activation, row);
            }
            if store.finish == Finish::Softmax {
                softmax(&mut work.row, width, channels);
            }
            for channel in 0..channels {
                let first = channel * voxels + (z * height + y) * width;
                // SAFETY: a row of this part, which no other thread computes
                // (caller of `Store::run`; test `tests/cpu_steps.rs`).
                let target = unsafe { store.output.row(first, width) };
                let row = &work.row[channel / BLOCK * width..][..width];
                for (target, values) in target.iter_mut().zip(row) {
                    *target = values[channel % BLOCK];
                }
            }
        }
    }
}

/// Softmax over the channels of `[block][x][lane]`.
#[inline(always)]
fn softmax(row: &mut [[f32; BLOCK]], width: usize, channels: usize) {
    let blocks = channels.div_ceil(BLOCK);
    let live = |block: usize| BLOCK.min(channels - block * BLOCK);
    for x in 0..width {
        let mut largest = f32::NEG_INFINITY;
        for block in 0..blocks {
            for value in &row[block * width + x][..live(block)] {
                largest = if *value > largest { *value } else { largest };
            }
        }
        let mut sum = 0.0;
        for block in 0..blocks {
            let values = &mut row[block * width + x];
            *values = values.map(|value| exp(value - largest));
            sum += values[..live(block)].iter().sum::<f32>();
        }
        for block in 0..blocks {
            let values = &mut row[block * width + x];
            *values = values.map(|value| value / sum);
        }
    }
}
