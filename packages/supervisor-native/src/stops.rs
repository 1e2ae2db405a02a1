//! The calls that end the child and its tree, or start it again.

use crate::child::stopper::Stop;
use crate::clock::monotonic_ms;
use crate::events::Event;
use crate::facts::{Cause, ExitStatus, Survivor, Survivors, describe};
use crate::launch::steps::Step;
use crate::lifecycle::table::{self, State};
use crate::process::stat::Process;
use crate::process::tree::command_line;
use crate::supervisor::{CallId, PendingStart, Supervisor};
use crate::wire::failure::Failure;

/// The most stops at a time; each scans all processes now and then.
const MAX_STOPS: usize = 256;

/// The exit of a child that is not alive any more comes within that time, unless a debugger holds it.
const MAX_EXIT_MS: u64 = 1_000;

pub struct StopResult {
    /// Of the last run; None if the child never ran.
    pub exit_status: Option<ExitStatus>,
    pub survivors: Survivors,
}

pub enum Outcome {
    /// An error if the survivors are unknown.
    Stopped(Result<StopResult, Failure>),
    Terminated(Result<StopResult, Failure>),
    /// Whether it was started.
    Started(Result<bool, Failure>),
}

pub(crate) struct StopCall {
    id: CallId,
    cause: Cause,
    ends_in_terminate: bool,
    phase: Phase,
}

enum Phase {
    /// A child that is being started now would escape.
    Waiting(Vec<Step>),
    Stopping(Stop),
    /// The child is a zombie at most: its exit is on its way.
    AwaitingExit {
        survivors: Survivors,
        until: u64,
    },
}

impl StopCall {
    pub(crate) fn due_at(&self) -> Option<u64> {
        match &self.phase {
            Phase::Waiting(_) => None,
            Phase::Stopping(stop) => Some(stop.due_at()),
            Phase::AwaitingExit { until, .. } => Some(*until),
        }
    }
}

impl Supervisor {
    /// Ends the child and its tree; the supervisor stays.
    pub fn stop(&mut self, steps: Vec<Step>, cause: Cause) -> CallId {
        self.begin_stop(steps, cause, false)
    }

    /// The same, and no restart can follow.
    pub fn terminate(&mut self, steps: Vec<Step>) -> CallId {
        if self.facts.state != State::Terminating {
            self.cancel_restart();
            self.become_(table::Event::Terminating);
            self.commit();
            self.events.emit(|| Event::Terminating);
        }
        self.begin_stop(steps, Cause::Stopped, true)
    }

    /// Starts the child again; the outcome is false while it runs or the supervisor is about to go.
    pub fn restart(&mut self) -> CallId {
        self.last_call += 1;
        let call = self.last_call;
        if self.current.is_some() || self.pending_start.is_some() || self.facts.state == State::Terminating {
            self.outcomes.push((call, Outcome::Started(Ok(false))));
            return call;
        }
        self.restart_at = None;
        self.in_a_row = 0;
        self.pending_start = Some(PendingStart { call: Some(call) });
        self.advance_start();
        call
    }

    /// As many stops are under way as may be.
    pub fn has_many_stops(&self) -> bool {
        self.stops.len() >= MAX_STOPS
    }

    /// The supervisor is ending: a `terminate` with other steps at the same time must be answered too.
    pub fn is_ending(&self) -> bool {
        self.stops.iter().any(|call| call.ends_in_terminate)
    }

    pub(crate) fn has_stops(&self) -> bool {
        !self.stops.is_empty()
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stops.iter().any(|call| matches!(call.phase, Phase::Stopping(_)))
    }

    /// A process of ours has ended.
    pub(crate) fn hasten_stops(&mut self) {
        let now = monotonic_ms();
        for call in &mut self.stops {
            if let Phase::Stopping(stop) = &mut call.phase {
                stop.hasten(now);
            }
        }
    }

    pub(crate) fn advance_stops(&mut self, now: u64) {
        self.advance_start();
        // Each is taken out while it is worked on, since that may change everything else of us.
        for _ in 0..self.stops.len() {
            let call = self.stops.remove(0);
            if let Some(call) = self.advance_stop(call, now) {
                self.stops.push(call);
            }
        }
        self.settle();
        self.advance_start();
    }

    fn begin_stop(&mut self, steps: Vec<Step>, cause: Cause, ends_in_terminate: bool) -> CallId {
        self.last_call += 1;
        self.stops.push(StopCall { id: self.last_call, cause, ends_in_terminate, phase: Phase::Waiting(steps) });
        self.last_call
    }

