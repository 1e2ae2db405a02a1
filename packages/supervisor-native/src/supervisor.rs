//! One task: its child, its streams, its state, and what may be done with them. Knows nothing of sockets and messages.
//!
//! What takes time (a stop, a start that waits for one) is a call with a number: its outcome is among `outcomes` some `tick`s
//! later. Times are `monotonic_ms` where nothing else is said.

use crate::child::run::Run;
use crate::child::start::start_child;
use crate::child::stopper::Stopper;
use crate::clock::{monotonic_ms, unix_ms};
use crate::events::{Event, Events};
use crate::facts::{Cause, ExitStatus, Facts};
use crate::info::{Fixed, Snapshot};
use crate::launch::spec::Spec;
use crate::lifecycle::restart::{Decision, decide};
use crate::lifecycle::table::{self, State, next_state};
use crate::lock::lock_file::Lock;
use crate::log::Log;
use crate::process::tree::Root;
use crate::record::RecordFile;
use crate::stops::{Outcome, StopCall};
use crate::streams::task_streams::TaskStreams;
use crate::sys::{self, Change};
use crate::wire::failure::Failure;
use crate::wire::json::Json;
use crate::wire::meta::{merge_patch, problem};
use crate::wire::value::{Entries, Value};
use std::rc::Rc;

/// How soon a record that could not be written is tried again.
const RECORD_RETRY_MS: u64 = 5_000;

/// How a start that failed counts for the restart policy; 127 as a shell has it.
const START_FAILED: ExitStatus =
    ExitStatus { exit_code: Some(127), signal: None, cause: Cause::Exit, survivors: Vec::new() };

/// Names a call that takes time.
pub type CallId = u64;

/// A start after the first one, which waits until nothing is being stopped: that would take the new run with it.
pub(crate) struct PendingStart {
    /// None for one by policy.
    pub(crate) call: Option<CallId>,
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
    /// Why the present run is being ended by us.
    pub(crate) stop_cause: Option<Cause>,
    pub(crate) in_a_row: u64,
    /// The state that subscribers know.
    told_state: State,
    pub(crate) restart_at: Option<u64>,
    record_at: Option<u64>,
    runtime_ends_at: Option<u64>,
    /// How the run before the present one ended.
    exit_before: Option<ExitStatus>,
}

