//! From a graph to steps.
//!
//! Every node becomes a [`Lowered`]: where its result is stored and what has
//! still to be done to it when it is read. A node that changes nothing but
//! the reading (norm, activation, concat) emits no step.

use std::sync::Arc;

use super::layout::GridRule;
use super::norms::{ScaleShift, spread_groups, values};
use super::step::{
    Affine, AffineId, Buffer, BufferId, CombineKind, Conv, ConvTranspose, Finish, GridId, Kind, Load, Part, Source,
    StatisticsId, Step, Target, Value,
};
use super::{Program, ProgramOutput};
use crate::graph::{Activation, Graph, NetworkError, NodeId, Op, PoolKind};
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

pub(super) fn lower(graph: &Graph, weights: &Weights) -> Result<Program, NetworkError> {
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

/// What the sides of the input must be divisible by, so that every halving
/// leaves nothing over. Grids that are refined again count as what is left.
fn divisor(grids: &[GridRule]) -> [usize; 3] {
    // Input voxels per voxel, as a fraction.
    let mut pitch: Vec<[(usize, usize); 3]> = Vec::with_capacity(grids.len());
    let mut divisor = [1_usize; 3];
    for rule in grids {
        let mut here = [(1, 1); 3];
        for axis in 0..3 {
            here[axis] = match *rule {
                GridRule::Input => (1, 1),
                GridRule::Window { from, stride, .. } => {
                    let (up, down) = pitch[from.0][axis];
                    reduce(up.saturating_mul(stride[axis]), down)
                }
                GridRule::Finer { from, factor } => {
                    let (up, down) = pitch[from.0][axis];
                    reduce(up, down.saturating_mul(factor[axis]))
                }
                GridRule::Padded { from, .. } => pitch[from.0][axis],
            };
            let up = here[axis].0;
            divisor[axis] = (divisor[axis] / gcd(divisor[axis], up)).saturating_mul(up);
        }
        pitch.push(here);
    }
    divisor
}

fn reduce(up: usize, down: usize) -> (usize, usize) {
    let common = gcd(up, down).max(1);
    (up / common, down / common)
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
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

    /// A mean of a 1x1x1 convolution is the 1x1x1 convolution of the mean,
    /// with an eighth of the work: the order of the two is exchanged.
    fn pool(&mut self, input: Lowered, only_reader: bool, kind: PoolKind, window: [[usize; 3]; 3]) -> Lowered {
        let [kernel, stride, padding] = window;
        let swap = only_reader && kind == PoolKind::Average && self.is_plain_pointwise(&input);
        if swap
            && let Some(Step { kind: Kind::Conv { input: Source::Value(before), conv }, input_grid, .. }) =
                self.program.steps.pop()
        {
            self.program.buffers.pop();
            self.writer.pop();
            let pooled = self.pool_step(Lowered { source: Source::Value(before), grid: input_grid }, kind, window);
            let (grid, outputs) = (pooled.grid, conv.outputs);
            return self.emit(Kind::Conv { input: pooled.source, conv }, outputs, grid, grid);
        }
        self.pool_step(input, kind, [kernel, stride, padding])
    }

    fn pool_step(&mut self, input: Lowered, kind: PoolKind, [kernel, stride, padding]: [[usize; 3]; 3]) -> Lowered {
        let grid = self.grid(GridRule::Window { from: input.grid, extent: kernel, stride, padding });
        let from = input.grid;
        let input = self.value(input);
        let channels = input.channels();
        self.emit(Kind::Pool { input, kind, kernel, stride, padding }, channels, from, grid)
    }

    /// Whether `lowered` is the untouched result of the last step, a linear
    /// 1x1x1 convolution of blocks.
    fn is_plain_pointwise(&self, lowered: &Lowered) -> bool {
        let last = self.program.steps.len().wrapping_sub(1);
        self.whole_writer(lowered) == Some(last)
            && self.program.steps.get(last).is_some_and(|step| match &step.kind {
                Kind::Conv { input: Source::Value(_), conv } => {
                    conv.kernel == [1; 3]
                        && conv.stride == [1; 3]
                        && conv.padding == [0; 3]
                        && conv.activation == Activation::Identity
                        && step.statistics.is_none()
                }
                _ => false,
            })
    }

    fn batch_norm(&mut self, input: Lowered, only_reader: bool, norm: &ScaleShift) -> Lowered {
        if only_reader && let Some(step) = self.whole_writer(&input).and_then(|index| self.program.steps.get_mut(index))
        {
            match &mut step.kind {
                Kind::Conv { conv, .. } if conv.activation == Activation::Identity && step.statistics.is_none() => {
                    norm.fold_into_conv(conv);
                    return input;
                }
                Kind::ConvTranspose { conv, .. }
                    if conv.activation == Activation::Identity && step.statistics.is_none() =>
                {
                    norm.fold_into_conv_transpose(conv);
                    return input;
                }
                _ => {}
            }
        }
        let (mut value, grid) = self.as_stored(input);
        let mut first = 0;
        for part in &mut value.parts {
            let ScaleShift { scale, shift } = norm.slice(first, part.channels);
            first += part.channels;
            part.load.affine = Some(AffineId(self.program.affines.len()));
            self.program.affines.push(Affine::Constant { scale, shift });
        }
        Lowered { source: Source::Value(value), grid }
    }

    fn instance_norm(&mut self, input: Lowered, name: &str, eps: f32) -> Result<Lowered, NetworkError> {
        let gamma = values(self.weights, &format!("{name}.weight"))?;
        let beta = values(self.weights, &format!("{name}.bias"))?;
        let (mut value, grid) = self.as_stored(input);
        let mut first = 0;
        for part in &mut value.parts {
            let range = first..first + part.channels;
            first = range.end;
            let (gamma, beta) = (gamma[range.clone()].to_vec(), beta[range].to_vec());
            let statistics = self.statistics(part.buffer);
            part.load.affine = Some(AffineId(self.program.affines.len()));
            self.program.affines.push(Affine::Instance { statistics, gamma, beta, eps });
        }
        Ok(Lowered { source: Source::Value(value), grid })
    }

    fn activate(&mut self, input: Lowered, only_reader: bool, activation: Activation) -> Lowered {
        if only_reader && let Some(index) = self.whole_writer(&input) {
            let step = &mut self.program.steps[index];
            let written = match &mut step.kind {
                Kind::Conv { conv, .. } => Some(&mut conv.activation),
                Kind::ConvTranspose { conv, .. } => Some(&mut conv.activation),
                Kind::Combine { activation: written, .. } => Some(written),
                Kind::Copy { activation: written, .. } if activation != Activation::Sigmoid => Some(written),
                _ => None,
            };
            if let Some(written) = written.filter(|now| **now == Activation::Identity)
                && step.statistics.is_none()
            {
                *written = activation;
                return input;
            }
        }
        let grid = input.grid;
        let mut value = match &input.source {
            Source::Value(value) => value.clone(),
            Source::Input { .. } => return self.copy(input, activation),
        };
        match activation.slope() {
            Some(slope) if value.parts.iter().all(|part| part.load.slope == 1.0) => {
                value.parts.iter_mut().for_each(|part| part.load.slope = slope);
                Lowered { source: Source::Value(value), grid }
            }
            _ => self.copy(input, activation),
        }
    }

    fn concat(&mut self, inputs: &[Lowered], node: &str) -> Lowered {
        let grid = inputs[0].grid;
        let mut parts = Vec::new();
        for input in inputs {
            self.same_grid(grid, input.grid, node);
            parts.extend(self.value(input.clone()).parts);
        }
        Lowered { source: Source::Value(Value { parts }), grid }
    }

    fn combine(&mut self, a: Lowered, b: Lowered, kind: CombineKind, ids: &[NodeId], node: &str) -> Lowered {
        let grid = a.grid;
        self.same_grid(grid, b.grid, node);
        let (first, second) = (self.value(a), self.value(b));
        if kind == CombineKind::Add
            && let Some(gate) = self.gate(&first, &second, ids)
        {
            return gate;
        }
        let channels = first.channels();
        self.emit(Kind::Combine { first, second, kind, activation: Activation::Identity }, channels, grid, grid)
    }

    /// `a * g + a` in one step, when the product is the last step and read
    /// only here.
    fn gate(&mut self, first: &Value, second: &Value, ids: &[NodeId]) -> Option<Lowered> {
        let last = self.program.steps.len().checked_sub(1)?;
        let Target::Buffer(product) = self.program.steps[last].target else { return None };
        let is_product = |value: &Value, id: NodeId| {
            self.is_sole_reader(id)
                && value.parts.len() == 1
                && value.parts[0].buffer == product
                && value.parts[0].load.is_identity()
        };
        let other = match (is_product(first, ids[0]), is_product(second, ids[1])) {
            (true, false) => second,
            (false, true) => first,
            _ => return None,
        };
        let step = &mut self.program.steps[last];
        let Kind::Combine { first: a, second: b, kind, activation } = &mut step.kind else { return None };
        if *kind != CombineKind::Multiply || *activation != Activation::Identity || step.statistics.is_some() {
            return None;
        }
        if b == other {
            std::mem::swap(a, b);
        }
        if a != other {
            return None;
        }
        *kind = CombineKind::Gate;
        let (channels, grid) = (step.channels, step.output_grid);
        let part = Part { buffer: product, first_block: 0, channels, load: Load::AS_STORED };
        Some(Lowered { source: Source::Value(Value { parts: vec![part] }), grid })
    }

    fn outputs(&mut self) -> Result<(), NetworkError> {
        let graph = self.graph;
        for (index, output) in graph.outputs().iter().enumerate() {
            let node = &graph.nodes()[output.node.0];
            let finish = if matches!(node.op, Op::Softmax) { Finish::Softmax } else { Finish::Raw };
            let Some(lowered) = self.results[output.node.0].clone() else {
                let reason = "was not lowered".to_owned();
                return Err(NetworkError::Graph { node: output.name.clone(), reason });
            };
            let grid = lowered.grid;
            let value = self.value(lowered.clone());
            let channels = value.channels();
            if finish == Finish::Raw && self.is_sole_reader(output.node) && self.retarget(&lowered, index) {
                // The convolution writes the output itself.
            } else {
                let kind = Kind::Store { input: value, activation: Activation::Identity, finish };
                let target = Target::Output(index);
                let step = Step { kind, target, channels, input_grid: grid, output_grid: grid, statistics: None };
                self.program.steps.push(step);
            }
            self.program.outputs.push(ProgramOutput { name: output.name.clone(), channels, grid });
        }
        Ok(())
    }

    /// Lets a 1x1x1 convolution write an output directly.
    fn retarget(&mut self, lowered: &Lowered, output: usize) -> bool {
        let Some(index) = self.whole_writer(lowered) else { return false };
        let step = &mut self.program.steps[index];
        let is_head = match &step.kind {
            Kind::Conv { input: Source::Value(_), conv } => {
                conv.kernel == [1; 3] && conv.stride == [1; 3] && conv.padding == [0; 3]
            }
            _ => false,
        };
        if !is_head || step.statistics.is_some() {
            return false;
        }
        step.target = Target::Output(output);
        true
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
