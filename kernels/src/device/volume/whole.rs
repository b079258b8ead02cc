//! A network over a whole volume at once, when it looks at neighbourhoods only.
//!
//! A network without norms over its input gives every voxel the same result
//! in one pass, in tiles with a halo, or in a larger image; overlapping
//! windows would compute the overlaps again and still be wrong at their
//! borders. Networks with instance norm keep their windows
//! ([`super::windows`]): they were trained on statistics of that size.

use super::{VolumeError, VolumeRun};
use crate::device::Executable;
use crate::program::{Program, run_in_tiles};
use crate::tensor::Tensor;

/// Class fields of every voxel, `[z, y, x]`.
///
/// Cost: the network's multiply-adds for the volume, and for the halos where
/// tiles are needed.
pub(super) fn probabilities(
    program: &Program,
    network: &mut dyn Executable,
    hu: &[f32],
    run: &VolumeRun,
    activation_bytes: usize,
    progress: &mut dyn FnMut(f64),
) -> Result<Vec<Vec<f32>>, VolumeError> {
    let dims = run.grid_dims;
    let padded = padded(program, dims);
    let input = input(hu, run, padded)?;
    let mut outputs = Vec::new();
    if program.layout(padded, size_of::<f32>())?.arena_bytes <= activation_bytes {
        network.run(&input, &mut outputs)?;
        progress(1.0);
    } else {
        let core = largest_core(program, padded, activation_bytes)?;
        run_in_tiles(program, network, &input, core, &mut outputs, progress)?;
    }
    let fields = outputs.first().into_iter().flat_map(|output| output.data().chunks_exact(output.voxels()));
    Ok(fields.map(|class| crop(class, padded, dims)).collect())
}

/// The size the network is run on: `dims` rounded up to what it divides by.
pub(crate) fn padded(program: &Program, dims: [usize; 3]) -> [usize; 3] {
    [0, 1, 2].map(|axis| dims[axis].next_multiple_of(program.divisor[axis]))
}

/// The volume as the network's input, padded at its far ends.
fn input(hu: &[f32], run: &VolumeRun, padded: [usize; 3]) -> Result<Tensor, VolumeError> {
    let dims = run.grid_dims;
    let mut input = vec![run.window.apply(run.outside_hu); padded.iter().product()];
    for (index, row) in hu.chunks_exact(dims[2]).enumerate() {
        let start = (index / dims[1] * padded[1] + index % dims[1]) * padded[2];
        let target = &mut input[start..start + dims[2]];
        target.iter_mut().zip(row).for_each(|(value, hu)| *value = run.window.apply(*hu));
    }
    Ok(Tensor::new([1, padded[0], padded[1], padded[2]], input)?)
}

/// Halves the longest side until a tile with its halo fits.
fn largest_core(program: &Program, dims: [usize; 3], activation_bytes: usize) -> Result<[usize; 3], VolumeError> {
    let halo = program.receptive_field().map_or([0; 3], |field| field.halo);
    let mut core = dims;
    loop {
        let tile = [0, 1, 2].map(|axis| (core[axis] + 2 * halo[axis]).min(dims[axis]));
        let bytes = program.layout(tile, size_of::<f32>())?.arena_bytes;
        let longest = if core[0] >= core[1] && core[0] >= core[2] { 0 } else { 1 + usize::from(core[2] > core[1]) };
        let half = (core[longest] / 2).next_multiple_of(program.divisor[longest]);
        if bytes <= activation_bytes || half >= core[longest] {
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
    use std::sync::Arc;

    use super::*;
    use crate::Weights;
    use crate::cpu::Cpu;
    use crate::device::{Device, HuWindow, Passes};
    use crate::graph::{Activation, Conv, GraphBuilder};

    /// A network without norms over the image; divides by 2.
    fn local_network() -> Arc<Program> {
        let mut g = GraphBuilder::new();
        let image = g.input(1);
        let x = g.conv(image, "down", Conv::new(5, [3; 3]).stride([2; 3]));
        let x = g.activate(x, Activation::Relu);
        let x = g.conv_transpose(x, "up", 3, [2; 3], true);
        let x = g.concat(&[x, image]);
        let x = g.conv(x, "head", Conv::new(2, [1; 3]));
        let x = g.softmax(x);
        g.output("classes", x);
        let graph = g.build().unwrap();
        Arc::new(Program::new(&graph, &Weights::synthetic(&graph).unwrap()).unwrap())
    }

    fn fields(hu: &[f32], dims: [usize; 3], activation_bytes: usize) -> Vec<Vec<f32>> {
        let run = VolumeRun {
            ct_dims: dims,
            grid_dims: dims,
            ct_from_grid: [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]],
            blur_voxels: [0.0; 3],
            outside_hu: -1000.0,
            window: HuWindow { low: -1000.0, high: 1000.0, offset: 0.0, scale: 500.0 },
            passes: Passes::Whole { activation_bytes },
        };
        let found = Cpu::new().class_fields(&local_network(), hu, &run, &mut |_| ()).unwrap();
        assert_eq!(found.hu, hu, "the same grid: the CT itself");
        found.classes
    }

    #[test]
    fn padding_does_not_reach_the_result() {
        // 13 x 12 x 15 voxels are padded to multiples of 2; the voxels far
        // from the far ends must be those of a larger image.
        let large: Vec<f32> = (0..16 * 16 * 16).map(|i| ((i * 37) % 1000) as f32).collect();
        let whole = fields(&large, [16; 3], usize::MAX);
        let part = crop(&large, [16; 3], [13, 12, 15]);
        let piece = fields(&part, [13, 12, 15], usize::MAX);
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

    #[test]
    fn little_memory_gives_the_same_result_in_tiles() {
        let hu: Vec<f32> = (0..20 * 16 * 18).map(|i| ((i * 53) % 1500) as f32 - 500.0).collect();
        let (whole, tiled) = (fields(&hu, [20, 16, 18], usize::MAX), fields(&hu, [20, 16, 18], 1));
        for (a, b) in whole.iter().flatten().zip(tiled.iter().flatten()) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }
}
