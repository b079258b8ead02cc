//! Large images in pieces, with the result of the whole.
//!
//! Each tile is run with as much of the image around it as its result can
//! depend on ([`Program::receptive_field`]), so that only the memory changes,
//! not the result: at the image's border the tile ends where the image does,
//! inside it what the missing surroundings falsify is cut away.

use super::Program;
use crate::device::{Executable, check_input, fit_outputs};
use crate::graph::NetworkError;
use crate::tensor::Tensor;

/// Runs `executable`, loaded from `program`, tile by tile.
///
/// * `core` - size `[z, y, x]` of what each tile contributes; rounded up to
///   the network's divisor.
/// * `progress` - called with the share done, 0 to 1, after every tile.
///
/// # Errors
/// [`NetworkError::Tiles`] for a network with norms over the whole image or
/// outputs of another size than the input; otherwise as [`Executable::run`].
///
/// Cost: the voxels of a tile and its halo, for every tile.
pub fn run_in_tiles(
    program: &Program,
    executable: &mut dyn Executable,
    input: &Tensor,
    core: [usize; 3],
    outputs: &mut Vec<Tensor>,
    progress: &mut dyn FnMut(f64),
) -> Result<(), NetworkError> {
    check_input(program, input)?;
    let Some(field) = program.receptive_field() else {
        return Err(NetworkError::Tiles { reason: "its instance norms look at the whole image" });
    };
    let dims = input.dims();
    let layout = program.layout(dims, size_of::<f32>())?;
    if program.outputs.iter().any(|output| layout.grids[output.grid.0] != dims) {
        return Err(NetworkError::Tiles { reason: "an output has another size than the input" });
    }
    fit_outputs(program, &layout.grids, outputs)?;
    let core = [0, 1, 2].map(|axis| core[axis].max(1).next_multiple_of(program.divisor[axis]).min(dims[axis]));
    let counts = [0, 1, 2].map(|axis| dims[axis].div_ceil(core[axis]));
    let total = counts.iter().product::<usize>();
    let mut pieces = Vec::new();
    for index in 0..total {
        let place = [index / (counts[1] * counts[2]), index / counts[2] % counts[1], index % counts[2]];
        let start = [0, 1, 2].map(|axis| place[axis] * core[axis]);
        let end = [0, 1, 2].map(|axis| (start[axis] + core[axis]).min(dims[axis]));
        let from = [0, 1, 2].map(|axis| start[axis].saturating_sub(field.halo[axis]));
        let to = [0, 1, 2].map(|axis| (end[axis] + field.halo[axis]).min(dims[axis]));
        executable.run(&cut(input, from, to)?, &mut pieces)?;
        for (piece, output) in pieces.iter().zip(outputs.iter_mut()) {
            paste(piece, from, output, start, end);
        }
        progress((index + 1) as f64 / total as f64);
    }
    Ok(())
}

fn cut(input: &Tensor, from: [usize; 3], to: [usize; 3]) -> Result<Tensor, NetworkError> {
    let [d, h, w] = [0, 1, 2].map(|axis| to[axis] - from[axis]);
    let mut tile = Tensor::zeros([input.channels(), d, h, w])?;
    let mut rows = tile.data_mut().chunks_exact_mut(w);
    for_rows(input, from, to, |row| {
        if let Some(target) = rows.next() {
            target.copy_from_slice(&input.data()[row..row + w]);
        }
    });
    Ok(tile)
}

/// Copies the box `start..end` of the image from a piece that begins at `from`.
fn paste(piece: &Tensor, from: [usize; 3], output: &mut Tensor, start: [usize; 3], end: [usize; 3]) {
    let width = end[2] - start[2];
    let inside = [0, 1, 2].map(|axis| start[axis] - from[axis]);
    let inside_end = [0, 1, 2].map(|axis| end[axis] - from[axis]);
    let mut sources = Vec::new();
    for_rows(piece, inside, inside_end, |row| sources.push(row));
    let mut targets = Vec::new();
    for_rows(output, start, end, |row| targets.push(row));
    for (source, target) in sources.into_iter().zip(targets) {
        output.data_mut()[target..target + width].copy_from_slice(&piece.data()[source..source + width]);
    }
}

/// Calls `row` with the index of the first voxel of every row of a box.
fn for_rows(tensor: &Tensor, from: [usize; 3], to: [usize; 3], mut row: impl FnMut(usize)) {
    let [channels, d, h, w] = tensor.shape();
    for channel in 0..channels {
        for z in from[0]..to[0] {
            for y in from[1]..to[1] {
                row(((channel * d + z) * h + y) * w + from[2]);
            }
        }
    }
}
