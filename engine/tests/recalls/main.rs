//! What navigation systems were recalled for, as tests: none of it may happen
//! here. One module a recall; `docs/reliability.md` has the list.
//!
//! The recalls are those of the FDA's public database
//! (<https://www.accessdata.fda.gov/scripts/cdrh/cfdocs/cfRES/res.cfm>), named
//! by maker and year; the tests are about the kind of failure, in our own code.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, like the tests")]

mod blank_digit;
mod display_against_anatomy;
mod moved_plan;
mod moved_while_registering;
mod theatre;
mod turned_image;
mod view_after_restore;
