//! The start and the end of a run, and what follows.

use crate::child::run::Run;
use crate::child::start::start_child;
use crate::clock::{monotonic_ms, unix_ms};
use crate::events::Event;
use crate::facts::{Cause, ExitStatus, Survivors};
use crate::lifecycle::restart::{Decision, decide};
use crate::lifecycle::table::{self, State};
use crate::supervisor::{Exiting, Supervisor};
use crate::wire::failure::Failure;

/// How a start that failed counts for the restart policy; 127 as a shell has it.
const START_FAILED: ExitStatus = ExitStatus {
    exit_code: Some(127),
    signal: None,
    cause: Cause::Exit,
    survivors: Survivors { named: Vec::new(), unnamed: 0 },
};

impl Supervisor {
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

    pub(crate) fn ended(&mut self, exit_code: Option<i32>, signal: Option<i32>) {
        self.runtime_ends_at = None;
        self.streams.drain();
        self.stopper.child_ended();
        self.streams.stdin.detach();
        let exiting = Exiting { exit_code, signal, seq: self.streams.order.end_seq() };
        if self.streams.is_flushed(exiting.seq) {
            self.note_exit(exiting);
        } else {
            self.exiting = Some(exiting);
        }
    }

    /// All that it wrote is where it is kept.
    pub(crate) fn note_exit(&mut self, Exiting { exit_code, signal, .. }: Exiting) {
        let Some(run) = self.current.take() else { return };
        self.ended_at = monotonic_ms();
        let cause = self.stop_cause.unwrap_or(if signal.is_none() { Cause::Exit } else { Cause::Signal });
        let status = ExitStatus { exit_code, signal, cause, survivors: Survivors::default() };
        let offsets = self.streams.end_offsets();
        self.facts.exited_at = Some(unix_ms());
        self.facts.exit_status = Some(status.clone());
        self.facts.exit_offsets = Some(offsets);
        let decision = self.decide(&status, monotonic_ms() - run.started_ms);
        self.apply(decision);
        // Recorded first, then sent: a client that receives an exit event finds it in the record.
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

    pub(crate) fn notice_pause(&mut self, is_stopped: bool) {
        match (self.facts.state, is_stopped) {
            (State::Running, true) => self.become_(table::Event::Paused),
            (State::Paused, false) => self.become_(table::Event::Resumed),
            _ => return,
        }
        self.commit();
    }
}
