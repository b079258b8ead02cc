//! From a graph to steps.
//!
//! Every node becomes a [`Lowered`]: where its result is stored and what has
//! still to be done to it when it is read. A node that changes nothing but
//! the reading (norm, activation, concat) emits no step.

mod joins;
mod norms;
mod pools;

use std::sync::Arc;

use crate::graph::{Activation, Graph, NetworkError, NodeId, Op};
use crate::program::Program;
use crate::program::divisor::divisor;
use crate::program::layout::GridRule;
use crate::program::norms::{ScaleShift, spread_groups, values};
use crate::program::step::{
    Buffer, BufferId, CombineKind, Conv, ConvTranspose, GridId, Kind, Load, Part, Source, StatisticsId, Step, Target,
    Value,
};
use crate::weights::Weights;

/// The result of a node.
#[derive(Debug, Clone)]
struct Lowered {
    source: Source,
    grid: GridId,
}

struct Lowering<'a> {
    graph: &'a Graph,
    weights: &'a Weights,
    /// How many nodes and outputs read each node.
    readers: Vec<usize>,
    results: Vec<Option<Lowered>>,
    program: Program,
    /// Step that writes each buffer.
    writer: Vec<usize>,
}

pub(in crate::program) fn lower(graph: &Graph, weights: &Weights) -> Result<Program, NetworkError> {
    let inputs = graph.nodes().iter().find_map(|node| match node.op {
        Op::Input { channels } => Some(channels),
        _ => None,
    });
    let mut lowering = Lowering {
        graph,
        weights,
        readers: readers(graph),
        results: vec![None; graph.nodes().len()],
        program: Program {
            steps: Vec::new(),
            buffers: Vec::new(),
            affines: Vec::new(),
            statistics: Vec::new(),
            grids: vec![GridRule::Input],
            inputs: inputs.unwrap_or(0),
            outputs: Vec::new(),
            divisor: [1; 3],
            equal: Vec::new(),
        },
        writer: Vec::new(),
    };
    for index in 0..graph.nodes().len() {
        if lowering.readers[index] > 0 {
            let result = lowering.node(index)?;
            lowering.results[index] = Some(result);
        }
    }
    lowering.outputs()?;
    let mut program = lowering.program;
    program.divisor = divisor(&program.grids);
    Ok(program)
}

