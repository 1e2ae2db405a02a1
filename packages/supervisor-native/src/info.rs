//! The public info, the record's part of it, and the record, out of what the supervisor knows.

use crate::facts::{Facts, maybe_write_status};
use crate::launch::spec::{BEHAVIORS, FEATURES, RESTARTS, RestartPolicy, SYNCS, Spec, SpoolSpec};
use crate::process::identity::Identity;
use crate::process::tree::Root;
use crate::streams::task_streams::TaskStreams;
use crate::wire::failure::cut;
use crate::wire::sink::Sink;
use crate::wire::value::{Value, write_map};

pub const SOFTWARE: &str = concat!("@bgtask/supervisor-native/", env!("CARGO_PKG_VERSION"));

/// A command line may be megabytes long; info and record, which are bounded, show its beginning.
const MAX_COMMAND_CHARACTERS: usize = 16 * 1024;

/// Keys that info and record have in common.
const RECORDED_KEYS: usize = 26;

/// What of the info never changes.
pub struct Fixed {
    pub identity: Identity,
    pub uid: u32,
    pub created_at: i64,
    command: Vec<String>,
}

impl Fixed {
    pub fn new(spec: &Spec, identity: Identity) -> Self {
        let (uid, created_at) = (
            crate::sys::effective_uid(),
            spec.resume.as_ref().map_or_else(crate::clock::unix_ms, |resume| resume.created_at),
        );
        Self { identity, uid, created_at, command: shortened(&spec.exec) }
    }
}

fn shortened(command: &[String]) -> Vec<String> {
    let mut shown = Vec::new();
    let mut left = MAX_COMMAND_CHARACTERS;
    for argument in command {
        if left == 0 {
            shown.push("…".to_owned());
            break;
        }
        shown.push(cut(argument, left));
        left = left.saturating_sub(argument.chars().count() + 1);
    }
    shown
}

/// The current values.
pub struct Snapshot<'a> {
    pub spec: &'a Spec,
    pub fixed: &'a Fixed,
    pub facts: &'a Facts,
    /// The child that lives.
    pub child: Option<Root>,
}

impl Snapshot<'_> {
    pub fn write_info(&self, sink: &mut dyn Sink, client_count: usize, streams: &TaskStreams) {
        sink.map(RECORDED_KEYS + 2);
        self.write_recorded(sink);
        sink.key("clientCount");
        sink.count(client_count as u64);
        sink.key("streams");
        write_streams(streams, sink);
        sink.end();
    }

    pub fn write_record<'p>(&self, sink: &mut dyn Sink, pipes: impl Iterator<Item = &'p str>) {
        self.write_record_with(sink, pipes, None);
    }

    /// The record of a supervisor that leaves: with everything that can still be asked about the task.
    pub fn write_retired_record<'p>(
        &self,
        sink: &mut dyn Sink,
        pipes: impl Iterator<Item = &'p str>,
        streams: &TaskStreams,
    ) {
        self.write_record_with(sink, pipes, Some(streams));
    }

    fn write_record_with<'p>(
        &self,
        sink: &mut dyn Sink,
        pipes: impl Iterator<Item = &'p str>,
        streams: Option<&TaskStreams>,
    ) {
        sink.map(6);
        sink.key("v");
        sink.int(1);
        sink.key("supervisor");
        self.fixed.identity.write(sink);
        sink.key("child");
        write_child(self.child, sink);
        sink.key("pipes");
        let names = Value::Array(pipes.map(Value::text).collect());
        names.write(sink);
        sink.key("uid");
        sink.int(i64::from(self.fixed.uid));
        sink.key("info");
        sink.map(RECORDED_KEYS + usize::from(streams.is_some()));
        self.write_recorded(sink);
        if let Some(streams) = streams {
            sink.key("streams");
            write_streams(streams, sink);
        }
        sink.end();
        sink.end();
    }

    fn write_recorded(&self, sink: &mut dyn Sink) {
        let Self { spec, fixed, facts, child } = self;
        sink.key("taskId");
        sink.text(&spec.task_id);
        sink.key("supervisorPid");
        sink.int(i64::from(fixed.identity.pid));
        sink.key("command");
        sink.array(fixed.command.len());
        for argument in &fixed.command {
            sink.text(argument);
        }
        sink.end();
        sink.key("cwd");
        sink.text(&spec.cwd);
        sink.key("behavior");
        sink.text(word(&BEHAVIORS, spec.behavior));
        sink.key("lockfile");
        sink.maybe_text(spec.lockfile.as_deref());
        sink.key("restart");
        write_policy(&spec.restart, sink);
        sink.key("lingerMs");
        match spec.linger_ms {
            Some(ms) => sink.count(ms),
            None => sink.nil(),
        }
        sink.key("spool");
        maybe_write_spool(spec.spool.as_ref(), sink);
        sink.key("createdAt");
        sink.int(fixed.created_at);
        sink.key("protocol");
        sink.int(1);
        sink.key("software");
        sink.text(SOFTWARE);
        sink.key("features");
        write_features(sink);
        write_facts(facts, sink);
        sink.key("stdio");
        sink.text("pipe");
        sink.key("pid");
        sink.maybe_int(child.map(|child| i64::from(child.pid)));
    }
}

