//! Output in files: it outlives its supervisor.

pub mod files;
pub mod output_spool;
pub mod spooler;
pub mod writer;
