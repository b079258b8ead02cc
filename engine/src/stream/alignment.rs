//! The alignment of a session for whoever asks: before, now and target.
//!
//! A viewer asks with the number it knows; the answer is empty while nothing newer is there. Asked again and again it
//! heals itself: an answer that was lost on the way comes with the next.

use serde::{Deserialize, Serialize};

use crate::measure::follow::Alignment;

/// Longest answer that is read, bytes.
pub const MOST_ALIGNMENT_BYTES: usize = 256 * 1024;

/// What is told of the alignment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ToldAlignment {
    /// Another one whenever something else is told, and in every session; not 0.
    pub number: u64,
    /// Before, now and target.
    pub alignment: Alignment,
    /// Levels that were renamed by hand: their name in the case, and now.
    pub renamed: Vec<(String, String)>,
    /// What was done last, in words.
    pub said: String,
}

/// The question of a viewer that knows number `known`; 0 knows nothing.
#[must_use]
pub const fn question(known: u64) -> [u8; 8] {
    known.to_le_bytes()
}

impl ToldAlignment {
    /// The answer to a question: JSON, empty when the asker has this already.
    #[must_use]
    pub fn answer(&self, question: &[u8]) -> Vec<u8> {
        // What is no question knows nothing.
        let known = question.try_into().map_or(0, u64::from_le_bytes);
        let is_known = known == self.number && known != 0;
        if is_known { Vec::new() } else { serde_json::to_vec(self).unwrap_or_default() }
    }

    /// What an answer says; `None` when nothing newer is there.
    ///
    /// # Errors
    /// Words on an answer that is too long or no alignment.
    pub fn read(answer: &[u8]) -> Result<Option<Self>, String> {
        match answer.len() {
            0 => Ok(None),
            1..=MOST_ALIGNMENT_BYTES => serde_json::from_slice(answer).map(Some).map_err(|error| error.to_string()),
            bytes => Err(format!("{bytes} bytes are too long")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_knows_the_newest_is_told_nothing_and_everybody_else_everything() {
        let told = ToldAlignment { number: 3, said: "L3 was registered again".into(), ..ToldAlignment::default() };
        assert_eq!(ToldAlignment::read(&told.answer(&question(3))), Ok(None));
        for asked in [&question(2)[..], &question(4), &question(0), b"", b"nonsense that is longer"] {
            assert_eq!(ToldAlignment::read(&told.answer(asked)), Ok(Some(told.clone())), "{asked:?}");
        }
        let first = ToldAlignment::default();
        assert_eq!(ToldAlignment::read(&first.answer(&question(0))), Ok(Some(first)));
    }

    #[test]
    fn what_is_no_alignment_or_without_end_is_refused() {
        assert!(ToldAlignment::read(b"{\"number\":1}").is_err());
        assert!(ToldAlignment::read(&vec![b' '; MOST_ALIGNMENT_BYTES + 1]).is_err());
    }
}