pub fn write_features(sink: &mut dyn Sink) {
    sink.array(FEATURES.len());
    for feature in FEATURES {
        sink.text(feature);
    }
    sink.end();
}

fn write_facts(facts: &Facts, sink: &mut dyn Sink) {
    sink.key("state");
    sink.text(facts.state.name());
    sink.key("meta");
    write_map(&facts.meta, sink);
    sink.key("run");
    sink.count(facts.run);
    sink.key("restarts");
    sink.count(facts.restarts);
    sink.key("startedAt");
    sink.maybe_int(facts.started_at);
    sink.key("exitedAt");
    sink.maybe_int(facts.exited_at);
    sink.key("exitStatus");
    maybe_write_status(facts.exit_status.as_ref(), sink);
    sink.key("exitOffsets");
    match facts.exit_offsets {
        Some(offsets) => write_offsets(offsets, sink),
        None => sink.nil(),
    }
    sink.key("nextStartAt");
    sink.maybe_int(facts.next_start_at);
    sink.key("retiredAt");
    sink.maybe_int(facts.retired_at);
    sink.key("failure");
    sink.maybe_text(facts.failure.as_deref());
}

pub fn write_offsets([stdout, stderr]: [u64; 2], sink: &mut dyn Sink) {
    sink.map(2);
    sink.key("1");
    sink.count(stdout);
    sink.key("2");
    sink.count(stderr);
    sink.end();
}

fn write_policy(policy: &RestartPolicy, sink: &mut dyn Sink) {
    sink.map(6);
    sink.key("on");
    sink.text(word(&RESTARTS, policy.on));
    sink.key("delayMs");
    sink.count(policy.delay_ms);
    sink.key("maxDelayMs");
    sink.count(policy.max_delay_ms);
    sink.key("factor");
    Value::number(policy.factor).write(sink);
    sink.key("maxRestarts");
    match policy.max_restarts {
        Some(most) => sink.count(most),
        None => sink.nil(),
    }
    sink.key("resetAfterMs");
    sink.count(policy.reset_after_ms);
    sink.end();
}

fn maybe_write_spool(spool: Option<&SpoolSpec>, sink: &mut dyn Sink) {
    let Some(spool) = spool else { return sink.nil() };
    sink.map(3);
    sink.key("maxBytes");
    sink.count(spool.max_bytes);
    sink.key("segmentBytes");
    sink.count(spool.segment_bytes);
    sink.key("sync");
    sink.text(word(&SYNCS, spool.syncs));
    sink.end();
}

fn write_child(child: Option<Root>, sink: &mut dyn Sink) {
    let Some(child) = child else { return sink.nil() };
    sink.map(2);
    sink.key("pid");
    sink.int(i64::from(child.pid));
    sink.key("startTime");
    match child.start_time {
        Some(ticks) => sink.count(ticks),
        None => sink.nil(),
    }
    sink.end();
}

fn write_streams(streams: &TaskStreams, sink: &mut dyn Sink) {
    sink.map(3);
    sink.key("0");
    let stdin = &streams.stdin;
    sink.map(5);
    sink.key("acceptedOffset");
    sink.count(stdin.accepted_offset());
    sink.key("writtenOffset");
    sink.count(stdin.written_offset());
    sink.key("discarded");
    sink.count(stdin.discarded());
    sink.key("closed");
    sink.bool(stdin.is_closed());
    sink.key("error");
    sink.maybe_text(stdin.error());
    sink.end();
    for (name, output) in [("1", &streams.stdout), ("2", &streams.stderr)] {
        sink.key(name);
        sink.map(7);
        sink.key("firstOffset");
        sink.count(output.first_offset());
        sink.key("endOffset");
        sink.count(output.end_offset());
        sink.key("runOffset");
        sink.count(output.run_offset());
        sink.key("discarded");
        sink.count(output.discarded());
        sink.key("eof");
        sink.bool(output.eof());
        sink.key("blocked");
        sink.bool(output.is_blocked());
        sink.key("error");
        sink.maybe_text(output.error());
        sink.end();
    }
    sink.end();
}

fn word<T: PartialEq>(words: &[(&'static str, T)], value: T) -> &'static str {
    words.iter().find(|(_, word)| *word == value).map_or("", |(name, _)| name)
}