/// How often each node is read on the way to an output; 0: it is not needed.
fn readers(graph: &Graph) -> Vec<usize> {
    let mut readers = vec![0; graph.nodes().len()];
    for output in graph.outputs() {
        readers[output.node.0] += 1;
    }
    for (index, node) in graph.nodes().iter().enumerate().rev() {
        if readers[index] > 0 {
            node.inputs.iter().for_each(|id| readers[id.0] += 1);
        }
    }
    readers
}
impl Lowering<'_> {
    fn node(&mut self, index: usize) -> Result<Lowered, NetworkError> {
        let graph = self.graph;
        let node = &graph.nodes()[index];
        let inputs: Vec<Lowered> = node.inputs.iter().filter_map(|id| self.results[id.0].clone()).collect();
        let only_reader = node.inputs.first().is_some_and(|&id| self.is_sole_reader(id));
        let what = || format!("node {index} ({})", node.op.name());
        if inputs.is_empty() {
            return Ok(Lowered { source: Source::Input { channels: self.program.inputs }, grid: GridId(0) });
        }
        let first = inputs[0].clone();
        Ok(match &node.op {
            Op::Input { .. } | Op::Softmax => first,
            Op::Conv { .. } => self.conv(first, &node.op)?,
            Op::ConvTranspose { .. } => self.conv_transpose(first, &node.op)?,
            Op::Pool { kind, kernel, stride, padding } => {
                self.pool(first, only_reader, *kind, [*kernel, *stride, *padding])
            }
            Op::BatchNorm { weights, eps } => {
                let norm = ScaleShift::batch_norm(self.weights, weights, *eps)?;
                self.batch_norm(first, only_reader, &norm)
            }
            Op::InstanceNorm { weights, eps } => self.instance_norm(first, weights, *eps)?,
            Op::Activate { activation } => self.activate(first, only_reader, *activation),
            Op::Concat => self.concat(&inputs, &what()),
            Op::Add => self.combine(first, inputs[1].clone(), CombineKind::Add, &node.inputs, &what()),
            Op::Multiply => self.combine(first, inputs[1].clone(), CombineKind::Multiply, &node.inputs, &what()),
            Op::Upsample { factor, kind } => {
                let input = self.value(first.clone());
                let grid = self.grid(GridRule::Finer { from: first.grid, factor: *factor });
                let channels = input.channels();
                self.emit(Kind::Upsample { input, factor: *factor, kind: *kind }, channels, first.grid, grid)
            }
            Op::Pad { before, after } => {
                let added = [0, 1, 2].map(|axis| before[axis] + after[axis]);
                let grid = self.grid(GridRule::Padded { from: first.grid, added });
                let (channels, input) = (first.source.channels(), first.source);
                let kind = Kind::Copy { input, before: *before, activation: Activation::Identity };
                self.emit(kind, channels, first.grid, grid)
            }
        })
    }

    fn conv(&mut self, input: Lowered, op: &Op) -> Result<Lowered, NetworkError> {
        let Op::Conv { weights, outputs, kernel, stride, padding, dilation, groups, bias } = op else {
            return Ok(input);
        };
        let inputs = input.source.channels();
        let weight = values(self.weights, &format!("{weights}.weight"))?;
        let conv = Conv {
            name: weights.clone(),
            outputs: *outputs,
            kernel: *kernel,
            stride: *stride,
            padding: *padding,
            dilation: *dilation,
            weight: spread_groups(weight, *outputs, inputs, *groups),
            bias: self.bias(weights, *bias, *outputs)?,
            activation: Activation::Identity,
        };
        let extent = [0, 1, 2].map(|axis| dilation[axis] * (kernel[axis] - 1) + 1);
        let rule = GridRule::Window { from: input.grid, extent, stride: *stride, padding: *padding };
        let grid = self.grid(rule);
        Ok(self.emit(Kind::Conv { input: input.source, conv }, *outputs, input.grid, grid))
    }

    fn conv_transpose(&mut self, input: Lowered, op: &Op) -> Result<Lowered, NetworkError> {
        let Op::ConvTranspose { weights, outputs, kernel, bias } = op else {
            return Ok(input);
        };
        let conv = ConvTranspose {
            name: weights.clone(),
            outputs: *outputs,
            kernel: *kernel,
            weight: Arc::clone(values(self.weights, &format!("{weights}.weight"))?),
            bias: self.bias(weights, *bias, *outputs)?,
            activation: Activation::Identity,
        };
        let grid = self.grid(GridRule::Finer { from: input.grid, factor: *kernel });
        let from = input.grid;
        let input = self.value(input);
        Ok(self.emit(Kind::ConvTranspose { input, conv }, *outputs, from, grid))
    }

    fn bias(&self, name: &str, has_bias: bool, outputs: usize) -> Result<Arc<[f32]>, NetworkError> {
        if has_bias {
            return Ok(Arc::clone(values(self.weights, &format!("{name}.bias"))?));
        }
        Ok(vec![0.0; outputs].into())
    }

    /// The step that wrote all of `lowered`, when nothing happens on its load.
    fn whole_writer(&self, lowered: &Lowered) -> Option<usize> {
        let Source::Value(Value { parts }) = &lowered.source else { return None };
        match parts.as_slice() {
            [part] if part.load.is_identity() => Some(self.writer[part.buffer.0]),
            _ => None,
        }
    }

    /// Blocks of a result; the planar input is copied into blocks.
    fn value(&mut self, lowered: Lowered) -> Value {
        match lowered.source {
            Source::Value(value) => value,
            Source::Input { .. } => match self.copy(lowered, Activation::Identity).source {
                Source::Value(value) => value,
                Source::Input { .. } => Value::default(),
            },
        }
    }

    /// A value whose loads change nothing, so that a norm can be added.
    fn as_stored(&mut self, lowered: Lowered) -> (Value, GridId) {
        let grid = lowered.grid;
        let is_stored = match &lowered.source {
            Source::Value(value) => value.parts.iter().all(|part| part.load.is_identity()),
            Source::Input { .. } => false,
        };
        let lowered = if is_stored { lowered } else { self.copy(lowered, Activation::Identity) };
        (self.value(lowered), grid)
    }

    fn copy(&mut self, input: Lowered, activation: Activation) -> Lowered {
        let (channels, grid) = (input.source.channels(), input.grid);
        self.emit(Kind::Copy { input: input.source, before: [0; 3], activation }, channels, grid, grid)
    }

    /// The statistics of a buffer, collected by the step that writes it.
    fn statistics(&mut self, buffer: BufferId) -> StatisticsId {
        let step = &mut self.program.steps[self.writer[buffer.0]];
        *step.statistics.get_or_insert_with(|| {
            self.program.statistics.push(step.channels);
            StatisticsId(self.program.statistics.len() - 1)
        })
    }

    fn emit(&mut self, kind: Kind, channels: usize, input_grid: GridId, output_grid: GridId) -> Lowered {
        let buffer = BufferId(self.program.buffers.len());
        self.program.buffers.push(Buffer { grid: output_grid, channels });
        self.writer.push(self.program.steps.len());
        let target = Target::Buffer(buffer);
        self.program.steps.push(Step { kind, target, channels, input_grid, output_grid, statistics: None });
        let part = Part { buffer, first_block: 0, channels, load: Load::AS_STORED };
        Lowered { source: Source::Value(Value { parts: vec![part] }), grid: output_grid }
    }

    fn grid(&mut self, rule: GridRule) -> GridId {
        if let GridRule::Window { from, extent, stride: [1, 1, 1], padding } = rule
            && (0..3).all(|axis| extent[axis] == 2 * padding[axis] + 1)
        {
            return from;
        }
        let known = self.program.grids.iter().position(|other| *other == rule);
        GridId(known.unwrap_or_else(|| {
            self.program.grids.push(rule);
            self.program.grids.len() - 1
        }))
    }

    /// Whether nobody else reads what `id` stands for; an identity stands
    /// for its input.
    fn is_sole_reader(&self, id: NodeId) -> bool {
        let node = &self.graph.nodes()[id.0];
        let stands_for = match &node.op {
            Op::Activate { activation } if activation.slope() == Some(1.0) => node.inputs.first(),
            _ => None,
        };
        self.readers[id.0] == 1 && stands_for.is_none_or(|&input| self.is_sole_reader(input))
    }

    fn same_grid(&mut self, a: GridId, b: GridId, node: &str) {
        if a != b {
            self.program.equal.push((a, b, node.to_owned()));
        }
    }
}
