//! The child's stdin, stdout and stderr over all its runs.

pub mod input;
pub mod mirror;
pub mod offset_buffer;
pub mod order_log;
pub mod output;
pub mod source;
pub mod spool;
pub mod task_streams;
