//! How large the tiles are, and whether they pay.

use crate::program::Conv;

/// Output voxels of one tile along `[z, y, x]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::cpu) struct Tile {
    /// 1, 2 or 4; 1 only along z, for kernels without depth.
    pub outputs: [usize; 3],
}

impl Tile {
    /// Inputs a tile reads along each axis, which is also its products.
    pub fn inputs(self) -> [usize; 3] {
        self.outputs.map(|m| if m == 1 { 1 } else { m + 2 })
    }

    /// Products per channel pair.
    pub fn points(self) -> usize {
        self.inputs().iter().product()
    }

    /// Tiles along each axis.
    pub fn counts(self, dims: [usize; 3]) -> [usize; 3] {
        std::array::from_fn(|axis| dims[axis].div_ceil(self.outputs[axis]))
    }

    /// Zeros around the input along each axis.
    pub fn padding(self) -> [usize; 3] {
        self.outputs.map(|m| usize::from(m > 1))
    }
}

/// Whether a convolution has the shape Winograd's method is written for.
pub(in crate::cpu) fn applies(conv: &Conv) -> bool {
    let depth_fits = matches!((conv.kernel[0], conv.padding[0]), (1, 0) | (3, 1));
    depth_fits
        && conv.kernel[1..] == [3, 3]
        && conv.padding[1..] == [1, 1]
        && conv.stride == [1; 3]
        && (conv.dilation[0] == 1 || conv.kernel[0] == 1)
        && conv.dilation[1..] == [1, 1]
}
