//! One run of the child.

use super::start::Started;
use crate::clock::{monotonic_ms, unix_ms};
use crate::process::stat::Stat;
use crate::process::tree::Root;

pub struct Run {
    /// From 1.
    pub number: u64,
    pub root: Root,
    /// Unix time in ms, to be shown.
    pub started_at: i64,
    /// The same as `monotonic_ms`, to be counted from: the wall clock may jump.
    pub started_ms: u64,
    /// Names of its pipes as in `/proc/PID/fd`, by which leftover holders are found.
    pub pipes: Vec<String>,
}

impl Run {
    /// Takes down what identifies a run, right after its start. The pid is the child's until it has been waited for.
    pub fn describe(number: u64, started: &Started) -> Self {
        let start_time = Stat::of(started.pid).map(|stat| stat.start_time);
        let root = Root { pid: started.pid, start_time };
        let (started_at, started_ms) = (unix_ms(), monotonic_ms());
        Self { number, root, started_at, started_ms, pipes: started.pipes.clone() }
    }
}
