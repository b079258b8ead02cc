//! What a name in a pickle means to us.

/// Meaning of `module.name`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// `collections.OrderedDict`.
    OrderedDict,
    /// `torch._utils._rebuild_tensor_v2`.
    Tensor,
    /// `torch._utils._rebuild_parameter`.
    Parameter,
    /// `torch.Size`.
    Size,
    /// A type of `torch.XStorage`.
    Storage(Scalar),
    /// Anything else: a value nothing is known of.
    Opaque,
    /// Runs code, or finds what runs code.
    Hostile,
}

/// Number types of storages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    F64,
    F32,
    F16,
    Bf16,
    I64,
    I32,
    I16,
    I8,
    U8,
    Bool,
}

impl Scalar {
    /// Bytes of one value.
    pub(super) const fn bytes(self) -> u64 {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::Bf16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }
}

/// Modules that no checkpoint of a network refers to and every attack by
/// pickle does. The list only decides whether we cry out or shrug: what is
/// not in it is not executed either.
const HOSTILE: [&str; 52] = [
    "_frozen_importlib",
    "_io",
    "_pickle",
    "_posixsubprocess",
    "aiohttp",
    "asyncio",
    "atexit",
    "bdb",
    "cProfile",
    "cffi",
    "code",
    "codeop",
    "commands",
    "ctypes",
    "dill",
    "distutils",
    "doctest",
    "ftplib",
    "gc",
    "http",
    "httplib",
    "imp",
    "importlib",
    "inspect",
    "io",
    "joblib",
    "linecache",
    "marshal",
    "multiprocessing",
    "nt",
    "operator",
    "os",
    "pdb",
    "pickle",
    "pip",
    "pkgutil",
    "platform",
    "posix",
    "posixpath",
    "profile",
    "pty",
    "requests",
    "runpy",
    "setuptools",
    "shutil",
    "signal",
    "socket",
    "subprocess",
    "sys",
    "timeit",
    "urllib",
    "webbrowser",
];

/// Built-in types whose values are data; all other built-ins are hostile.
const HARMLESS_BUILTINS: [&str; 15] = [
    "bool",
    "bytearray",
    "bytes",
    "complex",
    "dict",
    "float",
    "frozenset",
    "int",
    "list",
    "object",
    "range",
    "set",
    "slice",
    "str",
    "tuple",
];

/// Functions of well-known packages that run code given to them.
const HOSTILE_FUNCTIONS: [&str; 5] =
    ["torch.hub.load", "torch.load", "torch.jit.load", "numpy.load", "numpy.testing._private.utils.runstring"];

/// Looks a name up.
pub(super) fn meaning(module: &str, name: &str) -> Meaning {
    match (module, name) {
        ("collections", "OrderedDict") => Meaning::OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2" | "_rebuild_tensor") => Meaning::Tensor,
        ("torch._utils", "_rebuild_parameter") => Meaning::Parameter,
        ("torch", "Size") => Meaning::Size,
        ("torch", storage) if storage.ends_with("Storage") => scalar(storage).map_or(Meaning::Opaque, Meaning::Storage),
        ("builtins" | "__builtin__", kind) if HARMLESS_BUILTINS.contains(&kind) => Meaning::Opaque,
        ("builtins" | "__builtin__", _) => Meaning::Hostile,
        _ => {
            let root = module.split('.').next().unwrap_or(module);
            let is_hostile =
                HOSTILE.contains(&root) || HOSTILE_FUNCTIONS.contains(&format!("{module}.{name}").as_str());
            if is_hostile { Meaning::Hostile } else { Meaning::Opaque }
        }
    }
}

fn scalar(storage: &str) -> Option<Scalar> {
    Some(match storage {
        "DoubleStorage" => Scalar::F64,
        "FloatStorage" => Scalar::F32,
        "HalfStorage" => Scalar::F16,
        "BFloat16Storage" => Scalar::Bf16,
        "LongStorage" => Scalar::I64,
        "IntStorage" => Scalar::I32,
        "ShortStorage" => Scalar::I16,
        "CharStorage" => Scalar::I8,
        "ByteStorage" => Scalar::U8,
        "BoolStorage" => Scalar::Bool,
        _ => return None,
    })
}
