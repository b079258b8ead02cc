//! What a row of the output is made of.

use super::gather::{Gather, Row};
use super::pool::Pool;
use super::task::{Scratch, Work};
use super::upsample::Upsample;
use crate::cpu::element::Element;
use crate::cpu::vector::Vector;
use crate::program::{BLOCK, CombineKind};

/// A step without weights.
#[derive(Debug, Clone, Copy)]
pub(in crate::cpu) enum Operation<'a, E> {
    /// Values with zeros around them.
    Copy { input: Gather<'a, E>, before: [usize; 3] },
    /// Planar channels `[channel][z][y][x]` of `dims`, with zeros around them.
    Planes { values: &'a [f32], dims: [usize; 3], before: [usize; 3] },
    /// Two values, point by point.
    Combine { first: Gather<'a, E>, second: Gather<'a, E>, kind: CombineKind },
    /// Moving windows.
    Pool { input: Gather<'a, E>, pool: Pool },
    /// A finer grid.
    Upsample { input: Gather<'a, E>, upsample: Upsample },
}

impl<E: Element> Operation<'_, E> {
    /// Fills the row `[block, z, y]` of the output.
    #[inline(always)]
    pub(super) fn row<V: Vector>(&self, v: V, at @ [block, z, y]: [usize; 3], work: &mut Work) {
        let Work { row, scratch } = work;
        match self {
            Self::Copy { input, before } => {
                let dims = input.dims();
                inside(dims, *before, z, y, row, |z, y, target| {
                    input.row(v, [block, z, y], &mut scratch.packed, target)
                });
            }
            Self::Planes { values, dims, before } => {
                inside(*dims, *before, z, y, row, |z, y, target| planes(values, *dims, [block, z, y], target));
            }
            Self::Combine { first, second, kind } => {
                let Scratch { loaded, packed, .. } = scratch;
                loaded.resize(row.len(), [0.0; BLOCK]);
                first.row(v, at, packed, row);
                second.row(v, at, packed, loaded);
                let pairs = row.as_flattened_mut().iter_mut().zip(loaded.as_flattened());
                match kind {
                    CombineKind::Add => pairs.for_each(|(a, b)| *a += b),
                    CombineKind::Multiply => pairs.for_each(|(a, b)| *a *= b),
                    CombineKind::Gate => pairs.for_each(|(a, b)| *a = *a * b + *a),
                }
            }
            Self::Pool { input, pool } => pool.row(v, input, at, scratch, row),
            Self::Upsample { input, upsample } => upsample.row(v, input, at, scratch, row),
        }
    }

    /// Whether row `[z, y, x]` lies in the zeros around a copy.
    pub(super) fn border(&self) -> Option<([usize; 3], [usize; 3])> {
        match self {
            Self::Copy { input, before } => Some((input.dims(), *before)),
            Self::Planes { dims, before, .. } => Some((*dims, *before)),
            _ => None,
        }
    }
}

/// Fills the part of a row that lies inside the volume, the rest with zeros.
#[inline(always)]
fn inside(
    dims: [usize; 3],
    before: [usize; 3],
    z: usize,
    y: usize,
    row: &mut Row,
    fill: impl FnOnce(usize, usize, &mut Row),
) {
    row.fill([0.0; BLOCK]);
    let (z, y) = (z.wrapping_sub(before[0]), y.wrapping_sub(before[1]));
    if z < dims[0] && y < dims[1] {
        fill(z, y, &mut row[before[2]..before[2] + dims[2]]);
    }
}

/// Channels of a planar tensor side by side.
#[inline(always)]
fn planes(values: &[f32], [depth, height, width]: [usize; 3], [block, z, y]: [usize; 3], target: &mut Row) {
    let channels = values.len() / (depth * height * width);
    for (lane, channel) in (block * BLOCK..channels).take(BLOCK).enumerate() {
        let first = ((channel * depth + z) * height + y) * width;
        for (target, value) in target.iter_mut().zip(&values[first..first + width]) {
            target[lane] = *value;
        }
    }
}
