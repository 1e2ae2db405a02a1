//! The record of the task, and the events that follow a change of it.

use crate::clock::monotonic_ms;
use crate::events::Event;
use crate::lifecycle::table::State;
use crate::supervisor::Supervisor;
use crate::wire::failure::Failure;
use crate::wire::json::Json;
use crate::wire::meta::{merge_patch, problem};
use crate::wire::value::{Entries, Value};

/// How soon a record that could not be written is tried again.
const RECORD_RETRY_MS: u64 = 5_000;

impl Supervisor {
    /// It is there before the child, so that nothing that runs is ever without one.
    pub fn write_first_record(&self) -> Result<(), Failure> {
        self.write_record().map_err(|error| {
            let failure = Failure::system(&format!("cannot write {}", self.record.shown()), &error);
            Failure { code: "NOT_RECORDED", ..failure }
        })
    }

    /// The task was started again: what its last supervisor left is ours now.
    pub fn forget_predecessor(&mut self) {
        let Some(resume) = &self.spec.resume else { return };
        self.record.remove_of(resume.supervisor_pid, &self.spec.task_id);
        self.streams.keep_directory(false);
    }

    /// Unless it is needed to find what survived us.
    pub fn remove_record(&mut self, has_survivors: bool) {
        if has_survivors {
            self.record.keep();
        } else {
            self.record.remove();
        }
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

    /// Records the facts, then emits the state. Returns whether they are recorded.
    pub(crate) fn commit(&mut self) -> bool {
        let recorded = self.try_record();
        let (state, run) = (self.facts.state, self.facts.run);
        if state != self.told_state {
            self.told_state = state;
            // The run that is being started is counted once its child runs.
            let run = if state == State::Starting { run + 1 } else { run };
            self.events.emit(|| Event::StateChange { state, run });
        }
        recorded
    }

    pub(crate) fn try_record(&mut self) -> bool {
        self.record_at = None;
        let Err(error) = self.write_record() else { return true };
        self.log.write(format_args!("cannot write the record: {error}"));
        // A full disk may have room later, and then the record must be correct.
        self.record_at = Some(monotonic_ms() + RECORD_RETRY_MS);
        false
    }

    pub fn write_record(&self) -> std::io::Result<()> {
        let mut json = Json::default();
        self.snapshot().write_record(&mut json, self.stopper.pipes());
        self.record.write(&json.text)
    }
}
