//! One task: its child, its streams, its state, and what may be done with them. Knows nothing of sockets and messages.
//!
//! What takes time (a stop, a start that waits for one) is a call with a number: its outcome is among `outcomes` some `tick`s
//! later. Times are `monotonic_ms` unless noted otherwise.

use crate::child::run::Run;
use crate::child::stopper::Stopper;
use crate::directory::record::RecordFile;
use crate::events::{Event, Events};
use crate::facts::{Cause, ExitStatus, Facts};
use crate::info::{Fixed, Snapshot};
use crate::launch::spec::Spec;
use crate::lifecycle::table::{self, State, next_state};
use crate::lock::lock_file::Lock;
use crate::log::Log;
use crate::process::tree::Root;
use crate::stops::{Outcome, StopCall};
use crate::streams::task_streams::TaskStreams;
use crate::sys::{self, Change};
use crate::wire::failure::Failure;
use std::rc::Rc;

/// Names a call that takes time.
pub type CallId = u64;

/// A start after the first one, which waits until nothing is being stopped: that would take the new run with it.
pub(crate) struct PendingStart {
    /// None for one by policy.
    pub(crate) call: Option<CallId>,
}

/// How a child has ended, and what of the order of its output must be in files before that is reported.
pub(crate) struct Exiting {
    pub(crate) exit_code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) seq: u64,
}

pub struct Supervisor {
    pub spec: Spec,
    pub facts: Facts,
    pub streams: TaskStreams,
    pub events: Events,
    pub outcomes: Vec<(CallId, Outcome)>,
    pub(crate) log: Rc<Log>,
    pub(crate) fixed: Fixed,
    pub(crate) lock: Option<Lock>,
    pub(crate) record: RecordFile,
    pub(crate) stopper: Stopper,
    pub(crate) stops: Vec<StopCall>,
    pub(crate) last_call: CallId,
    /// The run whose child lives.
    pub(crate) current: Option<Run>,
    pub(crate) pending_start: Option<PendingStart>,
    /// The child has ended, and its last output is on its way to files.
    pub(crate) exiting: Option<Exiting>,
    /// Why the present run is being ended by us.
    pub(crate) stop_cause: Option<Cause>,
    pub(crate) in_a_row: u64,
    /// The state that subscribers know.
    pub(crate) told_state: State,
    pub(crate) restart_at: Option<u64>,
    pub(crate) record_at: Option<u64>,
    /// When the last run has ended, and before which no retirement is tried again.
    pub(crate) ended_at: u64,
    pub(crate) retire_retry_at: u64,
    pub(crate) runtime_ends_at: Option<u64>,
    /// How the run before the present one ended.
    pub(crate) exit_before: Option<ExitStatus>,
}

impl Supervisor {
    pub fn new(
        spec: Spec,
        log: Rc<Log>,
        fixed: Fixed,
        lock: Option<Lock>,
        record: RecordFile,
        stopper: Stopper,
        streams: TaskStreams,
    ) -> Self {
        Self {
            facts: Facts::new(&spec),
            streams,
            spec,
            events: Events::default(),
            outcomes: Vec::new(),
            log,
            fixed,
            lock,
            record,
            stopper,
            stops: Vec::new(),
            last_call: 0,
            current: None,
            exiting: None,
            pending_start: None,
            stop_cause: None,
            in_a_row: 0,
            told_state: State::Starting,
            restart_at: None,
            record_at: None,
            ended_at: 0,
            retire_retry_at: 0,
            runtime_ends_at: None,
            exit_before: None,
        }
    }

    /// The child that lives.
    pub fn child(&self) -> Option<Root> {
        self.current.as_ref().map(|run| run.root)
    }

