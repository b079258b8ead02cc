//! Where tensors meet, and where they leave the network.

use super::{Lowered, Lowering};
use crate::graph::{Activation, NetworkError, NodeId, Op};
use crate::program::ProgramOutput;
use crate::program::step::{CombineKind, Finish, Kind, Load, Part, Source, Step, Target, Value};

impl Lowering<'_> {
    pub(super) fn concat(&mut self, inputs: &[Lowered], node: &str) -> Lowered {
        let grid = inputs[0].grid;
        let mut parts = Vec::new();
        for input in inputs {
            self.same_grid(grid, input.grid, node);
            parts.extend(self.value(input.clone()).parts);
        }
        Lowered { source: Source::Value(Value { parts }), grid }
    }

    pub(super) fn combine(&mut self, a: Lowered, b: Lowered, kind: CombineKind, ids: &[NodeId], node: &str) -> Lowered {
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
    pub(super) fn gate(&mut self, first: &Value, second: &Value, ids: &[NodeId]) -> Option<Lowered> {
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

    pub(super) fn outputs(&mut self) -> Result<(), NetworkError> {
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
    pub(super) fn retarget(&mut self, lowered: &Lowered, output: usize) -> bool {
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
}
