//! Tests over the public interfaces, one binary with a module a subject.

mod architecture;
mod repository;
