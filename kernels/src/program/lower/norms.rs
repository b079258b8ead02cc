//! Norms and activations: into the step before, or onto the next load.

use super::{Lowered, Lowering};
use crate::graph::{Activation, NetworkError};
use crate::program::norms::{ScaleShift, values};
use crate::program::step::{Affine, AffineId, Kind, Source};

impl Lowering<'_> {
    pub(super) fn batch_norm(&mut self, input: Lowered, only_reader: bool, norm: &ScaleShift) -> Lowered {
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

    pub(super) fn instance_norm(&mut self, input: Lowered, name: &str, eps: f32) -> Result<Lowered, NetworkError> {
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

    pub(super) fn activate(&mut self, input: Lowered, only_reader: bool, activation: Activation) -> Lowered {
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
}
