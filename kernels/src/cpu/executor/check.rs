//! Whether the numbers of a program fit together. Lowering makes only such
//! programs; a mistake there must be an error, not a panic in the middle of
//! a run.

use std::ops::Range;

use crate::error::OpError;
use crate::program::{Affine, BLOCK, Kind, Layout, Program, Step, Target, Value};

fn refuse(step: usize, reason: &str) -> OpError {
    OpError::Device { device: "CPU", reason: format!("program step {step}: {reason}; this is a bug of the lowering") }
}

/// Checks what does not depend on the size of the image.
pub(super) fn program(program: &Program) -> Result<(), OpError> {
    for (index, step) in program.steps.iter().enumerate() {
        let result = step.values().try_for_each(|value| parts(program, value));
        result
            .and_then(|()| target(program, step))
            .and_then(|()| weights(step))
            .map_err(|reason| refuse(index, &reason))?;
    }
    Ok(())
}

/// Checks that a step does not read what it writes.
pub(super) fn disjoint(
    index: usize,
    written: &Range<usize>,
    read: &[Range<usize>],
    arena: usize,
) -> Result<(), OpError> {
    for range in read.iter().chain([written]) {
        if range.end > arena {
            return Err(refuse(index, &format!("uses {range:?} of an arena of {arena}")));
        }
    }
    match read.iter().find(|range| range.start < written.end && written.start < range.end) {
        None => Ok(()),
        Some(range) => Err(refuse(index, &format!("reads {range:?} while it writes {written:?}"))),
    }
}

/// Checks the grids of a step against its operation.
pub(super) fn sizes(index: usize, step: &Step, input: [usize; 3], output: [usize; 3]) -> Result<(), OpError> {
    let window = |kernel: [usize; 3], stride: [usize; 3], padding: [usize; 3], dilation: [usize; 3]| {
        std::array::from_fn(|axis| {
            let extent = dilation[axis] * (kernel[axis] - 1) + 1;
            (input[axis] + 2 * padding[axis]).checked_sub(extent).map_or(0, |rest| rest / stride[axis] + 1)
        })
    };
    let finer = |factor: [usize; 3]| std::array::from_fn(|axis| input[axis] * factor[axis]);
    let fits = match &step.kind {
        Kind::Conv { conv, .. } => output == window(conv.kernel, conv.stride, conv.padding, conv.dilation),
        Kind::Pool { kernel, stride, padding, .. } => output == window(*kernel, *stride, *padding, [1; 3]),
        Kind::ConvTranspose { conv, .. } => output == finer(conv.kernel),
        Kind::Upsample { factor, .. } => output == finer(*factor),
        Kind::Copy { before, .. } => (0..3).all(|axis| before[axis] + input[axis] <= output[axis]),
        Kind::Combine { .. } | Kind::Store { .. } => input == output,
    };
    if fits { Ok(()) } else { Err(refuse(index, &format!("makes {output:?} of {input:?}"))) }
}

fn parts(program: &Program, value: &Value) -> Result<(), String> {
    if value.channels() == 0 {
        return Err("reads a value without channels".to_owned());
    }
    for part in &value.parts {
        let Some(buffer) = program.buffers.get(part.buffer.0) else {
            return Err(format!("reads buffer {} of {}", part.buffer.0, program.buffers.len()));
        };
        if part.first_block + part.blocks() > buffer.blocks() {
            return Err(format!("reads {part:?} of {buffer:?}"));
        }
        let Some(affine) = part.load.affine else { continue };
        match program.affines.get(affine.0) {
            Some(affine) if affine.channels() >= part.channels && is_complete(program, affine) => {}
            affine => return Err(format!("loads {} channels with {affine:?}", part.channels)),
        }
    }
    Ok(())
}

fn is_complete(program: &Program, affine: &Affine) -> bool {
    match affine {
        Affine::Constant { scale, shift } => scale.len() == shift.len(),
        Affine::Instance { statistics, gamma, beta, .. } => {
            gamma.len() == beta.len() && program.statistics.get(statistics.0).is_some_and(|&n| n >= gamma.len())
        }
    }
}

/// Every part must have the size of the step's input: grids of a skip
/// connection are different rules that come to the same size.
pub(super) fn part_sizes(index: usize, program: &Program, layout: &Layout) -> Result<(), OpError> {
    let step = &program.steps[index];
    let size = layout.grids[step.input_grid.0];
    for part in step.values().flat_map(|value| &value.parts) {
        let found = layout.grids[program.buffers[part.buffer.0].grid.0];
        if found != size {
            return Err(refuse(index, &format!("reads {found:?} and {size:?} voxels together")));
        }
    }
    Ok(())
}

fn target(program: &Program, step: &Step) -> Result<(), String> {
    if let Some(statistics) = step.statistics
        && program.statistics.get(statistics.0).is_none_or(|&n| n > step.channels.next_multiple_of(BLOCK))
    {
        return Err(format!("statistics {} do not fit {} channels", statistics.0, step.channels));
    }
    match step.target {
        Target::Buffer(id) => match program.buffers.get(id.0) {
            Some(buffer) if buffer.grid == step.output_grid && buffer.blocks() >= step.channels.div_ceil(BLOCK) => {
                Ok(())
            }
            buffer => Err(format!("writes {} channels to {buffer:?}", step.channels)),
        },
        Target::Output(index) => {
            let fits =
                program.outputs.get(index).is_some_and(|o| o.channels == step.channels && o.grid == step.output_grid);
            let is_possible = matches!(step.kind, Kind::Conv { .. } | Kind::Store { .. }) && step.statistics.is_none();
            if fits && is_possible { Ok(()) } else { Err(format!("cannot write output {index}")) }
        }
    }
}

fn weights(step: &Step) -> Result<(), String> {
    let (name, inputs, outputs, kernel, given, bias) = match &step.kind {
        Kind::Conv { input, conv } => {
            let steps = conv.stride.iter().chain(&conv.dilation);
            if steps.chain(&conv.kernel).any(|&n| n == 0) {
                return Err(format!("`{}` has a kernel, stride or dilation of 0", conv.name));
            }
            (&conv.name, input.channels(), conv.outputs, conv.kernel, conv.weight.len(), conv.bias.len())
        }
        Kind::ConvTranspose { input, conv } => {
            (&conv.name, input.channels(), conv.outputs, conv.kernel, conv.weight.len(), conv.bias.len())
        }
        Kind::Store { .. } if matches!(step.target, Target::Buffer(_)) => {
            return Err("stores an output in a buffer".to_owned());
        }
        Kind::Combine { first, second, .. } if first.channels() != second.channels() => {
            return Err(format!("combines {} and {} channels", first.channels(), second.channels()));
        }
        _ => return Ok(()),
    };
    let needed = inputs * outputs * kernel.iter().product::<usize>();
    if given != needed || bias != outputs || outputs != step.channels || needed == 0 {
        return Err(format!("`{name}` has {given} weights and {bias} biases, needs {needed} and {outputs}"));
    }
    Ok(())
}
