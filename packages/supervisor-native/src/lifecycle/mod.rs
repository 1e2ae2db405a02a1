//! States, events, and what is decided by policy. Pure functions.

pub mod restart;
pub mod table;
