//! The loop: waits until there is something to do, and does it.

use crate::clock::monotonic_ms;
use crate::launch::make_task::Task;
use crate::launch::spec::Behavior;
use crate::launch::steps::Step;
use crate::leader::Leader;
use crate::signals::{self, SIGCHLD, SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGTERM};
use crate::stops::Outcome;
use crate::streams::spool::spooler::Spooler;
use crate::sys::{self, PollFd};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// How long a supervisor that is to go waits for followers to fetch the last output and for responses to be sent.
const LINGER_MS: u64 = 1_000;
/// The same for the terminal of a task in the foreground.
const SHOW_MS: u64 = 5_000;
const LINGER_LOOK_MS: u64 = 5;

const UNDO_STEPS: [Step; 1] = [Step { signal: SIGKILL, wait_ms: 2_000 }];

/// Signals that request an end, also those of a fault (SIGSEGV, say) if another process sent them; SIGPWR: the machine goes down.
const ENDING: [i32; 12] = [SIGINT, SIGQUIT, SIGTERM, 4, 5, 6, 7, 8, 11, 24, 30, 31];

pub struct Daemon {
    pub task: Task,
    signals: OwnedFd,
    leader: Option<Leader>,
    /// Set once the task is over.
    ended_at: Option<u64>,
    /// Since when it waits for clients to take the rest before it retires.
    retiring_at: Option<u64>,
    has_retired: bool,
    /// Kept for each poll, so that none allocates.
    fds: Vec<PollFd>,
}

/// Places of descriptors in a poll; those of the server are the rest.
struct Places {
    leader: Option<usize>,
    stdin: Option<usize>,
    outputs: [Option<usize>; 2],
    mirrors: [Option<usize>; 2],
    server: usize,
}

impl Daemon {
    pub fn new(task: Task, signals: OwnedFd, leader: Option<Leader>) -> Self {
        Self { task, signals, leader, ended_at: None, retiring_at: None, has_retired: false, fds: Vec::new() }
    }

    /// Returns when the task is over, and everybody who asked for that has been answered.
    pub fn serve(&mut self) {
        while !self.is_over() {
            self.turn();
        }
    }

    /// Ends the task and removes its files at once, without events.
    pub fn undo(&mut self) {
        self.task.supervisor.terminate(UNDO_STEPS.to_vec());
        self.settle();
        while self.ended_at.is_none() {
            self.turn();
        }
    }

    fn is_over(&self) -> bool {
        let Some(ended_at) = self.ended_at else { return self.has_retired };
        self.is_done_since(ended_at)
    }

    /// Clients and the terminal have got the rest, or had the time for it.
    fn is_done_since(&self, ended_at: u64) -> bool {
        let since = monotonic_ms().saturating_sub(ended_at);
        let streams = &self.task.supervisor.streams;
        let is_shown = streams.stdout.is_shown() && streams.stderr.is_shown();
        (is_shown || since >= SHOW_MS) && (!self.task.server.is_unfinished() || since >= LINGER_MS)
    }

    fn turn(&mut self) {
        let mut fds = std::mem::take(&mut self.fds);
        let places = self.gather(&mut fds);
        sys::poll(&mut fds, self.timeout_ms());
        let is_ready = |place: Option<usize>| place.and_then(|place| fds.get(place)).is_some_and(PollFd::is_ready);
        if is_ready(Some(0)) {
            self.take_signals();
        }
        let is_leader_gone = self.leader.as_mut().is_some_and(|leader| leader.is_gone(monotonic_ms()));
        if is_leader_gone || is_ready(places.leader) {
            self.leader = None;
            self.end("the process group has lost its leader");
        }
        let Task { supervisor, server, .. } = &mut self.task;
        if is_ready(places.stdin) {
            supervisor.flush_input();
        }
        for (stream, place) in (1..).zip(places.mirrors) {
            if is_ready(place)
                && let Some(mirror) = supervisor.streams.output_mut(stream).mirror()
            {
                mirror.flush();
            }
        }
        for (stream, place) in (1..).zip(places.outputs) {
            if is_ready(place) {
                supervisor.read_output(stream);
            }
        }
        server.are_ready(fds.get(places.server..).unwrap_or_default(), supervisor);
        self.fds = fds;
        self.settle();
    }