    /// None once it is over.
    fn advance_stop(&mut self, mut call: StopCall, now: u64) -> Option<StopCall> {
        if let Phase::Waiting(steps) = &mut call.phase {
            if self.pending_start.is_some() {
                return Some(call);
            }
            let steps = std::mem::take(steps);
            // Not before: a start that failed may have another one follow.
            if call.cause == Cause::Stopped {
                self.cancel_restart();
            }
            if self.stop_cause != Some(Cause::Stopped) {
                self.stop_cause = Some(call.cause);
            }
            call.phase = match Stop::new(steps, now) {
                Some(stop) => Phase::Stopping(stop),
                None => Phase::AwaitingExit { survivors: Survivors::default(), until: now },
            };
        }
        if let Phase::Stopping(stop) = &mut call.phase {
            let Some(left) = stop.advance(&mut self.stopper, now) else { return Some(call) };
            let left = match left {
                Ok(left) => left,
                Err(error) => {
                    let failure = Failure::system("cannot find the task's processes", &error);
                    self.finish_stop(&call, Err(failure));
                    return None;
                }
            };
            let is_child_left = self.child().is_some_and(|child| left.iter().any(|process| process.pid == child.pid));
            let until = if is_child_left { now } else { now + MAX_EXIT_MS };
            let child = self.child().map(|child| child.pid);
            call.phase = Phase::AwaitingExit { survivors: describe(left, child), until };
            self.reap();
        }
        if let Phase::AwaitingExit { survivors, until } = &mut call.phase {
            if self.exiting.is_some() {
                // It has ended; its output is on its way to files.
                *until = now + MAX_EXIT_MS;
            }
            if self.current.is_some() && now < *until {
                return Some(call);
            }
            let mut survivors = std::mem::take(survivors);
            self.add_unreported(&mut survivors);
            self.note_survivors(&survivors);
            self.finish_stop(&call, Ok(survivors));
        }
        None
    }

    fn finish_stop(&mut self, call: &StopCall, survivors: Result<Survivors, Failure>) {
        self.settle();
        if call.ends_in_terminate {
            self.streams.finish();
            self.update_eof();
        }
        let exit_status = self.facts.exit_status.clone();
        let result = survivors.map(|survivors| StopResult { exit_status, survivors });
        let outcome = if call.ends_in_terminate { Outcome::Terminated(result) } else { Outcome::Stopped(result) };
        self.outcomes.push((call.id, outcome));
    }

    /// A child whose end we do not get to know, since a debugger holds it, is a survivor.
    fn add_unreported(&self, survivors: &mut Survivors) {
        let Some(child) = self.child() else { return };
        if survivors.named.iter().all(|survivor| survivor.process.pid != child.pid) {
            let process = Process { pid: child.pid, start_time: child.start_time.unwrap_or(0) };
            survivors.named.insert(0, Survivor { process, command: command_line(child.pid) });
        }
    }

    fn note_survivors(&mut self, survivors: &Survivors) {
        let Some(status) = &mut self.facts.exit_status else { return };
        if survivors.named.is_empty() && status.survivors.named.is_empty() {
            return;
        }
        status.survivors = survivors.clone();
        self.commit();
    }

    fn cancel_restart(&mut self) {
        self.restart_at = None;
        if self.facts.state == State::Backoff {
            self.facts.next_start_at = None;
            self.become_(table::Event::Cancelled);
            self.settled();
        }
    }

    fn advance_start(&mut self) {
        if self.is_stopping() {
            return;
        }
        let Some(PendingStart { call }) = self.pending_start.take() else { return };
        let is_wanted = match call {
            Some(_) => self.facts.state != State::Terminating,
            None => self.facts.state == State::Backoff,
        };
        let result = if is_wanted { self.start_again().map(|()| true) } else { Ok(false) };
        if let Err(failure) = &result {
            self.start_failed(failure);
        }
        if let Some(call) = call {
            self.outcomes.push((call, Outcome::Started(result)));
        }
    }

    fn start_again(&mut self) -> Result<(), Failure> {
        // Another process may have taken it meanwhile.
        if let Some(lock) = &mut self.lock {
            lock.retake()?;
        }
        self.become_(table::Event::Starting);
        self.commit();
        self.start_run()
    }
}
