//! Weights in the order of the tensor cores' registers.
//!
//! A *unit* is 16 input lanes at one tap. For `mma.m16n8k16` lane `l` of a
//! warp holds, of the 16 x 8 weights of a unit and eight output channels,
//! rows `2 (l % 4) + {0, 1}` and the same plus 8, of column `l / 4`
//! (PTX ISA, "Matrix Fragments for mma.m16n8k16"). So packed, weights go from
//! memory to the multiplication without passing through shared memory.

use crate::half_precision::f16_from_f32;

/// How the weights of a layer are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PackShape {
    /// Independent products (taps of a transposed convolution, else 1).
    pub parts: usize,
    /// Groups of output channels, one thread block each.
    pub groups: usize,
    /// Eights of output channels in a group.
    pub n_tiles: usize,
    /// Units of the input.
    pub units: usize,
}

impl PackShape {
    /// For `blocks` output blocks: as many as possible in one group (the
    /// input is read once per group) without wasting more than a third.
    pub(crate) fn new(parts: usize, out_blocks: usize, units: usize) -> Self {
        let per_group =
            [4, 2, 1].into_iter().find(|&n| out_blocks.next_multiple_of(n) * 3 <= out_blocks * 4).unwrap_or(1);
        Self { parts, groups: out_blocks.div_ceil(per_group), n_tiles: per_group * 2, units }
    }

    /// 32-bit words of the packed weights: one unit of zeros follows each
    /// group, so that a kernel may load ahead.
    pub(crate) fn words(&self) -> usize {
        self.parts * self.groups * (self.units + 1) * self.n_tiles * 64
    }
}

/// Packs `weight(part, output, unit, row)`, row in `0..16`; it is asked for
/// outputs up to the end of the last group and answers zero beyond the layer.
pub(crate) fn pack(shape: PackShape, weight: impl Fn(usize, usize, usize, usize) -> f32) -> Vec<u32> {
    let mut words = vec![0; shape.words()];
    let per_group = (shape.units + 1) * shape.n_tiles * 64;
    for (index, group_words) in words.chunks_exact_mut(per_group).enumerate() {
        let (part, group) = (index / shape.groups, index % shape.groups);
        for (position, pair) in group_words.chunks_exact_mut(2).take(shape.units * shape.n_tiles * 32).enumerate() {
            let (lane, tile, unit) = (position % 32, position / 32 % shape.n_tiles, position / 32 / shape.n_tiles);
            let output = (group * shape.n_tiles + tile) * 8 + lane / 4;
            for (half, word) in pair.iter_mut().enumerate() {
                let row = lane % 4 * 2 + half * 8;
                let [low, high] = [row, row + 1].map(|row| u32::from(f16_from_f32(weight(part, output, unit, row))));
                *word = low | high << 16;
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_waste_at_most_a_third() {
        for blocks in 1..40 {
            let shape = PackShape::new(1, blocks, 1);
            assert!(shape.groups * shape.n_tiles / 2 >= blocks && shape.groups * shape.n_tiles * 3 <= blocks * 8);
        }
    }

    #[test]
    fn every_weight_lands_where_its_lane_looks() {
        let shape = PackShape { parts: 1, groups: 1, n_tiles: 2, units: 1 };
        let words = pack(shape, |_, output, _, row| (output * 16 + row) as f32);
        // Output 9 = tile 1, column 1; row 10 = second word, lane % 4 = 1.
        let word = words[(32 + 4 + 1) * 2 + 1];
        assert_eq!(word & 0xffff, u32::from(f16_from_f32(154.0)));
        assert_eq!(word >> 16, u32::from(f16_from_f32(155.0)));
        assert!(words[shape.n_tiles * 64..].iter().all(|&word| word == 0));
    }
}
