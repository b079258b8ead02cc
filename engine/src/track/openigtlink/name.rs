//! Fixed-length text of the wire: device, type, tool and point names.

use std::fmt;

/// A zero-padded name of at most `N` bytes, compared byte by byte.
///
/// Names come from the peer: they are looked up and printed, never used as a
/// path. Nothing after the first zero byte counts.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name<const N: usize>([u8; N]);

impl<const N: usize> Name<N> {
    /// The name in `field`, cut at its first zero byte.
    #[must_use]
    pub fn from_wire(field: &[u8; N]) -> Self {
        let end = field.iter().position(|b| *b == 0).unwrap_or(N);
        Self(std::array::from_fn(|i| if i < end { field[i] } else { 0 }))
    }

    /// `text` as a name, or `None` when it is longer than `N` bytes or holds a
    /// zero byte: a cut name could be another tool's.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() > N || bytes.contains(&0) {
            return None;
        }
        Some(Self(std::array::from_fn(|i| bytes.get(i).copied().unwrap_or(0))))
    }

    /// The field as it goes on the wire.
    #[must_use]
    pub const fn wire(&self) -> &[u8; N] {
        &self.0
    }

    /// The bytes before the padding.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        let end = self.0.iter().position(|b| *b == 0).unwrap_or(N);
        self.0.get(..end).unwrap_or(&[])
    }

    /// True when the name is not empty and all of it can be printed in ASCII.
    #[must_use]
    pub fn is_printable_ascii(&self) -> bool {
        let bytes = self.as_bytes();
        !bytes.is_empty() && bytes.iter().all(u8::is_ascii_graphic)
    }
}

impl<const N: usize> PartialEq<str> for Name<N> {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl<const N: usize> fmt::Display for Name<N> {
    /// What cannot be printed is escaped, so that a log line stays one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_bytes().escape_ascii())
    }
}

impl<const N: usize> fmt::Debug for Name<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_cut_to_anothers() {
        assert_eq!(Name::<4>::new("Tool").unwrap(), *"Tool");
        assert!(Name::<4>::new("Tool2").is_none());
        assert!(Name::<8>::new("a\0b").is_none());
    }

    #[test]
    fn padding_after_the_end_does_not_tell_names_apart() {
        assert_eq!(Name::from_wire(b"Pen\0old"), Name::from_wire(b"Pen\0\0\0\0"));
        assert_eq!(Name::<6>::from_wire(b"a\nb\0xx").to_string(), "a\\nb");
    }
}
