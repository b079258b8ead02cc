//! Everything between a file or a socket and a snapshot of the scene.
//!
//! The slow path turns a CT into an immutable [`case::Case`]; the fast path
//! ([`rt`]) only reads it. `docs/architecture.md` has the picture.

pub mod case;
pub mod clock;
pub mod dicom_receiver;
pub mod export;
pub mod fault;
pub mod io;
pub mod journal;
pub mod latency;
pub mod level;
pub mod measure;
pub mod nnunet;
pub mod plan;
pub mod register;
pub mod rehearsal;
pub mod rt;
pub mod safety;
pub mod segment;
pub mod stream;
pub mod surface;
pub mod tls;
pub mod track;
pub mod volume;
pub mod xray;
