//! When a supervisor whose task is over leaves it to its record.

use crate::clock::{monotonic_ms, unix_ms};
use crate::lifecycle::table::State;
use crate::supervisor::Supervisor;
use crate::wire::json::Json;
use std::io;

/// How soon a retirement that failed is tried again.
const RETRY_MS: u64 = 5_000;

impl Supervisor {
    /// When it may retire, unless something changes; None while something of the task runs, is pending, or is to come.
    pub fn retires_at(&self) -> Option<u64> {
        let linger_ms = self.spec.linger_ms?;
        self.is_over().then(|| self.ended_at.saturating_add(linger_ms).max(self.retire_retry_at))
    }

    /// Puts the whole of the task on record. The caller leaves if that succeeds.
    pub fn retire(&mut self) -> io::Result<()> {
        self.facts.retired_at = Some(unix_ms());
        let mut json = Json::default();
        self.snapshot().write_retired_record(&mut json, self.stopper.pipes(), &self.streams);
        self.record.write(&json.text).inspect_err(|error| {
            self.facts.retired_at = None;
            self.retire_retry_at = monotonic_ms() + RETRY_MS;
            self.log.write(format_args!("cannot retire, the record cannot be written: {error}"));
        })
    }

    fn is_over(&self) -> bool {
        let is_quiet = self.current.is_none() && self.pending_start.is_none() && !self.has_stops();
        let has_survivors = self.facts.exit_status.as_ref().is_some_and(|status| !status.survivors.named.is_empty());
        let is_at_end = self.streams.stdout.eof() && self.streams.stderr.eof();
        is_quiet && matches!(self.facts.state, State::Exited | State::Failed) && !has_survivors && is_at_end
    }
}