impl Supervisor {
    pub fn new(
        spec: Spec,
        log: Rc<Log>,
        fixed: Fixed,
        lock: Option<Lock>,
        record: RecordFile,
        stopper: Stopper,
    ) -> Self {
        Self {
            facts: Facts::new(spec.meta.clone()),
            streams: TaskStreams::new(&spec),
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
            pending_start: None,
            stop_cause: None,
            in_a_row: 0,
            told_state: State::Starting,
            restart_at: None,
            record_at: None,
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

    /// It is there before the child, so that nothing that runs is ever without one.
    pub fn write_first_record(&self) -> Result<(), Failure> {
        self.write_record().map_err(|error| {
            let failure = Failure::system(&format!("cannot write {}", self.record.path().display()), &error);
            Failure { code: "NOT_RECORDED", ..failure }
        })
    }

    /// Unless it is needed to find what survived us.
    pub fn remove_record(&mut self, has_survivors: bool) {
        if has_survivors {
            self.record.keep();
        } else {
            self.record.remove();
        }
    }

    /// Starts the first run. Nothing is left behind where that fails.
    pub fn start(&mut self) -> Result<(), Failure> {
        self.start_run()
    }

    /// Takes note of what has become of children; those that are not the child's are orphans of the task, which come to us.
    pub fn reap(&mut self) {
        while let Some((pid, change)) = sys::next_change() {
            let is_child = self.child().is_some_and(|child| child.pid == pid);
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

    /// Hands over what the child's stdin takes now.
    pub fn flush_input(&mut self) {
        if let Some(message) = self.streams.stdin.flush() {
            self.input_failed(message);
        }
    }

    pub fn input_failed(&mut self, message: String) {
        self.events.emit(|| Event::StreamError { stream: 0, message });
    }

    /// Merges a patch into meta, and puts the whole on record.
    pub fn apply_meta(&mut self, patch: &Entries) -> Result<(), Failure> {
        let meta = merge_patch(&self.facts.meta, patch);
        if let Some(problem) = problem(&meta) {
            let got = Value::text(&format!("a map of {} entries", patch.len()));
            let rule = format!("makes meta too large or unfit for JSON: {problem}");
            return Err(Failure::invalid("patch", Some(&got), &rule));
        }
        let before = std::mem::replace(&mut self.facts.meta, meta);
        if let Err(error) = self.write_record() {
            self.facts.meta = before;
            let message = format!("meta was not changed, its record cannot be written: {error}");
            return Err(Failure::new("NOT_RECORDED", message));
        }
        let meta = &self.facts.meta;
        self.events.emit(|| Event::MetaChange(meta.clone()));
        Ok(())
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
        let retries = [self.streams.stdout.retry_at(), self.streams.stderr.retry_at()];
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
        self.streams.stdout.tick(now);
        self.streams.stderr.tick(now);
        self.advance_stops(now);
    }

    pub(crate) fn start_run(&mut self) -> Result<(), Failure> {
        if let Some(lock) = &self.lock {
            lock.name_child(None);
        }
        let started = start_child(&self.spec)?;
        let run = Run::describe(self.facts.run + 1, &started);
        self.stop_cause = None;
        self.stopper.follow(&run);
        self.exit_before = self.facts.exit_status.take();
        self.facts.start_run(run.number, run.started_at);
        self.streams.attach(started);
        self.become_(table::Event::Started);
        self.runtime_ends_at = self.spec.max_runtime_ms.map(|most| monotonic_ms() + most);
        if let Some(lock) = &self.lock {
            lock.name_child(Some(&run));
        }
        let (number, pid) = (run.number, run.root.pid);
        self.current = Some(run);
        self.commit();
        self.events.emit(|| Event::ChildStart { run: number, pid });
        self.log.debug(format_args!("run {number}: started {:?} as {pid}", self.spec.exec));
        Ok(())
    }

    fn ended(&mut self, exit_code: Option<i32>, signal: Option<i32>) {
        let Some(run) = self.current.take() else { return };
        self.runtime_ends_at = None;
        self.streams.drain();
        let cause = self.stop_cause.unwrap_or(if signal.is_none() { Cause::Exit } else { Cause::Signal });
        let status = ExitStatus { exit_code, signal, cause, survivors: Vec::new() };
        let exited_at = unix_ms();
        let offsets = self.streams.end_offsets();
        self.facts.exited_at = Some(exited_at);
        self.facts.exit_status = Some(status.clone());
        self.facts.exit_offsets = Some(offsets);
        self.stopper.child_ended();
        self.streams.stdin.detach();
        let decision = self.decide(&status, (exited_at - run.started_at).max(0).unsigned_abs());
        self.apply(decision);
        // On record first, then told: who hears of an exit finds it in the directory.
        let recorded = self.settled();
        let will_restart = matches!(decision, Decision::Restart { .. });
        self.log.debug(format_args!("run {} ended: {status:?}", run.number));
        self.events.emit(|| Event::ChildExit { run: run.number, status, offsets, will_restart, recorded });
    }

    fn decide(&self, status: &ExitStatus, ran_ms: u64) -> Decision {
        if self.stop_cause == Some(Cause::Stopped) || self.facts.state == State::Terminating {
            return Decision::Done;
        }
        decide(&self.spec.restart, status, self.in_a_row, ran_ms)
    }

    fn apply(&mut self, decision: Decision) {
        match decision {
            Decision::Restart { delay_ms, in_a_row } => {
                self.in_a_row = in_a_row;
                self.facts.next_start_at = Some(unix_ms().saturating_add_unsigned(delay_ms));
                self.restart_at = Some(monotonic_ms() + delay_ms);
                self.become_(table::Event::Retrying);
            }
            Decision::GiveUp => {
                let words = || format!("gave up after {} restarts in a row", self.in_a_row);
                self.facts.failure = self.facts.failure.take().or_else(|| Some(words()));
                self.become_(table::Event::GaveUp);
            }
            Decision::Done => self.become_(table::Event::Ended),
        }
    }

    /// Counts as a run that failed at once, so that a command that is being replaced gets its further chances.
    pub(crate) fn start_failed(&mut self, failure: &Failure) {
        self.log.write(format_args!("cannot start the child again: {}", failure.message));
        self.facts.failure = Some(failure.message.clone());
        if self.facts.state == State::Starting {
            let decision = decide(&self.spec.restart, &START_FAILED, self.in_a_row, 0);
            self.apply(if matches!(decision, Decision::Restart { .. }) { decision } else { Decision::GiveUp });
        }
        self.settled();
    }

    /// Nothing runs, and whoever waits is to know; first of all the directory. Returns whether that is so.
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

    /// Puts the facts on record, then tells of the state. Returns whether they are there.
    pub(crate) fn commit(&mut self) -> bool {
        let recorded = self.try_record();
        let (state, run) = (self.facts.state, self.facts.run);
        if state != self.told_state {
            self.told_state = state;
            self.events.emit(|| Event::StateChange { state, run });
        }
        recorded
    }

    fn try_record(&mut self) -> bool {
        self.record_at = None;
        let Err(error) = self.write_record() else { return true };
        self.log.write(format_args!("cannot write the record: {error}"));
        // A full disk has room again some day, and the directory is to tell the truth then.
        self.record_at = Some(monotonic_ms() + RECORD_RETRY_MS);
        false
    }

    pub fn write_record(&self) -> std::io::Result<()> {
        let mut json = Json::default();
        self.snapshot().write_record(&mut json, self.stopper.pipes());
        self.record.write(&json.text)
    }

    fn notice_pause(&mut self, is_stopped: bool) {
        match (self.facts.state, is_stopped) {
            (State::Running, true) => self.become_(table::Event::Paused),
            (State::Paused, false) => self.become_(table::Event::Resumed),
            _ => return,
        }
        self.commit();
    }
}
