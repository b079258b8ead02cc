//! How far an output voxel looks.

use super::Program;
use super::layout::GridRule;
use super::step::{GridId, Kind, Target};
use crate::graph::UpsampleKind;

/// Input voxels that an output voxel depends on, beyond its own place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceptiveField {
    /// Voxels on each side, `[z, y, x]`: at least what is needed, rounded up
    /// to the network's divisor.
    pub halo: [usize; 3],
}

impl Program {
    /// The receptive field, or `None` when a norm looks at the whole image.
    #[must_use]
    pub fn receptive_field(&self) -> Option<ReceptiveField> {
        if !self.is_local() {
            return None;
        }
        let pitch = self.pitches();
        let mut reach = vec![[0.0_f64; 3]; self.buffers.len()];
        let mut largest = [0.0_f64; 3];
        for step in &self.steps {
            let mut before = [0.0_f64; 3];
            for part in step.values().flat_map(|value| &value.parts) {
                (0..3).for_each(|axis| before[axis] = before[axis].max(reach[part.buffer.0][axis]));
            }
            let own = own_reach(&step.kind);
            let here = [0, 1, 2].map(|axis| before[axis] + own[axis] * pitch[step.input_grid.0][axis]);
            match step.target {
                Target::Buffer(buffer) => reach[buffer.0] = here,
                Target::Output(_) => (0..3).for_each(|axis| largest[axis] = largest[axis].max(here[axis])),
            }
        }
        let halo = [0, 1, 2].map(|axis| (largest[axis].ceil() as usize).next_multiple_of(self.divisor[axis]));
        Some(ReceptiveField { halo })
    }

    /// Input voxels per voxel of each grid.
    fn pitches(&self) -> Vec<[f64; 3]> {
        let mut pitches: Vec<[f64; 3]> = Vec::with_capacity(self.grids.len());
        let of = |pitches: &[[f64; 3]], from: GridId| pitches[from.0];
        for rule in &self.grids {
            let pitch = match *rule {
                GridRule::Input => [1.0; 3],
                GridRule::Window { from, stride, .. } => {
                    let from = of(&pitches, from);
                    [0, 1, 2].map(|axis| from[axis] * stride[axis] as f64)
                }
                GridRule::Finer { from, factor } => {
                    let from = of(&pitches, from);
                    [0, 1, 2].map(|axis| from[axis] / factor[axis] as f64)
                }
                GridRule::Padded { from, .. } => of(&pitches, from),
            };
            pitches.push(pitch);
        }
        pitches
    }
}

/// Voxels of its input grid a step looks away from the place it computes.
fn own_reach(kind: &Kind) -> [f64; 3] {
    match kind {
        Kind::Conv { conv, .. } => [0, 1, 2].map(|axis| {
            let span = conv.dilation[axis] * (conv.kernel[axis] - 1);
            span.max(conv.padding[axis]) as f64
        }),
        Kind::Pool { kernel, padding, .. } => [0, 1, 2].map(|axis| (kernel[axis] - 1).max(padding[axis]) as f64),
        Kind::ConvTranspose { conv, .. } => conv.kernel.map(|k| if k > 1 { 1.0 } else { 0.0 }),
        Kind::Upsample { factor, kind, .. } => {
            let beside = if *kind == UpsampleKind::Linear { 2.0 } else { 1.0 };
            factor.map(|f| if f > 1 { beside } else { 0.0 })
        }
        Kind::Copy { before, .. } => before.map(|n| n as f64),
        Kind::Combine { .. } | Kind::Store { .. } => [0.0; 3],
    }
}