    fn gather(&self, fds: &mut Vec<PollFd>) -> Places {
        let Task { supervisor, server, .. } = &self.task;
        let streams = &supervisor.streams;
        fds.clear();
        fds.push(PollFd::new(self.signals.as_raw_fd(), true, false));
        let mut add = |fd: Option<PollFd>| {
            fds.push(fd?);
            Some(fds.len() - 1)
        };
        let leader = add(self.leader.as_ref().and_then(Leader::poll_fd));
        let stdin = add(streams.stdin.poll_fd());
        let outputs = [add(streams.stdout.poll_fd()), add(streams.stderr.poll_fd())];
        add(streams.spooler.as_ref().and_then(Spooler::poll_fd));
        let mirrors = [add(streams.stdout.mirror_fd()), add(streams.stderr.mirror_fd())];
        let places = Places { leader, stdin, outputs, mirrors, server: fds.len() };
        server.poll_fds(fds);
        places
    }

    fn timeout_ms(&self) -> i32 {
        let Task { supervisor, server, .. } = &self.task;
        let leader = self.leader.as_ref().and_then(Leader::due_at);
        let lingering = self.ended_at.or(self.retiring_at).map(|_| monotonic_ms() + LINGER_LOOK_MS);
        let due = [
            supervisor.due_at(),
            self.retires_at().filter(|_| self.retiring_at.is_none()),
            server.due_at(),
            leader,
            lingering,
        ]
        .into_iter()
        .flatten()
        .min();
        due.map_or(-1, |at| i32::try_from(at.saturating_sub(monotonic_ms())).unwrap_or(i32::MAX))
    }

    fn take_signals(&mut self) {
        const SIGNAL_INFO_BYTES: usize = 128;
        let mut info = [0; SIGNAL_INFO_BYTES];
        while sys::read(self.signals.as_fd(), &mut info).is_ok_and(|count| count == SIGNAL_INFO_BYTES) {
            let [a, b, c, d, ..] = info;
            match i32::from_ne_bytes([a, b, c, d]) {
                SIGCHLD => self.task.supervisor.reap(),
                // A daemon has no terminal whose end would concern it.
                SIGHUP if self.task.supervisor.spec.behavior == Behavior::Daemon => {}
                signal if signal == SIGHUP || ENDING.contains(&signal) => self.end(&signals::name(signal)),
                _ => {}
            }
        }
    }

    fn end(&mut self, reason: &str) {
        if self.task.supervisor.has_many_stops() {
            return;
        }
        self.task.log.write(format_args!("{reason}: terminating"));
        let steps = self.task.supervisor.spec.stop.clone();
        self.task.supervisor.terminate(steps);
    }

    /// Does what is due, and answers who has waited for it.
    fn settle(&mut self) {
        self.task.supervisor.tick(monotonic_ms());
        for (call, outcome) in std::mem::take(&mut self.task.supervisor.outcomes) {
            if let Outcome::Terminated(result) = &outcome {
                let has_survivors = result.as_ref().map_or(true, |result| !result.survivors.named.is_empty());
                self.task.remove_traces(has_survivors);
            }
            let Task { supervisor, server, .. } = &mut self.task;
            server.settle_call(call, &outcome, supervisor);
            if matches!(outcome, Outcome::Terminated(_)) && !supervisor.is_ending() {
                self.ended_at = Some(monotonic_ms());
            }
        }
        let Task { supervisor, server, .. } = &mut self.task;
        server.settle(supervisor);
        self.retire_if_due();
    }

    fn retires_at(&self) -> Option<u64> {
        let Task { supervisor, server, .. } = &self.task;
        supervisor.retires_at().map(|at| at.max(server.first_client_by.unwrap_or(0)))
    }

    /// Leaves if the task is over for long enough, and is still over when clients have got the rest.
    fn retire_if_due(&mut self) {
        let now = monotonic_ms();
        if self.ended_at.is_some() || self.retires_at().is_none_or(|at| at > now) {
            self.retiring_at = None;
            return;
        }
        let since = *self.retiring_at.get_or_insert(now);
        // What was just answered is noticed one turn later.
        if now == since || !self.is_done_since(since) {
            return;
        }
        self.retiring_at = None;
        if self.task.supervisor.retire().is_ok() {
            self.task.leave();
            self.has_retired = true;
        }
    }
}
