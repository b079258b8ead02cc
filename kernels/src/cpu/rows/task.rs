//! Some rows of one output block.

use super::operation::Operation;
use crate::cpu::activation::activate_all;
use crate::cpu::blocks::{OutputBlocks, Shared};
use crate::cpu::convert::store_row;
use crate::cpu::element::Element;
use crate::cpu::statistics::Moments;
use crate::cpu::vector::{Isa, Kernel, Vector};
use crate::graph::Activation;
use crate::program::BLOCK;

/// Voxels of a task: long enough to outweigh its start, short enough that
/// a 2-D image still gives work to many threads.
const VOXELS: usize = 4096;

/// How an output is cut; depends on shapes only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cpu) struct Cut {
    /// `[z, y, x]` of the output.
    dims: [usize; 3],
    blocks: usize,
    /// Rows of a share.
    rows: usize,
}

impl Cut {
    pub fn new(dims: [usize; 3], blocks: usize) -> Self {
        Self { dims, blocks, rows: (VOXELS / dims[2]).clamp(1, dims[1]) }
    }

    /// Shares of one block: the statistics slots are `[part][block]`.
    pub fn parts(&self) -> usize {
        self.dims[0] * self.dims[1].div_ceil(self.rows)
    }

    /// Number of shares.
    pub fn shares(&self) -> usize {
        self.parts() * self.blocks
    }

    /// The z and the rows of part `index`.
    pub(super) fn rows(&self, index: usize) -> (usize, std::ops::Range<usize>) {
        let per_plane = self.dims[1].div_ceil(self.rows);
        let first = index % per_plane * self.rows;
        (index / per_plane, first..(first + self.rows).min(self.dims[1]))
    }
}

/// What a thread needs while it computes.
#[derive(Debug, Default)]
pub(in crate::cpu) struct Work {
    /// What is being made.
    pub(super) row: Vec<[f32; BLOCK]>,
    pub(super) scratch: Scratch,
}

/// Rows on the way.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// As it was read.
    pub loaded: Vec<[f32; BLOCK]>,
    /// A mixture of several.
    pub mixed: Vec<[f32; BLOCK]>,
    /// One whose lanes are being packed.
    pub packed: Vec<[f32; BLOCK]>,
}

impl Work {
    /// Bytes it has grown to.
    pub fn bytes(&self) -> usize {
        let Scratch { loaded, mixed, packed } = &self.scratch;
        [&self.row, loaded, mixed, packed].map(|row| row.capacity() * 64).iter().sum()
    }
}

/// An operation at work.
#[derive(Debug)]
pub(in crate::cpu) struct Task<'a, E> {
    pub isa: Isa,
    pub operation: Operation<'a, E>,
    pub activation: Activation,
    pub cut: Cut,
    pub output: &'a OutputBlocks<'a, E>,
    /// `[part][block]`, if statistics are wanted.
    pub moments: Option<&'a Shared<'a, Moments>>,
}

impl<E: Element> Task<'_, E> {
    /// Computes one share of the cut.
    ///
    /// # Safety
    /// No other thread computes this share or writes its output meanwhile.
    pub unsafe fn run(&self, share: usize, work: &mut Work) {
        self.isa.run(Share { task: self, share, work });
    }
}

struct Share<'a, 'w, E> {
    task: &'a Task<'a, E>,
    share: usize,
    work: &'w mut Work,
}

impl<E: Element> Kernel for Share<'_, '_, E> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self, v: V) {
        let Self { task, share, work } = self;
        let cut = task.cut;
        let (block, part) = (share / cut.parts(), share % cut.parts());
        let (z, rows) = cut.rows(part);
        let mut moments = Moments::default();
        work.row.resize(cut.dims[2], [0.0; BLOCK]);
        for y in rows {
            task.operation.row(v, [block, z, y], work);
            let row = work.row.as_mut_slice();
            let used = task.inside(z, y);
            activate_all(task.activation, &mut row[used]);
            // SAFETY: a row of this share, which no other thread computes
            // (caller of `Task::run`; test `tests/cpu_steps.rs`).
            let target = unsafe { task.output.row(block, z, y) };
            store_row(v, row, target);
            if task.moments.is_some() {
                row.chunks(8).for_each(|voxels| moments.add(v, voxels));
            }
        }
        if let Some(slots) = task.moments {
            // SAFETY: one slot per part and block (as above).
            unsafe { slots.set(part * cut.blocks + block, moments) };
        }
    }
}

impl<E: Element> Task<'_, E> {
    /// The voxels of a row that are not padding: padding stays zero after any
    /// activation.
    #[inline(always)]
    fn inside(&self, z: usize, y: usize) -> std::ops::Range<usize> {
        match self.operation.border() {
            None => 0..self.cut.dims[2],
            Some((dims, before)) => {
                let is_inside = z.wrapping_sub(before[0]) < dims[0] && y.wrapping_sub(before[1]) < dims[1];
                before[2]..before[2] + if is_inside { dims[2] } else { 0 }
            }
        }
    }
}
