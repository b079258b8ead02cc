//! Trained numbers by name.
//!
//! [`Weights`] comes from a safetensors file or from memory; every value in
//! it is finite. [`crate::Program::new`] takes from it what a graph needs and
//! refuses missing and left-over tensors by name.
//!
//! A file is untrusted: `safetensors` checks every declared range against the
//! buffer before anything is allocated.

mod synthetic;

use std::collections::BTreeMap;
use std::sync::Arc;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use crate::error::OpError;
use crate::graph::{Graph, NetworkError};
use crate::half_precision::{bf16_to_f32, f16_to_f32};
use crate::tensor::count;

pub use synthetic::{DEFAULT_GAIN, synthetic_input};

/// Shape and values of one tensor, last axis fastest.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedTensor {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, shared with the programs made from them.
    pub values: Arc<[f32]>,
}

/// Tensors by name. See the module page.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Weights {
    tensors: BTreeMap<String, NamedTensor>,
}

impl Weights {
    /// No tensors yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a safetensors buffer with F32, F16 and BF16 tensors.
    ///
    /// # Errors
    /// [`NetworkError::File`], [`NetworkError::TensorType`] and
    /// [`NetworkError::NonFiniteWeight`].
    ///
    /// Cost: one copy.
    pub fn from_safetensors(buffer: &[u8]) -> Result<Self, NetworkError> {
        let file = SafeTensors::deserialize(buffer).map_err(|source| NetworkError::File { source })?;
        let mut weights = Self::new();
        for (name, view) in file.tensors() {
            let Some(values) = floats(&view) else {
                return Err(NetworkError::TensorType { name, dtype: format!("{:?}", view.dtype()) });
            };
            weights.insert(&name, view.shape().to_vec(), values)?;
        }
        Ok(weights)
    }

    /// The tensors as the bytes of a safetensors file, in F32.
    ///
    /// # Errors
    /// [`NetworkError::File`] when the file cannot be made.
    ///
    /// Cost: two copies.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, NetworkError> {
        let mut bytes = BTreeMap::new();
        for (name, tensor) in &self.tensors {
            let values: Vec<u8> = tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect();
            bytes.insert(name.as_str(), (tensor.shape.clone(), values));
        }
        let mut views = Vec::with_capacity(bytes.len());
        for (name, (shape, values)) in &bytes {
            let view = TensorView::new(Dtype::F32, shape.clone(), values);
            views.push((*name, view.map_err(|source| NetworkError::File { source })?));
        }
        safetensors::serialize(views, None).map_err(|source| NetworkError::File { source })
    }

    /// Adds or replaces a tensor.
    ///
    /// # Errors
    /// [`NetworkError::NonFiniteWeight`]; [`OpError::Length`] when the number
    /// of values is not the product of the shape.
    pub fn insert(&mut self, name: &str, shape: Vec<usize>, values: Vec<f32>) -> Result<(), NetworkError> {
        let needed = count("weights", &shape)?;
        if needed != values.len() {
            return Err(OpError::Length { operation: "weights", shape, needed, given: values.len() }.into());
        }
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            return Err(NetworkError::NonFiniteWeight { name: name.to_owned(), index, value: values[index] });
        }
        self.tensors.insert(name.to_owned(), NamedTensor { shape, values: values.into() });
        Ok(())
    }

    /// A tensor by its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&NamedTensor> {
        self.tensors.get(name)
    }

    /// All tensors, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &NamedTensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Checks that these are the tensors of `graph`: all of them, in the
    /// right shapes, and no others. The depth axis of a 2-D layer may be
    /// missing; a `num_batches_tracked` counter is ignored.
    ///
    /// # Errors
    /// [`NetworkError::MissingTensor`], [`NetworkError::TensorShape`],
    /// [`NetworkError::UnknownTensor`].
    pub fn check(&self, graph: &Graph) -> Result<(), NetworkError> {
        let needed = graph.tensors();
        for (name, expected) in &needed {
            let Some(tensor) = self.tensors.get(name) else {
                return Err(NetworkError::MissingTensor { name: name.clone(), expected: expected.clone() });
            };
            if !fits(&tensor.shape, expected) {
                let (name, actual, expected) = (name.clone(), tensor.shape.clone(), expected.clone());
                return Err(NetworkError::TensorShape { name, actual, expected });
            }
        }
        let known: std::collections::BTreeSet<&str> = needed.iter().map(|(name, _)| name.as_str()).collect();
        let mut others = self.tensors.iter().filter(|(name, _)| !name.ends_with(".num_batches_tracked"));
        match others.find(|(name, _)| !known.contains(name.as_str())) {
            None => Ok(()),
            Some((name, tensor)) => {
                Err(NetworkError::UnknownTensor { name: name.clone(), actual: tensor.shape.clone() })
            }
        }
    }
}

/// Equal, or equal without the depth axis of a kernel of depth one.
fn fits(actual: &[usize], expected: &[usize]) -> bool {
    let flat =
        || expected.len() == 5 && expected[2] == 1 && actual == [expected[0], expected[1], expected[3], expected[4]];
    actual == expected || flat()
}

fn floats(view: &TensorView<'_>) -> Option<Vec<f32>> {
    let halves = || view.data().as_chunks::<2>().0.iter().map(|&bytes| u16::from_le_bytes(bytes));
    match view.dtype() {
        Dtype::F32 => Some(view.data().as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()),
        Dtype::BF16 => Some(halves().map(bf16_to_f32).collect()),
        Dtype::F16 => Some(halves().map(f16_to_f32).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_the_same_tensors() {
        let mut weights = Weights::new();
        weights.insert("a.weight", vec![2, 1], vec![0.5, -3.0]).unwrap();
        weights.insert("b", vec![1], vec![1e-30]).unwrap();
        let file = weights.to_safetensors().unwrap();
        assert_eq!(Weights::from_safetensors(&file).unwrap(), weights);
        assert!(Weights::from_safetensors(&file[..file.len() - 1]).is_err());
    }

    #[test]
    fn a_nan_is_refused_with_its_tensor() {
        let error = Weights::new().insert("enc.weight", vec![2], vec![0.0, f32::NAN]).err();
        let text = error.map(|e| e.to_string()).unwrap_or_default();
        assert!(text.contains("enc.weight") && text.contains("value 1"), "{text}");
    }
}