    pub fn snapshot(&self) -> Snapshot<'_> {
        Snapshot { spec: &self.spec, fixed: &self.fixed, facts: &self.facts, child: self.child() }
    }

    pub fn release_lock(&mut self) {
        if let Some(lock) = &mut self.lock {
            lock.release();
        }
    }

    /// Starts the first run. If that fails, nothing is left.
    pub fn start(&mut self) -> Result<(), Failure> {
        self.start_run()
    }

    /// Takes note of what has become of children; those that are not the child's are orphans of the task, which come to us.
    pub fn reap(&mut self) {
        while let Some((pid, change)) = sys::next_change() {
            let is_child = self.exiting.is_none() && self.child().is_some_and(|child| child.pid == pid);
            match change {
                Change::Exited(code) if is_child => self.ended(Some(code), None),
                Change::Killed(signal) if is_child => self.ended(None, Some(signal)),
                Change::Stopped if is_child => self.notice_pause(true),
                Change::Continued if is_child => self.notice_pause(false),
                _ => {}
            }
            if matches!(change, Change::Exited(_) | Change::Killed(_)) {
                self.hasten_stops();
            }
        }
    }

    /// Reads what the outputs hold now, one of them.
    pub fn read_output(&mut self, stream: u8) {
        let TaskStreams { stdout, stderr, order, .. } = &mut self.streams;
        let output = if stream == 1 { stdout } else { stderr };
        if let Some(message) = output.read_some(order) {
            self.events.emit(|| Event::StreamError { stream, message });
        }
        if self.streams.output(stream).has_ended() {
            self.update_eof();
        }
    }

    /// Hands what came to files, and reports what is there.
    fn advance_spool(&mut self) {
        for (stream, message) in self.streams.advance_spool() {
            self.events.emit(|| Event::StreamError { stream, message });
        }
        if let Some(exiting) = self.exiting.take_if(|exiting| self.streams.is_flushed(exiting.seq)) {
            self.note_exit(exiting);
        } else if self.streams.spooler.is_some() {
            self.update_eof();
        }
    }

    /// Hands over what the child's stdin takes now.
    pub fn flush_input(&mut self) {
        if let Some(message) = self.streams.stdin.flush() {
            self.input_failed(message);
        }
    }

    pub fn input_failed(&mut self, message: String) {
        self.events.emit(|| Event::StreamError { stream: 0, message });
    }

    /// Level-triggered: with `run` the end of that run or a later one, else the exit after which no restart is pending. Returns
    /// whether that is so, the run in question, and how it ended.
    pub fn look_at_exit(&self, run: Option<u64>) -> (bool, u64, Option<&ExitStatus>) {
        let ended = if self.current.is_none() { self.facts.run } else { self.facts.run.saturating_sub(1) };
        let is_done = run.map_or_else(|| self.is_final(), |run| ended >= run);
        if !is_done {
            return (false, self.facts.run, None);
        }
        // While a run goes on, the last end is that of the run before.
        (true, ended, self.facts.exit_status.as_ref().or(self.exit_before.as_ref()))
    }

    /// When `tick` has something to do.
    pub fn due_at(&self) -> Option<u64> {
        let timers = [self.restart_at, self.record_at, self.runtime_ends_at];
        let retries = [self.streams.stdout.due_at(), self.streams.stderr.due_at()];
        let stops = self.stops.iter().filter_map(StopCall::due_at);
        timers.into_iter().chain(retries).flatten().chain(stops).min()
    }

    /// Does what is due.
    pub fn tick(&mut self, now: u64) {
        let is_due = |at: &mut Option<u64>| at.take_if(|at| *at <= now).is_some();
        if is_due(&mut self.record_at) {
            self.try_record();
        }
        if is_due(&mut self.runtime_ends_at) {
            let steps = self.spec.stop.clone();
            self.stop(steps, Cause::Timeout);
        }
        if is_due(&mut self.restart_at) && self.facts.state == State::Backoff && self.pending_start.is_none() {
            self.pending_start = Some(PendingStart { call: None });
        }
        self.advance_spool();
        self.streams.stdout.tick(now);
        self.streams.stderr.tick(now);
        self.advance_stops(now);
    }

    /// No run is left: records this, then wakes all pending calls. Returns whether it is recorded.
    pub(crate) fn settled(&mut self) -> bool {
        let recorded = self.commit();
        self.settle();
        self.update_eof();
        recorded
    }

    /// Once nothing runs, nothing is being stopped and no start is pending the lock is free for a successor.
    pub(crate) fn settle(&mut self) {
        if self.is_final()
            && !self.is_stopping()
            && let Some(lock) = &mut self.lock
        {
            lock.release();
        }
    }

    fn is_final(&self) -> bool {
        let is_over = matches!(self.facts.state, State::Exited | State::Failed | State::Terminating);
        self.current.is_none() && is_over
    }

    pub(crate) fn update_eof(&mut self) {
        for (stream, end_offset) in self.streams.update_eof(self.is_final()) {
            self.events.emit(|| Event::StreamEof { stream, end_offset });
        }
    }

    pub(crate) fn become_(&mut self, event: table::Event) {
        match next_state(self.facts.state, event) {
            Some(state) => self.facts.state = state,
            None => self.log.write(format_args!("bug: {event:?} cannot happen in state {:?}", self.facts.state)),
        }
    }
}
