//! What a pickle describes: values that refer to each other by number, so
//! that shared and even circular values are harmless.

use std::sync::Arc;

use super::names::{Meaning, Scalar};

/// Number of a value in its [`Document`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id(pub u32);

/// Where a tensor's numbers lie.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TensorPlace {
    /// Entry `data/KEY` of the archive.
    pub key: Arc<str>,
    /// Type of its numbers.
    pub scalar: Scalar,
    /// Numbers in the storage, as the pickle claims.
    pub stored: u64,
    /// Index of the first number.
    pub offset: u64,
    /// Size along each axis.
    pub shape: Vec<u64>,
    /// Numbers between neighbours along each axis.
    pub stride: Vec<u64>,
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A function or class and its `module.name`.
    Global(Meaning, Arc<str>),
    Storage {
        key: Arc<str>,
        scalar: Scalar,
        stored: u64,
    },
    Tensor(Box<TensorPlace>),
    /// Something that was not built; the name says what.
    Opaque(Arc<str>),
}

/// All values of a pickle and which of them it stands for.
#[derive(Debug)]
pub(super) struct Document {
    pub values: Vec<Value>,
    pub root: Id,
}

impl Document {
    /// A value by number.
    pub(super) fn get(&self, id: Id) -> &Value {
        self.values.get(id.0 as usize).unwrap_or(&Value::None)
    }

    /// The value a dictionary has under a name, the last one if several.
    pub(super) fn entry(&self, dictionary: Id, name: &str) -> Option<Id> {
        let Value::Dict(pairs) = self.get(dictionary) else { return None };
        pairs.iter().rev().find(|(key, _)| matches!(self.get(*key), Value::Text(t) if t == name)).map(|(_, v)| *v)
    }

    /// The text a dictionary has under a name.
    pub(super) fn text(&self, dictionary: Id, name: &str) -> Option<&str> {
        match self.get(self.entry(dictionary, name)?) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole numbers of a tuple or list; `None` when it is none or holds
    /// anything else.
    pub(super) fn numbers(&self, id: Id) -> Option<Vec<u64>> {
        let (Value::Tuple(items) | Value::List(items)) = self.get(id) else { return None };
        let number = |id: &Id| match self.get(*id) {
            Value::Int(n) => u64::try_from(*n).ok(),
            _ => None,
        };
        items.iter().map(number).collect()
    }
}
