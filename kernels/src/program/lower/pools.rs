//! Pools, and the order of a mean and a 1x1x1 convolution.

use super::{Lowered, Lowering};
use crate::graph::{Activation, PoolKind};
use crate::program::layout::GridRule;
use crate::program::step::{Kind, Source, Step};

impl Lowering<'_> {
    /// A mean of a 1x1x1 convolution is the 1x1x1 convolution of the mean,
    /// with an eighth of the work: the order of the two is exchanged.
    pub(super) fn pool(
        &mut self,
        input: Lowered,
        only_reader: bool,
        kind: PoolKind,
        window: [[usize; 3]; 3],
    ) -> Lowered {
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

    pub(super) fn pool_step(
        &mut self,
        input: Lowered,
        kind: PoolKind,
        [kernel, stride, padding]: [[usize; 3]; 3],
    ) -> Lowered {
        let grid = self.grid(GridRule::Window { from: input.grid, extent: kernel, stride, padding });
        let from = input.grid;
        let input = self.value(input);
        let channels = input.channels();
        self.emit(Kind::Pool { input, kind, kernel, stride, padding }, channels, from, grid)
    }

    /// Whether `lowered` is the untouched result of the last step, a linear
    /// 1x1x1 convolution of blocks.
    pub(super) fn is_plain_pointwise(&self, lowered: &Lowered) -> bool {
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
}
