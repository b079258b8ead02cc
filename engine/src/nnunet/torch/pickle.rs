//! A machine for pickles that builds data and calls nothing.
//!
//! Python's machine calls any function a pickle names. This one knows four
//! ([`Meaning`]); whatever else a pickle would call becomes an *opaque* value
//! that remembers the name and has no use, and names that run code are
//! refused at sight. Values refer to each other by number, so that a small
//! file cannot grow: each instruction adds at most one value.

use std::collections::HashMap;
use std::sync::Arc;

use super::error::CheckpointError;
use super::names::{Meaning, meaning};
use super::opcode::{Op, Reader};
use super::value::{Document, Id, TensorPlace, Value};

/// Most values; the log of 8000 epochs with 40 classes has two million.
const MAX_VALUES: usize = 8_000_000;
/// Most containers open at a time.
const MAX_DEPTH: usize = 1000;
/// Most tensors; a network has some hundred, its optimiser as many.
const MAX_TENSORS: usize = 100_000;
/// Longest name of a function or an entry, bytes.
const MAX_NAME: usize = 1024;

/// What a pickle describes.
///
/// # Errors
/// [`CheckpointError`] with the offset of the instruction that is refused.
///
/// Cost: linear in the bytes; at most half a gigabyte of memory.
pub(super) fn read(bytes: &[u8]) -> Result<Document, CheckpointError> {
    let mut machine = Machine {
        reader: Reader::new(bytes),
        values: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        tensors: 0,
    };
    loop {
        match machine.reader.next()? {
            Op::Stop => break,
            op => machine.step(op)?,
        }
    }
    let root = machine.pop()?;
    Ok(Document { values: machine.values, root })
}

struct Machine<'a> {
    reader: Reader<'a>,
    values: Vec<Value>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
    tensors: usize,
}

