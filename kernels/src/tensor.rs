//! The one array type networks see: f32 values in `[channels, depth, height,
//! width]`, width (x) fastest. Sizes are checked once, when it is built.

use crate::error::OpError;

/// An f32 array of shape `[channels, depth, height, width]`, width fastest.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    shape: [usize; 4],
    data: Vec<f32>,
}

impl Tensor {
    /// Wraps `data` in row-major order (width fastest).
    ///
    /// # Errors
    /// [`OpError::Shape`] when a dimension is zero or the product overflows,
    /// [`OpError::Length`] when `data` has another number of values.
    ///
    /// Cost: none, the vector is taken over.
    ///
    /// ```
    /// let t = kernels::Tensor::new([1, 1, 2, 2], vec![1.0, 2.0, 3.0, 4.0])?;
    /// assert_eq!(t.at([0, 0, 1, 0]), Some(3.0));
    /// # Ok::<(), kernels::OpError>(())
    /// ```
    pub fn new(shape: [usize; 4], data: Vec<f32>) -> Result<Self, OpError> {
        let needed = count("tensor", &shape)?;
        if data.len() != needed {
            return Err(OpError::Length { operation: "tensor", shape: shape.to_vec(), needed, given: data.len() });
        }
        Ok(Self { shape, data })
    }

    /// A tensor of zeros.
    ///
    /// # Errors
    /// [`OpError::Shape`] when a dimension is zero or the product overflows.
    pub fn zeros(shape: [usize; 4]) -> Result<Self, OpError> {
        let needed = count("tensor", &shape)?;
        Ok(Self { shape, data: vec![0.0; needed] })
    }

    /// `[channels, depth, height, width]`.
    #[must_use]
    pub fn shape(&self) -> [usize; 4] {
        self.shape
    }

    /// Number of channels.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.shape[0]
    }

    /// `[depth, height, width]`, that is `[z, y, x]`.
    #[must_use]
    pub fn dims(&self) -> [usize; 3] {
        [self.shape[1], self.shape[2], self.shape[3]]
    }

    /// Values in one channel.
    #[must_use]
    pub fn voxels(&self) -> usize {
        self.shape[1] * self.shape[2] * self.shape[3]
    }

    /// All values, width fastest.
    #[must_use]
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// All values, for in-place work.
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// All values, width fastest, without a copy.
    #[must_use]
    pub fn into_data(self) -> Vec<f32> {
        self.data
    }

    /// The values of one channel, or `None` past the last one.
    #[must_use]
    pub fn channel(&self, channel: usize) -> Option<&[f32]> {
        self.data.chunks_exact(self.voxels()).nth(channel)
    }

    /// The value at `[channel, z, y, x]`, or `None` outside.
    #[must_use]
    pub fn at(&self, index: [usize; 4]) -> Option<f32> {
        let inside = index.iter().zip(&self.shape).all(|(i, n)| i < n);
        let pairs = index.iter().zip(&self.shape);
        inside.then(|| self.data[pairs.fold(0, |flat, (i, n)| flat * n + i)])
    }
}

/// Product of a shape, refusing empty shapes and sizes beyond `isize::MAX` bytes.
pub(crate) fn count(operation: &'static str, shape: &[usize]) -> Result<usize, OpError> {
    shape
        .iter()
        .try_fold(1_usize, |n, &dim| n.checked_mul(dim))
        .filter(|&n| n > 0 && n <= isize::MAX as usize / size_of::<f32>())
        .ok_or_else(|| OpError::Shape { operation, shape: shape.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_length_is_refused_with_the_numbers() {
        let error = Tensor::new([2, 1, 1, 3], vec![0.0; 5]).err();
        let text = error.map(|e| e.to_string()).unwrap_or_default();
        assert!(text.contains("[2, 1, 1, 3]") && text.contains('6') && text.contains('5'));
    }

    #[test]
    fn empty_and_overflowing_shapes_are_refused() {
        assert!(Tensor::zeros([1, 0, 1, 1]).is_err());
        assert!(Tensor::zeros([usize::MAX, 2, 1, 1]).is_err());
        assert!(Tensor::new([1 << 62, 1, 1, 1], vec![]).is_err());
    }

    #[test]
    fn indexing_is_channel_z_y_x_and_bounded() {
        let data = (0..24_u8).map(f32::from).collect();
        let tensor = Tensor::new([2, 3, 2, 2], data).ok();
        let tensor = tensor.as_ref();
        assert_eq!(tensor.and_then(|t| t.at([1, 2, 1, 0])), Some(22.0));
        assert_eq!(tensor.and_then(|t| t.at([0, 0, 0, 2])), None);
        assert_eq!(tensor.and_then(|t| t.channel(1)).map(|c| c[0]), Some(12.0));
        assert_eq!(tensor.and_then(|t| t.channel(2)), None);
    }
}
