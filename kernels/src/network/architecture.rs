//! The numbers that fix a [`CompactUnet`](super::CompactUnet).

use serde::{Deserialize, Serialize};

use super::NetworkError;

/// Most levels a network may have: 2^7 voxels per voxel of the deepest level.
const MAX_LEVELS: usize = 8;

/// Most channels anywhere: keeps every product below 2^40.
const MAX_CHANNELS: usize = 4096;

/// Channels per level, finest first, and the channels at both ends.
///
/// ```
/// let json = r#"{ "channels": [16, 32, 64, 128], "inputs": 1, "classes": 3 }"#;
/// let architecture: kernels::Architecture = serde_json::from_str(json)?;
/// assert_eq!(architecture.divisor(), 8);
/// assert_eq!(architecture.macs([64, 64, 64])?, 14_063_501_312);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// Channels of each level, finest first; 1 to 8 levels.
    pub channels: Vec<usize>,
    /// Channels of the input image.
    pub inputs: usize,
    /// Channels of the logits.
    pub classes: usize,
}

impl Default for Architecture {
    /// One image in, three classes out, four levels of 16 to 128 channels.
    fn default() -> Self {
        Self { channels: vec![16, 32, 64, 128], inputs: 1, classes: 3 }
    }
}

impl Architecture {
    /// Depth, height and width of an input must be multiples of this:
    /// `2^(levels - 1)`.
    #[must_use]
    pub fn divisor(&self) -> usize {
        1 << self.channels.len().saturating_sub(1).min(MAX_LEVELS)
    }

    /// Multiply-accumulates of one forward pass over an input of `[z, y, x]`
    /// voxels, norms and activations not counted.
    ///
    /// # Errors
    /// [`NetworkError::Architecture`] for an impossible architecture,
    /// [`NetworkError::InputSize`] when a side is not a multiple of
    /// [`Architecture::divisor`] or the input has 2^40 voxels or more.
    pub fn macs(&self, dims: [usize; 3]) -> Result<u64, NetworkError> {
        self.check()?;
        self.check_input([self.inputs, dims[0], dims[1], dims[2]])?;
        let voxels = |level: usize| {
            let [d, h, w] = dims.map(|n| n as u128 >> level);
            d * h * w
        };
        let mut macs = 0;
        let mut inputs = self.inputs as u128;
        for (level, &channels) in self.channels.iter().enumerate() {
            let channels = channels as u128;
            macs += 27 * (inputs + channels) * channels * voxels(level);
            inputs = channels;
        }
        for (level, &channels) in self.channels.iter().enumerate().rev().skip(1) {
            let channels = channels as u128;
            // Up (1 per output voxel), 2c -> c and c -> c.
            macs += (inputs + 27 * 3 * channels) * channels * voxels(level);
            inputs = channels;
        }
        macs += inputs * self.classes as u128 * voxels(0);
        u64::try_from(macs).map_err(|_| self.input_size([self.inputs, dims[0], dims[1], dims[2]]))
    }

    /// Refuses descriptions that make no network.
    pub(super) fn check(&self) -> Result<(), NetworkError> {
        let levels = self.channels.len();
        if levels == 0 || levels > MAX_LEVELS {
            return Err(NetworkError::Architecture {
                reason: format!("{levels} levels; 1 to {MAX_LEVELS} are supported"),
            });
        }
        for &count in self.channels.iter().chain([&self.inputs, &self.classes]) {
            if count == 0 || count > MAX_CHANNELS {
                return Err(NetworkError::Architecture {
                    reason: format!("{count} channels; 1 to {MAX_CHANNELS} are supported"),
                });
            }
        }
        Ok(())
    }

    /// Refuses inputs that cannot be halved at every level.
    pub(super) fn check_input(&self, shape: [usize; 4]) -> Result<(), NetworkError> {
        let divisor = self.divisor();
        let is_divisible = shape[1..].iter().all(|&side| side > 0 && side < 1 << 32 && side % divisor == 0);
        if is_divisible {
            return Ok(());
        }
        Err(self.input_size(shape))
    }

    fn input_size(&self, shape: [usize; 4]) -> NetworkError {
        NetworkError::InputSize { shape, divisor: self.divisor() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_architectures_are_refused() {
        for (channels, inputs) in [(vec![], 1), (vec![4; 9], 1), (vec![4, 0], 1), (vec![4, 1 << 40], 1), (vec![4], 0)] {
            let architecture = Architecture { channels, inputs, classes: 2 };
            assert!(architecture.macs([8, 8, 8]).is_err(), "{architecture:?}");
        }
    }

    #[test]
    fn unknown_keys_are_refused() {
        let json = r#"{ "channels": [4], "inputs": 1, "classes": 2, "norm": "batch" }"#;
        assert!(serde_json::from_str::<Architecture>(json).is_err());
    }

    #[test]
    fn sizes_that_cannot_be_halved_are_refused() {
        let architecture = Architecture::default();
        assert!(architecture.macs([64, 64, 60]).is_err());
        assert!(architecture.macs([64, 0, 64]).is_err());
        assert!(architecture.macs([1 << 31, 1 << 31, 1 << 31]).is_err());
    }
}
