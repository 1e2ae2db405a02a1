//! From the first instruction to the ready line.

pub mod detach;
pub mod make_task;
pub mod parse_spec;
pub mod report;
pub mod spec;
pub mod stdio;
pub mod steps;
