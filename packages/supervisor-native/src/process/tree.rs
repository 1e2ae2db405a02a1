//! Finds the live processes of a task.

use super::environment::{self, Owner};
use super::stat::{self, Process, Stat};
use crate::wire::failure::cut;
use std::collections::HashSet;
use std::io;

/// What makes a process part of a task.
pub struct Selector<'a> {
    /// Start time of the supervisor (0 where unknown): what is older is not the task's, and need not be looked into.
    pub since: u64,
    /// Value of the cookie variable that the task's processes carry.
    pub cookie: &'a str,
    /// Children of the task's runs. Each led its own session, so its pid is also a group and a session.
    pub roots: &'a [Root],
    /// Targets of `/proc/PID/fd/N` such as `pipe:[123]`: the task's pipes.
    pub pipes: &'a [String],
    /// Found before: whoever has dropped since then what it was found by still belongs to the task.
    pub known: &'a [Process],
    /// Never part of the tree: the supervisor, and what was its child before the task was made.
    pub spare: &'a [Process],
    /// The supervisor where it is a subreaper: its children are the task's, but for those of other tasks.
    pub reaper: Option<i32>,
}

/// The child of a run; its start time tells its session from that of a later process with its pid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root {
    pub pid: i32,
    pub start_time: Option<u64>,
}

pub struct Tree {
    pub members: Vec<Process>,
    /// Those of the roots whose session or group has any process left, zombies included.
    pub inhabited: Vec<i32>,
}

/// Finds the sessions and groups of the roots, carriers of the cookie, holders of the pipes, who was known before, who was
/// orphaned to us, and all descendants of these.
pub fn find(selector: &Selector<'_>) -> io::Result<Tree> {
    let everyone = stat::all()?;
    let leaders: Vec<Option<&Stat>> =
        selector.roots.iter().map(|root| everyone.iter().find(|stat| stat.pid == root.pid)).collect();
    let mut inhabited = Vec::new();
    let mut in_session = |stat: &Stat| {
        let mut found = false;
        for (root, leader) in selector.roots.iter().zip(&leaders) {
            if in_session_of(stat, root, *leader) {
                found = true;
                if !inhabited.contains(&root.pid) {
                    inhabited.push(root.pid);
                }
            }
        }
        found
    };
    let mut members = HashSet::new();
    let mut buffer = Vec::new();
    let candidates: Vec<&Stat> =
        everyone.iter().filter(|stat| stat.start_time >= selector.since && !is_spare(selector, stat)).collect();
    for stat in &candidates {
        // Before the look at its state: a zombie keeps the number of its group in use.
        let is_inside = in_session(stat);
        if stat.is_alive() && (is_inside || is_known(selector, stat) || is_marked(selector, stat, &mut buffer)?) {
            members.insert(stat.pid);
        }
    }
    add_descendants(&candidates, &mut members);
    let members = candidates.iter().filter(|stat| members.contains(&stat.pid)).map(|stat| Process::from(*stat));
    Ok(Tree { members: members.collect(), inhabited })
}

fn is_spare(selector: &Selector<'_>, stat: &Stat) -> bool {
    selector.spare.contains(&Process::from(stat))
}

fn is_known(selector: &Selector<'_>, stat: &Stat) -> bool {
    selector.known.contains(&Process::from(stat))
}

/// While any process is in the session its number is not reused as a pid, so only a *later* leader can deceive us.
fn in_session_of(stat: &Stat, root: &Root, leader: Option<&Stat>) -> bool {
    (stat.session == root.pid || stat.group == root.pid)
        && leader.is_none_or(|leader| root.start_time.is_none_or(|start_time| start_time == leader.start_time))
}

fn is_marked(selector: &Selector<'_>, stat: &Stat, buffer: &mut Vec<u8>) -> io::Result<bool> {
    let owner = environment::owner(stat, selector.cookie, buffer)?;
    let is_orphaned = selector.reaper == Some(stat.ppid) && owner != Owner::Another;
    Ok(owner == Owner::Ours || is_orphaned || holds_pipe(stat, selector.pipes))
}

fn holds_pipe(stat: &Stat, pipes: &[String]) -> bool {
    let holds = |fd: i32| {
        let target = std::fs::read_link(format!("/proc/{}/task/{}/fd/{fd}", stat.pid, stat.thread)).ok();
        target.is_some_and(|target| pipes.iter().any(|pipe| target.as_os_str() == pipe.as_str()))
    };
    !pipes.is_empty() && (0..=2).any(holds)
}

fn add_descendants(candidates: &[&Stat], members: &mut HashSet<i32>) {
    loop {
        let before = members.len();
        for stat in candidates {
            if stat.is_alive() && members.contains(&stat.ppid) {
                members.insert(stat.pid);
            }
        }
        if members.len() == before {
            return;
        }
    }
}

/// What people call a process: its command line.
pub fn command_line(pid: i32) -> String {
    const MAX_CHARACTERS: usize = 200;
    let mut bytes = Vec::new();
    if let Ok(file) = std::fs::File::open(format!("/proc/{pid}/cmdline")) {
        // What was read until an error is as good.
        let _ = std::io::Read::read_to_end(&mut std::io::Read::take(file, 4 * MAX_CHARACTERS as u64), &mut bytes);
    }
    cut(String::from_utf8_lossy(&bytes).replace('\0', " ").trim(), MAX_CHARACTERS)
}
