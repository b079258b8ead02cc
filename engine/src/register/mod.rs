//! Registration of the patient to the CT.

pub mod random;
