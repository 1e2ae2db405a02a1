//! Finds the live processes of a task.

use super::environment::{self, Owner};
use super::stat::{self, Process, Stat};
use crate::wire::failure::cut;
use std::collections::HashSet;
use std::io;
use std::thread::sleep;
use std::time::Duration;

/// How often a scan looks again, each time after a ms, at processes in the middle of an exec. That takes microseconds, unless the program
/// comes from a slow file system: then they count as the task's.
const MAX_EXEC_LOOKS: u32 = 50;

/// What makes a process part of a task.
pub struct Selector<'a> {
    /// Start time of the supervisor (0 if unknown): older processes are not the task's, and are not inspected.
    pub since: u64,
    /// Value of the cookie variable that the task's processes carry.
    pub cookie: &'a str,
    /// Children of the task's runs. Each led its own session, whose number is its pid.
    pub roots: &'a [Root],
    /// Targets of `/proc/PID/fd/N` such as `pipe:[123]`: the task's pipes.
    pub pipes: &'a [String],
    /// Found before: a process that has dropped since then what it was found by still belongs to the task, unless it has become one of
    /// another task.
    pub known: &'a [Process],
    /// Pid of a child that was waited for at this very moment: no other process can have it yet, so all of its session are the task's.
    pub own_session: Option<i32>,
    /// Never part of the tree: the supervisor, and what was its child before the task was made.
    pub spare: &'a [Process],
    /// The supervisor if it is a subreaper: its children are the task's, except those of other tasks.
    pub reaper: Option<i32>,
}

/// The child of a run; without a start time it cannot be distinguished from a later process with its pid, and is not searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root {
    pub pid: i32,
    pub start_time: Option<u64>,
}

/// Finds the children and their sessions, carriers of the cookie, holders of the pipes, processes that were found before, those that
/// were orphaned to us, and all descendants of these.
///
/// The list of pids is older than what is read of each of them: a process may have been started after the list was made, by one that had
/// ended when it was read. Only a second list, which is made after that end, shows that none is left.
pub fn find(selector: &Selector<'_>) -> io::Result<Vec<Process>> {
    let found = find_once(selector)?;
    if found.is_empty() { find_once(selector) } else { Ok(found) }
}

fn find_once(selector: &Selector<'_>) -> io::Result<Vec<Process>> {
    let everyone = stat::all()?;
    let candidates: Vec<&Stat> = everyone
        .iter()
        .filter(|stat| stat.start_time >= selector.since && !selector.spare.contains(&Process::from(*stat)))
        .collect();
    let mut members = HashSet::new();
    let mut marks = Marks { selector, buffer: Vec::new(), exec_looks: MAX_EXEC_LOOKS };
    for stat in candidates.iter().filter(|stat| stat.is_alive()) {
        let is_inside = is_root(selector, stat) || selector.own_session == Some(stat.session);
        if is_inside || marks.are_on(stat)? {
            members.insert(stat.pid);
        }
    }
    add_related(selector, &candidates, &mut members);
    let members = candidates.iter().filter(|stat| members.contains(&stat.pid)).map(|stat| Process::from(*stat));
    Ok(members.collect())
}

fn is_root(selector: &Selector<'_>, stat: &Stat) -> bool {
    selector.roots.iter().any(|root| root.pid == stat.pid && root.start_time == Some(stat.start_time))
}

/// Descendants, and members of the children's sessions.
fn add_related(selector: &Selector<'_>, candidates: &[&Stat], members: &mut HashSet<i32>) {
    loop {
        let before = members.len();
        let sessions = held_sessions(selector, candidates, members);
        for stat in candidates.iter().filter(|stat| stat.is_alive()) {
            if members.contains(&stat.ppid) || sessions.contains(&stat.session) {
                members.insert(stat.pid);
            }
        }
        if members.len() == before {
            return;
        }
    }
}

/// Numbers of the children's sessions that are still theirs. The kernel gives a number to another process once it names no process,
/// group and session any more, so it proves something only as long as the child, be it a zombie, or a member of the tree holds it.
/// The child's process group is part of its session.
fn held_sessions(selector: &Selector<'_>, candidates: &[&Stat], members: &HashSet<i32>) -> HashSet<i32> {
    let holders = candidates.iter().filter(|stat| members.contains(&stat.pid) || is_root(selector, stat));
    let sessions = holders.map(|stat| stat.session);
    sessions.filter(|session| selector.roots.iter().any(|root| root.pid == *session)).collect()
}

/// What shows of a process by itself that it is the task's: its environment, its pipes, and that it was found before or orphaned to us.
struct Marks<'a> {
    selector: &'a Selector<'a>,
    buffer: Vec<u8>,
    exec_looks: u32,
}

impl Marks<'_> {
    fn are_on(&mut self, stat: &Stat) -> io::Result<bool> {
        let Selector { reaper, known, pipes, .. } = *self.selector;
        let is_claimed = reaper == Some(stat.ppid) || known.contains(&Process::from(stat));
        let owner = if is_claimed { self.settled_owner(stat) } else { self.owner(stat) }?;
        Ok(owner == Owner::Ours || is_claimed && owner != Owner::Another || holds_pipe(stat, pipes))
    }

    /// The supervisor of a task that was started inside this one descends from it, and is orphaned to us. It must not be mistaken for
    /// ours while it is executed.
    fn settled_owner(&mut self, stat: &Stat) -> io::Result<Owner> {
        loop {
            let owner = self.owner(stat)?;
            if owner != Owner::Hidden || self.exec_looks == 0 {
                return Ok(owner);
            }
            self.exec_looks -= 1;
            sleep(Duration::from_millis(1));
        }
    }

    fn owner(&mut self, stat: &Stat) -> io::Result<Owner> {
        environment::owner(stat, self.selector.cookie, &mut self.buffer)
    }
}

fn holds_pipe(stat: &Stat, pipes: &[String]) -> bool {
    let holds = |fd: i32| {
        let target = std::fs::read_link(format!("/proc/{}/task/{}/fd/{fd}", stat.pid, stat.thread)).ok();
        target.is_some_and(|target| pipes.iter().any(|pipe| target.as_os_str() == pipe.as_str()))
    };
    !pipes.is_empty() && (0..=2).any(holds)
}

/// What people call a process: its command line.
pub fn command_line(pid: i32) -> String {
    const MAX_CHARACTERS: usize = 200;
    let mut bytes = Vec::new();
    let path = Stat::of(pid).map(|stat| format!("/proc/{pid}/task/{}/cmdline", stat.thread));
    if let Some(Ok(file)) = path.map(std::fs::File::open) {
        // What was read until an error is as good.
        let _ = std::io::Read::read_to_end(&mut std::io::Read::take(file, 4 * MAX_CHARACTERS as u64), &mut bytes);
    }
    cut(String::from_utf8_lossy(&bytes).replace('\0', " ").trim(), MAX_CHARACTERS)
}
