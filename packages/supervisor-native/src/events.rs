//! What happens to the task, as subscribers receive it.

use crate::facts::ExitStatus;
use crate::info::write_offsets;
use crate::lifecycle::table::State;
use crate::wire::sink::Sink;
use crate::wire::value::{Entries, write_map};

#[derive(Debug)]
pub enum Event {
    ChildStart { run: u64, pid: i32 },
    ChildExit { run: u64, status: ExitStatus, offsets: [u64; 2], will_restart: bool, recorded: bool },
    StateChange { state: State, run: u64 },
    MetaChange(Entries),
    StreamEof { stream: u8, end_offset: u64 },
    StreamError { stream: u8, message: String },
    Terminating,
}

/// Events that are still to be sent.
#[derive(Default)]
pub struct Events {
    /// There is a subscriber; otherwise nothing is kept.
    pub are_heard: bool,
    pub queue: Vec<Event>,
}

impl Events {
    pub fn emit(&mut self, make: impl FnOnce() -> Event) {
        if self.are_heard {
            self.queue.push(make());
        }
    }
}

impl Event {
    pub fn name(&self) -> &'static str {
        match self {
            Self::ChildStart { .. } => "childStart",
            Self::ChildExit { .. } => "childExit",
            Self::StateChange { .. } => "stateChange",
            Self::MetaChange(_) => "metaChange",
            Self::StreamEof { .. } => "streamEof",
            Self::StreamError { .. } => "streamError",
            Self::Terminating => "terminating",
        }
    }

    pub fn write(&self, sink: &mut dyn Sink) {
        match self {
            Self::ChildStart { run, pid } => {
                sink.map(2);
                sink.key("run");
                sink.count(*run);
                sink.key("pid");
                sink.int(i64::from(*pid));
            }
            Self::ChildExit { run, status, offsets, will_restart, recorded } => {
                sink.map(5);
                sink.key("run");
                sink.count(*run);
                sink.key("exitStatus");
                status.write(sink);
                sink.key("exitOffsets");
                write_offsets(*offsets, sink);
                sink.key("willRestart");
                sink.bool(*will_restart);
                sink.key("recorded");
                sink.bool(*recorded);
            }
            Self::StateChange { state, run } => {
                sink.map(2);
                sink.key("state");
                sink.text(state.name());
                sink.key("run");
                sink.count(*run);
            }
            Self::MetaChange(meta) => {
                sink.map(1);
                sink.key("meta");
                write_map(meta, sink);
            }
            Self::StreamEof { stream, end_offset } => {
                sink.map(2);
                sink.key("streamId");
                sink.int(i64::from(*stream));
                sink.key("endOffset");
                sink.count(*end_offset);
            }
            Self::StreamError { stream, message } => {
                sink.map(2);
                sink.key("streamId");
                sink.int(i64::from(*stream));
                sink.key("message");
                sink.text(message);
            }
            Self::Terminating => sink.map(0),
        }
        sink.end();
    }
}
