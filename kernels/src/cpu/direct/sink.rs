//! Where finished sums go.

use super::layer::PanelTarget;
use crate::cpu::blocks::{OutputBlocks, Shared};
use crate::cpu::convert::store_voxel;
use crate::cpu::element::Element;
use crate::cpu::vector::Vector;
use crate::program::BLOCK;

/// Takes the 16 results of one position, and leaves what a reader will find:
/// statistics are taken from that, because those of unrounded values would
/// not turn a constant channel into zeros.
pub(in crate::cpu) trait Sink: Sync {
    /// `voxel` is the output voxel of the position's first corner.
    ///
    /// # Safety
    /// No other thread writes this voxel of this panel meanwhile.
    unsafe fn put<V: Vector>(&self, v: V, target: PanelTarget, voxel: usize, values: &mut [f32; BLOCK]);
}

/// Blocks of channels.
#[derive(Debug)]
pub(in crate::cpu) struct BlockSink<'a, E>(pub OutputBlocks<'a, E>);

impl<E: Element> Sink for BlockSink<'_, E> {
    #[inline(always)]
    unsafe fn put<V: Vector>(&self, v: V, target: PanelTarget, voxel: usize, values: &mut [f32; BLOCK]) {
        let [_, height, width] = self.0.dims();
        let [z, y, x] = target.shift;
        let place = self.0.voxel(target.block, voxel + (z * height + y) * width + x);
        // SAFETY: inside the output; the caller's promise, passed on.
        unsafe { store_voxel(v, values, place) }
    }
}

/// Planar f32 channels: a network output.
#[derive(Debug)]
pub(in crate::cpu) struct PlanarSink<'a> {
    /// `[channel][voxel]`.
    pub values: Shared<'a, f32>,
    pub channels: usize,
    /// Values per channel.
    pub voxels: usize,
}

impl Sink for PlanarSink<'_> {
    #[inline(always)]
    unsafe fn put<V: Vector>(&self, _: V, target: PanelTarget, voxel: usize, values: &mut [f32; BLOCK]) {
        let first = target.block * BLOCK;
        let channels = self.channels.saturating_sub(first).min(BLOCK);
        for (lane, value) in values.iter().enumerate().take(channels) {
            // SAFETY: the caller's promise, passed on.
            unsafe { self.values.set((first + lane) * self.voxels + voxel, *value) }
        }
    }
}
