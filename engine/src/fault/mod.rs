//! Faults on purpose: what a session meets in an operating room, by name.
//!
//! Promises: each fault of [`list`] strikes at its real place - the packets of
//! a tracker, the bytes of a file, the points of a registration, the disk
//! under the journal - and is judged by five invariants ([`Invariants`]) against
//! a known truth. The same script and seed give the same trial. Not promised:
//! that real faults come in these shapes only. Called by `rehearse`, by the
//! tests and by whoever wants to see a session fail.
//!
//! | module | what it holds |
//! |---|---|
//! | `catalogue`, `named_fault` | all faults, with what the user has to see |
//! | `script` | faults by the clock, as a text file |
//! | `stream`, `alter` | a tracker's stream with faults in it |
//! | `disk` | a disk that fails |
//! | `phantom` | patient and tracker of a trial |
//! | `trial` | a session with faults, judged |
//! | `slow`, `image`, `dicom_series`, `bone` | faults before navigation, judged |
//! | `outcome` | what a trial found |
//!
//! `docs/faults.md` has the table and the script language.

mod alter;
mod bone;
mod catalogue;
mod dicom_series;
mod disk;
mod image;
mod named_fault;
mod outcome;
pub mod phantom;
mod script;
mod slow;
mod stream;
mod trial;

pub use catalogue::list;
pub use disk::{DiskSwitch, FailingDisk};
pub use named_fault::{Amount, Fault, Kind, Place, Sign};
pub use outcome::{Invariants, Outcome};
pub use script::{FaultScript, Injection, ScriptError};
pub use slow::run_slow;
pub use stream::FaultySource;
pub use trial::run;
