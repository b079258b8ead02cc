//! Rows of a value, packed without dead lanes between its parts.

use crate::cpu::blocks::InputBlocks;
use crate::cpu::convert::load_row;
use crate::cpu::element::Element;
use crate::cpu::vector::Vector;
use crate::program::{BLOCK, Value};

/// One voxel's 16 channels.
pub(in crate::cpu) type Row = [[f32; BLOCK]];

/// Lanes of an input block that become lanes of an output block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cpu) struct Segment {
    /// Input block.
    pub block: usize,
    /// First lane there.
    pub from: usize,
    /// First lane in the output.
    pub to: usize,
    /// Lanes.
    pub count: usize,
}

/// Where the channels of each output block come from.
pub(in crate::cpu) fn segments(value: &Value) -> Vec<Vec<Segment>> {
    let mut result: Vec<Vec<Segment>> = vec![Vec::new(); value.channels().div_ceil(BLOCK)];
    for (lane, channel) in value.lanes().into_iter().enumerate() {
        let Some(channel) = channel else { continue };
        let (block, from, to) = (lane / BLOCK, lane % BLOCK, channel % BLOCK);
        let list = &mut result[channel / BLOCK];
        match list.last_mut() {
            Some(last) if last.block == block => last.count += 1,
            _ => list.push(Segment { block, from, to, count: 1 }),
        }
    }
    result
}

/// An input with its packing.
#[derive(Debug, Clone, Copy)]
pub(in crate::cpu) struct Gather<'a, E> {
    pub input: InputBlocks<'a, E>,
    /// Per output block.
    pub segments: &'a [Vec<Segment>],
}

impl<E: Element> Gather<'_, E> {
    /// `[z, y, x]` of the input.
    pub fn dims(&self) -> [usize; 3] {
        self.input.dims()
    }

    /// Loads row `[z, y]` of output block `block`; lanes past the last
    /// channel are zero. `packed` is scratch.
    #[inline(always)]
    pub fn row<V: Vector>(&self, v: V, [block, z, y]: [usize; 3], packed: &mut Vec<[f32; BLOCK]>, target: &mut Row) {
        let [_, height, width] = self.dims();
        let first = (z * height + y) * width;
        let segments = &self.segments[block];
        if let [Segment { block, from: 0, to: 0, .. }] = segments.as_slice() {
            let source = self.input.block(*block);
            load_row(v, &source, &source.voxels[first..first + width], 1, target);
            return;
        }
        target[..width].fill([0.0; BLOCK]);
        for segment in segments {
            let source = self.input.block(segment.block);
            packed.resize(width, [0.0; BLOCK]);
            load_row(v, &source, &source.voxels[first..first + width], 1, packed);
            for (target, values) in target.iter_mut().zip(packed.iter()) {
                target[segment.to..segment.to + segment.count]
                    .copy_from_slice(&values[segment.from..segment.from + segment.count]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::{BufferId, Load, Part};

    #[test]
    fn parts_are_packed_without_dead_lanes() {
        let part = |channels| Part { buffer: BufferId(0), first_block: 0, channels, load: Load::AS_STORED };
        let packed = segments(&Value { parts: vec![part(20), part(3), part(16)] });
        let segment = |block, from, to, count| Segment { block, from, to, count };
        assert_eq!(packed[0], [segment(0, 0, 0, 16)]);
        assert_eq!(packed[1], [segment(1, 0, 0, 4), segment(2, 0, 4, 3), segment(3, 0, 7, 9)]);
        assert_eq!(packed[2], [segment(3, 9, 0, 7)]);
    }
}
