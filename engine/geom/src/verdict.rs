//! What a measurement is worth, in one word that registration and calibration share.

use std::fmt;

use serde::Serialize;

/// The judgement of a registration or calibration, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every check passed.
    Accept,
    /// Something is unusual: verify on a known point before trusting it.
    Doubtful,
    /// Must not be used.
    Reject,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accept => "accepted",
            Self::Doubtful => "doubtful",
            Self::Reject => "rejected",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_is_the_largest() {
        let worst = [Verdict::Doubtful, Verdict::Reject, Verdict::Accept].into_iter().max();
        assert_eq!(worst.map(|v| v.to_string()).as_deref(), Some("rejected"));
    }
}
