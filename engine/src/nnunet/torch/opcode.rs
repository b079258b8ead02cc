//! Pickle's instructions, the part of them `torch.save` writes (protocols 2
//! to 5), and the reader of their arguments.

use super::error::CheckpointError;

/// Longest text in a pickle, bytes.
const MAX_TEXT: usize = 1 << 20;

/// One instruction with its argument.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Op<'a> {
    Proto(u8),
    Frame,
    Stop,
    Mark,
    Pop,
    PopMark,
    Dup,
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
    /// A value without a use here: byte strings and integers beyond 64 bits.
    Opaque(&'static str),
    EmptyTuple,
    Tuple(usize),
    TupleFromMark,
    EmptyList,
    ListFromMark,
    Append,
    Appends,
    EmptyDict,
    DictFromMark,
    SetItem,
    SetItems,
    EmptySet,
    AddItems,
    FrozenSet,
    Put(u32),
    Memoize,
    Get(u32),
    Global(&'a str, &'a str),
    StackGlobal,
    PersistentId,
    Reduce,
    Build,
    NewObj,
    NewObjEx,
}

/// Reads instructions one after another.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    /// Offset of the next byte.
    pub at: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next instruction. Every call consumes at least one byte.
    pub(super) fn next(&mut self) -> Result<Op<'a>, CheckpointError> {
        let start = self.at;
        let code = self.u8()?;
        self.values(code)
            .or_else(|| self.structure(code).map(Ok))
            .or_else(|| self.objects(code))
            .unwrap_or_else(|| Err(refusal(start, code)))
    }

    /// Numbers and texts.
    fn values(&mut self, code: u8) -> Option<Result<Op<'a>, CheckpointError>> {
        Some(match code {
            b'N' => Ok(Op::None),
            0x88 => Ok(Op::Bool(true)),
            0x89 => Ok(Op::Bool(false)),
            b'J' => self.array().map(|b| Op::Int(i64::from(i32::from_le_bytes(b)))),
            b'K' => self.u8().map(|n| Op::Int(i64::from(n))),
            b'M' => self.array().map(|b| Op::Int(i64::from(u16::from_le_bytes(b)))),
            0x8a => self.u8().and_then(|n| self.long(usize::from(n))),
            0x8b => self.length4().and_then(|n| self.long(n)),
            b'G' => self.array().map(|b| Op::Float(f64::from_be_bytes(b))),
            0x8c => self.u8().and_then(|n| self.text(usize::from(n))),
            b'X' => self.length4().and_then(|n| self.text(n)),
            0x8d => self.length8().and_then(|n| self.text(n)),
            b'C' | b'U' => self.u8().and_then(|n| self.bytes_value(usize::from(n))),
            b'B' | b'T' => self.length4().and_then(|n| self.bytes_value(n)),
            0x8e | 0x96 => self.length8().and_then(|n| self.bytes_value(n)),
            _ => return None,
        })
    }

    /// Containers and the stack.
    fn structure(&mut self, code: u8) -> Option<Op<'a>> {
        Some(match code {
            b'.' => Op::Stop,
            b'(' => Op::Mark,
            b'0' => Op::Pop,
            b'1' => Op::PopMark,
            b'2' => Op::Dup,
            b')' => Op::EmptyTuple,
            0x85 => Op::Tuple(1),
            0x86 => Op::Tuple(2),
            0x87 => Op::Tuple(3),
            b't' => Op::TupleFromMark,
            b']' => Op::EmptyList,
            b'l' => Op::ListFromMark,
            b'a' => Op::Append,
            b'e' => Op::Appends,
            b'}' => Op::EmptyDict,
            b'd' => Op::DictFromMark,
            b's' => Op::SetItem,
            b'u' => Op::SetItems,
            0x8f => Op::EmptySet,
            0x90 => Op::AddItems,
            0x91 => Op::FrozenSet,
            _ => return None,
        })
    }

    /// Memory, names and objects.
    fn objects(&mut self, code: u8) -> Option<Result<Op<'a>, CheckpointError>> {
        Some(match code {
            0x80 => self.u8().map(Op::Proto),
            0x95 => self.array::<8>().map(|_| Op::Frame),
            b'q' => self.u8().map(|n| Op::Put(u32::from(n))),
            b'r' => self.array().map(|b| Op::Put(u32::from_le_bytes(b))),
            0x94 => Ok(Op::Memoize),
            b'h' => self.u8().map(|n| Op::Get(u32::from(n))),
            b'j' => self.array().map(|b| Op::Get(u32::from_le_bytes(b))),
            b'c' => self.line().and_then(|module| Ok(Op::Global(module, self.line()?))),
            0x93 => Ok(Op::StackGlobal),
            b'Q' => Ok(Op::PersistentId),
            b'R' => Ok(Op::Reduce),
            b'b' => Ok(Op::Build),
            0x81 => Ok(Op::NewObj),
            0x92 => Ok(Op::NewObjEx),
            // INST: module and name, as GLOBAL, then a call.
            b'i' => self.line().and_then(|module| {
                let name = self.line()?;
                Err(self.fail(format!("it creates `{module}.{name}` by INST, which torch never writes")))
            }),
            _ => return None,
        })
    }

    pub(super) fn fail(&self, what: String) -> CheckpointError {
        CheckpointError::Pickle { at: self.at, what }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], CheckpointError> {
        let taken = self.at.checked_add(length).and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| self.fail(format!("it ends where {length} more bytes must follow")))?;
        self.at += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CheckpointError> {
        let taken = self.take(N)?;
        taken.first_chunk().copied().ok_or_else(|| self.fail("it ends inside a number".into()))
    }

    fn u8(&mut self) -> Result<u8, CheckpointError> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn length4(&mut self) -> Result<usize, CheckpointError> {
        self.array().map(|b| u32::from_le_bytes(b) as usize)
    }

    fn length8(&mut self) -> Result<usize, CheckpointError> {
        let wide = u64::from_le_bytes(self.array()?);
        usize::try_from(wide).map_err(|_| self.fail(format!("it claims {wide} bytes")))
    }

    fn text(&mut self, length: usize) -> Result<Op<'a>, CheckpointError> {
        if length > MAX_TEXT {
            return Err(CheckpointError::Limit {
                what: "bytes of a text",
                found: length as u64,
                limit: MAX_TEXT as u64,
            });
        }
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map(Op::Text).map_err(|_| self.fail("a text is not UTF-8".into()))
    }

    fn bytes_value(&mut self, length: usize) -> Result<Op<'a>, CheckpointError> {
        self.take(length).map(|_| Op::Opaque("bytes"))
    }

    /// A signed little-endian integer of any length.
    fn long(&mut self, length: usize) -> Result<Op<'a>, CheckpointError> {
        let bytes = self.take(length)?;
        if bytes.len() > 8 {
            return Ok(Op::Opaque("an integer beyond 64 bits"));
        }
        let sign = if bytes.last().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 };
        let mut wide = [sign; 8];
        wide.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        Ok(Op::Int(i64::from_le_bytes(wide)))
    }

    /// A text that ends with a line feed.
    fn line(&mut self) -> Result<&'a str, CheckpointError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().take(1024).position(|b| *b == b'\n');
        let length = length.ok_or_else(|| self.fail("a name has no end".into()))?;
        let line = std::str::from_utf8(self.take(length)?);
        let line = line.map_err(|_| self.fail("a name is not UTF-8".into()))?;
        self.at += 1;
        Ok(line)
    }
}

fn refusal(at: usize, code: u8) -> CheckpointError {
    let what = match code {
        b'o' => "it creates an object by OBJ, which torch never writes".into(),
        b'P' => "it has a persistent id in text (PERSID), which torch never writes".into(),
        0x82..=0x84 => "it uses the extension registry (EXT), which torch never writes".into(),
        b'F' | b'I' | b'L' | b'S' | b'V' | b'p' | b'g' => {
            "it is written in pickle protocol 0; save it anew with torch.save and its default protocol".into()
        }
        0x97 | 0x98 => "it refers to out-of-band buffers, which a file cannot have".into(),
        _ => format!("instruction 0x{code:02x} is unknown; the file is damaged"),
    };
    CheckpointError::Pickle { at, what }
}
