//! The child: its start, what identifies it, and how it and its tree are ended.

pub mod run;
pub mod start;
pub mod stopper;
