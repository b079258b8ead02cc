//! Names for the vertebrae: what is seen beside and between them, and the
//! chain of levels that fits it best.

mod chain;
mod evidence;
mod naming;
mod set_level;
mod spacing_table;

pub use evidence::look;
pub use naming::{Naming, name};
pub use set_level::{SetLevelError, set_level};
