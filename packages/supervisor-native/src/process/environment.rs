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
    /// Its environment cannot be seen at this moment, as in the middle of an exec.
    Hidden,
}

pub fn owner(stat: &Stat, cookie: &str, buffer: &mut Vec<u8>) -> io::Result<Owner> {
    if !read("environ", stat, buffer)? {
        return Ok(Owner::Unknown);
    }
    if buffer.is_empty() {
        let has_none = read("stat", stat, buffer)? && has_empty_environment(buffer);
        return Ok(if has_none { Owner::Unknown } else { Owner::Hidden });
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

/// Fills the buffer with a file of the process; false where it is gone, or not for us to read.
fn read(name: &str, stat: &Stat, buffer: &mut Vec<u8>) -> io::Result<bool> {
    buffer.clear();
    let file = unless_lacking(File::open(format!("/proc/{}/task/{}/{name}", stat.pid, stat.thread)))?;
    Ok(file.is_some_and(|file| file.take(MAX_BYTES).read_to_end(buffer).is_ok()))
}

/// Fields 50 and 51 of the line are where the environment begins and ends: 0 in the middle of an exec.
fn has_empty_environment(line: &[u8]) -> bool {
    let fields = line.rsplit(|byte| *byte == b')').next().unwrap_or_default();
    let mut places = fields.split(|byte| *byte == b' ').skip(48);
    let (start, end) = (places.next(), places.next());
    start == end && start.is_some_and(|start| start != b"0")
}
