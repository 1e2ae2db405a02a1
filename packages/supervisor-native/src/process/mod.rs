//! What `/proc` knows, and who of it belongs to a task.

pub mod environment;
pub mod identity;
pub mod signal;
pub mod stat;
pub mod tree;
