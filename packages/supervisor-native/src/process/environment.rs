//! The variables by which processes of tasks are known.

use super::stat::{Stat, unless_lacking};
use std::fs::File;
use std::io::{self, Read};

pub const COOKIE: &[u8] = b"BGTASK_COOKIE=";
const BEHAVIOR: &[u8] = b"BGTASK_BEHAVIOR=";

/// The kernel bounds an environment at some MiB; what lies behind this is not looked at.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// Whose process it is, by its environment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owner {
    /// It carries the task's cookie.
    Ours,
    /// It carries another task's cookie, or is a supervisor: a task that was started inside this one is a task of its own.
    Another,
    Unknown,
}

pub fn owner(stat: &Stat, cookie: &str, buffer: &mut Vec<u8>) -> io::Result<Owner> {
    buffer.clear();
    let file = unless_lacking(File::open(format!("/proc/{}/task/{}/environ", stat.pid, stat.thread)))?;
    if file.is_none_or(|file| file.take(MAX_BYTES).read_to_end(buffer).is_err()) {
        return Ok(Owner::Unknown);
    }
    let mut owner = Owner::Unknown;
    for variable in buffer.split(|byte| *byte == 0) {
        match variable.strip_prefix(COOKIE) {
            Some(value) if value == cookie.as_bytes() => return Ok(Owner::Ours),
            Some(_) => owner = Owner::Another,
            None if variable.starts_with(BEHAVIOR) => owner = Owner::Another,
            None => {}
        }
    }
    Ok(owner)
}
