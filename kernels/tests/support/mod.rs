//! What several integration tests share.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod golden;
pub mod gpu;
pub mod random_graph;
pub mod reference;
