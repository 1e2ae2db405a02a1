//! Signals and ends the processes of a task, whichever run they are of.

use super::run::Run;
use crate::launch::steps::Step;
use crate::process::signal;
use crate::process::stat::{self, Process, Stat};
use crate::process::tree::{self, Root, Selector};
use crate::signals::SIGCONT;
use crate::sys;
use std::io;

/// The most runs that are remembered: processes of their sessions, or with one of their pipes, belong to the task.
const REMEMBERED_RUNS: usize = 8;

/// How soon a tree is looked at again while it ends: first soon, since most end at once, then ever more rarely.
const FIRST_LOOK_MS: u64 = 5;
const SLOWEST_LOOK_MS: u64 = 200;

pub struct Stopper {
    cookie: String,
    since: u64,
    /// Without `/proc` only the child's own process group can be found.
    sees_processes: bool,
    /// Whether orphans of the task come to us.
    reaps: bool,
    /// Children that this process had before it was a supervisor.
    spare: Vec<Process>,
    /// The newest last.
    runs: Vec<(Root, Vec<String>)>,
    has_child: bool,
    known: Vec<Process>,
}

impl Stopper {
    pub fn new(cookie: &str, reaps: bool, earlier_children: Vec<Process>) -> Self {
        let own = Process::current();
        let since = own.map_or(0, |own| own.start_time);
        let spare = earlier_children.into_iter().chain(own).collect();
        let (runs, known) = (Vec::new(), Vec::new());
        let sees_processes = own.is_some();
        Self { cookie: cookie.to_owned(), since, sees_processes, reaps, spare, runs, has_child: false, known }
    }

    /// Pipes of the runs that are remembered.
    pub fn pipes(&self) -> impl Iterator<Item = &str> {
        self.runs.iter().flat_map(|(_, pipes)| pipes.iter().map(String::as_str))
    }

    /// From now on the tree is that of this run too.
    pub fn follow(&mut self, run: &Run) {
        self.has_child = true;
        self.runs.push((run.root, run.pipes.clone()));
        if self.runs.len() > REMEMBERED_RUNS {
            self.runs.remove(0);
        }
    }

    /// The child of the present run has been waited for. Members of its session are found now: when they have ended, its pid is free
    /// for other processes.
    pub fn child_ended(&mut self) {
        let ended = self.runs.last().filter(|_| self.has_child).map(|(root, _)| root.pid);
        self.has_child = false;
        if let Some(pid) = ended.filter(|pid| self.sees_processes && has_group(*pid)) {
            // If that fails for want of descriptors, they still come to us as orphans.
            let _ = self.find_with(Some(pid));
        }
    }

    /// Signals the live child; false if there is none.
    pub fn signal_child(&self, signal_number: i32) -> bool {
        let Some((root, _)) = self.runs.last().filter(|_| self.has_child) else { return false };
        match root.start_time {
            Some(start_time) => signal::send(Process { pid: root.pid, start_time }, signal_number),
            // It has not been waited for, so that the pid is still its own.
            None => sys::kill(root.pid, signal_number).is_ok(),
        }
    }

    /// Signals all processes of the tree; false if there were none.
    pub fn signal_tree(&mut self, signal_number: i32) -> io::Result<bool> {
        // Not any(): everybody is to get the signal.
        Ok(self.find_or_child()?.into_iter().filter(|target| self.send(*target, signal_number)).count() > 0)
    }

    fn send(&self, target: Process, signal_number: i32) -> bool {
        // Where its start time cannot be looked up: a child that has not been waited for still has its pid, and its group.
        let is_child = self.has_child && self.runs.last().is_some_and(|(root, _)| root.pid == target.pid);
        signal::send(target, signal_number) || is_child && sys::kill(-target.pid, signal_number).is_ok()
    }

    /// Where processes cannot be looked up, for want of descriptors or of `/proc`, the child at least, whose group gets the signals.
    fn find_or_child(&mut self) -> io::Result<Vec<Process>> {
        let found = if self.sees_processes { self.find() } else { Ok(Vec::new()) };
        let child = self.runs.last().filter(|_| self.has_child && (found.is_err() || !self.sees_processes));
        match child {
            Some((root, _)) => Ok(vec![Process { pid: root.pid, start_time: root.start_time.unwrap_or(0) }]),
            None => found,
        }
    }

    /// Every live process of the task. One that was found once stays one of them.
    fn find(&mut self) -> io::Result<Vec<Process>> {
        self.find_with(None)
    }

