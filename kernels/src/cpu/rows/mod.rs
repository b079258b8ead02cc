//! Steps that only move values: copies, point-wise combinations, pools, finer
//! grids, and network outputs. Memory is their limit, so they are plain loops
//! over rows, which the compiler turns into vector instructions.
//!
//! A task computes some rows of one output block: [`Operation`] fills a row in
//! f32, then activation, statistics and storage are the same for all.
//! Called by the executor.
#![allow(unsafe_code)]

mod gather;
mod operation;
mod pool;
mod store;
mod task;
mod upsample;

pub(in crate::cpu) use gather::{Gather, Segment, segments};
pub(in crate::cpu) use operation::Operation;
pub(in crate::cpu) use pool::Pool;
pub(in crate::cpu) use store::Store;
pub(in crate::cpu) use task::{Cut, Task, Work};
pub(in crate::cpu) use upsample::Upsample;
