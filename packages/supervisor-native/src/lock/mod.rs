//! The lock file of a task.

pub mod holder;
pub mod lock_file;
