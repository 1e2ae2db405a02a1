//! `/proc/PID/stat`: what identifies a process, and its parent, group and session.

use crate::sys;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::sync::OnceLock;

/// More than the longest line.
const MAX_LINE: usize = 4096;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stat {
    pub pid: i32,
    /// The thread that has descriptors and environment: the main one, unless that has ended before others.
    pub thread: i32,
    /// Such as `S`, `R`, `T` (stopped) or `Z` (zombie).
    pub state: u8,
    pub ppid: i32,
    pub group: i32,
    pub session: i32,
    /// Field 22: clock ticks between boot and the process's start.
    pub start_time: u64,
}

impl Stat {
    /// None if the process does not exist, or without `/proc`.
    pub fn of(pid: i32) -> Option<Self> {
        Self::look(pid).ok().flatten()
    }

    /// Fails if that cannot be found out, for example without a free descriptor.
    fn look(pid: i32) -> io::Result<Option<Self>> {
        if !shows_own_namespace() {
            return Ok(None);
        }
        let Some(file) = unless_lacking(File::open(format!("/proc/{pid}/stat")))? else { return Ok(None) };
        let mut line = [0; MAX_LINE];
        let count = sys::read(file.as_fd(), &mut line).unwrap_or(0);
        let mut stat = line.get(..count).and_then(Self::parse);
        if let Some(stat) = stat.as_mut().filter(|stat| stat.state == b'Z')
            && let Some(thread) = live_thread(pid)
        {
            (stat.state, stat.thread) = (thread.state, thread.pid);
        }
        Ok(stat)
    }

    /// The second field is the program's name in parentheses and may itself hold spaces and parentheses: split after the last.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let name_end = line.iter().rposition(|byte| *byte == b')')?;
        let mut fields = std::str::from_utf8(line.get(name_end + 2..)?).ok()?.split(' ');
        let pid = line.split(|byte| *byte == b' ').next()?;
        let pid = std::str::from_utf8(pid).ok()?.parse().ok()?;
        Some(Self {
            pid,
            thread: pid,
            state: *fields.next()?.as_bytes().first()?,
            ppid: fields.next()?.parse().ok()?,
            group: fields.next()?.parse().ok()?,
            session: fields.next()?.parse().ok()?,
            start_time: fields.nth(15)?.parse().ok()?,
        })
    }

    /// It runs, or could: it is no zombie.
    pub fn is_alive(&self) -> bool {
        !matches!(self.state, b'Z' | b'X')
    }
}

/// A thread that lives on in a process whose main thread has ended, and which therefore looks like a zombie.
fn live_thread(pid: i32) -> Option<Stat> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let ids = threads.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let mut stats = ids
        .filter(|id| *id != pid)
        .filter_map(|id| Stat::parse(&std::fs::read(format!("/proc/{pid}/task/{id}/stat")).ok()?));
    stats.find(Stat::is_alive)
}

/// Whether `/proc` shows the pids of our own namespace. After `unshare --pid --fork` without a mount of its own it shows those of an
/// outer one: every number in it is then that of another process here.
fn shows_own_namespace() -> bool {
    static SHOWS: OnceLock<bool> = OnceLock::new();
    *SHOWS.get_or_init(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        // The pid in the namespace of `/proc`, and in those below it down to our own.
        let pids = status.lines().find_map(|line| line.strip_prefix("NSpid:")).map(|pids| pids.trim().to_owned());
        let pids = pids.or_else(|| Some(std::fs::read_link("/proc/self").ok()?.to_str()?.to_owned()));
        pids.is_some_and(|pids| pids == own_pid().to_string())
    })
}

/// A process that cannot be mistaken for a later one with its pid, on this boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    pub pid: i32,
    pub start_time: u64,
}

impl Process {
    pub fn current() -> Option<Self> {
        Stat::of(own_pid()).map(|stat| Self::from(&stat))
    }

    pub fn is_alive(&self) -> bool {
        Stat::of(self.pid).is_some_and(|stat| stat.is_alive() && stat.start_time == self.start_time)
    }
}

impl From<&Stat> for Process {
    fn from(stat: &Stat) -> Self {
        Self { pid: stat.pid, start_time: stat.start_time }
    }
}

pub fn own_pid() -> i32 {
    std::process::id().cast_signed()
}

/// All visible processes. An incomplete list is an error: a missing process would be taken for dead.
pub fn all() -> io::Result<Vec<Stat>> {
    let mut stats = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        if let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) {
            stats.extend(Stat::look(pid)?);
        }
    }
    Ok(stats)
}

/// None if the file is missing or not visible to us; an error if we lack a resource to open it.
pub fn unless_lacking(file: io::Result<File>) -> io::Result<Option<File>> {
    match file {
        Err(error) if matches!(error.raw_os_error(), Some(sys::EMFILE | sys::ENFILE | sys::ENOMEM)) => Err(error),
        result => Ok(result.ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_may_hold_spaces_and_parentheses() {
        let line = b"42 (a ) b) S 1 2 3 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 77 1 2";
        let expected = Stat { pid: 42, thread: 42, state: b'S', ppid: 1, group: 2, session: 3, start_time: 77 };
        assert_eq!(Stat::parse(line), Some(expected));
        assert_eq!(Stat::parse(b"42 (cut"), None);
        assert_eq!(Stat::parse(b""), None);
    }

    #[test]
    fn this_process_is_alive_and_among_all() {
        let own = Process::current().unwrap();
        assert!(own.is_alive());
        assert!(all().unwrap().iter().any(|stat| Process::from(stat) == own));
    }
}
