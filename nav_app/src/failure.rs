//! How a command can end badly, and the exit status that says so.

use std::fmt;

/// A command that did not do its job. The message names what is wrong and
/// what to do next.
#[derive(Debug)]
pub enum Failure {
    /// The arguments do not go together.
    WrongUse(anyhow::Error),
    /// A file, packet or model is not usable.
    BadInput(anyhow::Error),
    /// Our bug, or the system failed us.
    Internal(anyhow::Error),
}

impl Failure {
    /// Exit status of the process.
    pub const fn exit_status(&self) -> u8 {
        match self {
            Self::WrongUse(_) => 2,
            Self::BadInput(_) => 3,
            Self::Internal(_) => 1,
        }
    }

    /// One word for machines.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::WrongUse(_) => "wrong-use",
            Self::BadInput(_) => "bad-input",
            Self::Internal(_) => "internal",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::WrongUse(error) | Self::BadInput(error) | Self::Internal(error)) = self;
        f.write_str(&with_causes(error))
    }
}

/// An error with its causes. Many of our errors quote their cause in the
/// middle of a sentence; such a cause is not told again.
pub fn with_causes(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Sorts errors by whose fault they are.
pub trait Blame<T> {
    /// The input is at fault.
    fn bad_input(self) -> Result<T, Failure>;
    /// We or the system are at fault.
    fn internal(self) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> Blame<T> for Result<T, E> {
    fn bad_input(self) -> Result<T, Failure> {
        self.map_err(|error| Failure::BadInput(error.into()))
    }
    fn internal(self) -> Result<T, Failure> {
        self.map_err(|error| Failure::Internal(error.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let quoted = engine::segment::Model::from_file(std::path::Path::new("no-such-model.safetensors"));
        let error = quoted.map(|_| ()).bad_input().map_err(|failure| failure.to_string());
        let text = error.err().unwrap_or_default();
        assert_eq!(text.matches("os error 2").count(), 1, "{text}");
        let added = with_causes(&anyhow::anyhow!("no disk").context("cannot write"));
        assert_eq!(added, "cannot write: no disk");
    }
}