impl Machine<'_> {
    fn step(&mut self, op: Op<'_>) -> Result<(), CheckpointError> {
        match op {
            Op::Proto(2..=5) | Op::Frame | Op::Stop => {}
            Op::Proto(version) => return Err(self.fail(format!("pickle protocol {version}; 2 to 5 are read"))),
            Op::None => self.push(Value::None)?,
            Op::Bool(b) => self.push(Value::Bool(b))?,
            Op::Int(n) => self.push(Value::Int(n))?,
            Op::Float(x) => self.push(Value::Float(x))?,
            Op::Text(text) => self.push(Value::Text(text.to_owned()))?,
            Op::Opaque(what) => self.push(Value::Opaque(what.into()))?,
            Op::EmptyTuple => self.push(Value::Tuple(Vec::new()))?,
            Op::EmptyList => self.push(Value::List(Vec::new()))?,
            Op::EmptyDict => self.push(Value::Dict(Vec::new()))?,
            Op::EmptySet => self.push(Value::Opaque("a set".into()))?,
            Op::Mark | Op::Pop | Op::PopMark | Op::Dup => self.stack_step(&op)?,
            Op::Put(_) | Op::Memoize | Op::Get(_) => self.memo_step(&op)?,
            Op::Global(module, name) => self.global(module, name)?,
            Op::StackGlobal => self.stack_global()?,
            Op::PersistentId => self.persistent_id()?,
            Op::Reduce | Op::NewObj | Op::NewObjEx => self.call(&op)?,
            Op::Build => drop(self.pop()?),
            Op::Append | Op::Appends | Op::SetItem | Op::SetItems | Op::AddItems => self.extend(&op)?,
            Op::Tuple(count) => {
                let start = self.stack.len().checked_sub(count).filter(|n| *n >= self.floor());
                let items = self.stack.split_off(start.ok_or_else(|| self.underflow())?);
                self.push(Value::Tuple(items))?;
            }
            Op::TupleFromMark | Op::ListFromMark | Op::DictFromMark | Op::FrozenSet => self.collect(&op)?,
        }
        Ok(())
    }

    fn stack_step(&mut self, op: &Op<'_>) -> Result<(), CheckpointError> {
        match op {
            Op::Mark => {
                if self.marks.len() == MAX_DEPTH {
                    return Err(limit("open containers", MAX_DEPTH + 1, MAX_DEPTH));
                }
                self.marks.push(self.stack.len());
            }
            Op::PopMark => drop(self.pop_mark()?),
            Op::Dup => {
                let top = self.top()?;
                // Not a value of its own, but memory all the same.
                if self.stack.len() >= MAX_VALUES {
                    return Err(limit("values", self.stack.len(), MAX_VALUES));
                }
                self.stack.push(top);
            }
            // POP on a mark removes the mark.
            _ if self.marks.last() == Some(&self.stack.len()) => drop(self.marks.pop()),
            _ => drop(self.pop()?),
        }
        Ok(())
    }

    fn memo_step(&mut self, op: &Op<'_>) -> Result<(), CheckpointError> {
        match op {
            Op::Get(number) => {
                let id = self.memo.get(number).copied();
                let id = id.ok_or_else(|| self.fail(format!("it refers to value {number} before storing it")))?;
                if self.stack.len() >= MAX_VALUES {
                    return Err(limit("values", self.stack.len(), MAX_VALUES));
                }
                self.stack.push(id);
            }
            other => {
                if self.memo.len() >= MAX_VALUES {
                    return Err(limit("stored values", self.memo.len(), MAX_VALUES));
                }
                // At most MAX_VALUES, see above.
                let next = u32::try_from(self.memo.len()).unwrap_or(u32::MAX);
                let number = if let Op::Put(number) = other { *number } else { next };
                let top = self.top()?;
                self.memo.insert(number, top);
            }
        }
        Ok(())
    }

    fn collect(&mut self, op: &Op<'_>) -> Result<(), CheckpointError> {
        let items = self.pop_mark()?;
        let value = match op {
            Op::TupleFromMark => Value::Tuple(items),
            Op::ListFromMark => Value::List(items),
            Op::DictFromMark => Value::Dict(self.pairs(&items)?),
            _ => Value::Opaque("a set".into()),
        };
        self.push(value)
    }

    /// Adds items to the container below them.
    fn extend(&mut self, op: &Op<'_>) -> Result<(), CheckpointError> {
        let items = match op {
            Op::Append => vec![self.pop()?],
            Op::SetItem => {
                let value = self.pop()?;
                vec![self.pop()?, value]
            }
            _ => self.pop_mark()?,
        };
        let pairs = if matches!(op, Op::SetItem | Op::SetItems) { self.pairs(&items)? } else { Vec::new() };
        let container = self.top()?;
        match (self.values.get_mut(container.0 as usize), op) {
            (Some(Value::List(list)), Op::Append | Op::Appends) => list.extend(items),
            (Some(Value::Dict(dict)), Op::SetItem | Op::SetItems) => dict.extend(pairs),
            (Some(Value::Opaque(_)), _) => {}
            _ => return Err(self.fail("items are added to a value that takes none".into())),
        }
        Ok(())
    }

    fn pairs(&self, items: &[Id]) -> Result<Vec<(Id, Id)>, CheckpointError> {
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(self.fail("a dictionary has a key without a value".into()));
        }
        Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect())
    }

    fn global(&mut self, module: &str, name: &str) -> Result<(), CheckpointError> {
        let meaning = meaning(module, name);
        let name = format!("{module}.{name}");
        if meaning == Meaning::Hostile {
            return Err(CheckpointError::Hostile { name });
        }
        self.push(Value::Global(meaning, name.into()))
    }

    fn stack_global(&mut self) -> Result<(), CheckpointError> {
        let (name, module) = (self.pop()?, self.pop()?);
        let text = |id: Id| match self.values.get(id.0 as usize) {
            Some(Value::Text(text)) if text.len() <= MAX_NAME => Some(text.clone()),
            _ => None,
        };
        let (Some(module), Some(name)) = (text(module), text(name)) else {
            return Err(self.fail("a name is no text".into()));
        };
        self.global(&module, &name)
    }

    /// `('storage', torch.FloatStorage, key, location, count)`: numbers in an
    /// entry of the archive.
    fn persistent_id(&mut self) -> Result<(), CheckpointError> {
        let id = self.pop()?;
        let parts = self.tuple(id).unwrap_or_default();
        let [tag, kind, key, _, count] = parts.as_slice() else {
            return Err(self.fail("a storage is not described as torch does".into()));
        };
        let storage = match (self.get(*tag), self.get(*kind), self.get(*key), self.get(*count)) {
            (Value::Text(tag), Value::Global(meaning, name), Value::Text(key), Value::Int(count))
                if tag == "storage" && *count >= 0 && key.len() <= MAX_NAME =>
            {
                match meaning {
                    Meaning::Storage(scalar) => {
                        Value::Storage { key: key.as_str().into(), scalar: *scalar, stored: count.unsigned_abs() }
                    }
                    _ => Value::Opaque(Arc::clone(name)),
                }
            }
            _ => return Err(self.fail("a storage is not described as torch does".into())),
        };
        self.push(storage)
    }

    /// What would be a call: known ones build data, all others stay opaque.
    fn call(&mut self, op: &Op<'_>) -> Result<(), CheckpointError> {
        if *op == Op::NewObjEx {
            self.pop()?;
        }
        let arguments = self.pop()?;
        let callee = self.pop()?;
        let arguments = self.tuple(arguments).unwrap_or_default();
        let (meaning, name) = match self.get(callee) {
            Value::Global(meaning, name) => (*meaning, Arc::clone(name)),
            Value::Opaque(name) => (Meaning::Opaque, Arc::clone(name)),
            _ => return Err(self.fail("it calls something that is no function".into())),
        };
        match (meaning, arguments.as_slice()) {
            (Meaning::OrderedDict, []) => return self.push(Value::Dict(Vec::new())),
            (Meaning::Tensor, [storage, offset, shape, stride, ..]) => {
                if let Some(tensor) = self.tensor([*storage, *offset, *shape, *stride]) {
                    self.tensors += 1;
                    if self.tensors > MAX_TENSORS {
                        return Err(limit("tensors", self.tensors, MAX_TENSORS));
                    }
                    return self.push(tensor);
                }
            }
            // The parameter is its tensor, the size its tuple.
            (Meaning::Parameter, [data, ..]) | (Meaning::Size, [data]) => {
                self.stack.push(*data);
                return Ok(());
            }
            _ => {}
        }
        self.push(Value::Opaque(name))
    }

    fn tensor(&self, [storage, offset, shape, stride]: [Id; 4]) -> Option<Value> {
        let Value::Storage { key, scalar, stored } = self.get(storage) else { return None };
        let Value::Int(offset) = self.get(offset) else { return None };
        let numbers = |id: Id| -> Option<Vec<u64>> {
            let number = |id: &Id| match self.get(*id) {
                Value::Int(n) => u64::try_from(*n).ok(),
                _ => None,
            };
            self.tuple(id).filter(|items| items.len() <= 8)?.iter().map(number).collect()
        };
        let (shape, stride) = (numbers(shape)?, numbers(stride)?);
        let offset = u64::try_from(*offset).ok()?;
        (shape.len() == stride.len()).then(|| {
            Value::Tensor(Box::new(TensorPlace {
                key: Arc::clone(key),
                scalar: *scalar,
                stored: *stored,
                offset,
                shape,
                stride,
            }))
        })
    }

    fn get(&self, id: Id) -> &Value {
        self.values.get(id.0 as usize).unwrap_or(&Value::None)
    }

    fn tuple(&self, id: Id) -> Option<Vec<Id>> {
        match self.get(id) {
            Value::Tuple(items) if items.len() <= 64 => Some(items.clone()),
            _ => None,
        }
    }

    fn push(&mut self, value: Value) -> Result<(), CheckpointError> {
        if self.values.len() >= MAX_VALUES {
            return Err(limit("values", self.values.len() + 1, MAX_VALUES));
        }
        // MAX_VALUES fits in 32 bits.
        self.stack.push(Id(u32::try_from(self.values.len()).unwrap_or(u32::MAX)));
        self.values.push(value);
        Ok(())
    }

    /// Stack height that belongs to the outside of the innermost container.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Id, CheckpointError> {
        let top = self.stack.last().copied().filter(|_| self.stack.len() > self.floor());
        top.ok_or_else(|| self.underflow())
    }

    fn pop(&mut self) -> Result<Id, CheckpointError> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_mark(&mut self) -> Result<Vec<Id>, CheckpointError> {
        let mark = self.marks.pop().ok_or_else(|| self.underflow())?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn underflow(&self) -> CheckpointError {
        self.fail("it takes a value where none is left; the file is damaged".into())
    }

    fn fail(&self, what: String) -> CheckpointError {
        self.reader.fail(what)
    }
}

fn limit(what: &'static str, found: usize, limit: usize) -> CheckpointError {
    CheckpointError::Limit { what, found: found as u64, limit: limit as u64 }
}
