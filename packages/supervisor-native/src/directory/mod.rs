//! How a supervisor's files are made, named and removed in the pool's directory.

pub mod claim;
pub mod files;
pub mod held;
pub mod record;
pub mod task_directory;
