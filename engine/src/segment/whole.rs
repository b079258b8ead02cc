//! A network over a whole volume at once, when it looks at neighbourhoods only.
//!
//! A network without norms over its input gives every voxel the same result
//! in one pass, in tiles with a halo, or in a larger image; overlapping
//! windows would compute the overlaps again and still be wrong at their
//! borders. Networks with instance norm keep their windows
//! ([`super::sliding`]): they were trained on statistics of that size.

use kernels::program::run_in_tiles;
use kernels::{Device, Precision, Tensor};

use super::model::Model;
use super::pipeline::{Progress, SegmentError};

/// Largest memory for activations; beyond it the volume is cut into tiles.
const ACTIVATION_BYTES: usize = 3 << 30;

/// Class probabilities of every voxel: `classes` fields in `[z, y, x]` order.
///
/// The arguments are those of [`super::sliding::probabilities`].
///
/// # Errors
/// [`SegmentError::Network`] when the network refuses the volume.
///
/// Cost: the network's multiply-adds for the volume, and for the halos where
/// tiles are needed.
pub fn probabilities(
    model: &Model,
    device: &dyn Device,
    hu: &[f32],
    dims: [usize; 3],
    progress: &mut dyn Progress,
) -> Result<Vec<Vec<f32>>, SegmentError> {
    let program = &model.program;
    let padded = [0, 1, 2].map(|axis| dims[axis].next_multiple_of(program.divisor[axis]));
    let input = input(model, hu, dims, padded)?;
    let mut network = device.load(program, Precision::F32)?;
    let mut outputs = Vec::new();
    if program.layout(padded, size_of::<f32>())?.arena_bytes <= ACTIVATION_BYTES {
        network.run(&input, &mut outputs)?;
        progress.fraction(1.0);
    } else {
        let core = largest_core(model, padded)?;
        run_in_tiles(program, &mut *network, &input, core, &mut outputs, &mut |done| progress.fraction(done))?;
    }
    let probabilities = outputs.first().into_iter().flat_map(|output| output.data().chunks_exact(output.voxels()));
    Ok(probabilities.map(|class| crop(class, padded, dims)).collect())
}

/// The volume as the network's input, padded at its far ends.
fn input(model: &Model, hu: &[f32], dims: [usize; 3], padded: [usize; 3]) -> Result<Tensor, SegmentError> {
    let scaling = &model.card.preprocessing;
    let mut input = vec![scaling.scale(scaling.padding_hu); padded.iter().product()];
    for (index, row) in hu.chunks_exact(dims[2]).enumerate() {
        let start = (index / dims[1] * padded[1] + index % dims[1]) * padded[2];
        let target = &mut input[start..start + dims[2]];
        target.iter_mut().zip(row).for_each(|(value, hu)| *value = scaling.scale(*hu));
    }
    Ok(Tensor::new([1, padded[0], padded[1], padded[2]], input)?)
}

/// Halves the longest side until a tile with its halo fits.
fn largest_core(model: &Model, dims: [usize; 3]) -> Result<[usize; 3], SegmentError> {
    let halo = model.program.receptive_field().map_or([0; 3], |field| field.halo);
    let mut core = dims;
    loop {
        let tile = [0, 1, 2].map(|axis| (core[axis] + 2 * halo[axis]).min(dims[axis]));
        let bytes = model.program.layout(tile, size_of::<f32>())?.arena_bytes;
        let longest = if core[0] >= core[1] && core[0] >= core[2] { 0 } else { 1 + usize::from(core[2] > core[1]) };
        let half = (core[longest] / 2).next_multiple_of(model.program.divisor[longest]);
        if bytes <= ACTIVATION_BYTES || half >= core[longest] {
            return Ok(core);
        }
        core[longest] = half;
    }
}

fn crop(field: &[f32], from: [usize; 3], to: [usize; 3]) -> Vec<f32> {
    let mut cropped = Vec::with_capacity(to.iter().product());
    for z in 0..to[0] {
        for y in 0..to[1] {
            let start = (z * from[1] + y) * from[2];
            cropped.extend_from_slice(&field[start..start + to[2]]);
        }
    }
    cropped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::model::tests::local_model;
    use crate::segment::pipeline::Silent;

    #[test]
    fn padding_does_not_reach_the_result() {
        // 7 x 6 x 9 voxels are padded to multiples of 2; the voxels far from
        // the far ends must be those of a larger image.
        let model = local_model();
        let cpu = kernels::Cpu::new();
        let large: Vec<f32> = (0..16 * 16 * 16).map(|i| ((i * 37) % 1000) as f32).collect();
        let whole = probabilities(&model, &cpu, &large, [16; 3], &mut Silent).unwrap();
        let part = crop(&large, [16; 3], [13, 12, 15]);
        let piece = probabilities(&model, &cpu, &part, [13, 12, 15], &mut Silent).unwrap();
        assert_eq!(piece.len(), 2);
        let mut compared = 0;
        for (index, value) in piece[1].iter().enumerate() {
            let [z, y, x] = [index / (12 * 15), index / 15 % 12, index % 15];
            if z < 7 && y < 6 && x < 9 {
                let expected = whole[1][(z * 16 + y) * 16 + x];
                assert!((value - expected).abs() < 1e-5, "{z} {y} {x}: {value} {expected}");
                compared += 1;
            }
        }
        assert_eq!(compared, 7 * 6 * 9);
    }
}
