//! Zenoh under the stream: the engine listens, viewers connect.
//!
//! | module | what it holds |
//! |---|---|
//! | [`address`] | where to listen and connect; loopback unless there are certificates |
//! | [`config`] | Zenoh's own configuration: buffers, access control, TLS |
//! | [`engine`] | publisher, answers, the door for intents |
//! | [`viewer`] | subscriber and questions |
//! | [`relay`] | a router of its own for many observers |
//!
//! | key | what |
//! |---|---|
//! | `spinenav/1/NAME/snapshot` | snapshots, published |
//! | `spinenav/1/NAME/alive` | a liveliness token: gone when the engine is |
//! | `spinenav/1/NAME/session` | the description, on request |
//! | `spinenav/1/NAME/alignment` | the alignment, on request |
//! | `spinenav/1/NAME/mesh/LEVEL/PIECE` | pieces of a bone surface, on request |
//! | `spinenav/1/NAME/intent` | intents, as the payload of a request; the answer is JSON |

pub mod address;
pub mod config;
pub mod engine;
pub mod relay;
pub mod viewer;

pub use crate::tls::Tls;
pub use address::{Access, EngineAddress, ViewerAddress};
pub use engine::EngineWire;
pub use relay::Relay;
pub use viewer::ViewerWire;

use thiserror::Error;

/// A stream that could not be opened, or a question that was not answered.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WireError {
    /// An address or a name that may not be used.
    #[error("{0}")]
    Address(String),
    /// Zenoh refused.
    #[error("cannot {doing}: {why}")]
    Zenoh {
        /// What was tried.
        doing: &'static str,
        /// Its own words.
        why: String,
    },
    /// Nobody answered in time.
    #[error("no answer to {key}: is the engine running, and may this viewer ask?")]
    Silent {
        /// The question.
        key: String,
    },
    /// The answer is not what was asked for.
    #[error("a wrong answer to {key}: {why}")]
    Answer {
        /// The question.
        key: String,
        /// What is wrong.
        why: String,
    },
    /// The engine did not take the intent.
    #[error("the engine refused: {0}")]
    Refused(String),
    /// The system refused a thread or random numbers.
    #[error("the system refused: {0}")]
    System(#[from] std::io::Error),
}

impl WireError {
    pub(crate) fn zenoh(doing: &'static str) -> impl FnOnce(zenoh::Error) -> Self {
        move |error| Self::Zenoh { doing, why: error.to_string() }
    }
}