    fn find_with(&mut self, own_session: Option<i32>) -> io::Result<Vec<Process>> {
        self.identify_child();
        let roots: Vec<Root> = self.runs.iter().map(|(root, _)| *root).collect();
        let pipes: Vec<String> = self.pipes().map(str::to_owned).collect();
        self.known = tree::find(&Selector {
            since: self.since,
            cookie: &self.cookie,
            roots: &roots,
            pipes: &pipes,
            known: &self.known,
            own_session,
            spare: &self.spare,
            reaper: self.reaps.then(stat::own_pid),
        })?;
        Ok(self.known.clone())
    }

    /// Its start time may have been out of reach at its start, for want of a descriptor. It has not been waited for, so that the pid is
    /// still its own.
    fn identify_child(&mut self) {
        if let Some((root, _)) = self.runs.last_mut().filter(|(root, _)| self.has_child && root.start_time.is_none()) {
            root.start_time = Stat::of(root.pid).map(|stat| stat.start_time);
        }
    }
}

/// Whether any process is left in the group that a child led.
fn has_group(pid: i32) -> bool {
    !sys::kill(-pid, 0).is_err_and(|error| error.raw_os_error() == Some(sys::ESRCH))
}

/// The children of this process, before it is a supervisor: those of a shell that became it.
pub fn earlier_children() -> Vec<Process> {
    let path = format!("/proc/self/task/{}/children", stat::own_pid());
    let pids = std::fs::read_to_string(path).unwrap_or_default();
    let stats = pids.split_whitespace().filter_map(|pid| pid.parse().ok()).filter_map(Stat::of);
    stats.map(|stat| Process::from(&stat)).collect()
}

/// The end of a tree, step by step: each signals every process in it, wakes what is stopped (a stopped process would not act on
/// the signal), and waits until the tree is empty. Processes that appear meanwhile get the step's signal too.
pub struct Stop {
    steps: std::vec::IntoIter<Step>,
    step: Step,
    deadline: u64,
    look_ms: u64,
    next_look: u64,
    signalled: Vec<Process>,
}

impl Stop {
    /// None for no steps. Times are `monotonic_ms`.
    pub fn new(steps: Vec<Step>, now: u64) -> Option<Self> {
        let mut steps = steps.into_iter();
        let step = steps.next()?;
        let deadline = now + step.wait_ms;
        Some(Self { steps, step, deadline, look_ms: FIRST_LOOK_MS, next_look: now, signalled: Vec::new() })
    }

    /// When `advance` has something to do.
    pub fn due_at(&self) -> u64 {
        self.next_look
    }

    /// A process of ours has ended: that may have been the last one.
    pub fn hasten(&mut self, now: u64) {
        // Not at once each time: a tree that keeps making processes must not make us look all the time.
        self.next_look = self.next_look.min(now + 1);
    }

    /// The survivors of a finished stop. An error if they cannot be found out.
    pub fn advance(&mut self, stopper: &mut Stopper, now: u64) -> Option<io::Result<Vec<Process>>> {
        if now < self.next_look {
            return None;
        }
        loop {
            // What cannot be looked up now can be, perhaps, before the time is up.
            let found = stopper.find_or_child();
            match &found {
                Ok(tree) if tree.is_empty() => return Some(found),
                Ok(tree) => self.signal(stopper, tree),
                Err(_) => {}
            }
            if now < self.deadline {
                self.next_look = (now + self.look_ms).min(self.deadline);
                self.look_ms = (self.look_ms + self.look_ms.div_ceil(2)).min(SLOWEST_LOOK_MS);
                return None;
            }
            match self.steps.next() {
                Some(step) => self.begin(step, now),
                None => return Some(stopper.find_or_child()),
            }
        }
    }

    fn begin(&mut self, step: Step, now: u64) {
        self.step = step;
        self.deadline = now + step.wait_ms;
        self.look_ms = FIRST_LOOK_MS;
        self.signalled.clear();
    }

    fn signal(&mut self, stopper: &Stopper, tree: &[Process]) {
        for target in tree {
            if self.signalled.contains(target) {
                continue;
            }
            self.signalled.push(*target);
            // The tree grows: a program that creates processes must not get the long pauses for it.
            self.look_ms = FIRST_LOOK_MS;
            stopper.send(*target, self.step.signal);
            stopper.send(*target, SIGCONT);
        }
    }
}
